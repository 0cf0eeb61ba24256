"""Commands that only ask, and those that do more."""

from __future__ import annotations

import pytest

from airpost.modem.profiles import load_profiles
from airpost.services.http.caution import command_head, commands, objection, wants_text


@pytest.mark.parametrize(
    "line",
    [
        "AT", "ATI", "ATI1", "at+csq", "AT+CREG?", "AT+CNMI=?", "AT+CPMS?", "AT+CGSN", "AT+CGSN=1",
        "AT+CMGR=3", "AT^SYSINFOEX", "AT+CSQ;+CREG?", 'AT+CPINR="SIM PIN"', "ATS3?", "AT+CLAC",
        "AT^CURC?", "AT+COPS?",
    ],
)  # fmt: skip
def test_what_only_asks(line: str) -> None:
    assert objection(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "AT+CMGS=20", "AT+CMGW=20", "AT+CMSS=1", "AT+CMGD=1", "AT+CMGD=1,4", "AT+CFUN=1,1", "ATZ",
        "AT+CFUN=0", "AT&F", "ATE1", "ATE0Z", "AT+CNMI=0,0,0,0,0", 'AT+CPMS="SM"', "AT+CMGF=1",
        'AT+CPIN="1234"', 'AT+CLCK="SC",1,"1234"', "ATD+491701234567;", "ATA", "ATO", "AT^RESET",
        "AT+CRESET", "AT#REBOOT", "AT!RESET", "AT^SMSO", "AT+QPOWD=1", "AT+CSQ;+CFUN=1,1",
        "AT+CREG?;+CMGD=1", "ATI;Z", "ATIZ", "AT+COPS=?", "AT+COPS=2", 'AT+CUSD=1,"*100#"',
        "ATS0=1", "AT+CNMA", "AT+CMGL=4", "AT\\Q3", 'AT+X="a;b";+CFUN=0', "AT+CPMS", "AT+GMI=x",
        "ATX4",
    ],
)  # fmt: skip
def test_what_does_more(line: str) -> None:
    assert objection(line) is not None


def test_a_line_is_taken_apart() -> None:
    assert commands('ATE0&F+X="a;b";+csq') == [
        ("E", "0"), ("&F", ""), ("+X", '="a;b"'), ("+CSQ", "")]  # fmt: skip
    assert commands("ATS3=13S4?") == [("S", "3=13"), ("S", "4?")]
    assert commands("ATDT123;+CFUN=0") == [("D", "T123;+CFUN=0")]


def test_logs_hold_names_alone() -> None:
    assert command_head('AT+CPIN="1234";+CSQ') == "+CPIN=;+CSQ"
    assert "4917" not in command_head("ATD+491701234567;")


def test_what_profiles_ask_for_the_tries_left_only_asks() -> None:
    asks = {each.flags.pin_tries.ask for each in load_profiles()}
    assert [ask for ask in asks if objection(ask)] == []


@pytest.mark.parametrize("line", ["ATS0=1?", "ATS3=10?", "AT+CPIN?;S0=2?"])
def test_a_register_is_not_set_under_a_question_mark(line: str) -> None:
    assert objection(line) is not None
    assert objection("ATS3?") is None


def test_what_brings_a_prompt() -> None:
    assert all(map(wants_text, ("AT+CMGS=20", 'at+cmgs="+49"', "AT+CSQ;+CMGW=3", "AT+CMGC=1")))
    assert not any(map(wants_text, ("AT+CMGS=?", "AT+CMGS", "AT+CMSS=1", 'AT+X="+CMGS=1"')))

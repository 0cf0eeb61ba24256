"""Transcripts: blanked, whole, and played back by hw-sim."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airpost.clock import SystemClock
from airpost.daemon.doctor.tape import (
    QUESTIONS,
    Basis,
    Tape,
    ask_all,
    basis_of,
    blanked,
    record,
)
from airpost.errors import CommandFailed, CommandTimeout
from airpost.modem.profiles import load_profiles
from airpost.services.http.caution import objection
from hwsim.transcript import read_steps


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\r\n490154203237518\r\n\r\nOK\r\n", "\r\n490000000000000\r\n\r\nOK\r\n"),
        ('+CSCA: "+8613800100500",145', '+CSCA: "+8600000000000",145'),
        ("+CCID: 8986001234567890123F", "+CCID: 00000000000000000000"),
        ('+CREG: 2,1,"1A2B","00C0FFEE",7', '+CREG: 2,1,"0000","00000000",7'),
        ('+CUSD: 0,"Balance 12.50",15', '+CUSD: 0,"xxxxxxxx00x00",00'),
        ("+CMT: 5\r\nmeet me\r\nOK", "+CMT: 5\r\nxxxxxxx\r\nOK"),
        ("Quectel\r\nEC25\r\n", "Quectel\r\nEC25\r\n"),
        ("+CPMS: 1,25,1,25,1,25", "+CPMS: 1,25,1,25,1,25"),
        ('AT+CPIN="1234"', 'AT+CPIN="0000"'),
    ],
)
def test_blanked(text: str, shown: str) -> None:
    assert blanked(text) == shown


def test_what_is_recorded_only_asks() -> None:
    assert [each for each in QUESTIONS if objection(each)] == []


def test_the_tape_joins_what_came_in_pieces() -> None:
    tape = Tape("/dev/x", SystemClock())
    tape.sent(b"AT\r")
    tape.running = True
    tape.sent(b"AT+CGSN\r")
    tape.received(b"\r\n4901542")
    tape.received(b"03237518\r\n\r\nOK\r\n")
    tape.running = False
    tape.received(b"RING\r\n")
    steps = tape.steps()
    assert steps == [
        {"send": "AT+CGSN\r"},
        {"recv": ["\r\n490000000000000\r\n\r\nOK\r\n"]},
    ]
    (turn,) = read_steps(steps)
    assert turn.pattern.fullmatch("AT+CGSN")


class Modem:
    """Answers some, refuses most, then falls silent."""

    async def ask(self, text: str) -> tuple[str, ...]:
        match text:
            case "AT+CGMI":
                return ("Maker",)
            case "AT+CPIN?":
                raise CommandFailed("CME", 10, "10")
            case "AT+CSQ":
                raise CommandTimeout("AT+CSQ was not answered within 5 s")
        raise CommandFailed("ERROR", None, "ERROR")


async def test_a_transcript_of_lines() -> None:
    steps = await ask_all(Modem(), load_profiles().generic)
    told = {steps[at]["send"]: steps[at + 1].get("recv") for at in range(0, len(steps), 2)}
    assert told["AT+CGMI\r"] == ["\r\nMaker\r\n\r\nOK\r\n"]
    assert told["AT+CPIN?\r"] == ["\r\n+CME ERROR: 10\r\n"]
    assert told["ATI\r"] == ["\r\nERROR\r\n"]
    assert list(told)[-1] == "AT+CSQ\r"
    assert "not answered" in steps[-1]["event"]


def test_the_form_of_recorded_exchanges() -> None:
    made = record("record-x", "Maker", None, "bytes", [], Basis.DEVICE)
    assert made["kind"] == "exchange"
    assert made["fidelity"] == "bytes"


def test_what_a_simulator_says_is_no_evidence(tmp_path: Path) -> None:
    modem, port = os.openpty()
    try:
        link = tmp_path / "modem0"
        link.symlink_to(os.ttyname(port))
        assert basis_of(str(link)) is Basis.SIMULATED
    finally:
        os.close(modem)
        os.close(port)
    assert basis_of("/dev/null") is Basis.DEVICE  # any device file that is no pseudo-terminal
    assert basis_of(str(tmp_path)) is Basis.UNKNOWN
    assert basis_of(str(tmp_path / "nowhere")) is Basis.UNKNOWN
    assert "evidence" not in record("x", None, None, "bytes", [], Basis.DEVICE)["notes"]
    for basis in (Basis.SIMULATED, Basis.UNKNOWN):
        made = record("x", None, None, "bytes", [], basis)
        assert made["basis"] == basis.value
        assert "no evidence for any hardware" in made["notes"]

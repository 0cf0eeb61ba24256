"""Commands as values: what may be written, and the limits of the catalogue."""

from __future__ import annotations

import pytest

from airpost.at import command as at
from airpost.at.command import Command, Priority
from airpost.errors import LocalProtocolError

CATALOGUE = {name: value for name, value in vars(at).items() if isinstance(value, Command)}


def test_every_command_can_be_written() -> None:
    assert len(CATALOGUE) > 25
    for name, command in CATALOGUE.items():
        assert at.checked(command) is command, name
        assert command.text.startswith("AT"), name
        assert command.timeout_s >= 3.0, name  # TS 27.007 gives none; 3 s is the field's shortest


def test_questions_know_their_answers() -> None:
    for name, command in CATALOGUE.items():
        if command.text.endswith("?"):
            assert command.answers, name


@pytest.mark.parametrize("text", ["", "AT\r", "AT\n", "AT+CMGS=1\x1a", "AT\x1b", "ATé", "AT\x7f"])
def test_nothing_but_printable_ascii(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        at.plain(text)


def test_a_pin_is_digits_and_stays_out_of_logs() -> None:
    command = at.enter_pin("0000")
    assert (command.text, command.secret) == ('AT+CPIN="0000"', True)
    for pin in ("123", "123456789", "12a4", "1234\r", ""):
        with pytest.raises(LocalProtocolError):
            at.enter_pin(pin)


def test_the_smsc_says_its_type() -> None:
    assert at.set_smsc("+491710760000").text == 'AT+CSCA="+491710760000",145'
    assert at.set_smsc("12345").text == 'AT+CSCA="12345",129'
    for number in ("+49 171", "12", '1"2"3', ""):
        with pytest.raises(LocalProtocolError):
            at.set_smsc(number)


def test_sending_and_reading() -> None:
    command = at.send_pdu(23, final_s=60.0)
    assert (command.text, command.prompts, command.timeout_s) == ("AT+CMGS=23", True, 60.0)
    assert command.priority is Priority.SEND
    read = at.read_message(3)
    assert (read.text, read.answers, read.continued) == ("AT+CMGR=3", ("+CMGR",), True)
    assert at.delete_message(3).text == "AT+CMGD=3"


def test_settings_with_values() -> None:
    assert at.set_indications((2, 1, 0, 1, 0)).text == "AT+CNMI=2,1,0,1,0"
    assert at.use_stores("SM", "SM", "SM").text == 'AT+CPMS="SM","SM","SM"'


def test_a_ussd_code_cannot_leave_its_quotes() -> None:
    assert at.ussd("*100#").text == 'AT+CUSD=1,"*100#",15'
    for code in ('*1"', "*1\r"):
        with pytest.raises(LocalProtocolError):
            at.ussd(code)


def test_who_goes_first() -> None:
    order = [at.ACKNOWLEDGE, at.send_pdu(1), at.read_message(1), at.SIGNAL]
    assert sorted(order, key=lambda each: each.priority) == order


def test_a_command_airpost_knows_nothing_about() -> None:
    command = at.raw("AT^RESET", timeout_s=20.0)
    assert (command.text, command.timeout_s, command.bare) == ("AT^RESET", 20.0, True)
    assert at.raw("at+csq;+cops?", timeout_s=3.0).answers == ("+CSQ", "+COPS")
    assert at.raw("ATE0", timeout_s=3.0).answers == ()
    assert at.raw("AT+CEREG?", timeout_s=3.0).read_form
    assert not at.raw("AT+CEREG=2", timeout_s=3.0).read_form


@pytest.mark.parametrize("text", ["", "RESET", "AT\r", "AT+CMGS=20", 'at+cmgw="1"', "AT+CMGC=1"])
def test_what_cannot_be_a_bare_command(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        at.raw(text, timeout_s=3.0)


def test_a_typed_pin_stays_out_of_logs() -> None:
    secret = ["AT+CPIN=0000", 'at+clck="SC",1,0000', 'AT+CPWD="SC",0000,1111']
    assert all(at.raw(text, timeout_s=3.0).secret for text in secret)
    assert not any(at.raw(text, timeout_s=3.0).secret for text in ("AT+CPIN?", "AT+CLCK=?"))

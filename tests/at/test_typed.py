"""A typed command: from the catalogue, or told from its text."""

from __future__ import annotations

import pytest

from airpost.at import command
from airpost.at.command import Priority
from airpost.at.typed import TYPED_S, typed
from airpost.errors import LocalProtocolError


def test_a_known_command_keeps_what_is_known_of_its_answers() -> None:
    assert typed("at+cpin?").answers == command.PIN_STATE.answers
    assert typed(" AT+CPIN? ").final_optional
    assert typed("AT+CCID").answers == command.ICCID.answers


def test_whatever_is_asked_goes_last() -> None:
    assert typed("AT+CPMS?").priority is Priority.CARE
    assert typed("AT+CMGL=4").priority is Priority.CARE


def test_an_unknown_command() -> None:
    made = typed("AT+QENG=1")
    assert (made.text, made.answers, made.bare, made.timeout_s) == (
        "AT+QENG=1", ("+QENG",), True, TYPED_S)  # fmt: skip


@pytest.mark.parametrize("text", ["", "hello", "AT+CSQ\rAT+CFUN=1,1", "AT+CMGS=20", "ATé"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        typed(text)

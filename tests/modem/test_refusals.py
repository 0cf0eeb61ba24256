"""When refusals are about the SIM and not about the messages."""

from __future__ import annotations

import pytest

from airpost.codec.causes import Phase, classify
from airpost.modem.refusals import Refusals
from airpost.outcome import SENT, Outcome, OutcomeClass, Scope


def refusal(code: int = 21) -> Outcome:
    return classify("CMS", code, "", Phase.AFTER_PDU)


def after(*numbers: str) -> Refusals:
    refusals = Refusals()
    for number in numbers:
        refusals = refusals.sent(refusal(), number)
    return refusals


def test_three_numbers_in_a_row_are_the_sim() -> None:
    assert not after("1", "2").blocked
    assert after("1", "2").complaint is None
    third = after("1", "2", "3")
    assert third.blocked
    assert "CMS 21" in (third.complaint or "")
    assert third.judged(refusal()).scope is Scope.SIM
    assert third.judged(refusal()).cls is OutcomeClass.PERMANENT


def test_one_number_again_and_again_is_that_number() -> None:
    assert not after("1", "1", "1", "2", "1").blocked


def test_a_message_that_goes_out_shows_that_it_is_not_the_sim() -> None:
    assert after("1", "2", "3").sent(SENT, "4") == Refusals()


@pytest.mark.parametrize("code", [1, 38, 111, 304, 500])
def test_other_failures_say_nothing_of_it(code: int) -> None:
    assert after("1", "2").sent(refusal(code), "3") == after("1", "2")
    third = after("1", "2", "3")
    assert third.judged(refusal(code)) == refusal(code)


def test_what_has_no_code_says_nothing_of_it() -> None:
    lost = Outcome(cls=OutcomeClass.UNKNOWN, scope=Scope.MODEM, code="port lost", text="")
    assert after("1", "2").sent(lost, "3") == after("1", "2")

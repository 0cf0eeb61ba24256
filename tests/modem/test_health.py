"""A modem that answers AT while its messages die, told from one that is only refused."""

from __future__ import annotations

import pytest

from airpost.modem.health import DEAD_AFTER, NO_PROMPT, SmsHealth
from airpost.outcome import SENT, Outcome, OutcomeClass, Scope


def outcome(cls: OutcomeClass, code: str, scope: Scope = Scope.MODEM) -> Outcome:
    return Outcome(cls=cls, scope=scope, code=code, text="made for the test")


TIMEOUT = outcome(OutcomeClass.UNKNOWN, "timeout")
DROPPED = outcome(OutcomeClass.UNKNOWN, "dropped")


def after(*outcomes: Outcome, begun: bool = True) -> SmsHealth:
    health = SmsHealth()
    for each in outcomes:
        health = health.sent(each, begun=begun)
    return health


def test_so_many_without_an_answer_are_death() -> None:
    assert not after(*[TIMEOUT] * (DEAD_AFTER - 1)).dead
    assert after(*[TIMEOUT] * DEAD_AFTER).dead
    assert after(TIMEOUT, DROPPED, TIMEOUT).dead


@pytest.mark.parametrize(
    "answer",
    [
        SENT,
        outcome(OutcomeClass.TRANSIENT, "CMS 38", Scope.SIM),
        outcome(OutcomeClass.PERMANENT, "CMS 21", Scope.DESTINATION),
        outcome(OutcomeClass.PERMANENT, "CMS 30", Scope.SIM),
    ],
    ids=lambda each: each.code,
)
def test_an_answer_of_the_network_is_life(answer: Outcome) -> None:
    """No credit, barred, congested: the modem works, and no reset helps."""
    health = after(TIMEOUT, TIMEOUT, answer, TIMEOUT, TIMEOUT)
    assert not health.dead
    assert health.unanswered == 2


@pytest.mark.parametrize(
    "nothing",
    [
        outcome(OutcomeClass.UNKNOWN, "CMS 500"),
        outcome(OutcomeClass.UNKNOWN, "port lost"),
        outcome(OutcomeClass.UNKNOWN, "desync"),
    ],
    ids=lambda each: each.code,
)
def test_what_says_nothing_about_it_changes_nothing(nothing: Outcome) -> None:
    assert not after(*[nothing] * 10).dead
    assert after(TIMEOUT, TIMEOUT, nothing, TIMEOUT).dead


def test_a_modem_that_never_asks_for_the_text_is_dead_too() -> None:
    """`modems.md` fault 10."""
    unprompted = outcome(OutcomeClass.TRANSIENT, NO_PROMPT)
    almost = after(*[unprompted] * (DEAD_AFTER - 1), begun=False)
    assert not almost.dead
    assert almost.sent(unprompted, begun=False).dead
    assert not almost.sent(SENT, begun=True).sent(unprompted, begun=False).dead
    assert almost.suspected().sent(unprompted, begun=False).dead


def test_what_never_went_on_the_air_changes_nothing() -> None:
    withdrawn = outcome(OutcomeClass.TRANSIENT, "withdrawn", Scope.MESSAGE)
    assert after(TIMEOUT, TIMEOUT).sent(withdrawn, begun=False).unanswered == 2


def test_after_a_try_to_heal_one_is_enough() -> None:
    suspect = after(*[TIMEOUT] * DEAD_AFTER).suspected()
    assert not suspect.dead
    assert suspect.sent(DROPPED, begun=True).dead
    healed = suspect.sent(SENT, begun=True)
    assert not healed.suspect
    assert not healed.sent(TIMEOUT, begun=True).dead


def test_a_late_answer_is_an_answer() -> None:
    assert not after(TIMEOUT, TIMEOUT).proved().sent(TIMEOUT, begun=True).dead

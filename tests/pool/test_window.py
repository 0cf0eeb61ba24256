"""The send window of one SIM."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airpost.codec.causes import Phase, classify
from airpost.outcome import SENT, WHOSE, Outcome, OutcomeClass, Scope
from airpost.pool.window import (
    DEAD_AFTER,
    DOUBTED_AFTER,
    FIRST_DEAD_S,
    FIRST_GAP_S,
    LONGEST_DEAD_S,
    WIDENS_BY,
    Window,
)

SIM_DOUBT = [classify("CMS", code, "", Phase.AFTER_PDU) for code in (21, 30, 50, 69)]


def failure(scope: Scope, cls: OutcomeClass = OutcomeClass.TRANSIENT) -> Outcome:
    return Outcome(cls=cls, scope=scope, code="x", text="")


UNKNOWN = failure(Scope.MODEM, OutcomeClass.UNKNOWN)


def after(window: Window, outcomes: list[Outcome], now: float = 0.0) -> Window:
    for outcome in outcomes:
        window = window.feedback(outcome, now)
    return window


def test_success_costs_no_gap() -> None:
    assert after(Window(), [SENT] * 10, now=50).free_at() <= 50


@pytest.mark.parametrize("scope", [Scope.MESSAGE, Scope.DESTINATION])
@pytest.mark.parametrize("cls", [OutcomeClass.TRANSIENT, OutcomeClass.PERMANENT])
def test_what_concerns_a_message_never_slows_the_sim(scope: Scope, cls: OutcomeClass) -> None:
    assert after(Window(), [failure(scope, cls)] * 20) == Window()


@pytest.mark.parametrize("scope", [Scope.SIM, Scope.MODEM])
def test_the_rate_halves_on_trouble_and_comes_back_slowly(scope: Scope) -> None:
    gaps = []
    window = Window()
    for _ in range(DEAD_AFTER - 1):
        window = window.feedback(failure(scope), 0)
        gaps.append(window.free_at())
    assert gaps == [FIRST_GAP_S * 2**n for n in range(DEAD_AFTER - 1)]
    rates = []
    while window.gap_s:
        rates.append(1 / window.gap_s)
        window = window.feedback(SENT, 0)
    assert rates == pytest.approx([1 / gaps[-1] + WIDENS_BY * n for n in range(len(rates))])
    assert len(rates) > 10


def test_dead_after_failures_in_a_row_only() -> None:
    trouble = failure(Scope.SIM)
    assert not after(Window(), [trouble] * (DEAD_AFTER - 1) + [SENT] + [trouble]).dead
    assert after(Window(), [trouble] * DEAD_AFTER).dead


def test_each_closure_is_longer_up_to_an_hour() -> None:
    window = after(Window(), [failure(Scope.MODEM)] * DEAD_AFTER)
    closures = [window.free_at()]
    for _ in range(10):
        window = window.feedback(failure(Scope.MODEM), 0)
        closures.append(window.free_at())
    assert closures[:3] == [FIRST_DEAD_S, 2 * FIRST_DEAD_S, 4 * FIRST_DEAD_S]
    assert closures[-1] == LONGEST_DEAD_S
    assert window.feedback(SENT, 0).free_at() < FIRST_GAP_S  # and begins again


def test_a_modem_that_came_back_starts_afresh() -> None:
    assert after(Window(), [failure(Scope.MODEM)] * 20).reopened() == Window()


@pytest.mark.parametrize("refused", SIM_DOUBT, ids=lambda each: each.code)
def test_codes_that_are_often_the_sims_close_it_when_three_come_in_a_row(refused: Outcome) -> None:
    window = after(Window(), [refused] * (DOUBTED_AFTER - 1), now=5)
    assert not window.dead
    assert window.free_at() == 0  # no slower for it
    assert not after(window, [SENT, refused], now=5).dead
    closed = window.feedback(refused, 5)
    assert closed.dead
    assert closed.free_at() == 5 + FIRST_DEAD_S
    assert closed.feedback(refused, 100).free_at() == 100 + 2 * FIRST_DEAD_S
    assert not closed.feedback(SENT, 100).dead


def test_a_message_that_another_sim_is_refused_too_acquits_the_first() -> None:
    window = after(Window(), [SIM_DOUBT[0]] * DOUBTED_AFTER)
    assert window.acquitted() == Window()
    assert after(Window(), [SIM_DOUBT[0]]).acquitted() == Window()


def test_three_of_unknown_fate_in_a_row_put_it_in_doubt() -> None:
    assert not after(Window(), [UNKNOWN, UNKNOWN, SENT, UNKNOWN]).in_doubt
    assert not after(Window(), [UNKNOWN, UNKNOWN, failure(Scope.SIM), UNKNOWN]).in_doubt
    doubted = after(Window(), [UNKNOWN] * DOUBTED_AFTER)
    assert doubted.in_doubt
    assert doubted.reopened().in_doubt  # that the modem came back says nothing of its SIM
    assert not doubted.settled().in_doubt
    assert not doubted.on_trial().in_doubt
    assert doubted.on_trial().feedback(UNKNOWN, 0).in_doubt
    assert not doubted.feedback(SENT, 0).in_doubt


def test_what_was_never_handed_to_it_ends_no_row_of_silence() -> None:
    trial = Window(unknown=DOUBTED_AFTER).on_trial()
    for outcome in (failure(Scope.MESSAGE), failure(Scope.MODEM)):
        assert trial.feedback(outcome, 0, answered=False).unknown == trial.unknown
        assert trial.feedback(outcome, 0).unknown == 0
    refused = after(Window(), SIM_DOUBT[:2])
    assert refused.feedback(failure(Scope.MESSAGE), 0, answered=False).refusals == 2


def test_a_late_refusal_counts_once_and_leaves_the_row_of_silence_to_the_store() -> None:
    silent = after(Window(), [UNKNOWN], now=5)
    assert silent.refused_late(failure(Scope.SIM), 9, counted=True) == silent
    late = silent.refused_late(SIM_DOUBT[0], 9, counted=True)
    assert (late.refusals, late.failures, late.unknown) == (1, 1, 1)
    assert late.refused_late(failure(Scope.MESSAGE), 9, counted=True).refusals == 0
    slowed = Window().refused_late(failure(Scope.SIM), 9, counted=False)
    assert slowed == Window().feedback(failure(Scope.SIM), 9)


@pytest.mark.parametrize("outcome", [failure(Scope.SIM), SIM_DOUBT[0]])
def test_a_late_refusal_does_not_prolong_the_rest_it_is_told_in(outcome: Outcome) -> None:
    """None of them was a trial: that doubles the rest."""
    resting = after(Window(), [failure(Scope.SIM)] * DEAD_AFTER)
    assert resting.free_at() == FIRST_DEAD_S
    late = resting
    for _ in range(3):
        late = late.refused_late(outcome, 30, counted=False)
    assert late.dead
    assert (late.free_at(), late.dead_s) == (FIRST_DEAD_S, resting.dead_s)
    assert late.refused_late(outcome, FIRST_DEAD_S, counted=False).free_at() > FIRST_DEAD_S


def test_an_answer_that_is_one_of_two_messages_is_not_counted_as_silence() -> None:
    whose = replace(UNKNOWN, code=WHOSE)
    assert not after(Window(), [whose] * 4).in_doubt
    assert after(Window(), [UNKNOWN, UNKNOWN, whose, UNKNOWN]).in_doubt

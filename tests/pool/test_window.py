"""The send window of one SIM."""

from __future__ import annotations

import pytest

from airpost.outcome import SENT, Outcome, OutcomeClass, Scope
from airpost.pool.window import (
    DEAD_AFTER,
    FIRST_DEAD_S,
    FIRST_GAP_S,
    LONGEST_DEAD_S,
    LONGEST_GAP_S,
    Window,
)


def failure(scope: Scope, cls: OutcomeClass = OutcomeClass.TRANSIENT) -> Outcome:
    return Outcome(cls=cls, scope=scope, code="x", text="")


def after(window: Window, outcomes: list[Outcome], now: float = 0.0) -> Window:
    for outcome in outcomes:
        window = window.feedback(outcome, now)
    return window


def test_success_costs_no_gap() -> None:
    assert after(Window(), [SENT] * 10, now=50).free_at() <= 50


@pytest.mark.parametrize("scope", [Scope.MESSAGE, Scope.DESTINATION, Scope.STORE])
@pytest.mark.parametrize("cls", [OutcomeClass.TRANSIENT, OutcomeClass.PERMANENT])
def test_what_concerns_a_message_never_slows_the_sim(scope: Scope, cls: OutcomeClass) -> None:
    assert after(Window(), [failure(scope, cls)] * 20) == Window()


@pytest.mark.parametrize("scope", [Scope.SIM, Scope.MODEM])
def test_the_gap_doubles_on_trouble_and_halves_on_success(scope: Scope) -> None:
    gaps = []
    window = Window()
    for _ in range(DEAD_AFTER - 1):
        window = window.feedback(failure(scope), 0)
        gaps.append(window.free_at())
    assert gaps == [FIRST_GAP_S * 2**n for n in range(DEAD_AFTER - 1)]
    assert window.feedback(SENT, 0).free_at() == gaps[-1] / 2
    assert after(window, [SENT] * 5).free_at() == 0


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
    assert window.gap_s == LONGEST_GAP_S


def test_a_modem_that_came_back_starts_afresh() -> None:
    assert after(Window(), [failure(Scope.MODEM)] * 20).reopened() == Window()

"""The ladder: order, limits, waits, and what is never done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airpost.clock import SECOND_US, Instant
from airpost.modem.profile import Rung
from airpost.modem.recovery import (
    BETWEEN_S,
    HELPS,
    OPENED_ONLY,
    PER_HOUR,
    POWER,
    WORDS,
    Failure,
    Ladder,
    Means,
    Step,
    in_words,
    why_not,
)

F, R = Failure, Rung
START = Instant(1_780_000_000 * SECOND_US)
ALL = Means(safe=frozenset(Rung), proven=True, other_port=True, usb=True, hub=True)
FORGETS_IN_S = 2.0  # what a try takes in these tests


class Climb:
    """A modem that is climbed in time: each failure after the wait of the step before."""

    def __init__(self, means: Means = ALL) -> None:
        self.means = means
        self.ladder = Ladder()
        self.now = START
        self.steps: list[Step] = []

    def pass_s(self, wait_s: float) -> None:
        self.now = Instant(self.now + round(wait_s * SECOND_US))

    def fail(self, failure: Failure = F.DESYNC, reason: str = "does not answer") -> Step:
        self.ladder = self.ladder.opened()
        self.pass_s(FORGETS_IN_S)
        self.ladder, step = self.ladder.failed(
            failure, self.ladder.opening, reason, self.means, self.now
        )
        assert step is not None
        self.steps.append(step)
        self.pass_s(step.wait_s)
        return step

    def rungs(self, tries: int, failure: Failure = F.DESYNC) -> list[Rung]:
        return [self.fail(failure).rung for _ in range(tries)]

    def heal(self, serves_s: float = 0.0) -> None:
        self.ladder = self.ladder.healed(self.now)
        self.pass_s(serves_s)


# -- order ---------------------------------------------------------------------------------------


def test_gentlest_first_and_each_but_opening_once() -> None:
    climb = Climb()
    assert climb.rungs(7) == [R.REOPEN] * 3 + [R.OTHER_PORT, R.RESET, R.USB, R.HUB_POWER]
    assert [step.wait_s for step in climb.steps] == [1, 2, 5, 1, 1, 1, 1]
    assert climb.rungs(7, F.INIT)[0] is R.REOPEN  # a minute later, all over again


def test_a_modem_that_answers_is_set_up_anew_before_it_is_reset() -> None:
    assert Climb().rungs(5, F.INIT)[3:] == [R.OTHER_PORT, R.REINIT]
    assert Climb().rungs(4, F.SMS_DEAD) == [R.REINIT, R.RESET, R.USB, R.HUB_POWER]


def test_what_goes_wrong_on_the_way_goes_on_from_there() -> None:
    climb = Climb()
    assert climb.rungs(3) == [R.REOPEN] * 3
    assert climb.fail(F.INIT).rung is R.OTHER_PORT
    assert climb.fail(F.INIT).rung is R.REINIT
    assert climb.fail(F.SILENT).rung is R.RESET
    assert climb.fail(F.CANNOT_OPEN).rung is R.USB


@pytest.mark.parametrize("failure", list(Failure))
def test_every_failure_helps_itself_in_the_order_of_the_rungs(failure: Failure) -> None:
    order = list(Rung)
    assert list(HELPS[failure]) == sorted(HELPS[failure], key=order.index)
    assert failure not in OPENED_ONLY or HELPS[failure] == (R.REOPEN,)


def test_what_has_not_come_back_after_a_reset_gets_power_only() -> None:
    climb = Climb()
    climb.rungs(5)
    assert climb.rungs(2, F.NOT_BACK) == [R.USB, R.HUB_POWER]


# -- what is left out ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("means", "left"),
    [
        (replace(ALL, other_port=False), R.OTHER_PORT),
        (replace(ALL, usb=False), R.USB),
        (replace(ALL, hub=False), R.HUB_POWER),
        (replace(ALL, safe=ALL.safe - {R.RESET}), R.RESET),
    ],
)
def test_a_rung_without_the_means_is_left_out(means: Means, left: Rung) -> None:
    assert left not in Climb(means).rungs(6)
    assert why_not(left, means)
    assert why_not(left, ALL) is None


def test_a_port_that_never_was_a_modem_is_never_reset() -> None:
    climb = Climb(replace(ALL, proven=False))
    assert set(climb.rungs(40, F.SILENT)) == {R.REOPEN, R.OTHER_PORT}
    assert "IMEI" in (why_not(R.USB, climb.means) or "")


@pytest.mark.parametrize(
    "failure", [F.HELD, F.REFUSED, F.RESTARTED, F.UNSET, F.REOPEN_WANTED, F.WRONG_PORT]
)
def test_what_no_reset_heals_is_never_reset(failure: Failure) -> None:
    assert not set(Climb().rungs(50, failure)) & set(PER_HOUR)


def test_there_is_no_failure_for_a_sim_or_a_network() -> None:
    words = " ".join(failure.value for failure in Failure)
    assert not any(word in words.split() for word in ("sim", "pin", "puk", "network", "credit"))


def test_what_is_told_about_an_earlier_opening_changes_nothing() -> None:
    climb = Climb()
    climb.fail()
    ladder = climb.ladder.opened()
    assert ladder.failed(F.DESYNC, ladder.opening - 1, "late", ALL, climb.now) == (ladder, None)


# -- waits ---------------------------------------------------------------------------------------


def test_waits_between_passes_grow_to_an_hour_and_end_in_quarantine() -> None:
    climb = Climb(Means(safe=ALL.safe))
    climb.rungs(3)
    waits = [climb.fail().wait_s for _ in range(7)]
    assert waits == [*BETWEEN_S, BETWEEN_S[-1], BETWEEN_S[-1]]
    assert [step.quarantined for step in climb.steps] == [False] * 7 + [True] * 3
    assert climb.steps[-1].words.startswith("out of service, nothing has helped: does not answer;")
    assert "tried again in 60 min" in climb.steps[-1].words


def test_in_quarantine_nothing_is_reset() -> None:
    climb = Climb()
    while not (climb.steps and climb.steps[-1].quarantined):
        climb.fail()
    assert set(climb.rungs(5)) == {R.REOPEN}


def test_after_a_reset_a_modem_is_left_the_time_to_start() -> None:
    """`modems.md` fault 72."""
    climb = Climb()
    climb.rungs(5)
    assert climb.ladder.rung is R.RESET
    began = climb.now
    patient = []
    while (step := climb.fail(F.SILENT)).rung is R.REOPEN:
        patient.append((step.patient, step.wait_s))
        climb.pass_s(18)
    assert set(patient) == {(True, 5.0)}
    assert "it may still be starting" in climb.steps[-2].words
    assert step.rung is R.USB
    assert climb.now - began > 90 * SECOND_US
    assert climb.fail(F.DESYNC).rung is R.HUB_POWER, "it has answered: it is not starting"


@pytest.mark.parametrize("failure", sorted(OPENED_ONLY, key=lambda each: each.value))
def test_what_a_person_sets_right_is_looked_at_every_minute_and_never_given_up(
    failure: Failure,
) -> None:
    climb = Climb()
    climb.rungs(20, failure)
    assert [step.wait_s for step in climb.steps] == [1, 2, 5, 15, *[60] * 16]
    assert not any(step.quarantined for step in climb.steps)


def test_a_port_held_meanwhile_keeps_the_place_on_the_ladder() -> None:
    climb = Climb()
    climb.rungs(4)
    climb.fail(F.HELD)
    assert climb.fail().rung is R.RESET


# -- limits --------------------------------------------------------------------------------------


def test_resets_are_capped_within_any_hour() -> None:
    """`modems.md` fault 72: a modem that is reset again and again never comes up."""
    climb = Climb()
    spent: list[tuple[Rung, Instant]] = []
    for _ in range(200):
        step = climb.fail()
        if step.rung in PER_HOUR:
            spent.append((step.rung, climb.now))
        if step.quarantined:
            climb.ladder = climb.ladder.pulled()  # somebody plugs it in anew, all the time
    assert len(spent) > 10
    for rung, limit in PER_HOUR.items():
        at = [when for each, when in spent if each is rung]
        for first, later in zip(at, at[limit:], strict=False):
            assert later - first >= 3600 * SECOND_US - 10 * SECOND_US


def test_a_limit_that_is_reached_is_said() -> None:
    climb = Climb()
    for _ in range(60):
        climb.fail()
    assert any("not reset by its own command: 3 times an hour" in s.words for s in climb.steps)


def test_being_pulled_out_forgives_all_but_the_resets() -> None:
    climb = Climb()
    climb.rungs(7)
    climb.ladder = climb.ladder.pulled()
    assert climb.fail().wait_s == 1.0
    left = {rung: climb.ladder.resets_left(rung, climb.now) for rung in PER_HOUR}
    assert left == {R.RESET: 2, R.USB: 1, R.HUB_POWER: 0}
    assert climb.ladder.resets_left(R.REOPEN, climb.now) is None
    climb.pass_s(3600)
    assert climb.ladder.resets_left(R.HUB_POWER, climb.now) == 1


def test_a_clock_that_is_set_back_does_not_forgive() -> None:
    ladder = Ladder(spent=((R.HUB_POWER, START),))
    assert ladder.resets_left(R.HUB_POWER, Instant(START - 60 * SECOND_US)) == 0


def test_what_a_person_asks_for_is_counted() -> None:
    ladder = Ladder().forced(R.USB, START)
    assert (ladder.rung, ladder.resets_left(R.USB, START)) == (R.USB, 1)


# -- success -------------------------------------------------------------------------------------


def test_after_a_success_that_lasts_all_begins_anew() -> None:
    climb = Climb()
    climb.rungs(5)
    climb.heal(600)
    assert climb.fail().rung is R.REOPEN


def test_after_one_that_does_not_last_it_goes_on() -> None:
    climb = Climb()
    climb.rungs(4)
    climb.heal(60)
    assert climb.fail().rung is R.RESET
    climb.heal(60)
    assert climb.fail().rung is R.USB


def test_which_rung_healed_is_known_until_it_has() -> None:
    climb = Climb()
    climb.rungs(4)
    assert climb.ladder.rung is R.OTHER_PORT
    climb.heal()
    assert climb.ladder.rung is None
    assert climb.ladder.healed(climb.now) == climb.ladder
    assert Ladder().healed(START) == Ladder()


def test_a_modem_that_restarts_and_serves_is_opened_at_once_each_time() -> None:
    climb = Climb()
    for _ in range(10):
        assert climb.fail(F.RESTARTED, "restarted").wait_s == 1.0
        climb.heal(20)


def test_restarts_in_a_row_point_to_the_power() -> None:
    """`modems.md` fault 49."""
    climb = Climb()
    for _ in range(3):
        climb.fail(F.RESTARTED, "restarted")
        climb.heal(20)
    assert [POWER in step.words for step in climb.steps] == [False, False, True]
    climb.pass_s(3600)
    assert POWER not in climb.fail(F.RESTARTED, "restarted").words
    assert climb.ladder.blamed("went away") == "went away"


def test_restarts_from_before_a_clock_was_set_back_do_not_count() -> None:
    ladder = Ladder().uneasy(START).uneasy(START).uneasy(Instant(START - 60 * SECOND_US))
    assert ladder.blamed("restarted") == "restarted"


def test_what_is_opened_anew_by_our_own_wish_is_no_unrest() -> None:
    climb = Climb()
    for _ in range(5):
        step = climb.fail(F.REOPEN_WANTED, "it is to be spoken to as Huawei")
        climb.heal(20)
    assert step.words == "it is to be spoken to as Huawei; opened anew in 1 s"


@pytest.mark.parametrize("failure", sorted(OPENED_ONLY, key=lambda each: each.value))
def test_what_is_opened_only_on_the_way_leaves_open_what_was(failure: Failure) -> None:
    climb = Climb()
    assert climb.rungs(2, F.SMS_DEAD)[1] is R.RESET
    climb.fail(failure)
    assert (climb.ladder.failure, climb.ladder.rung) == (F.SMS_DEAD, R.RESET)
    assert climb.ladder.wants_message
    climb.heal()
    assert not climb.ladder.wants_message
    climb.fail(failure)
    assert climb.ladder.failure is failure


def test_a_reset_that_a_person_asked_for_is_over_when_it_has_healed() -> None:
    ladder = Ladder().opened().forced(R.RESET, START).healed(START)
    assert (ladder.rung, ladder.healed_at) == (None, START)
    climb = Climb()
    climb.rungs(2, F.SMS_DEAD)
    climb.heal(60)
    climb.ladder = climb.ladder.forced(R.USB, climb.now)
    assert not climb.ladder.wants_message, "that was healed before"
    climb.heal(60)
    assert climb.ladder.rung is None
    assert climb.fail(F.SMS_DEAD).rung is R.USB, "how far it was climbed still counts"


def test_one_that_a_person_asked_for_long_after_a_success_begins_anew() -> None:
    climb = Climb()
    climb.rungs(5)
    climb.heal(600)
    climb.ladder = climb.ladder.forced(R.RESET, climb.now)
    assert climb.fail().rung is R.REOPEN
    assert Ladder().forced(R.USB, START).undone().rung is None


# -- words ---------------------------------------------------------------------------------------


def test_every_rung_has_words_and_a_step_says_why_what_and_when() -> None:
    assert set(WORDS) == set(Rung)
    step = Climb().fail(F.SILENT, "does not answer AT")
    assert step.words == "does not answer AT; tried again in 1 s"
    assert [in_words(wait_s) for wait_s in (1.0, 60.0, 120.0, 3600.0)] == [
        "1 s", "60 s", "2 min", "60 min",
    ]  # fmt: skip

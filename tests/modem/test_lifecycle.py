"""The unit's table: complete, escapable, and with a sentence for everything."""

from __future__ import annotations

import pytest

from airpost.model import UnitState
from airpost.modem.lifecycle import (
    DEADLINE_S,
    UNIT,
    UnitEvent,
    advance,
    sentence,
)

S, E = UnitState, UnitEvent


def test_the_way_up() -> None:
    state = S.ABSENT
    seen = [state]
    for event in (E.PATH_FOUND, E.OPENED, E.IDENTIFIED, E.SIM_READY, E.REGISTERED):
        state = advance(state, event)
        seen.append(state)
    assert seen == [S.ABSENT, S.OPENING, S.PROBING, S.SIM, S.REGISTERING, S.READY]


@pytest.mark.parametrize("state", list(UnitState))
def test_every_state_has_moves_a_sentence_and_a_way_to_stop(state: UnitState) -> None:
    assert UNIT[state]
    assert "{" not in sentence(state, "/dev/ttyUSB0")
    assert state is S.DRAINING or advance(state, E.STOP) is S.DRAINING


@pytest.mark.parametrize("state", [S.PROBING, S.SIM, S.REGISTERING, S.READY, S.DEGRADED])
def test_with_the_port_open_anything_may_fail(state: UnitState) -> None:
    assert advance(state, E.FAILED) is S.COOLDOWN
    assert advance(state, E.REOPEN) is S.OPENING
    assert advance(state, E.PATH_GONE) is S.ABSENT


@pytest.mark.parametrize("state", [S.PROBING, S.READY, S.COOLDOWN])
def test_given_up_it_comes_back_by_time_or_by_being_plugged_in_anew(state: UnitState) -> None:
    assert advance(state, E.GAVE_UP) is S.QUARANTINED
    assert advance(S.QUARANTINED, E.WAITED) is S.OPENING
    assert advance(S.QUARANTINED, E.PATH_GONE) is S.ABSENT
    assert advance(S.QUARANTINED, E.FAILED) is S.QUARANTINED


def test_every_state_can_be_reached() -> None:
    reached = {S.ABSENT} | {to for moves in UNIT.values() for to in moves.values()}
    assert reached == set(UnitState)


def test_what_comes_too_late_changes_nothing() -> None:
    assert advance(S.COOLDOWN, E.REGISTERED) is S.COOLDOWN
    assert advance(S.DRAINING, E.FAILED) is S.DRAINING


def test_deadlines_are_only_where_a_failure_leads_on() -> None:
    assert all(advance(state, E.FAILED) is S.COOLDOWN for state in DEADLINE_S)


def test_what_was_to_be_found_otherwise_is_not_missed_by_a_port() -> None:
    words = "no modem here has the SIM 8949"
    assert sentence(S.ABSENT, "", words) == words
    assert sentence(S.OPENING, "/dev/x", words) == "opening /dev/x"
    assert "/dev/x" in sentence(S.ABSENT, "/dev/x")

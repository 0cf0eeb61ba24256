"""The segment table, exhaustively, and the fold of a message."""

from __future__ import annotations

import itertools

import pytest

from airpost.errors import StaleTransition
from airpost.states import (
    FINAL_STATES,
    SEGMENT,
    MessageState,
    SegmentEvent,
    SegmentState,
    advance,
    diagram,
    fold,
    is_final,
    sources,
)

S, E = SegmentState, SegmentEvent


@pytest.mark.parametrize(("state", "event"), list(itertools.product(SegmentState, SegmentEvent)))
def test_every_pair_moves_as_the_table_says_or_is_refused(
    state: SegmentState, event: SegmentEvent
) -> None:
    if event in SEGMENT[state]:
        assert advance(state, event) is SEGMENT[state][event]
        assert state in sources(event)
    else:
        assert state not in sources(event)
        with pytest.raises(StaleTransition, match=state.value):
            advance(state, event)


def test_every_state_has_a_row() -> None:
    assert set(SEGMENT) == set(SegmentState)


def test_nothing_goes_back_to_the_queue_but_by_a_decision() -> None:
    back = {(state, event) for state in S for event in E if SEGMENT[state].get(event) is S.QUEUED}
    refused = {(S.SENDING, E.TRANSIENT), (S.UNCERTAIN, E.LATE_TRANSIENT)}
    assert back == {*refused, (S.UNCERTAIN, E.RESEND)}


def test_unknown_never_reads_as_failed_or_sent() -> None:
    assert advance(S.SENDING, E.UNKNOWN) is S.UNCERTAIN
    assert sources(E.UNKNOWN) == (S.SENDING,)


def test_only_a_report_moves_a_segment_that_ended() -> None:
    reports = {E.REPORT_DELIVERED, E.REPORT_FAILED, E.REPORT_EXPIRED}
    for state in FINAL_STATES:
        assert set(SEGMENT[state]) == reports


@pytest.mark.parametrize(
    ("states", "waiting", "expected"),
    [
        ([S.QUEUED], True, MessageState.ACCEPTED),
        ([S.QUEUED, S.QUEUED], False, MessageState.QUEUED),
        ([S.SENDING, S.QUEUED], False, MessageState.SENDING),
        ([S.SENT, S.QUEUED], False, MessageState.SENDING),
        ([S.DELIVERED, S.QUEUED], False, MessageState.SENDING),
        ([S.UNCERTAIN, S.QUEUED], False, MessageState.SENDING),
        ([S.UNCERTAIN, S.SENT], False, MessageState.UNCERTAIN),
        ([S.UNCERTAIN, S.DELIVERED], False, MessageState.UNCERTAIN),
        ([S.SENT, S.DELIVERED], False, MessageState.SENT),
        ([S.DELIVERED, S.DELIVERED], False, MessageState.DELIVERED),
        ([S.FAILED, S.CANCELLED, S.DELIVERED], False, MessageState.FAILED),
        ([S.EXPIRED, S.SENT], False, MessageState.EXPIRED),
        ([S.CANCELLED, S.SENT], False, MessageState.CANCELLED),
        ([S.DELIVERED, S.CANCELLED], False, MessageState.CANCELLED),
        ([S.FAILED, S.EXPIRED], False, MessageState.FAILED),
    ],
)
def test_fold(states: list[SegmentState], waiting: bool, expected: MessageState) -> None:
    assert fold(states, waiting=waiting) is expected


def test_fold_of_any_mixture_is_a_state_and_delivered_only_when_every_part_is() -> None:
    for size in (1, 2, 3):
        for mixture in itertools.combinations_with_replacement(SegmentState, size):
            folded = fold(mixture)
            assert (folded is MessageState.DELIVERED) == (set(mixture) == {S.DELIVERED})


def test_fold_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        fold([])


@pytest.mark.parametrize("state", SegmentState)
def test_final(state: SegmentState) -> None:
    assert is_final(state, E.DEADLINE, want_report=True)
    for event in (E.TAKEN, E.UNKNOWN):
        expected = state in FINAL_STATES
        assert is_final(state, event, want_report=True) == expected
        assert is_final(state, event, want_report=False) == (expected or state is S.SENT)


def test_the_diagram_has_one_arrow_a_move() -> None:
    moves = sum(len(row) for row in SEGMENT.values())
    assert len(diagram().splitlines()) == moves + 2

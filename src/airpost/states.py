"""States of a segment as a table, and of a message as a fold over its segments.

L0: stdlib only. Everything that decides about a state lives here; the store persists a move with a
guarded UPDATE built from the same table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from airpost.errors import StaleTransition


class SegmentState(Enum):
    """Where one segment is. `final` is kept beside it: uncertain and sent may be final or not."""

    __hash__ = object.__hash__  # Enum's own is Python

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"


class MessageState(Enum):
    """What a caller sees."""

    __hash__ = object.__hash__  # Enum's own is Python

    ACCEPTED = "accepted"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"


class SegmentEvent(Enum):
    """What can happen to a segment."""

    __hash__ = object.__hash__  # Enum's own is Python

    INTENT = "intent"  # about to be written to a modem
    TAKEN = "taken"  # +CMGS: the network has it
    TRANSIENT = "transient"  # failed, try again
    PERMANENT = "permanent"  # failed for good
    UNKNOWN = "unknown"  # silence, port loss, crash, or a code of unknown outcome after Ctrl-Z
    LATE = "late"  # +CMGS after we had given up waiting
    LATE_TRANSIENT = "late_transient"  # an error then: it did not go out, try again
    LATE_PERMANENT = "late_permanent"  # the same, failed for good
    REPORT_DELIVERED = "report_delivered"
    REPORT_FAILED = "report_failed"
    REPORT_EXPIRED = "report_expired"
    RESEND = "resend"  # once more, by on_uncertain or a person
    SETTLED_SENT = "settled_sent"  # a person says it went out
    SETTLED_CANCELLED = "settled_cancelled"  # a person gives it up
    RESTORED = "restored"  # the store was put back to an earlier state: it may have gone out since
    CANCEL = "cancel"
    EXPIRE = "expire"
    DEADLINE = "deadline"  # no further attempt and no longer waited for: final, state kept


_S, _E = SegmentState, SegmentEvent
_REPORTS: Mapping[SegmentEvent, SegmentState] = {
    _E.REPORT_DELIVERED: _S.DELIVERED,
    _E.REPORT_FAILED: _S.FAILED,
    _E.REPORT_EXPIRED: _S.EXPIRED,
}

SEGMENT: Mapping[SegmentState, Mapping[SegmentEvent, SegmentState]] = {
    _S.QUEUED: {
        _E.INTENT: _S.SENDING,
        _E.CANCEL: _S.CANCELLED,
        _E.EXPIRE: _S.EXPIRED,
        _E.RESTORED: _S.UNCERTAIN,
        # Refused before anything was written: no modem may carry it, or it cannot be built.
        _E.PERMANENT: _S.FAILED,
        # Queued once more by a resend: the fate of the first attempt may still become known.
        _E.LATE: _S.SENT,
        **_REPORTS,
    },
    _S.SENDING: {
        _E.TAKEN: _S.SENT,
        _E.TRANSIENT: _S.QUEUED,
        _E.PERMANENT: _S.FAILED,
        _E.UNKNOWN: _S.UNCERTAIN,
        _E.RESTORED: _S.UNCERTAIN,
        # A report can overtake +CMGS by so much that only the crash is seen in between.
        **_REPORTS,
    },
    _S.UNCERTAIN: {
        _E.LATE: _S.SENT,
        _E.LATE_TRANSIENT: _S.QUEUED,
        _E.LATE_PERMANENT: _S.FAILED,
        _E.RESEND: _S.QUEUED,
        _E.SETTLED_SENT: _S.SENT,
        _E.SETTLED_CANCELLED: _S.CANCELLED,
        _E.DEADLINE: _S.UNCERTAIN,
        _E.RESTORED: _S.UNCERTAIN,
        **_REPORTS,
    },
    _S.SENT: {_E.DEADLINE: _S.SENT, _E.RESTORED: _S.UNCERTAIN, **_REPORTS},
    # A report after the end is recorded and may still correct the state.
    _S.DELIVERED: dict(_REPORTS),
    _S.FAILED: dict(_REPORTS),
    _S.EXPIRED: dict(_REPORTS),
    _S.CANCELLED: dict(_REPORTS),
}

FINAL_STATES = frozenset({_S.DELIVERED, _S.FAILED, _S.EXPIRED, _S.CANCELLED})


def advance(state: SegmentState, event: SegmentEvent) -> SegmentState:
    """The state after `event`; StaleTransition where the table has no such move."""
    try:
        return SEGMENT[state][event]
    except KeyError:
        raise StaleTransition(f"a {state.value} segment cannot take {event.value}") from None


def sources(event: SegmentEvent) -> tuple[SegmentState, ...]:
    """The states in which `event` may happen: the guard of its UPDATE."""
    return tuple(state for state, moves in SEGMENT.items() if event in moves)


def is_final(state: SegmentState, event: SegmentEvent, *, want_report: bool) -> bool:
    """True when nothing more will be attempted or waited for after arriving in `state`."""
    if state in FINAL_STATES or event is SegmentEvent.DEADLINE:
        return True
    return state is SegmentState.SENT and not want_report


# What is left of such a message is given up; where all that failed comes after all, it stays so.
GIVEN_UP = frozenset({MessageState.FAILED, MessageState.EXPIRED})


def fold(segments: Iterable[SegmentState], *, waiting: bool = False) -> MessageState:
    """The state of a message from the segments of its newest transmission; ValueError on none.

    `waiting` is true before the message's not_before: then all queued reads as accepted.
    """
    seen = set(segments)
    if not seen:
        raise ValueError("a message has at least one segment")
    for decisive in (_S.FAILED, _S.EXPIRED, _S.CANCELLED):
        if decisive in seen:
            return MessageState(decisive.value)
    moved = seen & {_S.SENT, _S.DELIVERED, _S.UNCERTAIN}
    if _S.SENDING in seen or (_S.QUEUED in seen and moved):
        return MessageState.SENDING
    if _S.UNCERTAIN in seen:
        return MessageState.UNCERTAIN
    if seen == {_S.QUEUED}:
        return MessageState.ACCEPTED if waiting else MessageState.QUEUED
    if seen == {_S.DELIVERED}:
        return MessageState.DELIVERED
    return MessageState.SENT


def diagram() -> str:
    """The segment table as a Mermaid diagram; the docs hold the same text, a test compares."""
    lines = ["stateDiagram-v2", "    [*] --> queued"]
    for state, moves in SEGMENT.items():
        lines += [f"    {state.value} --> {to.value}: {by.value}" for by, to in moves.items()]
    return "\n".join(lines)

"""How a segment moves and what that makes of its message: the only place that writes a state.

May import L0. Each move is an UPDATE guarded by the table of `states.py` and one event row; the
message's state is the fold of the segments of its newest transmission, written in the same
transaction, with an event row where it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from airpost.clock import Instant
from airpost.errors import StaleTransition
from airpost.model import MessageClass, MessageId, OnUncertain, Severity
from airpost.outcome import Outcome
from airpost.states import (
    GIVEN_UP,
    MessageState,
    SegmentEvent,
    SegmentState,
    advance,
    fold,
    is_final,
    sources,
)
from airpost.store.ahead import hold
from airpost.store.api import Wake
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("moves")
OURSELVES = "airpost"  # the actor of what the service does by itself
_DECIDED = {*GIVEN_UP, MessageState.CANCELLED}
_EXPLAINED = {SegmentState.FAILED, SegmentState.EXPIRED, SegmentState.CANCELLED,
              SegmentState.UNCERTAIN}  # fmt: skip
MAY_BE_OUT = frozenset((SegmentState.SENT, SegmentState.DELIVERED, SegmentState.UNCERTAIN))
_OPEN = {SegmentState.QUEUED, SegmentState.SENDING}
# A look into a dict costs a tenth of a call of the enum.
_SEGMENT = {each.value: each for each in SegmentState}
_MESSAGE = {each.value: each for each in MessageState}
_CLASS = {each.value: each for each in MessageClass}
_ON_UNCERTAIN = {each.value: each for each in OnUncertain}


class Part(NamedTuple):
    """What a segment contributes to its message."""

    state: SegmentState
    final: bool
    sent_at: Instant | None
    delivered_at: Instant | None
    reason: str | None


class SegmentRow(NamedTuple):
    """A segment as it stands, with what its moves need of its message."""

    id: int
    message_seq: int
    transmission_id: int
    current: bool
    seq: int
    state: SegmentState
    final: bool
    attempts: int
    resends: int
    sent_at: Instant | None
    expires_at: Instant
    number: str
    parts: int
    class_: MessageClass
    message_state: MessageState
    lane: str | None
    want_report: bool
    on_uncertain: OnUncertain
    message_id: MessageId

    @property
    def decided(self) -> bool:
        """True when another part has already settled the message's fate."""
        return self.message_state in _DECIDED


def segment_of(values: tuple[Any, ...]) -> SegmentRow:
    """A row of the columns id … message_id, in the order of the class."""
    id_, message_seq, transmission, current, seq, state, final, *more = values
    attempts, resends, sent_at, expires_at, number, parts, class_, *more = more
    message_state, lane, want_report, on_uncertain, message_id = more
    return SegmentRow(
        id_, message_seq, transmission, bool(current), seq, _SEGMENT[state], bool(final),
        attempts, resends, sent_at, expires_at, number, parts, _CLASS[class_],
        _MESSAGE[message_state], lane, bool(want_report), _ON_UNCERTAIN[on_uncertain], message_id,
    )  # fmt: skip


def segment_row(tx: Tx, segment_id: int) -> SegmentRow | None:
    """The segment, or None where there is none."""
    found = tx.db.execute(_SQL["segment"], (segment_id,)).fetchone()
    return None if found is None else segment_of(found)


def current_rows(tx: Tx, message_seq: int) -> list[SegmentRow]:
    """The segments of a message's newest transmission, in order."""
    return [segment_of(each) for each in tx.db.execute(_SQL["current_of"], (message_seq,))]


def add_body(tx: Tx, kind: str, octets: bytes) -> int:
    """Keep content; its id."""
    made = tx.db.execute(_SQL["body"], (kind, octets)).lastrowid
    assert made is not None
    return made


def outcome_columns(outcome: Outcome) -> dict[str, Any]:
    """An outcome as columns."""
    return {
        "outcome_class": outcome.cls.value,
        "outcome_scope": outcome.scope.value,
        "outcome_code": outcome.code,
        "outcome_text": outcome.text,
    }


def add_event(
    tx: Tx,
    at: Instant,
    subject: str,
    from_: str | None,
    to: str | None,
    *,
    reason: str,
    actor: str,
    message_seq: int | None = None,
    inbound_seq: int | None = None,
    severity: Severity = Severity.INFO,
) -> None:
    """One row of history."""
    grave = None if severity is Severity.INFO else severity.value  # NULL costs nothing
    tx.history.append((at, message_seq, inbound_seq, subject, from_, to, reason, actor, grave))
    tx.wakes.add(Wake.EVENT)


@lru_cache(maxsize=256)
def _update(event: SegmentEvent, columns: tuple[str, ...], *, told: bool) -> str:
    """The guarded UPDATE of a move: the same text each time, so that it is prepared once."""
    changes = ", ".join(f"{column} = ?" for column in ("state", "final", *columns))
    guard = " OR ".join(f"state = '{state.value}'" for state in sources(event))
    after = " RETURNING state, final, sent_at, delivered_at, reason" if told else ""
    return f"UPDATE segment SET {changes} WHERE id = ? AND ({guard}){after}"  # noqa: S608 of enums


def move(
    tx: Tx,
    row: SegmentRow,
    event: SegmentEvent,
    at: Instant,
    words: str,
    actor: str,
    *,
    stored: SegmentEvent | None = None,
    **columns: Any,
) -> Part:
    """Move a segment and write it down; what it is now. The caller folds its message afterwards.

    StaleTransition where the table or the guard does not allow it; what is queued and prepared
    cannot begin any more, and where it has, BegunMeanwhile. `columns` are set with it;
    `words` tell people why, in the history and beside a state that needs a reason. `stored`: what
    the row still waits for, where `passing` was all that was written of that.
    """
    state = advance(row.state, event)
    if row.state is SegmentState.QUEUED and event is not SegmentEvent.INTENT:
        hold(tx, row.id)
    if event is not SegmentEvent.DEADLINE:
        columns["reason"] = words if state in _EXPLAINED else None
    final = is_final(state, event, want_report=row.want_report)
    if final:
        columns |= {"grace_until": None, "deadline_at": None}
    # What has not been out, or is, was never delivered: all that it is now is known here.
    known = row.state in _OPEN and event is not SegmentEvent.DEADLINE
    update = _update(stored or event, tuple(columns), told=not known)
    done = tx.db.execute(update, (state.value, final, *columns.values(), row.id))
    if known and done.rowcount:
        sent_at = columns.get("sent_at", row.sent_at)
        part = Part(state, final, sent_at, columns.get("delivered_at"), columns["reason"])
    elif not known and (told := done.fetchone()) is not None:
        part = _part(told)
    else:
        raise StaleTransition(f"segment {row.id} is {row.state.value} no longer")
    _note(tx, row, state, at, words, actor)
    return part


def passing(
    tx: Tx, row: SegmentRow, event: SegmentEvent, at: Instant, words: str, actor: str
) -> SegmentRow:
    """The history of a move that the next one follows at once: only that writes the rows."""
    state = advance(row.state, event)
    _note(tx, row, state, at, words, actor)
    message_state = fold([state])
    _tell(tx, row.message_seq, row.message_state, message_state, None, at, actor)
    return row._replace(state=state, message_state=message_state)


def _part(values: tuple[Any, ...]) -> Part:
    return Part(SegmentState(values[0]), bool(values[1]), *values[2:])


def remark(tx: Tx, row: SegmentRow, at: Instant, words: str, actor: str) -> None:
    """An event about a segment that stays as it is."""
    _note(tx, row, row.state, at, words, actor)


def _note(
    tx: Tx, row: SegmentRow, state: SegmentState, at: Instant, words: str, actor: str
) -> None:
    add_event(
        tx, at, f"part {row.seq}", row.state.value, state.value,
        reason=words, actor=actor, message_seq=row.message_seq,
    )  # fmt: skip


def fold_moved(tx: Tx, row: SegmentRow, moved: Part, at: Instant, actor: str) -> None:
    """As `fold_message`, after a move; a message of one part needs no look at its segments."""
    if not row.current:
        return
    if row.parts > 1:
        fold_message(tx, row.message_seq, at, actor)
        return
    state = fold([moved.state], waiting=row.message_state is MessageState.ACCEPTED)
    columns = _columns(state, [moved])
    if state is MessageState.SENDING and row.message_state is MessageState.QUEUED:
        tx.db.execute(_SQL["set_state"], (state.value, row.message_seq))  # nothing else changes
    else:
        tx.db.execute(_SQL["set_message"], (*columns, row.message_seq))
    _tell(tx, row.message_seq, row.message_state, state, columns[-1], at, actor)


def fold_message(tx: Tx, message_seq: int, at: Instant, actor: str) -> MessageState:
    """Write what the segments make of their message; cancel what is pointless now; its state."""
    parts = [_part(each) for each in tx.db.execute(_SQL["fold"], (message_seq,))]
    before = tx.db.execute(_SQL["message"], (message_seq,)).fetchone()
    states = [part.state for part in parts]
    was = MessageState(before[0])
    state = fold(states, waiting=was is MessageState.ACCEPTED)
    if state is MessageState.CANCELLED and was in GIVEN_UP:
        state = (
            was  # what failed has come after all; the rest was given up, and nobody cancelled it
        )
    if state in _DECIDED and SegmentState.QUEUED in states:
        _cancel_rest(tx, message_seq, state, at)
        return fold_message(tx, message_seq, at, actor)
    columns = _columns(state, parts)
    if columns != before:
        tx.db.execute(_SQL["set_message"], (*columns, message_seq))
    _tell(tx, message_seq, was, state, columns[-1], at, actor)
    return state


def _columns(state: MessageState, parts: Sequence[Part]) -> tuple[Any, ...]:
    """state, open, final, sent_at, delivered_at, reason of a message."""
    going_on = any(part.state in _OPEN for part in parts)
    # Over when all parts are, or when the fate is decided and nothing is under way any more.
    over = all(part.final for part in parts) or (state in _DECIDED and not going_on)
    delivered = state is MessageState.DELIVERED
    return (
        state.value,
        int(going_on),
        int(over),
        _newest([part.sent_at for part in parts]),
        _newest([part.delivered_at for part in parts]) if delivered else None,
        _reason(state, parts),
    )


def _tell(
    tx: Tx,
    message_seq: int,
    before: MessageState,
    state: MessageState,
    reason: str | None,
    at: Instant,
    actor: str,
) -> None:
    if state is not before:
        add_event(
            tx, at, "message", before.value, state.value,
            reason=reason or state.value, actor=actor, message_seq=message_seq,
        )  # fmt: skip


def _cancel_rest(tx: Tx, message_seq: int, state: MessageState, at: Instant) -> None:
    for row in current_rows(tx, message_seq):
        if row.state is SegmentState.QUEUED:
            words = f"not sent, as another part was {state.value}"
            move(tx, row, SegmentEvent.CANCEL, at, words, OURSELVES, not_before=None)
    tx.wakes.add(Wake.QUEUE)


def _newest(times: list[int | None]) -> int | None:
    """The last of all, None while one is missing."""
    known = [each for each in times if each is not None]
    return max(known) if len(known) == len(times) else None


def _reason(state: MessageState, parts: Sequence[Part]) -> str | None:
    """What people are told: the reason of the first part that makes the state what it is."""
    if state not in _DECIDED and state is not MessageState.UNCERTAIN:
        return None
    told = {part.state.value: part.reason for part in reversed(parts)}
    # A part that failed may have come after all: then the reason of those that were given up.
    return told.get(state.value, told.get(SegmentState.CANCELLED.value))

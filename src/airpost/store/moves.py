"""How a segment moves and what that makes of its message: the only place that writes a state.

May import L0. Each move is an UPDATE guarded by the table of `states.py` and one event row; the
message's state is the fold of the segments of its newest transmission, written in the same
transaction, with an event row where it changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from airpost.clock import Instant
from airpost.errors import StaleTransition
from airpost.model import MessageClass, OnUncertain
from airpost.outcome import Outcome
from airpost.states import (
    MessageState,
    SegmentEvent,
    SegmentState,
    advance,
    fold,
    is_final,
    sources,
)
from airpost.store.api import Wake
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("moves")
OURSELVES = "airpost"  # the actor of what the service does by itself
_DECIDED = {MessageState.FAILED, MessageState.EXPIRED, MessageState.CANCELLED}
_EXPLAINED = {SegmentState.FAILED, SegmentState.EXPIRED, SegmentState.CANCELLED,
              SegmentState.UNCERTAIN}  # fmt: skip
_OPEN = {SegmentState.QUEUED, SegmentState.SENDING}


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRow:
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

    @property
    def decided(self) -> bool:
        """True when another part has already settled the message's fate."""
        return self.message_state in _DECIDED


def _row(values: tuple[Any, ...]) -> SegmentRow:
    return SegmentRow(
        id=values[0],
        message_seq=values[1],
        transmission_id=values[2],
        current=bool(values[3]),
        seq=values[4],
        state=SegmentState(values[5]),
        final=bool(values[6]),
        attempts=values[7],
        resends=values[8],
        sent_at=values[9],
        expires_at=values[10],
        number=values[11],
        parts=values[12],
        class_=MessageClass(values[13]),
        message_state=MessageState(values[14]),
        lane=values[15],
        want_report=bool(values[16]),
        on_uncertain=OnUncertain(values[17]),
    )


def segment_row(tx: Tx, segment_id: int) -> SegmentRow | None:
    """The segment, or None where there is none."""
    found = tx.db.execute(_SQL["segment"], (segment_id,)).fetchone()
    return None if found is None else _row(found)


def current_rows(tx: Tx, message_seq: int) -> list[SegmentRow]:
    """The segments of a message's newest transmission, in order."""
    return [_row(each) for each in tx.db.execute(_SQL["current_of"], (message_seq,))]


def add_body(tx: Tx, kind: str, octets: bytes) -> int:
    """Keep content; its id."""
    made = tx.db.execute(_SQL["body"], (kind, octets)).lastrowid
    assert made is not None
    return made


def outcome_columns(outcome: Outcome) -> dict[str, str]:
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
) -> None:
    """One row of history."""
    tx.db.execute(_SQL["event"], (at, message_seq, inbound_seq, subject, from_, to, reason, actor))
    tx.wakes.add(Wake.EVENT)


@lru_cache(maxsize=256)
def _update(event: SegmentEvent, columns: tuple[str, ...]) -> str:
    """The guarded UPDATE of a move: the same text each time, so that it is prepared once."""
    changes = ", ".join(f"{column} = ?" for column in ("state", "final", *columns))
    guard = " OR ".join(f"state = '{state.value}'" for state in sources(event))
    return f"UPDATE segment SET {changes} WHERE id = ? AND ({guard})"  # noqa: S608 of enums


def move(
    tx: Tx,
    row: SegmentRow,
    event: SegmentEvent,
    at: Instant,
    words: str,
    actor: str,
    **columns: Any,
) -> SegmentState:
    """Move a segment and write it down; its new state. The caller folds its message afterwards.

    StaleTransition where the table or the guard does not allow it. `columns` are set with it;
    `words` tell people why, in the history and beside a state that needs a reason.
    """
    state = advance(row.state, event)
    if event is not SegmentEvent.DEADLINE:
        columns["reason"] = words if state in _EXPLAINED else None
    final = is_final(state, event, want_report=row.want_report)
    if final:
        columns |= {"grace_until": None, "deadline_at": None}
    done = tx.db.execute(
        _update(event, tuple(columns)), (state.value, final, *columns.values(), row.id)
    )
    if done.rowcount != 1:
        raise StaleTransition(f"segment {row.id} is {row.state.value} no longer")
    add_event(
        tx, at, f"part {row.seq}", row.state.value, state.value,
        reason=words, actor=actor, message_seq=row.message_seq,
    )  # fmt: skip
    return state


def remark(tx: Tx, row: SegmentRow, at: Instant, words: str, actor: str) -> None:
    """An event about a segment that stays as it is."""
    add_event(
        tx, at, f"part {row.seq}", row.state.value, row.state.value,
        reason=words, actor=actor, message_seq=row.message_seq,
    )  # fmt: skip


def fold_message(tx: Tx, message_seq: int, at: Instant, actor: str) -> MessageState:
    """Write what the segments make of their message; cancel what is pointless now; its state."""
    rows = tx.db.execute(_SQL["fold"], (message_seq,)).fetchall()
    before = tx.db.execute(_SQL["message"], (message_seq,)).fetchone()
    states = [SegmentState(each[0]) for each in rows]
    state = fold(states, waiting=before[0] == MessageState.ACCEPTED.value)
    if state in _DECIDED and SegmentState.QUEUED in states:
        _cancel_rest(tx, message_seq, state, at)
        return fold_message(tx, message_seq, at, actor)
    reason = _reason(state, states, [each[4] for each in rows])
    after = (
        state.value,
        int(not _OPEN.isdisjoint(states)),
        int(_is_over(state, states, all(each[1] for each in rows))),
        _newest([each[2] for each in rows]),
        _newest([each[3] for each in rows]) if state is MessageState.DELIVERED else None,
        reason,
    )
    if after != before:
        tx.db.execute(_SQL["set_message"], (*after, message_seq))
    if state.value != before[0]:
        add_event(
            tx, at, "message", before[0], state.value,
            reason=reason or state.value, actor=actor, message_seq=message_seq,
        )  # fmt: skip
    return state


def _cancel_rest(tx: Tx, message_seq: int, state: MessageState, at: Instant) -> None:
    for row in current_rows(tx, message_seq):
        if row.state is SegmentState.QUEUED:
            words = f"another part is {state.value}"
            move(tx, row, SegmentEvent.CANCEL, at, words, OURSELVES, not_before=None)
    tx.wakes.add(Wake.QUEUE)


def _is_over(state: MessageState, states: list[SegmentState], all_final: bool) -> bool:
    """All parts final; or the fate is decided and nothing is under way any more."""
    return all_final or (state in _DECIDED and _OPEN.isdisjoint(states))


def _newest(times: list[int | None]) -> int | None:
    """The last of all, None while one is missing."""
    known = [each for each in times if each is not None]
    return max(known) if len(known) == len(times) else None


def _reason(
    state: MessageState, states: list[SegmentState], reasons: list[str | None]
) -> str | None:
    """What people are told: the reason of the first part that makes the state what it is."""
    if state not in _DECIDED and state is not MessageState.UNCERTAIN:
        return None
    return next(
        (reason for each, reason in zip(states, reasons, strict=True) if each.value == state.value),
        None,
    )

"""What happens on the air: an intent begins an attempt, a settlement ends it.

May import L0. Run in the writer's thread, before anything that is handed in.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from airpost.clock import Instant
from airpost.outcome import Outcome
from airpost.states import SegmentEvent, SegmentState, sources
from airpost.store import reports
from airpost.store.api import AirResult, Intent, Settlement, Wake
from airpost.store.attempts import (
    AttemptRow,
    attempt_of,
    end_attempt,
    sent_columns,
    unknown_columns,
)
from airpost.store.moves import (
    OURSELVES,
    SegmentRow,
    add_body,
    current_rows,
    fold_moved,
    move,
    outcome_columns,
    segment_of,
    segment_row,
)
from airpost.store.numbers import tail_of
from airpost.store.statements import load
from airpost.store.transmissions import begin_again
from airpost.store.writer import Tx

log = logging.getLogger("airpost.store")
_SQL = load("air")

_OUT = {SegmentState.SENT, SegmentState.DELIVERED, SegmentState.UNCERTAIN}
_ENDINGS = {SegmentEvent.TAKEN, SegmentEvent.TRANSIENT, SegmentEvent.PERMANENT,
            SegmentEvent.UNKNOWN}  # fmt: skip


def turn(tx: Tx, done: Settlement | None, intent: Intent | None) -> AirResult:
    """The result of one segment and the beginning of the next, in one commit."""
    state: SegmentState | None = None
    if done is not None and (settled := settle(tx, done)) is not None:
        attempt, state = settled
        if reports.apply_waiting(tx, attempt) and (row := segment_row(tx, attempt.segment_id)):
            state = row.state
    attempt_id = None if intent is None else begin(tx, intent)
    return AirResult(attempt_id=attempt_id, state=state)


# -- intent --------------------------------------------------------------------------------------
def begin(tx: Tx, intent: Intent) -> int | None:
    """Begin an attempt; None when the segment may not be sent by this lane now."""
    row = segment_row(tx, intent.segment_id)
    if row is None or row.state is not SegmentState.QUEUED:
        return None
    if row.lane != intent.lane or row.expires_at <= intent.begun_at:
        return None  # given back and bound elsewhere, or its time is over
    if not _same_sim(tx, row, intent):
        return None
    made = tx.db.execute(
        _SQL["begin"],
        (row.id, row.attempts + 1, intent.lane, intent.sim_id, tail_of(row.number),
         add_body(tx, "tpdu", intent.tpdu), intent.begun_at),
    ).lastrowid  # fmt: skip
    actor = f"modem {intent.lane}"
    moved = move(
        tx, row, SegmentEvent.INTENT, intent.begun_at, f"attempt {row.attempts + 1}", actor,
        attempts=row.attempts + 1, lane=intent.lane, mr=None, not_before=None,
    )  # fmt: skip
    fold_moved(tx, row, moved, intent.begun_at, actor)
    return made


def _same_sim(tx: Tx, row: SegmentRow, intent: Intent) -> bool:
    """True when no part went out, or may have, by another SIM; else it begins again whole."""
    if row.parts == 1:
        return True
    if tx.db.execute(_SQL["elsewhere"], (row.message_seq, intent.sim_id)).fetchone() is None:
        return True
    rows = current_rows(tx, row.message_seq)
    if any(each.state is SegmentState.SENDING for each in rows):
        return False
    # What is queued once more was counted when it was.
    counted = not any(each.state in _OUT for each in rows)
    begin_again(
        tx, rows, intent.begun_at,
        reason=f"a part is out, or may be, by another SIM than that of {intent.lane}",
        resends=max(each.resends for each in rows), unbind=False, counted=counted,
    )  # fmt: skip
    return False


# -- settlement ----------------------------------------------------------------------------------
def settle(tx: Tx, done: Settlement) -> tuple[AttemptRow, SegmentState] | None:
    """End an attempt and move its segment; the attempt and the segment's state as they are now.

    None, and a line in the log, when there is nothing left to settle.
    """
    found = tx.db.execute(_SQL["attempt"], (done.attempt_id, done.segment_id)).fetchone()
    if found is None:
        _refused(done, "no such attempt")
        return None
    attempt, row = attempt_of(found[:10]), segment_of(found[10:])
    if done.event is SegmentEvent.LATE:
        if attempt.outcome_class != "unknown":
            _refused(done, "its fate is known")
            return None
    elif done.event not in _ENDINGS or attempt.ended_at is not None:
        _refused(done, "it has ended")
        return None
    end_attempt(tx, attempt.id, done.ended_at, done.mr, done.outcome)
    event = done.event
    if event in _ENDINGS and event is not SegmentEvent.TAKEN and _taken_before(tx, row, attempt):
        event = SegmentEvent.TAKEN  # the resend came to nothing, but the first sending went out
    state = row.state
    if row.state in sources(event):
        state = _move(tx, row, event, done)
    else:
        log.warning(
            "store.settlement_too_late segment=%d state=%s event=%s",
            row.id, row.state.value, event.value,
        )  # fmt: skip
    ended = replace(
        attempt, mr=done.mr, ended_at=done.ended_at, outcome_class=done.outcome.cls.value
    )
    return ended, state


def _refused(done: Settlement, why: str) -> None:
    log.warning(
        "store.settlement_refused segment=%d attempt=%d event=%s: %s",
        done.segment_id, done.attempt_id, done.event.value, why,
    )  # fmt: skip


def _taken_before(tx: Tx, row: SegmentRow, attempt: AttemptRow) -> bool:
    if row.resends == 0:
        return False
    return tx.db.execute(_SQL["taken_before"], (row.id, attempt.id)).fetchone() is not None


def _move(tx: Tx, row: SegmentRow, event: SegmentEvent, done: Settlement) -> SegmentState:
    columns: dict[str, Any] = {**outcome_columns(done.outcome), "not_before": None}
    if event in (SegmentEvent.TAKEN, SegmentEvent.LATE):
        columns |= sent_columns(row, done.ended_at, done.ended_at)
        columns["mr"] = done.mr
    elif event is SegmentEvent.TRANSIENT:
        columns["not_before"] = done.retry_at
    elif event is SegmentEvent.UNKNOWN:
        columns |= unknown_columns(row, done.ended_at, done.grace_until)
    actor = f"modem {row.lane}" if row.lane else OURSELVES
    moved = move(tx, row, event, done.ended_at, done.outcome.text, actor, **columns)
    fold_moved(tx, row, moved, done.ended_at, actor)
    if event is not SegmentEvent.TAKEN:
        tx.wakes.add(Wake.QUEUE)
    return moved.state


def refuse(tx: Tx, segment_id: int, outcome: Outcome, now: Instant) -> None:
    """A queued segment that can never be sent: it fails, and the rest of its message with it."""
    row = segment_row(tx, segment_id)
    if row is None or row.state is not SegmentState.QUEUED:
        return
    columns = {**outcome_columns(outcome), "not_before": None}
    moved = move(tx, row, SegmentEvent.PERMANENT, now, outcome.text, OURSELVES, **columns)
    fold_moved(tx, row, moved, now, OURSELVES)
    tx.wakes.add(Wake.QUEUE)

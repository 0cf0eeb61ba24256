"""What a restore has frozen, and how that goes on.

May import L0 and its neighbours. Runs in the writer's thread. Whatever was not final when the copy
was made may have gone out since, so it is uncertain and held, until a person lets it go on. Of one
kind it is known that it has not: what had no attempt, and was to be sent later than the moment of
the restore.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from airpost.clock import Instant
from airpost.model import MessageId
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store import schedules
from airpost.store.api import Wake
from airpost.store.attempts import attempt_of, end_attempt, sent_columns, unknown_columns
from airpost.store.keeping import RESTORED
from airpost.store.moves import (
    OURSELVES,
    SegmentRow,
    add_event,
    current_rows,
    fold_message,
    move,
    outcome_columns,
)
from airpost.store.recovery import INTERRUPTED
from airpost.store.statements import load
from airpost.store.timing import newest
from airpost.store.transmissions import begin_again, count_duplicate
from airpost.store.writer import Tx

_SQL = load("frozen")
ROWS = 200  # released in one commit
PUT_BACK = "the store was put back to an earlier state"
NOT_DUE = "the copy shows no attempt, and its time had not come at the restore: it has not gone out"


class Frozen(NamedTuple):
    """How many messages are held, and how many of them cannot have gone out."""

    held: int
    not_due: int


# -- freezing ------------------------------------------------------------------------------------
def freeze(tx: Tx, now: Instant, why: str, *, sure: bool = True) -> Frozen:
    """Whatever is not final becomes uncertain and is held.

    By a clock that may be behind, not `sure` or before the newest event, nothing is known not to
    have gone out.
    """
    seqs = [row[0] for row in tx.db.execute(_SQL["not_final"])]
    if sure and now >= (newest(tx.db).event_at or now):
        tx.db.execute(_SQL["restored_at"], (str(now),))
    else:
        tx.db.execute(_SQL["restored_some_time"])
    not_due = 0
    for seq in seqs:
        for row in current_rows(tx, seq):
            if not row.final:
                _freeze_part(tx, row, now)
        tx.db.execute(_SQL["hold"], (seq,))
        fold_message(tx, seq, now, OURSELVES)
        if was_not_due(tx, seq):
            not_due += 1
            uncertain = MessageState.UNCERTAIN.value
            add_event(
                tx, now, "message", uncertain, uncertain,
                reason=NOT_DUE, actor=OURSELVES, message_seq=seq,
            )  # fmt: skip
    tx.db.execute(_SQL["no_journal"])
    schedules.pass_over(tx, now)
    words = f"{why}: {len(seqs)} messages were waiting and are held"
    add_event(tx, now, "service", None, RESTORED, reason=words, actor=OURSELVES)
    tx.write_history()
    return Frozen(len(seqs), not_due)


def was_not_due(tx: Tx, message_seq: int) -> bool:
    """True for what was never begun, and was to be sent later than the last restore."""
    return tx.db.execute(_SQL["not_due"], (message_seq,)).fetchone() is not None


def _freeze_part(tx: Tx, row: SegmentRow, now: Instant) -> None:
    for each in tx.db.execute(_SQL["open_attempts"], (row.id,)).fetchall():
        attempt = attempt_of(each)
        end_attempt(tx, attempt.id, now, attempt.mr, INTERRUPTED)
    # Nothing but a report or a person's word ends it, unless its message is decided already.
    columns = {"not_before": None, **unknown_columns(row, now, None)}
    if not row.decided:
        columns["deadline_at"] = None
    if row.state is SegmentState.SENDING:
        columns |= outcome_columns(INTERRUPTED)
    move(tx, row, SegmentEvent.RESTORED, now, RESTORED, OURSELVES, **columns)


# -- letting it go on ----------------------------------------------------------------------------
def release(tx: Tx, ids: Sequence[MessageId], actor: str, now: Instant) -> int:
    """Let some of what is frozen go on, of these messages or of all; how many, 0 at the end.

    What the network had taken by then is sent and waits for its report. The rest goes out, once
    more perhaps: that is counted, unless its time had not come at the restore. A message that was
    out in part begins again whole.
    """
    if ids:
        seqs = [row[0] for id_ in ids for row in tx.db.execute(_SQL["frozen_one"], (RESTORED, id_))]
    else:
        seqs = [row[0] for row in tx.db.execute(_SQL["frozen_some"], (RESTORED, ROWS))]
    for seq in seqs:
        _release_one(tx, seq, actor, now)
    tx.wakes.add(Wake.DECIDED)
    return len(seqs)


def _release_one(tx: Tx, seq: int, actor: str, now: Instant) -> None:
    rows = current_rows(tx, seq)
    held = [row for row in rows if row.state is SegmentState.UNCERTAIN]
    out = [row for row in held if row.sent_at is not None]
    for row in out:
        columns = sent_columns(row, now, row.sent_at or now)
        words = "it was sent before the backup was made"
        move(tx, row, SegmentEvent.SETTLED_SENT, now, words, actor, **columns)
    if len(out) == len(held):
        fold_message(tx, seq, now, actor)
        return
    words = f"released by {actor} after a restore"
    if len(held) < len(rows) or out:
        begin_again(tx, current_rows(tx, seq), now, reason=words, resends=1, unbind=True)
        return
    again = not was_not_due(tx, seq)
    for row in held:
        move(
            tx, row, SegmentEvent.RESEND, now, words, actor,
            deadline_at=None, resends=row.resends + again,
        )  # fmt: skip
    tx.db.execute(_SQL["unbind"], (seq,))
    if again:
        count_duplicate(tx, seq, now)
    wait_for_its_time(tx, seq, words, actor, now)
    fold_message(tx, seq, now, actor)


def wait_for_its_time(tx: Tx, message_seq: int, words: str, actor: str, now: Instant) -> None:
    """What is queued once more and has a time to come waits for that."""
    if tx.db.execute(_SQL["wait_again"], (message_seq, now)).rowcount:
        add_event(
            tx, now, "message", MessageState.UNCERTAIN.value, MessageState.ACCEPTED.value,
            reason=words, actor=actor, message_seq=message_seq,
        )  # fmt: skip

"""What time does: expiry, resends after grace, deadlines, incomplete sets, forgotten keys.

May import L0. Run in the writer's thread, a bounded number of rows a call, so that no modem waits
for a long night's work.

A segment of unknown fate is sent once more after its grace where `on_uncertain` says resend, its
message is not decided and its time is not over. Alone, with the same reference, while the handset
is trusted to keep the other parts of its message (`resume_s`); after that the message begins again
whole. So does one of which a part that was refused is to be tried again.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from airpost.clock import SECOND_US, Instant
from airpost.model import OnUncertain
from airpost.policy import QueuePolicy
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import Swept, Wake
from airpost.store.choices import fail_over, forget_choices, reach_columns
from airpost.store.holds import free_due
from airpost.store.inbound import hand_over_partial
from airpost.store.moves import (
    OURSELVES,
    SegmentRow,
    add_event,
    current_rows,
    fold_message,
    move,
    segment_row,
)
from airpost.store.queue import may_begin_again
from airpost.store.routing import Reach
from airpost.store.statements import load
from airpost.store.transmissions import begin_again, count_duplicate
from airpost.store.writer import Tx

_SQL = load("sweep")
ROWS = 200  # of each kind in one call
MAX_RESENDS = 1
ON_AIR_WAIT_S = 5  # a resend of the whole waits for a part that is on the air
NONE_SWEPT = Swept(expired=0, resent=0, finalised=0, partials=0, forgotten=0)


@dataclass(slots=True)
class Stretch:
    """What one call did, and whether it left something."""

    swept: Swept
    more: bool


def sweep(
    tx: Tx,
    now: Instant,
    policy: QueuePolicy,
    trusted: bool = True,
    reach: Reach = None,
) -> Stretch:
    """A bounded stretch of what is due; by a clock not to be trusted nothing ends or begins."""
    _begin_late_retries(tx, now, policy.resume_s)
    full = [
        trusted and _unschedule(tx, now) == ROWS,
        trusted and free_due(tx, now, ROWS) == ROWS,
        tx.db.execute(_SQL["retries"], (now, ROWS)).rowcount == ROWS,
        tx.db.execute(_SQL["age"], (now - round(policy.ageing_s * SECOND_US), ROWS)).rowcount
        == ROWS,
        fail_over(tx, now, ROWS, reach) == ROWS,
        forget_choices(tx, ROWS) == ROWS,
    ]
    resent, looked = _resend(tx, now, policy)
    expired = finalised = partials = forgotten = 0
    if trusted:
        expired = _expire(tx, now)
        finalised = _finalise(tx, now)
        partials = _hand_over(tx, now)
        forgotten = _forget(tx, now)
    full += [count == ROWS for count in (expired, looked, finalised, partials, forgotten)]
    tx.wakes.add(Wake.QUEUE)
    swept = Swept(
        expired=expired,
        resent=resent,
        finalised=finalised,
        partials=partials,
        forgotten=forgotten,
    )
    return Stretch(swept, any(full))


def next_due(db: sqlite3.Connection, policy: QueuePolicy, reach: Reach = None) -> Instant | None:
    """The earliest instant at which anything is due, past ones too; in the reader's thread."""
    found: Instant | None = db.execute(
        _SQL["next_due"], (round(policy.ageing_s * SECOND_US), *reach_columns(reach))
    ).fetchone()[0]
    return found


def total(one: Swept, other: Swept) -> Swept:
    """Both together."""
    return Swept(
        expired=one.expired + other.expired,
        resent=one.resent + other.resent,
        finalised=one.finalised + other.finalised,
        partials=one.partials + other.partials,
        forgotten=one.forgotten + other.forgotten,
    )


def _unschedule(tx: Tx, now: Instant) -> int:
    """`accepted` turns into `queued` here and nowhere else, so lists and filters agree."""
    found = tx.db.execute(_SQL["scheduled"], (now, ROWS)).fetchall()
    for (seq,) in found:
        tx.db.execute(_SQL["unschedule"], (seq,))
        add_event(
            tx, now, "message", MessageState.ACCEPTED.value, MessageState.QUEUED.value,
            reason="its time has come", actor=OURSELVES, message_seq=seq,
        )  # fmt: skip
    return len(found)


def _begin_late_retries(tx: Tx, now: Instant, resume_s: float) -> None:
    """Messages of several parts, too late for one of them to be tried again alone."""
    for (seq,) in tx.db.execute(_SQL["begun_retries"], (now, ROWS)).fetchall():
        rows = current_rows(tx, seq)
        if may_begin_again(tx, rows, now, resume_s):
            words = f"its newest part is out for more than {resume_s:g} s"
            resends = max(each.resends for each in rows)
            begin_again(tx, rows, now, reason=words, resends=resends, unbind=True)


def _expire(tx: Tx, now: Instant) -> int:
    """Messages with queued parts past their time; what is out already is still waited for."""
    found = tx.db.execute(_SQL["expired"], (now, ROWS)).fetchall()
    for (seq,) in found:
        for row in current_rows(tx, seq):
            if row.state is SegmentState.QUEUED:
                words = _expiry_words(row)
                move(tx, row, SegmentEvent.EXPIRE, now, words, OURSELVES, not_before=None)
        fold_message(tx, seq, now, OURSELVES)
    return len(found)


def _expiry_words(row: SegmentRow) -> str:
    return (
        "its time was over before it could be sent"
        if row.attempts == 0
        else (f"its time was over after {row.attempts} attempts")
    )


def _resend(tx: Tx, now: Instant, policy: QueuePolicy) -> tuple[int, int]:
    """(sent again, looked at)."""
    found = tx.db.execute(_SQL["graces"], (now, ROWS)).fetchall()
    resent = 0
    for (segment_id,) in found:
        row = segment_row(tx, segment_id)
        # An earlier one of this round may have begun its message again.
        if row is None or not row.current or row.state is not SegmentState.UNCERTAIN:
            continue
        if not _may_resend(row, now):
            tx.db.execute(_SQL["set_grace"], (None, row.id))
            continue
        resent += _resend_one(tx, row, now, policy.resume_s)
    return resent, len(found)


def _may_resend(row: SegmentRow, now: Instant) -> bool:
    return (
        row.on_uncertain is OnUncertain.RESEND
        and row.resends < MAX_RESENDS
        and not row.decided
        and now < row.expires_at
    )


def _resend_one(tx: Tx, row: SegmentRow, now: Instant, resume_s: float) -> bool:
    words = "sent once more: no answer came"
    begun_at = tx.db.execute(_SQL["newest_attempt"], (row.message_seq,)).fetchone()[0]
    if row.parts > 1 and now - begun_at > resume_s * SECOND_US:
        rows = current_rows(tx, row.message_seq)
        if any(each.state is SegmentState.SENDING for each in rows):
            tx.db.execute(_SQL["set_grace"], (now + ON_AIR_WAIT_S * SECOND_US, row.id))
            return False
        begin_again(tx, rows, now, reason=words, resends=MAX_RESENDS, unbind=True)
        return True
    move(
        tx, row, SegmentEvent.RESEND, now, words, OURSELVES,
        grace_until=None, deadline_at=None, not_before=None, resends=row.resends + 1,
    )  # fmt: skip
    count_duplicate(tx, row.message_seq, now)
    fold_message(tx, row.message_seq, now, OURSELVES)
    return True


def _finalise(tx: Tx, now: Instant) -> int:
    """Nothing is waited for any more: the state stays and is final."""
    found = tx.db.execute(_SQL["deadlines"], (now, ROWS)).fetchall()
    for (segment_id,) in found:
        row = segment_row(tx, segment_id)
        assert row is not None
        words = "no delivery report came" if row.state is SegmentState.SENT else "never settled"
        move(tx, row, SegmentEvent.DEADLINE, now, words, OURSELVES)
        if row.current:
            fold_message(tx, row.message_seq, now, OURSELVES)
    return len(found)


def _hand_over(tx: Tx, now: Instant) -> int:
    found = tx.db.execute(_SQL["sets"], (now, ROWS)).fetchall()
    for (set_id,) in found:
        hand_over_partial(tx, set_id, now)
    return len(found)


def _forget(tx: Tx, now: Instant) -> int:
    """Answers kept for a repeat of their request."""
    tx.db.execute(_SQL["forget_answers"], (now, ROWS))
    return tx.db.execute(_SQL["forget_keys"], (now, ROWS)).rowcount

"""What people decide about messages that wait or are in doubt, and what a refusal decides.

May import L0 and its neighbours. Writing runs in the writer's thread, a stretch of rows at a time,
so that what is on the air goes in between.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from airpost.clock import SECOND_US, Clock, Instant
from airpost.model import Lane, MessageId, OnUncertain, SimId
from airpost.policy import QueuePolicy
from airpost.states import SegmentEvent, SegmentState
from airpost.store.api import Verdict, Wake
from airpost.store.attempts import sent_columns
from airpost.store.frozen import wait_for_its_time, was_not_due
from airpost.store.moves import (
    OURSELVES,
    SegmentRow,
    add_event,
    current_rows,
    fold_message,
    move,
    segment_row,
)
from airpost.store.outbound import outlet_of
from airpost.store.queue import has_begun, unbind
from airpost.store.statements import load
from airpost.store.transmissions import begin_again, count_duplicate
from airpost.store.writer import Tx

_SQL = load("decisions")
ROWS = 200  # moved in one commit


class Decisions:
    """For the loop; `write` runs a function in the writer's thread. See `api.Decisions`."""

    def __init__(
        self, write: Callable[..., Awaitable[Any]], clock: Clock, policy: QueuePolicy
    ) -> None:
        self._write = write
        self._clock = clock
        self._policy = policy

    async def move(self, lane: Lane, to: Lane | None, actor: str) -> int:
        """Move a lane's queue to another lane, or to whatever serves the default route."""
        total = after = 0
        while True:
            moved: tuple[int, int, bool] = await self._write(
                move_queue, lane, to, actor, self._clock.now(), after, urgent=False
            )
            count, after, more = moved
            total += count
            if not more:
                return total

    async def settle(
        self, message_id: MessageId, owner: str | None, verdict: Verdict, actor: str
    ) -> bool:
        """A person's word about a message in doubt."""
        now = self._clock.now()
        done = await self._write(settle, message_id, owner, verdict, actor, now, self._policy)
        return bool(done)

    async def elsewhere(self, segment_id: int, sim_id: SimId) -> None:
        """The message goes by another SIM than this one."""
        await self._write(elsewhere, segment_id, sim_id, self._clock.now())

    async def unproved(self, sim_id: SimId, most: int) -> int:
        """How many of the newest attempts of a SIM, in a row, nothing proves to be sent."""
        return int(await self._write(unproved, sim_id, most))


# -- moving --------------------------------------------------------------------------------------
def move_queue(
    tx: Tx, lane: Lane, to: Lane | None, actor: str, now: Instant, after: int
) -> tuple[int, int, bool]:
    """A stretch of what is bound to a lane or asks for it: (moved, where to go on, more).

    What has begun stays: its parts belong together.
    """
    found = tx.db.execute(_SQL["of_lane"], (lane, outlet_of(lane, None), after, ROWS)).fetchall()
    words = f"moved from {lane} to {to or 'any modem'} by {actor}"
    count = 0
    for seq, bound, outlet, state in found:
        if bound is not None:
            if has_begun(current_rows(tx, seq)):
                continue
            unbind(tx, seq, words, now)
        else:
            add_event(tx, now, "message", state, state, reason=words, actor=actor, message_seq=seq)
        route = None if to is not None else tx.db.execute(_SQL["route"], (seq,)).fetchone()[0]
        held = outlet == "held"  # a limit holds it: it goes to its outlet when that is over
        tx.db.execute(_SQL["ask"], (to, outlet if held else outlet_of(to, route), seq))
        count += 1
    tx.wakes |= {Wake.QUEUE, Wake.DECIDED}
    return count, found[-1][0] if found else after, len(found) == ROWS


# -- doubt ---------------------------------------------------------------------------------------
def settle(
    tx: Tx,
    message_id: MessageId,
    owner: str | None,
    verdict: Verdict,
    actor: str,
    now: Instant,
    policy: QueuePolicy,
) -> bool:
    """Settle what is uncertain of a message; False when nothing is. KeyError: there is no such."""
    found = tx.db.execute(_SQL["find"], (message_id, owner)).fetchone()
    if found is None:
        raise KeyError(message_id)
    (seq,) = found
    rows = current_rows(tx, seq)
    doubtful = [row for row in rows if row.state is SegmentState.UNCERTAIN]
    if not doubtful:
        return False
    if verdict is Verdict.RESEND:
        return _send_again(tx, rows, doubtful, actor, now, policy)
    for row in doubtful:
        if verdict is Verdict.SENT:
            words, columns = f"{actor} says that it went out", sent_columns(row, now, now)
            move(tx, row, SegmentEvent.SETTLED_SENT, now, words, actor, **columns)
        else:
            words = f"given up by {actor}"
            move(tx, row, SegmentEvent.SETTLED_CANCELLED, now, words, actor, grace_until=None)
    fold_message(tx, seq, now, actor)
    tx.wakes |= {Wake.QUEUE, Wake.DECIDED}  # what is `ordered` behind it may go
    return True


def _send_again(
    tx: Tx,
    rows: list[SegmentRow],
    doubtful: list[SegmentRow],
    actor: str,
    now: Instant,
    policy: QueuePolicy,
) -> bool:
    """Once more, with new time to live where its own is over."""
    if any(row.state is SegmentState.SENDING for row in rows):
        return False
    seq, words = rows[0].message_seq, f"sent once more by {actor}"
    if rows[0].expires_at <= now:
        until = now + policy.classes[rows[0].class_].validity_s * SECOND_US
        tx.db.execute(_SQL["live_on"], (until, seq))
        tx.db.execute(_SQL["segments_live_on"], (seq,))
    tx.wakes |= {Wake.QUEUE, Wake.DECIDED}
    newest = tx.db.execute(_SQL["newest_attempt"], (seq,)).fetchone()[0] or 0
    again = not was_not_due(tx, seq)
    if again and rows[0].parts > 1 and now - newest > policy.resume_s * SECOND_US:
        begin_again(tx, rows, now, reason=words, resends=1, unbind=True)
        return True
    for row in doubtful:
        move(
            tx, row, SegmentEvent.RESEND, now, words, actor,
            grace_until=None, deadline_at=None, not_before=None, resends=row.resends + again,
        )  # fmt: skip
        if again:
            count_duplicate(tx, seq, now)
    wait_for_its_time(tx, seq, words, actor, now)
    fold_message(tx, seq, now, actor)
    return True


def unproved(tx: Tx, sim_id: SimId, most: int) -> int:
    """See `Decisions.unproved`; `most` at most."""
    newest = [proved for (proved,) in tx.db.execute(_SQL["newest_of_sim"], (sim_id, most))]
    return newest.index(1) if 1 in newest else len(newest)


# -- another SIM ---------------------------------------------------------------------------------
def elsewhere(tx: Tx, segment_id: int, sim_id: SimId, now: Instant) -> None:
    """Try a message at once by another SIM than the one that was refused; whole, if parts are out.

    Nothing happens to what is on the air, has changed meanwhile, or has a part in doubt that is
    held: to begin whole would send that once more.
    """
    row = segment_row(tx, segment_id)
    if row is None or not row.current or row.state is not SegmentState.QUEUED:
        return
    rows = current_rows(tx, row.message_seq)
    states = {each.state for each in rows}
    if SegmentState.SENDING in states:
        return
    if SegmentState.UNCERTAIN in states and row.on_uncertain is OnUncertain.HOLD:
        return
    tx.db.execute(_SQL["avoid"], (sim_id, row.message_seq))
    words = f"SIM {sim_id} was refused it, and may be to blame"
    if has_begun(rows):
        begin_again(
            tx, rows, now, reason=words, resends=max(each.resends for each in rows), unbind=True,
        )  # fmt: skip
        return
    tx.db.execute(_SQL["at_once"], (row.message_seq,))
    unbind(tx, row.message_seq, words, now)
    add_event(
        tx, now, "message", row.message_state.value, row.message_state.value,
        reason=words, actor=OURSELVES, message_seq=row.message_seq,
    )  # fmt: skip

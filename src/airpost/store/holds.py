"""What limits hold back, and what has been spent of them.

May import L0 and its neighbours. A held message is in no outlet, so nothing looks at it until it is
due. What a SIM has spent is its attempts: they are written in the commit that begins them, so a
count cannot be wrong after a crash, and nothing more is written on the way to the air.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from airpost.clock import SECOND_US, Instant
from airpost.model import MessageClass, SimId
from airpost.outcome import Outcome
from airpost.states import SegmentEvent
from airpost.store.api import Hold, Wake
from airpost.store.lanes import recall, remember
from airpost.store.moves import (
    OURSELVES,
    add_event,
    current_rows,
    fold_moved,
    move,
    outcome_columns,
)
from airpost.store.outbound import outlet_of
from airpost.store.queue import has_begun, unbind
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("holds")
STRETCH = 5_000  # attempts read, or holds ended, at a time
_LIMITS = "limits"  # by which was held what is
OLDER_IN_A_ROW = 1_000  # then the rest is older too, whatever the clock did in between
KEPT_US = 40 * 86_400 * SECOND_US  # longer than a month
_NEWEST = 1 << 62


class Holds:
    """Holds of one store, for the loop. `write` and `read` run a function in the store's threads.

    All of it raises StoreUnavailable where the store cannot write.
    """

    def __init__(
        self, write: Callable[..., Awaitable[Any]], read: Callable[..., Awaitable[Any]]
    ) -> None:
        self._write = write
        self._read = read

    async def hold(self, holds: Sequence[Hold], now: Instant) -> int:
        """Hold those of which nothing has begun; how many were."""
        return int(await self._write(hold_all, holds, now))

    async def renew(self, mark: str, now: Instant) -> int:
        """Free what is held where `mark`, the limits of this run, is another than before.

        How many were; what still has to wait is held anew.
        """
        count = 0
        while more := int(await self._write(renew, mark, now, urgent=False)):
            count += more
        return count

    async def reject(self, message_seq: int, outcome: Outcome, now: Instant) -> None:
        """A message that a limit refuses: it fails, unless something of it has begun."""
        await self._write(reject, message_seq, outcome, now)

    async def spent(self, sim_id: SimId, since: Instant) -> list[tuple[Instant, str]]:
        """(when, the recipient's last digits) of what a SIM has begun since, oldest first."""
        found: list[tuple[Instant, str]] = []
        before: int | None = _NEWEST
        older = 0
        while before is not None:
            rows = await self._read(attempts_of, sim_id, before, urgent=False)
            before = rows[-1][0] if len(rows) == STRETCH else None
            for _, at, tail in rows:
                older = 0 if at >= since else older + 1
                if at >= since:
                    found.append((at, tail))
            if older >= OLDER_IN_A_ROW:
                break
        for at, count in await self._read(spent_of, sim_id, since, urgent=False):
            found += [(at, "")] * count
        return sorted(found)

    async def charges(
        self, numbers: Sequence[str], key_ids: Sequence[str], since: Instant
    ) -> list[tuple[str, Instant, MessageClass]]:
        """(number or key, when, class) of what was counted for these since, oldest first."""
        found: list[tuple[str, Instant, MessageClass]] = await self._read(
            charges_of, numbers, key_ids, since
        )
        return found


# -- in the writer's thread ----------------------------------------------------------------------
def hold_all(tx: Tx, holds: Sequence[Hold], now: Instant) -> int:
    """See `Holds.hold`."""
    return sum(_hold(tx, each, now) for each in holds)


def _hold(tx: Tx, hold: Hold, now: Instant) -> bool:
    """An event only where the words are others than last time."""
    found = tx.db.execute(_SQL["may_hold"], (hold.message_seq,)).fetchone()
    if found is None or has_begun(current_rows(tx, hold.message_seq)):
        return False
    lane, told, state = found
    if lane is not None:
        unbind(tx, hold.message_seq, hold.words, now)
    tx.db.execute(_SQL["hold"], (hold.until, hold.reason, hold.words, hold.message_seq))
    if told != hold.words:
        add_event(
            tx, now, "message", state, state,
            reason=f"held: {hold.words}", actor=OURSELVES, message_seq=hold.message_seq,
        )  # fmt: skip
    tx.wakes.add(Wake.QUEUE)
    return True


def renew(tx: Tx, mark: str, now: Instant) -> int:
    """Some of what is held is due now; 0 once none is left, or where the mark is the same."""
    if recall(tx.db, _LIMITS) == mark:
        return 0
    count = tx.db.execute(_SQL["renew"], (now, STRETCH)).rowcount
    if count == 0:
        remember(tx, _LIMITS, mark)
    tx.wakes.add(Wake.QUEUE)
    return count


def reject(tx: Tx, message_seq: int, outcome: Outcome, now: Instant) -> None:
    """See `Holds.reject`; one part fails, and the others with it."""
    rows = current_rows(tx, message_seq)
    if not rows or has_begun(rows):
        return
    columns = {**outcome_columns(outcome), "not_before": None}
    moved = move(tx, rows[0], SegmentEvent.PERMANENT, now, outcome.text, OURSELVES, **columns)
    fold_moved(tx, rows[0], moved, now, OURSELVES)
    tx.wakes.add(Wake.QUEUE)


def free_due(tx: Tx, now: Instant, n: int) -> int:
    """Up to `n` messages whose hold is over go back to their outlets; how many did."""
    found = tx.db.execute(_SQL["due"], (now, n)).fetchall()
    for seq, lane, route in found:
        tx.db.execute(_SQL["free"], (outlet_of(lane, route), seq))
    tx.db.execute(_SQL["forget_spent"], (now - KEPT_US,))
    return len(found)


# -- in the reader's thread ----------------------------------------------------------------------
def attempts_of(db: sqlite3.Connection, sim_id: SimId, before: int) -> list[tuple[int, int, str]]:
    """A stretch of a SIM's attempts, the newest first."""
    return db.execute(_SQL["attempts_of"], (sim_id, before, STRETCH)).fetchall()


def spent_of(db: sqlite3.Connection, sim_id: SimId, since: Instant) -> list[tuple[Instant, int]]:
    """What a SIM has begun of which no row is left, by the hour."""
    return db.execute(_SQL["spent_of"], (since, sim_id)).fetchall()


def charges_of(
    db: sqlite3.Connection, numbers: Sequence[str], key_ids: Sequence[str], since: Instant
) -> list[tuple[str, Instant, MessageClass]]:
    """See `Holds.charges`."""
    rows: list[tuple[str, Instant, str]] = []
    for name, given in (("charges_of_numbers", numbers), ("charges_of_keys", key_ids)):
        if given:
            rows += db.execute(_SQL[name], (json.dumps(list(given)), since))
    return [(subject, at, MessageClass(class_)) for subject, at, class_ in rows]

"""Why a message goes where it goes, and when another group of its route is to be tried.

May import L0 and its neighbours. Many messages have the same reasons, so these are kept once a day
and a message names them. What has had no delivery report in time begins again whole: it may be a
duplicate, and is counted as one.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

from airpost.clock import SECOND_US, Instant
from airpost.model import Lane, MessageClass, MessageId, SimId, Waiting
from airpost.routes import DEFAULT_ROUTE
from airpost.states import SegmentState
from airpost.store.api import Binding
from airpost.store.moves import current_rows
from airpost.store.routing import Reach, Routed, Turn
from airpost.store.statements import load
from airpost.store.transmissions import begin_again
from airpost.store.turns import turn
from airpost.store.writer import Tx

_SQL = load("choices")
BOUND_TO = "bound to"  # how the event of a binding begins
DAY_US = 86_400 * SECOND_US
KNOWN = 256  # reasons that are not looked up again


class Choices:
    """See `routing.Choices`; `read` runs a function in the reader's thread."""

    def __init__(self, read: Callable[..., Awaitable[Any]]) -> None:
        self._read = read

    async def routed(self, message_id: MessageId) -> Routed | None:
        """What is kept of its newest binding."""
        found: Routed | None = await self._read(routed, message_id, urgent=False)
        return found

    async def unbound(self, message_id: MessageId) -> Waiting | None:
        """A message that waits in the backlog."""
        found: Waiting | None = await self._read(unbound, message_id, urgent=False)
        return found

    async def turn(self, message_id: MessageId) -> Turn:
        """What an open message waits for that neither limits nor modems tell."""
        found: Turn = await self._read(turn, message_id, urgent=False)
        return found


# -- in the reader's thread ----------------------------------------------------------------------
def failed_on(db: sqlite3.Connection, message_seq: int) -> frozenset[SimId]:
    """The SIMs by which a message has failed for a reason of theirs or of the modem's."""
    return frozenset(SimId(sim) for (sim,) in db.execute(_SQL["failed_on"], (message_seq,)))


def last_sim(db: sqlite3.Connection, number: str) -> SimId | None:
    """The SIM that last sent to a number or heard from it."""
    known = db.execute(_SQL["last_sim"], (number, number)).fetchall()
    return SimId(max(known, key=lambda each: each[1])[0]) if known else None


def routed(db: sqlite3.Connection, message_id: MessageId) -> Routed | None:
    """See `routing.Choices.routed`."""
    row = db.execute(_SQL["routed"], (f"{BOUND_TO} %", message_id)).fetchone()
    if row is None:
        return None
    told = {} if row[7] is None else json.loads(row[7])
    return Routed(
        route=row[1],
        carrier=row[2],
        lane=row[3],
        sim_id=row[4],
        group=row[5],
        groups_failed=row[6],
        reason=told.get("why"),
        others={lane: words for words, lanes in told.get("others", {}).items() for lane in lanes},
        bound_at=row[8],
    )


def unbound(db: sqlite3.Connection, message_id: MessageId) -> Waiting | None:
    """See `routing.Choices.unbound`."""
    row = db.execute(_SQL["unbound"], (message_id,)).fetchone()
    if row is None:
        return None
    return Waiting(
        seq=row[0],
        id=row[1],
        to=row[2],
        class_=MessageClass(row[3]),
        parts=row[4],
        lane=row[5],
        route=row[6],
        carrier=row[7],
        groups_failed=row[8],
        avoid_sim=row[9],
        last_sim=last_sim(db, row[2]),
        failed_on=failed_on(db, row[0]),
    )


# -- in the writer's thread ----------------------------------------------------------------------
@lru_cache(maxsize=KNOWN)
def _told(why: str, others: tuple[tuple[str, ...], ...]) -> str:
    told = {"why": why, "others": {words: lanes for words, *lanes in others}}
    return json.dumps(told, ensure_ascii=False, sort_keys=True)


def choice_of(tx: Tx, binding: Binding, now: Instant) -> int:
    """The id under which it is kept why a message was bound where it was."""
    lanes: defaultdict[str, list[Lane]] = defaultdict(list)
    for lane in sorted(binding.others):
        lanes[binding.others[lane]].append(lane)
    text = _told(binding.reason, tuple((words, *lanes[words]) for words in sorted(lanes)))
    at, known = (now // DAY_US, text), tx.recall.choices
    if at not in known:
        if len(known) >= KNOWN:
            known.clear()
        found = tx.db.execute(_SQL["choice"], at).fetchone()
        made = tx.db.execute(_SQL["add_choice"], at).lastrowid if found is None else found[0]
        assert made is not None
        known[at] = made
    return known[at]


def fail_over(tx: Tx, now: Instant, n: int, reach: Reach) -> int:
    """Begin up to `n` messages again whose delivery report is overdue; how many were looked at.

    Those for which no later group can be reached stay: by the same SIM it would only be twice.
    """
    found = tx.db.execute(_SQL["overdue"], (now, *reach_columns(reach), n)).fetchall()
    for seq, group, failover_us, expires_at in found:
        rows = current_rows(tx, seq)
        tx.db.execute(_SQL["fail_over"], ((group or 0) + 1, seq))
        if expires_at > now and all(row.state is not SegmentState.SENDING for row in rows):
            words = f"no delivery report came in {failover_us // SECOND_US} s"
            begin_again(tx, rows, now, reason=words, resends=0, unbind=True)
    return len(found)


def still_tried(tx: Tx, seq: int) -> int | None:
    """The network has said that it still tries: fail-over waits longer, once.

    Seconds from sending to the new end of the wait; None where nothing changes.
    """
    found = tx.db.execute(_SQL["still_tried"], (seq,)).fetchone()
    return None if found is None else found[0] // SECOND_US


def reach_columns(reach: Reach) -> tuple[str | None, str]:
    """What a statement is given to compare a message's group with."""
    return None if reach is None else json.dumps(reach), DEFAULT_ROUTE


def forget_choices(tx: Tx, n: int) -> int:
    """Up to `n` reasons that no message can name any more; how many went."""
    tx.recall.choices.clear()
    return tx.db.execute(_SQL["forget"], (n,)).rowcount

"""The look into the backlog that follows new messages, made in their own transaction.

May import queue, L0. Where nothing waited, a modem at rest begins what comes now: the look would
cost it one thread more. Nothing is looked at that nobody has just asked for.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from airpost.clock import Clock, Instant
from airpost.model import Lane, MessageClass, Waiting
from airpost.store import queue

log = logging.getLogger("airpost.store")

QUICK_S = 0.002  # with many that wait for a retry it takes longer: no commit shall wait for that


@dataclass(frozen=True, slots=True)
class Look:
    """What is asked of the backlog; see `api.Store.backlog`."""

    n: int
    lanes: Sequence[Lane]
    routes: Sequence[str]
    lowest: MessageClass
    sims: int
    begins: int
    scheduled: bool

    def into(self, db: sqlite3.Connection, now: Instant) -> list[Waiting]:
        """What it finds."""
        return queue.backlog(
            db, now, self.n, self.lanes, self.routes, self.lowest,
            self.sims, self.begins, self.scheduled,
        )  # fmt: skip

    def timed(self, db: sqlite3.Connection, now: Instant) -> tuple[list[Waiting], float]:
        """The same, and how many seconds that took."""
        began_s = time.monotonic()
        return self.into(db, now), time.monotonic() - began_s


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look has found."""

    look: Look
    found: list[Waiting]


class Looks:
    """Of one store. `make` is called in the writer's thread, all else on the loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._repeat: Look | None = None  # the last one, where it was quick and found nothing
        self._seen: Seen | None = None  # by the newest commit

    def make(self, db: sqlite3.Connection) -> Seen | None:
        """The last look once more, in the transaction that is about to be committed."""
        look = self._repeat
        if look is None:
            return None
        try:
            found, took_s = look.timed(db, self._clock.now())
        except Exception as error:
            if not db.in_transaction:
                raise  # SQLite has ended it, and nothing was stored
            self._repeat = None  # whoever looks himself hears why
            log.debug("looks.failed %r", error)
            return None
        if took_s > QUICK_S:
            self._repeat = None
        return Seen(look, found)

    def answered(self, seen: Seen | None) -> None:
        """The writer has answered: what it had seen before is old."""
        self._seen = seen
        if seen is not None and seen.found:
            self._repeat = None  # until that has gone, whoever comes waits his turn

    def found(self, look: Look, *, newest: bool) -> list[Waiting] | None:
        """What the newest commit has seen, where that will do; once."""
        seen, self._seen = self._seen, None
        return None if newest or seen is None or seen.look != look else seen.found

    def looked(self, look: Look, found: Sequence[Waiting], took_s: float) -> None:
        """Somebody has looked himself."""
        self._repeat = None if found or took_s > QUICK_S else look

"""What the clock means for what is stored: the newest time there is, and a clock that was set.

May import L0 and its neighbours. Times are stored as the wall shows them. What runs by time that
passes, a time to live, a wait for a retry, a grace, is moved along with a clock that is set; an
instant that somebody named stays. A time to live is known by that: it ends whole seconds after the
message was accepted, to the microsecond, or whole seconds and a microsecond after its `send_at`.
The latter moves once that is past by the old and the new time: before, nothing of it has passed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from airpost.clock import SECOND_US, Instant
from airpost.model import Severity
from airpost.store.api import Wake
from airpost.store.lanes import note
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("timing")
SOON_S = 3600  # no wait for a retry, no grace is longer: what lies beyond was not set by this clock
KEPT_S = 72 * 3600  # the longest that an answer may be kept for a repeat of its request
_MOVES = ("message_expiry", "segment_expiry", "retries", "graces", "deadlines", "fail_overs",
          "sets", "answers", "holds")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest event and message of a store; None and 0 where there is none."""

    event_at: Instant | None
    message_seq: int


class Timing:
    """Timing of one store, for the loop."""

    def __init__(
        self, write: Callable[..., Awaitable[Any]], read: Callable[..., Awaitable[Any]]
    ) -> None:
        self._write = write
        self._read = read

    async def newest(self) -> Newest:
        """What is there now."""
        found: Newest = await self._read(newest)
        return found

    async def moved(self, by_us: int, before: Instant, after_seq: int, words: str) -> None:
        """The clock was set when it showed `before`: move what runs by time that passes.

        Of messages only those after `after_seq` (0: all), of the rest what that clock has set. An
        event says `words`. StoreUnavailable.
        """
        # Behind whatever was asked for with times of before.
        await self._write(move, by_us, before, after_seq, words, urgent=False)


def newest(db: sqlite3.Connection) -> Newest:
    """See `Timing.newest`."""
    return Newest(
        db.execute(_SQL["newest_event"]).fetchone()[0],
        db.execute(_SQL["newest_message"]).fetchone()[0],
    )


def move(tx: Tx, by_us: int, before: Instant, after_seq: int, words: str) -> None:
    """See `Timing.moved`."""
    given = {
        "by": by_us,
        "after": after_seq,
        "before": before,
        "soon": before + SOON_S * SECOND_US,
        "kept": before + KEPT_S * SECOND_US,
        "now": before + by_us,
    }
    for name in _MOVES:
        tx.db.execute(_SQL[name], {key: given[key] for key in given if f":{key}" in _SQL[name]})
    note(tx, "clock", None, "set", words, Instant(before + by_us), Severity.WARNING)
    tx.wakes.add(Wake.QUEUE)

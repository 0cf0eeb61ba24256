"""How many messages of each key were accepted in each minute.

May import L0 and its neighbours. Counting is an addition in memory; what was counted is written
together, a minute later. What a crash takes of it the messages' own events still tell.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from airpost.clock import SECOND_US, Clock, Instant
from airpost.errors import StoreUnavailable
from airpost.model import NewMessage
from airpost.store.auditing import KeyUse
from airpost.store.statements import load
from airpost.store.writer import Tx
from airpost.tasks import spawn

log = logging.getLogger("airpost.store")
_SQL = load("keyuse")
TOGETHER_S = 60.0
MINUTE_US = 60 * SECOND_US
_Counts = Mapping[tuple[str, int], int]


class KeyUses:
    """The counts of a store; `write` and `read` run a function in its threads."""

    def __init__(
        self,
        clock: Clock,
        write: Callable[..., Awaitable[Any]],
        read: Callable[..., Awaitable[Any]],
    ) -> None:
        self._clock = clock
        self._write = write
        self._read = read
        self._counts: Counter[tuple[str, int]] = Counter()
        self._writing: asyncio.Task[None] | None = None

    def accepted(self, message: NewMessage) -> None:
        """Count a message that is stored."""
        if message.key_id is None:
            return
        self._counts[message.key_id, message.created_at // MINUTE_US] += 1
        if self._writing is None:
            self._writing = spawn(self._write_often(), name="key uses")

    async def _write_often(self) -> None:
        try:
            while self._counts:
                await self._clock.sleep(TOGETHER_S)
                await self.flush()
        finally:
            self._writing = None

    async def flush(self) -> None:
        """Write what was counted; while that cannot be, it waits."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            await self._write(add, counts, urgent=False)
        except StoreUnavailable as error:
            log.debug("store.key_uses_not_written %s", error.reason)
            self._counts.update(counts)

    async def close(self) -> None:
        """The end: write what is left."""
        if self._writing is not None:
            self._writing.cancel()
        await self.flush()

    async def of(self, key_id: str, since: Instant) -> list[KeyUse]:
        """The minutes in which a key was used, also those of now."""
        found: Counter[int] = Counter(
            dict(await self._read(used, key_id, since // MINUTE_US, urgent=False))
        )
        for (id_, minute), count in self._counts.items():
            if id_ == key_id and minute >= since // MINUTE_US:
                found[minute] += count
        return [KeyUse(key_id=key_id, at=Instant(minute * MINUTE_US), count=found[minute])
                for minute in sorted(found)]  # fmt: skip


def add(tx: Tx, counts: _Counts) -> None:
    """Add counts to what is there."""
    rows = [(key_id, minute, count) for (key_id, minute), count in counts.items()]
    tx.db.executemany(_SQL["add"], rows)


def used(db: sqlite3.Connection, key_id: str, since: int) -> list[tuple[int, int]]:
    """(minute, count) of a key, oldest first."""
    return db.execute(_SQL["of"], (key_id, since)).fetchall()

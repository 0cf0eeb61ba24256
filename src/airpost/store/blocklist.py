"""Numbers that are never texted.

May import L0 and its neighbours. What is on the list is refused in the commit that would store it,
so nothing slips through beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from airpost.clock import Instant
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.store.holds import reject
from airpost.store.moves import current_rows
from airpost.store.queue import has_begun
from airpost.store.routing import Blocked
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("blocklist")
BLOCKED = Outcome(
    cls=OutcomeClass.PERMANENT,
    scope=Scope.DESTINATION,
    code="blocked",
    text="the number is on the blocklist",
)


class Blocklist:
    """See `routing.Blocklist`; `write` and `read` run a function in the store's threads."""

    def __init__(
        self, write: Callable[..., Awaitable[Any]], read: Callable[..., Awaitable[Any]]
    ) -> None:
        self._write = write
        self._read = read

    async def block(
        self, numbers: Sequence[str], note: str | None, actor: str, now: Instant
    ) -> int:
        """Add numbers, and fail what waits for them and has not begun."""
        return int(await self._write(block, numbers, note, actor, now, urgent=False))

    async def unblock(self, number: str) -> bool:
        """True when it was on the list."""
        return bool(await self._write(unblock, number, urgent=False))

    async def blocked(self, number: str) -> Blocked | None:
        """One entry."""
        found: Blocked | None = await self._read(blocked, number, urgent=False)
        return found

    async def page(self, after: str, limit: int) -> list[Blocked]:
        """Entries behind a number, by number."""
        found: list[Blocked] = await self._read(page, after, limit, urgent=False)
        return found


# -- in the writer's thread ----------------------------------------------------------------------
def block(tx: Tx, numbers: Sequence[str], note: str | None, actor: str, now: Instant) -> int:
    """See `routing.Blocklist.block`."""
    failed = 0
    for number in numbers:
        tx.db.execute(_SQL["add"], (number, note, actor, now))
        for (seq,) in tx.db.execute(_SQL["waiting"], (number,)).fetchall():
            if not has_begun(current_rows(tx, seq)):
                reject(tx, seq, BLOCKED, now)
                failed += 1
    return failed


def unblock(tx: Tx, number: str) -> bool:
    """See `routing.Blocklist.unblock`."""
    return tx.db.execute(_SQL["remove"], (number,)).rowcount == 1


# -- in the reader's thread ----------------------------------------------------------------------
def blocked(db: sqlite3.Connection, number: str) -> Blocked | None:
    """See `routing.Blocklist.blocked`."""
    row = db.execute(_SQL["one"], (number,)).fetchone()
    return None if row is None else Blocked(number=row[0], note=row[1], actor=row[2], since=row[3])


def page(db: sqlite3.Connection, after: str, limit: int) -> list[Blocked]:
    """See `routing.Blocklist.page`."""
    return [
        Blocked(number=row[0], note=row[1], actor=row[2], since=row[3])
        for row in db.execute(_SQL["page"], (after, limit))
    ]

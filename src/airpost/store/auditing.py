"""The AuditLog protocol: what is asked of the audit log of a store, and nothing about how.

May import L0. Methods that write raise StoreUnavailable where the store cannot, and return after
their commit. A row about a change rides with it: what is written inside `riding()` has the row in
the same commit, so that there is never one without the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from airpost.audit import Anchor, Entry, Row
from airpost.clock import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """How many messages of a key were accepted in a minute; `at` is its beginning."""

    key_id: str
    at: Instant
    count: int


@dataclass(slots=True)
class Riding:
    """A row on its way. `anchor` tells that it is on disk.

    `counted` is a name in the row's detail for what the write returns. `begun`: what is done cannot
    be in one commit, and the row of this number was written before it; 0 while it is being written.
    """

    entry: Entry
    counted: str | None = None
    anchor: Anchor | None = None
    begun: int | None = None
    over: bool = False


_RIDING: ContextVar[Riding | None] = ContextVar("riding", default=None)


@contextmanager
def riding(entry: Entry) -> Iterator[Riding]:
    """Inside, also in tasks begun there, the first write that changes something takes it along."""
    ride = Riding(entry)
    before = _RIDING.set(ride)
    try:
        yield ride
    finally:
        ride.over = True  # for tasks that go on
        _RIDING.reset(before)


def rider() -> Riding | None:
    """The row that has to ride with what is written now."""
    ride = _RIDING.get()
    if ride is None or ride.over or ride.anchor is not None or ride.begun is not None:
        return None
    return ride


class AuditLog(Protocol):
    """Who did what, in rows that only follow each other."""

    async def append(self, entries: Sequence[Entry]) -> Anchor:
        """Add rows, in one commit; the newest one."""
        ...

    async def head(self) -> Anchor:
        """The newest row."""
        ...

    async def rows(self, after: int, limit: int) -> list[Row]:
        """Rows behind number `after`, oldest first."""
        ...

    async def uses(self, key_id: str, since: Instant) -> list[KeyUse]:
        """The minutes from `since` on in which messages of a key were accepted, oldest first."""
        ...

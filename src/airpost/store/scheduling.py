"""The Scheduling protocol: recurring schedules, kept and fired.

May import L0. What writes may raise StoreUnavailable, and then nothing was written.
"""

from __future__ import annotations

from typing import Protocol

from airpost.clock import Instant
from airpost.model import NewMessage
from airpost.schedule import Schedule
from airpost.store.api import Page


class Scheduling(Protocol):
    """Schedules of one store."""

    async def add(self, schedule: Schedule) -> None:
        """Keep a new one; ValueError when its owner has too many already."""
        ...

    async def find(self, schedule_id: str, owner: str | None) -> Schedule | None:
        """One of an owner's (None: of anybody's)."""
        ...

    async def page(self, owner: str | None, after: int, limit: int) -> Page[Schedule]:
        """An owner's (None: everybody's) in the order they were made."""
        ...

    async def delete(self, schedule_id: str, owner: str | None, actor: str, now: Instant) -> bool:
        """True when there was such a schedule; messages it has made stay."""
        ...

    async def due(self, now: Instant) -> list[Schedule]:
        """Some of those whose instant has come, the oldest first."""
        ...

    async def next_at(self) -> Instant | None:
        """When the next one fires, past instants too."""
        ...

    async def fire(
        self,
        schedule: Schedule,
        message: NewMessage | None,
        *,
        at: Instant,
        next_at: Instant,
        skipped: int,
        problem: str | None,
        now: Instant,
    ) -> bool:
        """The firing for the instant `at` and what is next, in one commit; None: no message.

        False, and nothing is written, where the schedule is gone or was moved on already.
        InvalidRequest, and nothing is written, for a number on the blocklist.
        """
        ...

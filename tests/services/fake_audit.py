"""An audit log in memory, with the rows of the real one."""

from __future__ import annotations

from collections.abc import Sequence

from airpost.audit import Anchor, Entry, Row, sealed
from airpost.clock import Instant
from airpost.errors import StoreUnavailable
from airpost.store.auditing import KeyUse


class FakeAuditLog:
    def __init__(self) -> None:
        self.kept: list[Row] = []
        self.commits = 0
        self.unavailable: str | None = None
        self.used: list[KeyUse] = []

    async def append(self, entries: Sequence[Entry]) -> Anchor:
        if self.unavailable is not None:
            raise StoreUnavailable(self.unavailable)
        self.commits += 1
        for entry in entries:
            before = Anchor(self.kept[-1].n, self.kept[-1].hash) if self.kept else Anchor()
            self.kept.append(sealed(entry, before))
        return await self.head()

    async def head(self) -> Anchor:
        return Anchor(self.kept[-1].n, self.kept[-1].hash) if self.kept else Anchor()

    async def rows(self, after: int, limit: int) -> list[Row]:
        return [row for row in self.kept if row.n > after][:limit]

    async def uses(self, key_id: str, since: Instant) -> list[KeyUse]:
        return [use for use in self.used if use.key_id == key_id and use.at >= since]

    def told(self) -> list[tuple[str, str, str, str]]:
        """(action, actor, subject, result) of each row."""
        return [(row.action, row.actor, row.subject, row.result) for row in self.kept]

"""The AuditLog protocol: what is asked of the audit log of a store, and nothing about how.

May import L0. Methods that write raise StoreUnavailable where the store cannot, and return after
their commit.
"""

from __future__ import annotations

from collections.abc import Sequence
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

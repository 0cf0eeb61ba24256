"""Batches as others see them: messages that were handed in together.

May import L0. A batch is written before its first row and ended after its last. What lies between
is stored piece by piece and sent meanwhile; a repeat of the request goes on with what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from airpost.clock import Instant
from airpost.states import MessageState
from airpost.store.values import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A batch before its rows. `key` is the caller's Idempotency-Key, with its fingerprint."""

    id: str
    owner: str
    key_id: str | None
    size: int
    created_at: Instant
    sender_ref: str | None = None
    tags: tuple[str, ...] = ()
    key: str | None = None
    fingerprint: str = ""
    kept_s: int = 0  # how long the key is


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A stored batch; `taken_at` None: some of its rows are not decided."""

    seq: int  # commit order
    id: str
    owner: str
    key_id: str | None
    size: int
    created_at: Instant
    taken_at: Instant | None
    cancelled_at: Instant | None
    accepted: int
    rejected: int
    sender_ref: str | None
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCounts:
    """The messages of a batch that are stored, by state, and how many of them are not final."""

    states: Mapping[MessageState, int]
    pending: int


class Batches(Protocol):
    """Batches of a store."""

    async def begin(self, new: NewBatch) -> Batch:
        """Keep a new batch; the one there is where its key and fingerprint are known.

        DuplicateRequest `mismatch` for a known key with another fingerprint.
        """
        ...

    async def rows(self, batch: Batch) -> set[tuple[int, str]]:
        """What of it is stored, by row and number: a group in a row is many numbers."""
        ...

    async def end(self, batch: Batch, accepted: int, rejected: int, why: bytes) -> None:
        """All rows are decided; `why` is the JSON list of those that were not taken."""
        ...

    async def find(self, batch_id: str, owner: str | None) -> Batch | None:
        """One of an owner's (None: of anybody's)."""
        ...

    async def page(self, owner: str | None, after: int, limit: int) -> Page[Batch]:
        """An owner's (None: everybody's) in the order they were made."""
        ...

    async def why(self, batch: Batch) -> bytes:
        """The JSON list of what was not taken."""
        ...

    async def counts(self, batch: Batch) -> BatchCounts:
        """What has become of its messages."""
        ...

    async def cancel(self, batch: Batch, actor: str) -> tuple[int, int]:
        """Cancel what has not begun: (how many were, how many could not be)."""
        ...

    async def mark_cancelled(self, batch: Batch) -> None:
        """No further row of it is taken."""
        ...

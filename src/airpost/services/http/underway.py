"""Batches that are being handed in to this process.

May import L0 and the store's protocols.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from airpost.services.http.problems import Refusal
from airpost.store.batching import Batch

RETRY_AFTER_S = 5


class Taking(Protocol):
    """One of them: it takes no more once `cancelled` is set, and sets `over` at its end."""

    cancelled: bool
    over: asyncio.Event


class Under:
    """Batches under way in this process, by id."""

    def __init__(self) -> None:
        self.ending = asyncio.Event()  # set once one was cancelled
        self._places = 0
        self._taking: dict[str, Taking] = {}

    @contextmanager
    def place(self, most: int) -> Iterator[None]:
        """Hold one of `most` places; Refusal where all are taken."""
        if self._places >= most:
            raise Refusal(
                "too-many-batches",
                f"{most} are being handed in; try again soon",
                headers={"Retry-After": str(RETRY_AFTER_S)},
                extra={"setting": "http.batches_at_once"},
            )
        self._places += 1
        try:
            yield
        finally:
            self._places -= 1

    @contextmanager
    def running(self, batch: Batch, taking: Taking) -> Iterator[None]:
        """The batch is being taken in meanwhile."""
        self._taking[batch.id] = taking
        try:
            yield
        finally:
            del self._taking[batch.id]

    def __contains__(self, batch: Batch) -> bool:
        return batch.id in self._taking

    async def end(self, batch: Batch) -> None:
        """No further row of it is taken; return once that is so."""
        taking = self._taking.get(batch.id)
        if taking is not None:
            taking.cancelled = True
            self.ending.set()
            await taking.over.wait()

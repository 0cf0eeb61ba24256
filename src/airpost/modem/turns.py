"""Whose turn it is on one wire: by priority, then by order of asking.

May import at.command. One holds it at a time; to end a turn gives it to whoever is next.
"""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

from airpost.at.command import Priority

PATIENCE = 4  # so many asked for later go before one of the next lower priority, that one included


class Turns:
    """Of one session."""

    def __init__(self) -> None:
        self._held = False
        self._waiting: list[tuple[Priority, int, int, asyncio.Future[None]]] = []
        self._order = count()

    @property
    def urgent(self) -> bool:
        """True while something urgent waits for its turn."""
        return bool(self._waiting) and self._waiting[0][0] <= Priority.URGENT

    async def take(self, priority: Priority) -> None:
        """Begin a turn; raises what `fail` is given meanwhile."""
        if not self._held:
            self._held = True
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # Sending and receiving take turns without end: care must have one now and then.
        order, behind = next(self._order), max(0, priority - Priority.SEND)
        rank = (min(priority, Priority.SEND), order + PATIENCE * behind, order)
        heapq.heappush(self._waiting, (*rank, mine))
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled() and mine.exception() is None:
                self.end()  # it was given to us while we were being cancelled
            raise

    def end(self) -> None:
        """End the turn."""
        while self._waiting:
            *_, following = heapq.heappop(self._waiting)
            if not following.done():
                following.set_result(None)
                return
        self._held = False

    def fail(self, error: Exception) -> None:
        """There are no turns any more: whoever waits for one hears why."""
        for *_, turn in self._waiting:
            if not turn.done():
                turn.set_exception(error)
        self._waiting.clear()

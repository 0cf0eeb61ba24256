"""Timers that fire in the order they were set when they are due at the same time.

Stdlib only. The loop's own heap gives no such promise, and three parts of one message sent at once
would arrive as 1, 3, 2.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable


class Timer:
    """One call to come; `cancel()` may be called at any time."""

    def __init__(self, due_s: float, number: int, call: Callable[[], None]) -> None:
        self.due_s = due_s
        self.number = number
        self.call: Callable[[], None] | None = call
        self.handle: asyncio.TimerHandle | None = None

    def __lt__(self, other: Timer) -> bool:
        return (self.due_s, self.number) < (other.due_s, other.number)

    def cancel(self) -> None:
        """Do not call."""
        self.call = None
        if self.handle is not None:
            self.handle.cancel()


class Timers:
    """All timers of one pool."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[Timer] = []
        self._set = 0

    def later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Run `call` after `delay_s` seconds of loop time, never at once."""
        self._set += 1
        timer = Timer(self._loop.time() + max(0.0, delay_s), self._set, call)
        heapq.heappush(self._heap, timer)
        timer.handle = self._loop.call_at(timer.due_s, self._fire)
        return timer

    def _fire(self) -> None:
        # As many firings as living timers: each takes the one that is first, not the one it was
        # made for.
        while self._heap:
            timer = heapq.heappop(self._heap)
            if timer.call is not None:
                timer.call()
                return

    def close(self) -> None:
        """Cancel all."""
        for timer in self._heap:
            timer.cancel()
        self._heap.clear()

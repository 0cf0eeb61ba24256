"""What wakes the one who waits for an event: it has come, or his time is over.

Stdlib only. A dialogue waits again and again, for seconds to minutes, and mostly in vain of its
time: so one timer serves wait after wait, and is set anew where it runs out too early.
"""

from __future__ import annotations

import asyncio


class Bell:
    """Of one who waits at a time."""

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        self._due_s = 0.0  # his time, by the loop
        self._timer: asyncio.TimerHandle | None = None

    def awaited(self, timeout_s: float) -> asyncio.Future[None]:
        """To be awaited: done when it rings, at the latest in so many seconds."""
        self.due_in(timeout_s)
        self._waiter = waiter = asyncio.get_running_loop().create_future()
        return waiter

    @property
    def waits(self) -> bool:
        """True while somebody waits who is not rung for yet."""
        return self._waiter is not None and not self._waiter.done()

    def due_in(self, timeout_s: float) -> None:
        """Whoever waits does so for so many seconds from now."""
        loop = asyncio.get_running_loop()
        self._due_s = loop.time() + timeout_s
        self._watch(loop)

    def ring(self) -> None:
        """Something has come."""
        if self._waiter is not None and self.waits:
            self._waiter.set_result(None)

    def close(self) -> None:
        """It rings for the last time."""
        self.ring()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        timer = self._timer
        if timer is not None and timer.when() <= self._due_s:
            return
        if timer is not None:
            timer.cancel()
        self._timer = loop.call_at(self._due_s, self._runs_out, loop)

    def _runs_out(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if loop.time() < self._due_s:  # that of an earlier wait
            self._watch(loop)
        else:
            self.ring()

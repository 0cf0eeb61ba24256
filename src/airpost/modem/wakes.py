"""Modems that answer at the same time: one of them is gone on with in each turn of the loop.

Stdlib only. Whoever has the answer to a message asks for the next one's prompt. Were all woken in
one turn, the first prompt would wait until the last modem had been asked; so it is read, and
answered, between them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary


class Wakes:
    """Of one loop, which is what they share."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._under_way = False

    def call(self, wake: Callable[[], None]) -> None:
        """Have `wake` called, in order: at once where no other was in this turn of the loop."""
        if self._under_way:
            self._waiting.append(wake)
            return
        self._under_way = True
        self._go_on(wake)

    def _go_on(self, wake: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_soon(self._next)
        wake()

    def _next(self) -> None:
        if self._waiting:
            self._go_on(self._waiting.popleft())
        else:
            self._under_way = False


_OF: WeakKeyDictionary[asyncio.AbstractEventLoop, Wakes] = WeakKeyDictionary()


def wakes() -> Wakes:
    """Those of the running loop."""
    return _OF.setdefault(asyncio.get_running_loop(), Wakes())

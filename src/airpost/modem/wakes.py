"""Modems that answer at the same time: one of them is gone on with in each turn of the loop.

Stdlib only. A reply wakes the caller of its command by this; whoever has the answer to a message
asks for the next one's prompt. Were all woken in one turn, the first prompt would wait until the
last modem had been asked; so it is read, and answered, between them. Nobody waits long for that:
turns are long where the loop has much to do.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

LONGEST_S = 0.003  # who has waited so long goes on in any case


class Wakes:
    """Of one loop, which is what they share."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()  # since when, and who
        self._under_way = False

    def call(self, wake: Callable[[], None]) -> None:
        """Have `wake` called, in order: at once where no other was in this turn of the loop."""
        loop = asyncio.get_running_loop()
        if self._under_way:
            self._waiting.append((loop.time(), wake))
            return
        self._under_way = True
        loop.call_soon(self._next, loop)
        wake()

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._waiting:
            self._under_way = False
            return
        loop.call_soon(self._next, loop)
        _, wake = self._waiting.popleft()
        wake()
        late_s = loop.time() - LONGEST_S
        while self._waiting and self._waiting[0][0] <= late_s:
            self._waiting.popleft()[1]()


_OF: WeakKeyDictionary[asyncio.AbstractEventLoop, Wakes] = WeakKeyDictionary()


def wakes() -> Wakes:
    """Those of the running loop."""
    return _OF.setdefault(asyncio.get_running_loop(), Wakes())

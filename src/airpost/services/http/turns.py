"""How much of one kind of work a turn of the event loop does.

Stdlib only. A burst of requests shall not keep the loop from the modems: what is more than `most`
waits for the next turn, in order.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """`await mine()` before the work; costs nothing while there is room."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._counting = False

    async def mine(self) -> None:
        """Return in a turn that has room."""
        if not self._counting:
            self._counting = True
            asyncio.get_running_loop().call_soon(self._next)
        if self._left and not self._waiting:
            self._left -= 1
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _next(self) -> None:
        """A turn is over: those that wait have the next."""
        self._left = self._most
        while self._waiting and self._left:
            future = self._waiting.popleft()
            if not future.done():  # else whoever waited is gone
                future.set_result(None)
                self._left -= 1
        self._counting = self._left < self._most
        if self._counting:
            asyncio.get_running_loop().call_soon(self._next)

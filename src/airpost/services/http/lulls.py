"""Connections that wait for their caller, the longest first.

Stdlib only. They wait for a whole head, the rest of a body or the next request. What is being
worked on, a stream or a long poll among it, waits for us and is no lull.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary


class Lulls:
    """`now()` is in seconds and never goes back; costs two looks into a dict a request."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since: WeakKeyDictionary[asyncio.BaseTransport, float] = WeakKeyDictionary()

    def begin(self, transport: asyncio.BaseTransport | None) -> None:
        """From now on it waits for its caller."""
        if transport is not None:
            self._since.pop(transport, None)  # so that it stands last
            self._since[transport] = self._now()

    def end(self, transport: asyncio.BaseTransport | None) -> None:
        """What it waited for has come."""
        if transport is not None:
            self._since.pop(transport, None)

    def take_longest(self, least_s: float) -> asyncio.BaseTransport | None:
        """The one that has waited the longest, once; None where none has for so long."""
        transport, since = next(iter(self._since.items()), (None, 0.0))
        if transport is None or self._now() - since < least_s:
            return None
        del self._since[transport]
        return transport

"""The event log as it grows: one reader for all who are told.

May import L0 and the store's protocols. A commit is a hint: what comes within LOOK_S is read
together, nothing is read while nobody listens, and the commit itself knows nothing of it. The
newest events stay in memory, so that a thousand listeners cost one question; whoever is behind
reads its own.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from airpost.clock import Clock
from airpost.errors import StoreUnavailable
from airpost.store.api import Wake
from airpost.store.publishing import LogEvent, Outbox, Stretch

log = logging.getLogger("airpost.events")
LOOK_S = 0.05
LISTENER_S = 0.0002  # more for each who listens: many are told of more at once, and not as often
RECHECK_S = 15.0  # a wake may be lost
ROWS = 500  # of the log, read at a time
RING = 2_000  # events in memory
AT_ONCE = 8  # listeners woken in one turn of the loop


class EventLog:
    """The end of the log. `run()` reads it; `head` is as far as that has got."""

    def __init__(
        self,
        outbox: Outbox,
        subscribe: Callable[[Callable[[Wake], None]], Callable[[], None]],
        clock: Clock,
    ) -> None:
        self.head = 0
        self.read = 0  # events, since the start
        self._outbox = outbox
        self._subscribe = subscribe
        self._clock = clock
        self._from = 0  # the ring holds everything after it
        self._ring: list[LogEvent] = []
        self._seqs: list[int] = []
        self._listeners = 0
        self._woken = asyncio.Event()
        self._waiting: dict[asyncio.Future[None], int] = {}  # by the place they are at
        self._callbacks: list[Callable[[], None]] = []

    @contextmanager
    def listening(self, told: Callable[[], None] | None = None) -> Iterator[None]:
        """While somebody is in here, the log is read, and `told` called when there is more."""
        self._listeners += 1
        if told is not None:
            self._callbacks.append(told)
        self._woken.set()
        try:
            yield
        finally:
            self._listeners -= 1
            if told is not None:
                self._callbacks.remove(told)

    def watch(self, told: Callable[[], None]) -> None:
        """Call `told` whenever `head` has moved, from now on; it makes nobody read."""
        self._callbacks.append(told)

    async def run(self) -> None:
        """For ever."""
        unsubscribe = self._subscribe(self._saw)
        try:
            while True:
                try:
                    if self._listeners:
                        await self._catch_up()
                    await self._clock.sleep(max(LOOK_S, LISTENER_S * self._listeners))
                except StoreUnavailable as error:
                    log.debug("events.not_read %s", error.reason)
                    await self._clock.sleep(1.0)
                await self._hint()
        finally:
            unsubscribe()

    async def _hint(self) -> None:
        try:
            async with asyncio.timeout(RECHECK_S):
                await self._woken.wait()
        except TimeoutError:
            pass  # the store is asked in any case
        self._woken.clear()

    def _saw(self, wake: Wake) -> None:
        if wake is Wake.EVENT and self._listeners:
            self._woken.set()

    async def _catch_up(self) -> None:
        newest = await self._outbox.head()
        if newest - self.head > RING:  # nobody has listened for long: those behind read their own
            self._forget(newest)
            await self._tell()
        while True:
            found = await self._outbox.log(self.head, ROWS)
            if found.until == self.head:
                return
            self.read += len(found.events)
            self._ring += found.events
            self._seqs += [event.seq for event in found.events]
            self.head = found.until
            self._trim()
            await self._tell()

    def _forget(self, head: int) -> None:
        self._ring.clear()
        self._seqs.clear()
        self._from = self.head = head

    def _trim(self) -> None:
        if len(self._ring) > 2 * RING:
            self._from = self._seqs[-RING - 1]
            del self._ring[:-RING], self._seqs[:-RING]

    async def _tell(self) -> None:
        for told in tuple(self._callbacks):
            told()
        waiting = [each for each, place in self._waiting.items() if place < self.head]
        for at, future in enumerate(waiting, 1):
            if not future.done():
                future.set_result(None)
            if at % AT_ONCE == 0:
                await asyncio.sleep(0)  # the modems go between

    async def start(self) -> int:
        """The place from which everything that comes is read; for who listens from now on."""
        newest = await self._outbox.head()
        if newest > self.head + RING:
            self._forget(newest)
        return newest

    async def after(self, place: int, most: int = ROWS) -> Stretch:
        """What comes after a place, `most` rows of it; `until` is `place` where there is nothing.

        StoreUnavailable.
        """
        found = self.recent(place, most)
        return await self._outbox.log(place, most) if found is None else found

    def recent(self, place: int, most: int = ROWS) -> Stretch | None:
        """The same of what is in memory; None where that is not enough."""
        if place >= self.head:
            return Stretch(events=(), until=place)
        if place < self._from:
            return None
        at = bisect_right(self._seqs, place)
        some = self._ring[at : at + most]
        whole = at + len(some) == len(self._ring)
        return Stretch(events=tuple(some), until=self.head if whole else some[-1].seq)

    async def beyond(self, place: int, limit_s: float) -> bool:
        """True once there is more than `place`; False after `limit_s`."""
        if self.head > place:
            return True
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = place
        try:
            async with asyncio.timeout(limit_s):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(future, None)
        return True

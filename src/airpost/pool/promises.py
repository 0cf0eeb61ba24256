"""What urgent traffic the modems there are can promise now, kept up to date.

May import L0. Found by search, in short steps far apart, and again only where the number of modems
or the time they take has changed: a loop that computes without a pause keeps the threads of the
store from theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from statistics import fmean

from airpost.clock import Clock
from airpost.model import ModemView
from airpost.pool.capacity import URGENT_SHARE, URGENT_WAIT_S, searching, under_bulk_per_minute
from airpost.pool.facade import Promise
from airpost.pool.reserve import LEAST_READY
from airpost.pool.route import UNMEASURED_SERVICE_S

PAUSE_S = 1.0  # between two looks at least
LOOK_EVERY_S = 15.0
STEP_S = 0.001  # of searching on end
STEP_EVERY_S = 0.03


class Promises:
    """`views` are those of all modems, `able` of those that take urgent messages now.

    `reserved` of a route carry no bulk.
    """

    def __init__(
        self, views: Callable[[], Iterable[ModemView]], able: Callable[[], Iterable[ModemView]],
        reserved: int, clock: Clock,
    ) -> None:  # fmt: skip
        self._views = views
        self._able = able
        self._reserved = reserved
        self._clock = clock
        self._found: dict[tuple[int, float], float] = {}
        self._now: dict[str, Promise] = {}
        self._wake = asyncio.Event()

    @property
    def now(self) -> tuple[Promise, ...]:
        """Of each route, by name; as of the last look."""
        return tuple(self._now[route] for route in sorted(self._now))

    def wake(self) -> None:
        """A modem has come, gone, or taken another time for a part."""
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                pass  # a limit may be met, or over
            self._wake.clear()
            for route, (modems, service_s) in self._routes().items():
                self._now[route] = await self._promise(route, modems, service_s)
            await self._clock.sleep(PAUSE_S)

    def _routes(self) -> Mapping[str, tuple[int, float]]:
        """Route → (modems that take messages, mean seconds a part)."""
        able = tuple(self._able())
        found = {}
        for route in {route for view in self._views() for route in view.routes}:
            times = [view.service_s or UNMEASURED_SERVICE_S
                     for view in able if route in view.routes]  # fmt: skip
            mean = fmean(times) if times else UNMEASURED_SERVICE_S
            found[route] = len(times), float(f"{mean:.2g}")
        return found

    async def _promise(self, route: str, modems: int, service_s: float) -> Promise:
        reserved = min(self._reserved, modems - 1) if modems >= LEAST_READY else 0
        if (modems, service_s) not in self._found:
            search = searching(modems, service_s)
            until_s = self._clock.mono() + STEP_S
            while True:
                try:
                    next(search)
                except StopIteration as done:
                    self._found[modems, service_s] = done.value
                    break
                if self._clock.mono() >= until_s:
                    await self._clock.sleep(STEP_EVERY_S)
                    until_s = self._clock.mono() + STEP_S
        alone = self._found[modems, service_s]
        beside = min(alone, under_bulk_per_minute(modems, service_s, reserved))
        return Promise(
            route=route,
            modems=modems,
            reserved=reserved,
            service_s=service_s,
            urgent_per_minute=round(alone, 1),
            under_bulk_per_minute=round(beside, 1),
            wait_s=URGENT_WAIT_S,
            share=URGENT_SHARE,
        )

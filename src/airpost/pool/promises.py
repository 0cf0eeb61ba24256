"""What urgent traffic the modems there are can promise now, kept up to date.

May import L0. Found by search, in short steps far apart, and again only where the modems, the time
they take or their limits are others: a loop that computes without a pause keeps the threads of the
store from theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from airpost.clock import Clock
from airpost.model import Lane, ModemView
from airpost.pool.capacity import (
    URGENT_SHARE,
    URGENT_WAIT_S,
    Pace,
    searching,
    searching_paced,
    under_bulk_per_minute,
)
from airpost.pool.facade import Promise
from airpost.pool.limits import LimitProfile
from airpost.pool.reserve import LEAST_READY
from airpost.pool.route import UNMEASURED_SERVICE_S

PAUSE_S = 1.0  # between two looks at least
LOOK_EVERY_S = 30.0  # nothing tells when a limit, or a SIM that was closed, opens again
STEP_S = 0.001  # of searching on end
STEP_EVERY_S = 0.03
KEPT = 256  # results of searches


@dataclass(frozen=True, slots=True)
class Able:
    """The modems of a route that take messages: what a promise follows from.

    `paces`: of those with a limit of a minute, sorted; `kept`: the same of what bulk leaves them.
    """

    modems: int
    service_s: float  # from a begin to the next, by the modem or the gap of its SIM
    paces: tuple[Pace, ...] = ()
    kept: tuple[Pace, ...] = ()


class Promises:
    """`views` are those of all modems, `able` of those that take urgent messages now.

    `reserved` of a route carry no bulk. `limited`: what limits the SIM in a lane's modem.
    """

    def __init__(
        self, views: Callable[[], Iterable[ModemView]], able: Callable[[], Iterable[ModemView]],
        limited: Callable[[Lane], LimitProfile | None], reserved: int, clock: Clock,
    ) -> None:  # fmt: skip
        self._views = views
        self._able = able
        self._limited = limited
        self._reserved = reserved
        self._clock = clock
        self._found: dict[tuple[object, ...], float] = {}
        self._known: dict[str, Able] = {}
        self._now: dict[str, Promise] = {}
        self._wake = asyncio.Event()

    @property
    def now(self) -> tuple[Promise, ...]:
        """Of each route, by name; without rates while they are found for the modems there are."""
        return tuple(self._told(route, able) for route, able in sorted(self._routes().items()))

    def _told(self, route: str, able: Able) -> Promise:
        known = self._known.get(route)
        if known is not None and known.modems == able.modems:
            return self._now[route]
        self.wake()  # a limit is over
        return self._of_route(route, able, None, None)

    def wake(self) -> None:
        """A modem has come, gone, met a limit, or taken another time for a part."""
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                pass  # a limit may be over
            self._wake.clear()
            for route, able in self._routes().items():
                if self._known.get(route) != able:
                    self._now[route] = await self._promise(route, able)
                    self._known[route] = able
            await self._clock.sleep(PAUSE_S)

    def _routes(self) -> Mapping[str, Able]:
        able = tuple(self._able())
        routes = {route for view in self._views() for route in view.routes}
        return {route: self._of([each for each in able if route in each.routes])
                for route in routes}  # fmt: skip

    def _of(self, views: list[ModemView]) -> Able:
        times, paces, kept = [], [], []
        for view in views:
            limit = self._limited(view.lane)
            gap_s = 0.0 if limit is None else limit.gap_s
            times.append(max(gap_s, view.service_s or UNMEASURED_SERVICE_S))
            if limit is not None and limit.per_minute is not None:
                whole = Pace(limit.per_minute, limit.burst or 0)
                paces.append(whole)
                kept.append(_share(whole, limit.reserve_percent))
        mean = float(f"{fmean(times) if times else UNMEASURED_SERVICE_S:.2g}")
        paces.sort()
        # Which modem carries no bulk may change: those that may have least count.
        reserved = self._without_bulk(len(views)) - (len(views) - len(paces))
        kept = sorted(kept)[max(0, reserved) :] + paces[: max(0, reserved)]
        return Able(len(views), mean, tuple(paces), tuple(sorted(kept)))

    def _without_bulk(self, modems: int) -> int:
        return min(self._reserved, modems - 1) if modems >= LEAST_READY else 0

    async def _promise(self, route: str, able: Able) -> Promise:
        modems, service_s = able.modems, able.service_s
        reserved = self._without_bulk(modems)
        alone = await self._search(modems, service_s)
        free = modems - len(able.paces)
        beside = min(alone, under_bulk_per_minute(modems, service_s, reserved))
        if able.paces:
            others = await self._search(free, service_s)
            alone = min(alone, others + await self._paced(able.paces))
            beside = min(alone, beside, others + await self._paced(able.kept))
        return self._of_route(route, able, round(alone, 1), round(beside, 1))

    def _of_route(
        self, route: str, able: Able, alone: float | None, beside: float | None
    ) -> Promise:
        return Promise(
            route=route,
            modems=able.modems,
            reserved=self._without_bulk(able.modems),
            service_s=able.service_s,
            urgent_per_minute=alone,
            under_bulk_per_minute=beside,
            wait_s=URGENT_WAIT_S,
            share=URGENT_SHARE,
        )

    async def _search(self, modems: int, service_s: float) -> float:
        return await self._in_steps((modems, service_s), searching(modems, service_s))

    async def _paced(self, paces: tuple[Pace, ...]) -> float:
        return await self._in_steps(paces, searching_paced(paces))

    async def _in_steps(
        self, key: tuple[object, ...], search: Generator[None, None, float]
    ) -> float:
        """What a search finds, or has found before."""
        if key in self._found:
            return self._found[key]
        until_s = self._clock.mono() + STEP_S
        while True:
            try:
                next(search)
            except StopIteration as done:
                found: float = done.value
                break
            if self._clock.mono() >= until_s:
                await self._clock.sleep(STEP_EVERY_S)
                until_s = self._clock.mono() + STEP_S
        if len(self._found) >= KEPT:
            self._found.clear()
        self._found[key] = found
        return found


def _share(pace: Pace, percent: int) -> Pace:
    """What bulk leaves of it: it waits while more than that is used."""
    if pace.burst:
        kept = pace.burst * percent // 100
        return Pace(pace.per_minute if kept else 0, kept)
    return Pace(pace.per_minute * percent // 100)

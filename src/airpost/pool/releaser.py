"""Gives back to the backlog what waits for a modem that does not serve it.

May import store.api, L0. Modems that take nothing, those in trouble while others could take over,
those whose SIM is closed by its limits, or rests with parts of a message before it, those that are
no more, and what waits behind others when somebody is idle.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from airpost.clock import Clock
from airpost.errors import StoreUnavailable
from airpost.model import Lane, ModemView
from airpost.outage import Outage
from airpost.pool.dispatch import LaneLoop
from airpost.pool.route import LaneLoad
from airpost.store.api import CANNOT_SEND, Store

log = logging.getLogger("airpost.pool")

# Why a modem's messages are given back, behind its name.
CLOSED = "may send nothing for a while"
RESTS = "rests after failures in a row"  # only what has begun is, then
TROUBLED = "is in trouble, others can send it"
BUSY = "is busy, another modem is idle"
DUE_S = 0.5  # after which what came due at a lane that takes nothing is given back
RELEASE_EVERY_S = 30.0  # how often lanes that take nothing are looked at again


class Releaser:
    """`loops` and `views` are the pool's own. `keeps`: a lane that takes nothing sends what it has.

    `released` is called after each look: there may be something to bind.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        loops: Mapping[Lane, LaneLoop],
        views: Mapping[Lane, ModemView],
        *,
        keeps: Callable[[Lane], bool],
        resume_s: float,
        released: Callable[[], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._loops = loops
        self._views = views
        self._keeps = keeps
        self._resume_s = resume_s
        self._released = released
        self._wanted = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._troubled: set[Lane] = set()
        self._closed: set[Lane] = set()
        self._idle: set[Lane] = set()
        self._busy: set[Lane] = set()  # while another is idle

    def look(self) -> None:
        """A modem has stopped taking messages."""
        self._wanted.set()

    def came_due(self) -> None:
        """A retry or a resend came due, maybe of a modem that takes nothing."""
        if self._timer is None and any(not view.takes for view in self._views.values()):
            self._timer = asyncio.get_running_loop().call_later(DUE_S, self._wanted.set)

    def troubled(self, lane: Lane) -> None:
        """Others should take over, if there are any."""
        self._troubled.add(lane)
        self._wanted.set()

    def closed(self, lane: Lane) -> None:
        """The SIM may send nothing for longer."""
        self._closed.add(lane)
        self._wanted.set()

    def idle(self, lane: Lane) -> None:
        """The lane has nothing left to do."""
        self._idle.add(lane)

    def share(self, loads: Mapping[Lane, LaneLoad]) -> None:
        """With nothing left in the backlog, an idle lane takes over what waits for a busy one."""
        idle = {lane for lane in self._idle & loads.keys() if loads[lane].segments == 0}
        self._idle.clear()
        surplus = {lane for lane, loop in self._loops.items() if loop.surplus and lane not in idle}
        if idle and surplus:
            # Whole queues: 8 messages, back and bound anew in 1 ms; with 100 urgent ones 5 ms.
            self._busy |= surplus
            self._wanted.set()

    async def run(self) -> None:
        """For ever."""
        outage = Outage(log, "pool.not_released", "pool.releases_again")
        while True:
            try:
                async with asyncio.timeout(RELEASE_EVERY_S):
                    await self._wanted.wait()
            except TimeoutError:
                pass  # parts wait for their own SIM for a while only: look again
            self._wanted.clear()
            self._forget_timer()
            why_not = None
            for lane, why in self._lanes().items():
                try:
                    await self._store.release(
                        lane, self._clock.now(), self._resume_s, why, begun_only=why == RESTS
                    )
                except StoreUnavailable as error:
                    why_not = f"modem={lane} {error.reason}"
                self._loops[lane].wake()
            # What the run before has left on lanes that are no more: it may be sent once more.
            try:
                now = self._clock.now()
                await self._store.release_strays(set(self._loops), now, self._resume_s)
            except StoreUnavailable as error:
                why_not = why_not or error.reason
            if why_not is None:
                outage.over()
            else:
                outage.failed(why_not)
            self._released()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _lanes(self) -> dict[Lane, str]:
        """Whose messages are given back, and why."""
        troubled, self._troubled = self._troubled, set()
        closed, self._closed = self._closed, set()
        taking = {lane for lane, view in self._views.items() if view.takes}
        busy, self._busy = self._busy, set()
        lanes = {lane: CANNOT_SEND for lane, view in self._views.items()
                 if not view.takes and not (view.ready and self._keeps(lane))}  # fmt: skip
        lanes |= dict.fromkeys(filter(self._rests, taking), RESTS)
        lanes |= dict.fromkeys(closed & taking, CLOSED)
        # One that takes messages keeps its queue while nobody else could take it.
        for found, why in ((troubled, TROUBLED), (busy - troubled, BUSY)):
            lanes |= {lane: why for lane in found - closed if lane in taking and taking - {lane}}
        return lanes

    def _rests(self, lane: Lane) -> bool:
        """True while its SIM is dead, and parts wait for it whose message may have begun."""
        loop = self._loops[lane]
        dead = loop.window.dead and loop.window.free_at() > self._clock.mono()
        return dead and any(each.of > 1 for each in loop.ahead)

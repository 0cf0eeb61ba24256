"""Is everything moving? The service manager is told so only while it is.

May import L0, the pool and its neighbours here. The loop moves when this runs at all; the store
when both its threads answer; the binder when it goes round; a lane when what it has to send goes
on. A store that says it cannot write has answered: only a thread that says nothing hangs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Protocol

from airpost.clock import Clock
from airpost.daemon.sdnotify import Notifier
from airpost.errors import StoreUnavailable
from airpost.model import Lane, ModemView
from airpost.tasks import spawn, stop

log = logging.getLogger("airpost.watchdog")

LOOK_S = 5.0
STORE_S = 30.0  # a card that is worn out takes seconds for a commit; SQLite waits 5 s for a lock
BINDER_S = 60.0  # it asks the store twice in a round
LANE_S = 300.0  # ten seconds to the prompt, 120 of patience, a command that was there before


class Store(Protocol):
    """The store as the watchdog knows it."""

    @property
    def unavailable(self) -> str | None:
        """Why nothing can be written now, or None."""
        ...

    async def turn(self) -> int:
        """Return once both threads have answered; how many messages wait."""
        ...


class Pool(Protocol):
    """The pool as the watchdog knows it."""

    @property
    def last_progress_mono(self) -> float:
        """When the binder last went round."""
        ...

    def look(self) -> None:
        """Have the binder go round once more."""
        ...

    def under_way(self) -> dict[Lane, Hashable]:
        """Lanes that could be sending now, each with a value that changes as it goes on."""
        ...

    def modems(self) -> tuple[ModemView, ...]:
        """A view of every modem."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where one part stands: `at` changes whenever it moves, within `limit_s` where it has work."""

    name: str
    at: Hashable
    limit_s: float


class Marks:
    """Since when each part has stood where it stands. A part that is not told of has no work."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[Hashable, float]] = {}

    def stuck(self, marks: Iterable[Mark], now_s: float) -> dict[str, float]:
        """Those that have stood still for too long, and for how many seconds."""
        before, self._since = self._since, {}
        found = {}
        for mark in marks:
            at, since_s = before.get(mark.name, (mark.at, now_s))
            if at != mark.at:
                since_s = now_s
            self._since[mark.name] = (mark.at, since_s)
            if now_s - since_s > mark.limit_s:
                found[mark.name] = now_s - since_s
        return found


class Watchdog:
    """`run()` beside the rest. Without a service manager there is nobody to tell."""

    def __init__(self, store: Store, pool: Pool, notifier: Notifier, clock: Clock) -> None:
        self._store = store
        self._pool = pool
        self._notifier = notifier
        self._clock = clock
        self._marks = Marks()
        self._stuck: set[str] = set()
        self._turns = 0
        self._waiting = 0
        self._asked: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """For ever."""
        if not self._notifier.heard:
            await asyncio.Event().wait()
        every_s = min(LOOK_S, self._notifier.watchdog_s or LOOK_S)
        try:
            while True:
                self._look()
                await self._clock.sleep(every_s)
        finally:
            if self._asked is not None:
                await stop(self._asked)

    @property
    def status(self) -> str:
        """A line for people."""
        views = self._pool.modems()
        ready = sum(view.ready for view in views)
        line = f"{ready} of {len(views)} modems ready, {self._waiting} queued"
        unavailable = self._store.unavailable
        return line if unavailable is None else f"{line}; the store: {unavailable}"

    def _look(self) -> None:
        self._pool.look()
        if self._asked is None or self._asked.done():
            self._asked = spawn(self._ask_store(), name="watchdog asks the store")
        stuck = self._marks.stuck(self._now(), self._clock.mono())
        for name in stuck.keys() - self._stuck:
            log.error("watchdog.stuck %s; the service manager hears nothing until it moves", name)
        for name in self._stuck - stuck.keys():
            log.warning("watchdog.moves %s", name)
        self._stuck = set(stuck)
        if not stuck:
            self._notifier.watchdog()
        said = "; ".join(f"{name} has not moved for {s:.0f} s" for name, s in stuck.items())
        self._notifier.status(said or self.status)

    def _now(self) -> Iterable[Mark]:
        yield Mark(name="the store", at=self._turns, limit_s=STORE_S)
        yield Mark(name="the binder", at=self._pool.last_progress_mono, limit_s=BINDER_S)
        if self._store.unavailable is None:  # without it no lane may begin
            for lane, at in self._pool.under_way().items():
                yield Mark(name=f"lane {lane}", at=at, limit_s=LANE_S)

    async def _ask_store(self) -> None:
        try:
            self._waiting = await self._store.turn()
        except StoreUnavailable as error:
            log.debug("watchdog.store_unavailable %s", error.reason)
        self._turns += 1

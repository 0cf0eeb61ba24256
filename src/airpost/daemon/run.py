"""One run of the daemon: start in order, serve, stop in order.

May import everything. Start: store, modems, HTTP. Stop: HTTP answers 503, nothing more is claimed,
what is on the air is finished and settled, ports are closed, then HTTP, the store last.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from random import Random

from airpost.clock import Clock, SteadyClock
from airpost.daemon.config.settings import Settings
from airpost.daemon.sdnotify import Notifier
from airpost.daemon.watchdog import Watchdog
from airpost.daemon.wiring import Parts, build
from airpost.errors import StoreError
from airpost.model import ModemView
from airpost.pool.clockguard import ClockGuard
from airpost.tasks import until_first

log = logging.getLogger("airpost.run")

STORE_LOOK_S = 5.0


class Daemon:
    """`run()` once; `stop()` ends it, also from a signal handler. `root`: see `build`."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        rng: Random,
        notifier: Notifier,
        *,
        root: Path = Path("/"),
    ) -> None:
        self.addresses: tuple[str, ...] = ()
        self.started = asyncio.Event()
        self._clock = steady = SteadyClock(clock)
        self._notifier = notifier
        self._stop = asyncio.Event()
        self.parts: Parts = build(settings, steady, rng, self._stop.is_set, root=root)
        self._guard = ClockGuard(
            steady, self.parts.store, self._clock_changed, wait_s=settings.clock_wait_s
        )
        self._watchdog = Watchdog(self.parts.store, self.parts.pool, notifier, steady)

    def stop(self) -> None:
        """Begin the ordered stop."""
        self._stop.set()

    async def run(self) -> None:
        """Until `stop()`. ConfigError when the store or a listener cannot be had.

        StoreError when a thread of the store has died: only a new process mends that.
        """
        parts = self.parts
        recovered = await parts.store.open(self._clock.now())
        log.info("run.recovered uncertain=%d unbound=%d", recovered.uncertain, recovered.unbound)
        try:
            await self._guard.start()
            self.addresses = await parts.http.start()
            unwatch = parts.pool.watch(self._say_status)
            unobserve = parts.pool.watch(parts.bookkeeper.saw)
            try:
                self._notifier.ready(self._watchdog.status)
                self.started.set()
                await until_first(
                    *([] if parts.discovery is None else [parts.discovery.run()]),
                    parts.pool.run(),
                    self._until_stopped(),
                    self._watchdog.run(),
                    self._guard.run(),
                    parts.scheduler.run(),
                    parts.bookkeeper.run(),
                    self._while_the_store_lives(),
                    name="run",
                )
            finally:
                unobserve()
                unwatch()
                await parts.http.stop()
        finally:
            await parts.store.close()
            log.info("run.stopped")

    async def _until_stopped(self) -> None:
        await self._stop.wait()
        self._notifier.stopping()
        log.info("run.stopping")
        await self.parts.reception.stop()
        await self.parts.pool.stop()

    async def _while_the_store_lives(self) -> None:
        while self.parts.store.died is None:
            await self._clock.sleep(STORE_LOOK_S)
        log.critical("run.store_died %s", self.parts.store.died)
        raise StoreError(self.parts.store.died)

    def _clock_changed(self) -> None:
        self.parts.pool.clock_changed()
        self.parts.scheduler.wake()

    def _say_status(self, _view: ModemView) -> None:
        self._notifier.status(self._watchdog.status)

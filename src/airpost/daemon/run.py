"""One run of the daemon: start in order, serve, stop in order.

May import everything. Start: store, HTTP, modems; while the disk does not let us have the store,
HTTP alone. Stop: HTTP answers 503, nothing more is claimed, what is on the air is finished and
settled, ports are closed, then HTTP, the store last.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from random import Random

from airpost.audit import DONE, Value
from airpost.clock import Clock, SteadyClock
from airpost.daemon.config.settings import Settings
from airpost.daemon.sdnotify import Notifier
from airpost.daemon.watchdog import Watchdog
from airpost.daemon.wiring import Parts, build
from airpost.errors import ConfigError, StoreError, StoreUnavailable
from airpost.model import ModemView
from airpost.pool.clockguard import ClockGuard
from airpost.services.http.tls import LOOK_EVERY_S, Tls
from airpost.tasks import set_within, until_first

log = logging.getLogger("airpost.run")

STORE_LOOK_S = 5.0
OURSELVES = "airpost"


class Daemon:
    """`run()` once; signal handlers may call `stop()`, which ends it, and `reload()`.

    `root` and `passed`: see `build`. `reread()` gives the digest of the configuration file as it is
    now, or raises ConfigError.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        rng: Random,
        notifier: Notifier,
        *,
        root: Path = Path("/"),
        passed: Sequence[socket.socket] = (),
        reread: Callable[[], str] | None = None,
    ) -> None:
        self.addresses: tuple[str, ...] = ()
        self.started = asyncio.Event()
        self._clock = steady = SteadyClock(clock)
        self._notifier = notifier
        self._digest = settings.digest
        self._reread = reread
        self._reload = asyncio.Event()
        self._told = {"version": metadata.version("airpost")}
        if settings.digest:  # made without a file there is none, as in the demo
            self._told["config"] = settings.digest
        self._stop = asyncio.Event()
        self._limits = settings.limits.mark
        self.parts: Parts = build(
            settings, steady, rng, self._stop.is_set, root=root, passed=passed
        )
        self._guard = ClockGuard(
            steady, self.parts.store, self._clock_changed, wait_s=settings.clock_wait_s
        )
        self._watchdog = Watchdog(self.parts.store, self.parts.pool, notifier, steady)

    def stop(self) -> None:
        """Begin the ordered stop."""
        self._stop.set()

    def reload(self) -> None:
        """Take certificates anew, and look at the configuration file."""
        self._reload.set()

    async def run(self) -> None:
        """Until `stop()`. ConfigError when the store or a listener cannot be had.

        A disk that does not let us have the store is waited for, and HTTP says so. StoreError when
        a thread of the store has died: only a new process mends that.
        """
        try:
            if await self._open():
                await self._serve()
        finally:
            await self.parts.http.stop()

    async def _open(self) -> bool:
        """True once the store is open; False when there is a stop before."""
        store, said = self.parts.store, ""
        while not self._stop.is_set():
            self._guard.before_open()
            try:
                found = await store.open(self._clock.now())
            except StoreUnavailable as error:
                if error.reason != said:
                    log.warning("run.no_store %s; it is tried every %.0f s",
                                error.reason, STORE_LOOK_S)  # fmt: skip
                said = error.reason
                await self._answer()
                await self._pause()
            else:
                log.info("run.recovered uncertain=%d unbound=%d", found.uncertain, found.unbound)
                return True
        return False

    async def _answer(self) -> None:
        """Take requests; without a store each of them is told why."""
        if not self.addresses:
            self.addresses = await self.parts.http.start()
            self._notifier.ready(self._watchdog.status)
            self.started.set()

    async def _pause(self) -> None:
        """Before the store is tried again, with the service manager told that all moves."""
        until_s = self._clock.mono() + STORE_LOOK_S
        every_s = min(STORE_LOOK_S, self._notifier.watchdog_s or STORE_LOOK_S)
        while self._clock.mono() < until_s and not self._stop.is_set():
            self._notifier.watchdog()
            self._notifier.status(self._watchdog.status)
            await set_within(self._stop, every_s)

    async def _serve(self) -> None:
        parts = self.parts
        try:
            await parts.auditor.record("service.start", OURSELVES, detail=self._told)
            await self._guard.start()
            await self._renew_holds()
            unwatch = parts.pool.watch(self._say_status)
            unobserve = parts.pool.watch(parts.bookkeeper.saw)
            try:
                await self._answer()
                await until_first(
                    *([] if parts.discovery is None else [parts.discovery.run()]),
                    parts.pool.run(),
                    self._until_stopped(),
                    self._watchdog.run(),
                    self._guard.run(),
                    parts.scheduler.run(),
                    parts.bookkeeper.run(),
                    parts.events.run(),
                    parts.webhooks.run(),
                    self._while_the_store_lives(),
                    self._until_reloaded(),
                    name="run",
                )
            finally:
                unobserve()
                unwatch()
                await parts.http.stop()  # before the store: what it has taken is answered
        finally:
            await parts.auditor.record("service.stop", OURSELVES)
            await parts.auditor.close()
            await parts.anchors.close()
            await parts.store.close()
            log.info("run.stopped")

    async def _renew_holds(self) -> None:
        """What limits of another configuration held back is looked at by those of this one."""
        try:
            count = await self.parts.store.holds.renew(self._limits, self._clock.now())
        except StoreUnavailable as error:
            log.warning("run.holds_not_renewed %s", error.reason)
        else:
            if count:
                log.info("run.holds_renewed messages=%d", count)

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

    async def _until_reloaded(self) -> None:
        """For ever: certificates are taken where their files change, or somebody says so."""
        tls = self.parts.tls
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY_S if tls is not None else None):
                    await self._reload.wait()
            except TimeoutError:
                if tls is not None and tls.changed():
                    await self._take_certificate(tls)
                continue
            self._reload.clear()
            if tls is not None:
                await self._take_certificate(tls)
            await self._look_at_config()

    async def _take_certificate(self, tls: Tls) -> None:
        why = tls.reload()
        detail: Mapping[str, Value] = {"until": tls.until} if why is None else {"why": why}
        result = DONE if why is None else "refused"
        await self.parts.auditor.record("tls.reload", OURSELVES, result=result, detail=detail)

    async def _look_at_config(self) -> None:
        """Say what a reload is good for: all but certificates is taken by a start."""
        if self._reread is None:
            return
        detail: Mapping[str, Value]
        try:
            digest = self._reread()
        except ConfigError as error:
            log.warning("run.config_wrong %s: the old one stays, and no start would succeed", error)
            result, detail = "refused", {"why": str(error)}
        else:
            if digest == self._digest:
                log.info("run.config_seen it is as it was")
            else:
                log.warning("run.config_changed it is taken at the next start")
            result, detail = DONE, {"config": digest, "restart_needed": digest != self._digest}
        await self.parts.auditor.record("config.reload", OURSELVES, result=result, detail=detail)

    def _clock_changed(self) -> None:
        self.parts.pool.clock_changed()
        self.parts.scheduler.wake()

    def _say_status(self, _view: ModemView) -> None:
        self._notifier.status(self._watchdog.status)

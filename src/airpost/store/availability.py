"""Whether the store can write: what is told while it cannot, and the probe that ends that.

May import L0.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from airpost.clock import Clock
from airpost.errors import StoreUnavailable
from airpost.tasks import spawn, stop

log = logging.getLogger("airpost.store")

PROBE_S = 5.0  # between tries while the store cannot write


class Availability:
    """`reason` says why nothing can be written now, None where it can.

    `probe` writes something of no meaning, or raises StoreUnavailable; `well` is called once it has
    come through again.
    """

    def __init__(
        self, clock: Clock, probe: Callable[[], Awaitable[None]], well: Callable[[], None]
    ) -> None:
        self.reason: str | None = None
        self._clock = clock
        self._probe = probe
        self._well = well
        self._probing: asyncio.Task[None] | None = None

    def failed(self, reason: str) -> None:
        """Something could not be written: nothing is, until a probe can be."""
        if self.reason is None:
            log.error("store.unavailable %s", reason)
            self._probing = spawn(self._keep_probing(), name="store probe")
        self.reason = reason

    async def _keep_probing(self) -> None:
        while self.reason is not None:
            await self._clock.sleep(PROBE_S)
            try:
                await self._probe()
            except StoreUnavailable:
                continue  # the reason is noted where it was seen
            except Exception:  # else nothing would be written before a restart
                log.exception("store.probe_failed")
                continue
            self.reason = None
            log.info("store.available")
            self._well()

    async def stop(self) -> None:
        """Probe no more; what was found stays."""
        if self._probing is not None:
            await stop(self._probing)
            self._probing = None

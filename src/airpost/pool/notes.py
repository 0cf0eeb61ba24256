"""What is written down about modems: events, and which modem and SIM a lane is.

May import store.api, L0. What cannot be written is not waited for: the next event comes anyway.
"""

from __future__ import annotations

import logging

from airpost.clock import Clock
from airpost.errors import StoreUnavailable
from airpost.model import Lane, Severity
from airpost.outage import Outage
from airpost.store.api import LaneBinding, Store

log = logging.getLogger("airpost.pool")


class Notes:
    """Returns after the commit, or once it is clear that there is none: the log says so once."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._events = Outage(log, "modem.event_not_stored", "modem.events_stored")
        self._bindings = Outage(log, "modem.binding_not_stored", "modem.bindings_stored")

    async def event(
        self, lane: Lane, before: str | None, after: str, reason: str,
        severity: Severity = Severity.INFO,
    ) -> None:  # fmt: skip
        """Something about a modem has changed, or is to be remarked."""
        now = self._clock.now()
        try:
            await self._store.note(f"modem {lane}", before, after, reason, now, severity)
        except StoreUnavailable as error:
            self._events.failed(f"modem={lane} {error.reason}")
        else:
            self._events.over()

    async def binding(self, binding: LaneBinding) -> None:
        """Which modem and SIM a lane is now."""
        try:
            await self._store.bind_lane(binding)
        except StoreUnavailable as error:
            self._bindings.failed(f"modem={binding.lane} {error.reason}")
        else:
            self._bindings.over()

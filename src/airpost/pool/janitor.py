"""What time does to the queue: expiry, resends after grace, deadlines, partial sets.

May import store.api, L0. One task; it sleeps until the store's next due instant. What a recurring
schedule makes of time is `services/http/scheduler.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from airpost.clock import SECOND_US, Clock
from airpost.errors import StoreUnavailable
from airpost.outage import Outage
from airpost.store.api import Store
from airpost.tasks import set_within

log = logging.getLogger("airpost.janitor")

LONGEST_SLEEP_S = 30.0
LEFT_SLEEP_S = 1.0
SHORTEST_SLEEP_S = 0.05  # a burst of commits asks for at most 20 looks a second


class Janitor:
    """Runs `sweep` when something is due and calls `due` afterwards.

    `reach`: see `Store.sweep`.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        due: Callable[[], None],
        reach: Callable[[], Mapping[str, int]],
    ) -> None:
        self._reach = reach
        self._store = store
        self._clock = clock
        self._due = due
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something was committed that may be due earlier than what is waited for."""
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        outage = Outage(log, "janitor.store_unavailable", "janitor.goes_on")
        while True:
            try:
                pause_s = await self._round()
                outage.over()
            except StoreUnavailable as error:
                outage.failed(error.reason)
                pause_s = LONGEST_SLEEP_S
            await self._clock.sleep(SHORTEST_SLEEP_S)
            await set_within(self._wake, max(0.0, pause_s - SHORTEST_SLEEP_S))
            self._wake.clear()

    async def _round(self) -> float:
        """Sweep if something is due; seconds until the next look."""
        now = self._clock.now()
        reach = self._reach()
        due = await self._store.next_due(now, reach)
        if due is not None and due <= now:
            swept = await self._store.sweep(now, reach)
            log.debug("janitor.swept %s", swept)
            self._due()
            due = await self._store.next_due(self._clock.now(), reach)
        if due is None:
            return LONGEST_SLEEP_S
        # What is due and was left, by a clock not to be trusted, is not looked at again at once.
        shortest_s = LEFT_SLEEP_S if due <= now else 0.0
        return min(LONGEST_SLEEP_S, max(shortest_s, (due - self._clock.now()) / SECOND_US))

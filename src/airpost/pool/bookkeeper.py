"""What is done now and then: networks noted, what is past its time removed, filters looked for.

May import store.api, store.keeping, L0. One task; whatever fails because the store cannot write, or
must not be done by a clock that is in doubt, is done at the next look.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from airpost.clock import SECOND_US, Clock
from airpost.errors import StoreUnavailable
from airpost.model import ModemView, Severity, SimId
from airpost.outage import Outage
from airpost.pool.filters import BASELINE_H, WINDOWS_H, Suspicion, is_over, suspicions
from airpost.store.api import Store
from airpost.store.keeping import Pruned, Retention

log = logging.getLogger("airpost.bookkeeper")

LOOK_S = 600.0
FIRST_S = 60.0  # after a start there is more urgent work
PRUNE_EVERY_S = 6 * 3600.0
HOUR_US = 3600 * SECOND_US
FILTER = "silent filter"  # what the event of one leads to
_Key = tuple[str, str]


class Bookkeeper:
    """`run()` for ever; `saw()` is told every change of a modem's view.

    `trusted()` is false while the clock is none to go by: what it calls old may be of today.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        retention: Retention,
        *,
        trusted: Callable[[], bool],
        silent_filter: bool = True,
    ) -> None:
        self._store = store
        self._clock = clock
        self._retention = retention
        self._trusted = trusted
        self._silent_filter = silent_filter
        self._operators: dict[SimId, str] = {}  # as last noted
        self._seen: dict[SimId, str] = {}
        self._news = asyncio.Event()
        self._pruned_s: float | None = None
        self._tested_hour = 0
        self._outages = {
            name: Outage(log, "bookkeeper.store_unavailable", "bookkeeper.goes_on", f"work={name}")
            for name in ("prune", "filters", "operators")
        }
        self._filtered: dict[_Key, Suspicion] | None = None  # as told; None: not read yet
        self._kept: dict[_Key, Suspicion] = {}  # as the store has it

    def saw(self, view: ModemView) -> None:
        """A modem's view changed: is its SIM on another network?"""
        sim_id, operator = view.sim_id, view.operator
        if sim_id is None or operator is None or self._seen.get(sim_id) == operator:
            return
        self._seen[sim_id] = operator
        self._news.set()

    async def run(self) -> None:
        """For ever."""
        pause_s = FIRST_S
        while True:
            try:
                async with asyncio.timeout(pause_s):
                    await self._news.wait()
            except TimeoutError:
                if self._trusted():
                    await self._unless_unavailable("prune", self._prune)
                    await self._unless_unavailable("filters", self._look_for_filters)
                pause_s = LOOK_S
            self._news.clear()
            await self._unless_unavailable("operators", self._note_operators)

    async def _unless_unavailable(self, name: str, work: Callable[[], Awaitable[bool]]) -> None:
        """`work` returns True where the store has written something."""
        try:
            if await work():
                self._outages[name].over()
        except StoreUnavailable as error:
            self._outages[name].failed(error.reason)

    async def _note_operators(self) -> bool:
        written = False
        for sim_id, operator in list(self._seen.items()):
            if self._operators.get(sim_id) != operator:
                await self._store.keeping.note_operator(sim_id, operator, self._clock.now())
                self._operators[sim_id] = operator
                written = True
        return written

    async def _prune(self) -> bool:
        now_s = self._clock.mono()
        if self._pruned_s is not None and now_s - self._pruned_s < PRUNE_EVERY_S:
            return False
        done = await self._store.keeping.prune(self._retention, self._clock.now())
        self._pruned_s = now_s
        if done != Pruned():
            log.info(
                "bookkeeper.pruned contents=%d messages=%d inbound=%d events=%d freed=%d",
                done.contents, done.messages, done.inbound, done.events, done.freed_octets,
            )  # fmt: skip
        return True

    async def _look_for_filters(self) -> bool:
        if not self._silent_filter:
            return False
        keeping = self._store.keeping
        await keeping.collect_rates(self._clock.now())
        this_hour = self._clock.now() // HOUR_US
        rates = await keeping.rates(this_hour - BASELINE_H - max(WINDOWS_H) - 2)
        newest = max((rate.hour for rate in rates), default=0)
        if newest <= self._tested_hour:
            return True
        if self._filtered is None:
            self._filtered = _taken_up(await keeping.told_filters())
            self._kept = dict(self._filtered)
        found = {(each.operator, each.shape): each for each in suspicions(rates, newest)}
        for key, each in found.items():
            if key not in self._filtered:
                log.warning("bookkeeper.silent_filter operator=%s shape=%s", *key)
                await self._tell(each, FILTER, each.words, Severity.WARNING)
                self._filtered[key] = each
        for key, each in list(self._filtered.items()):
            if key not in found and is_over(each, rates, newest):
                words = f"no longer: {each.words}"
                await self._tell(each, "delivers again", words, Severity.INFO)
                del self._filtered[key]
        if self._filtered != self._kept:
            await keeping.keep_filters(json.dumps([asdict(one) for one in self._filtered.values()]))
            self._kept = dict(self._filtered)
        self._tested_hour = newest  # what could not be told or kept is at the next look
        return True

    async def _tell(self, each: Suspicion, to: str, words: str, severity: Severity) -> None:
        now = self._clock.now()
        subject = f"operator {each.operator or 'unknown'}"
        await self._store.note(subject, None, to, words, now, severity=severity)


def _taken_up(kept: str) -> dict[_Key, Suspicion]:
    """What another run has told; nothing, where that was of another version."""
    try:
        told = [Suspicion(**one) for one in json.loads(kept or "[]")]
    except (TypeError, ValueError):
        log.info("bookkeeper.filters_unreadable what lasts is told once more")
        return {}
    return {(each.operator, each.shape): each for each in told}

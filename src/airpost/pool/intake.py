"""What modems receive, into the store.

May import store.api, modem.api, L0. Nothing is kept here: each call returns after its commit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from airpost.clock import Clock
from airpost.model import Lane, RawPart, RawReport, SimId, masked
from airpost.pool.selftest import SELFTEST
from airpost.store.api import Store

log = logging.getLogger("airpost.intake")


class StoreIntake:
    """The Intake protocol of modem.api on the store.

    `reported` is told of a report that belongs to something the lane has sent.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        is_selftest: Callable[[RawPart], bool] = lambda _: False,
        reported: Callable[[Lane], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._is_selftest = is_selftest
        self._reported = reported

    async def part(self, part: RawPart) -> None:
        """Keep one received part; StoreUnavailable leaves it on the SIM.

        A self-test of ours is an event and no message: nobody is to be woken by it.
        """
        if self._is_selftest(part):
            words = f"received the self-test of {masked(part.sender)}"
            log.info("inbound.selftest modem=%s", part.lane)
            await self._store.note(f"modem {part.lane}", None, SELFTEST, words, part.received_at)
            return
        stored = await self._store.record_part(part)
        if stored.inbound is not None:
            log.info("inbound.message modem=%s from=%s", part.lane, masked(part.sender))

    async def report(self, report: RawReport) -> None:
        """Keep and apply one delivery report."""
        stored = await self._store.record_report(report)
        if stored.message_id is None:
            log.info("report.unmatched modem=%s mr=%d", report.lane, report.mr)
        else:
            self._reported(report.lane)

    async def unreadable(
        self, sim_id: SimId, lane: Lane, raw: bytes, field: str, offset: int, reason: str
    ) -> None:
        """Keep what could not be parsed, so that it cannot block the SIM."""
        log.warning(
            "inbound.unreadable modem=%s field=%s offset=%d %s", lane, field, offset, reason
        )
        await self._store.quarantine(sim_id, lane, raw, field, offset, reason, self._clock.now())

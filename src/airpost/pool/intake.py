"""What modems receive, into the store.

May import store.api, modem.api, L0. Nothing is kept here: each call returns after its commit.
"""

from __future__ import annotations

import logging
from asyncio import Future
from collections.abc import Callable
from functools import partial

from airpost.clock import Clock
from airpost.model import Lane, SimId, masked
from airpost.pool.selftest import SELFTEST
from airpost.received import RawPart, RawReport
from airpost.store.api import ReportStored, Store

log = logging.getLogger("airpost.intake")

AWAITED_S = 0.07  # that a report may wait for others, to share their commit
LATER_S = 0.25  # the same, where its modem does not wait for the commit


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
        self._told(report, await self._store.record_report(report, AWAITED_S))

    def report_later(self, report: RawReport) -> Future[ReportStored]:
        """The same, where no modem waits for it; StoreUnavailable too where it cannot be asked."""
        asked = self._store.record_report(report, LATER_S)
        asked.add_done_callback(partial(self._landed, report))
        return asked

    def _landed(self, report: RawReport, done: Future[ReportStored]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._told(report, done.result())

    def _told(self, report: RawReport, stored: ReportStored) -> None:
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

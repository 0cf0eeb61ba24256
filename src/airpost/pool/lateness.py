"""Answers that come after a segment was called uncertain: each is credited to its own segment.

May import store.api, L0.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from airpost.clock import Clock
from airpost.errors import StoreUnavailable
from airpost.model import Lane
from airpost.outcome import Outcome
from airpost.pool.dispatch import LaneLoop
from airpost.states import SegmentEvent
from airpost.store.api import Settlement, Store
from airpost.tasks import spawn

log = logging.getLogger("airpost.pool")

STORE_WAIT_S = 1.0


class LateAnswers:
    """`stopping` is true once nothing is waited for; `proved` is told that a lane's SIM sends."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        stopping: Callable[[], bool],
        proved: Callable[[Lane, str], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._stopping = stopping
        self._proved = proved

    def credit(self, loop: LaneLoop, segment_id: int, mr: int | None, outcome: Outcome) -> None:
        """What a modem has answered at last.

        An error changes nothing: what is uncertain goes on as its `on_uncertain` says, and is
        counted, though it may not have gone out.
        """
        lane, attempt = loop.lane, loop.attempt_of(segment_id)
        if attempt is None or not outcome.ok:
            log.info("segment.late_ignored modem=%s segment=%d %s", lane, segment_id, outcome.code)
            return
        loop.forget_attempt(segment_id)
        self._proved(lane, "an answer came late")
        settlement = Settlement(
            segment_id=segment_id,
            attempt_id=attempt,
            event=SegmentEvent.LATE,
            outcome=outcome,
            mr=mr,
            ended_at=self._clock.now(),
        )
        spawn(self._settle(loop, settlement), name=f"late {lane}")

    async def _settle(self, loop: LaneLoop, settlement: Settlement) -> None:
        await loop.settle_now()  # the segment must read as uncertain before it can be sent
        while True:
            try:
                await self._store.air(settlement, None)
            except StoreUnavailable as error:
                log.warning("segment.late_not_stored %s", error.reason)
                if self._stopping():
                    return
                await self._clock.sleep(STORE_WAIT_S)
            else:
                return

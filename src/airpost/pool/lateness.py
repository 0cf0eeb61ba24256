"""Answers that come after a segment was called uncertain: each is credited to its own segment.

May import store.api, modem.api, L0. Whose answer it is has been told before (`modem/owed.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from random import Random

from airpost.clock import Clock
from airpost.codec.causes import sim_in_doubt
from airpost.errors import StoreUnavailable
from airpost.model import Lane
from airpost.modem.api import SendResult
from airpost.outage import Outage
from airpost.outcome import Outcome, OutcomeClass
from airpost.policy import Policies
from airpost.pool.dispatch import LaneLoop
from airpost.pool.holding import Holding
from airpost.pool.openfates import OpenFate
from airpost.pool.retry import settlement
from airpost.states import SegmentEvent
from airpost.store.api import Settlement, Store
from airpost.tasks import spawn

log = logging.getLogger("airpost.pool")

STORE_WAIT_S = 1.0
_LATE = {
    SegmentEvent.TAKEN: SegmentEvent.LATE,
    SegmentEvent.TRANSIENT: SegmentEvent.LATE_TRANSIENT,
    SegmentEvent.PERMANENT: SegmentEvent.LATE_PERMANENT,
}


class LateAnswers:
    """`stopping` is true once nothing is waited for; `holding` hears what a lane's SIM has said.

    `trouble` is told of a lane whose SIM was refused something.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rng: Random,
        policies: Policies,
        holding: Holding,
        *,
        trouble: Callable[[Lane], None],
        stopping: Callable[[], bool],
    ) -> None:
        self._store = store
        self._clock = clock
        self._rng = rng
        self._policies = policies
        self._holding = holding
        self._trouble = trouble
        self._stopping = stopping

    def credit(self, loop: LaneLoop, segment_id: int, mr: int | None, outcome: Outcome) -> None:
        """What a modem has answered at last.

        An answer of unknown outcome changes nothing: what is uncertain goes on as its
        `on_uncertain` says.
        """
        lane, fate = loop.lane, loop.open_fates.of(segment_id)
        if fate is None or outcome.cls is OutcomeClass.UNKNOWN:
            log.info("segment.late_ignored modem=%s segment=%d %s", lane, segment_id, outcome.code)
            return
        if outcome.ok:
            self._holding.proved(lane, "an answer came late")
        else:
            self._learn(loop, fate, outcome)
        loop.open_fates.known(segment_id)
        spawn(self._settle(loop, fate, mr, outcome), name=f"late {lane}")

    def _learn(self, loop: LaneLoop, fate: OpenFate, outcome: Outcome) -> None:
        """What a refusal says of the SIM: as one at once does, in the order it became known."""
        segment, sim_id = fate.segment, fate.sim_id
        if loop.unit.view.sim_id != sim_id:
            return
        counted = loop.open_fates.in_row(segment.segment_id)
        window = loop.window.refused_late(outcome, self._clock.mono(), counted=counted)
        if segment.avoid_sim not in (None, sim_id) and sim_in_doubt(outcome):
            window = window.acquitted()  # both were refused: it is the message
        loop.window = window

    async def _settle(
        self, loop: LaneLoop, fate: OpenFate, mr: int | None, outcome: Outcome
    ) -> None:
        segment = fate.segment
        elsewhere = sim_in_doubt(outcome) and self._holding.refused(loop.lane, segment, fate.sim_id)
        result = SendResult(begun=True, outcome=outcome, mr=mr, air_s=0.0)
        settled = settlement(
            segment, fate.attempt, result, self._clock.now(), self._policies, self._rng,
            elsewhere=elsewhere,
        )  # fmt: skip
        settled = replace(settled, event=_LATE[settled.event])
        await loop.settle_now()  # the segment must read as uncertain before its fate is known
        if not await self._written(settled) or outcome.ok:
            return
        log.info(
            "segment.%s msg=%s part=%d/%d modem=%s %s", settled.event.value, segment.message_id,
            segment.seq, segment.of, loop.lane, outcome.code,
        )  # fmt: skip
        if elsewhere:
            await loop.go_elsewhere(segment, fate.sim_id)
        if loop.window.failures or loop.window.dead:
            self._trouble(loop.lane)
        self._holding.reported(loop.lane, "an answer came late")  # it is no silence any more

    async def _written(self, settled: Settlement) -> bool:
        """Once the store can; False where that is not waited for."""
        outage = Outage(log, "segment.late_not_stored", "segment.late_stored")
        while True:
            try:
                await self._store.air(settled, None)
            except StoreUnavailable as error:
                outage.failed(error.reason)
                if self._stopping():
                    return False
                await self._clock.sleep(STORE_WAIT_S)
            else:
                outage.over()
                return True

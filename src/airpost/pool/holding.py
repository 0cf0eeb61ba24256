"""What pauses and doubt mean for lanes: they hold, a self-test tries them, a drain ends.

May import store.api, modem.api, L0.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from airpost.clock import SECOND_US, Clock, Instant, rfc3339
from airpost.errors import ModemError, StoreUnavailable
from airpost.model import Claimed, Lane, MessageId, ModemView, SimId, UnitState
from airpost.outage import Outage
from airpost.pool.dispatch import LaneLoop
from airpost.pool.pauses import Pauses
from airpost.pool.window import DOUBTED_AFTER, FIRST_DEAD_S, LONGEST_DEAD_S
from airpost.store.api import Store
from airpost.tasks import spawn

log = logging.getLogger("airpost.pool")

STORE_WAIT_S = 5.0  # between tries to write that a SIM may be tried


class Holding:
    """`loops` and `views` are the pool's own; `again` is told which lane is to be shown anew.

    `probe` begins a self-test by the configuration, None where there are none: then after a while,
    each time a longer one, the next message that waits is what tries a SIM in doubt.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        loops: Mapping[Lane, LaneLoop],
        views: Mapping[Lane, ModemView],
        again: Callable[[Lane], None],
        probe: Callable[[Lane], Awaitable[MessageId]] | None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._loops = loops
        self._views = views
        self._again = again
        self._probe = probe
        self._probing: set[SimId] = set()
        self._wait_s: dict[SimId, float] = {}  # until the next try of a SIM that is in doubt
        self._resting: set[Lane] = set()  # those whose SIM is said to be closed
        self.pauses = Pauses(store, clock, again)

    def dressed(self, view: ModemView) -> ModemView:
        """The view with what holds the modem back."""
        detail = self._rests(view) or view.detail
        return replace(view, paused=self.pauses.why(view), detail=detail)

    def _rests(self, view: ModemView) -> str | None:
        """What to say of a modem that is well while its SIM is closed after failures in a row."""
        loop, before = self._loops.get(view.lane), self._views.get(view.lane)
        if loop is None or before is None or not before.ready:
            return None  # one that comes back begins anew
        window = loop.window
        if view.state is not UnitState.READY or not window.dead:
            return None
        until = self._clock.now() + round((window.free_at() - self._clock.mono()) * SECOND_US)
        why = f" ({view.last_error})" if view.last_error else ""
        return (
            f"its SIM failed {max(window.failures, window.refusals)} times in a row{why}: it rests "
            f"until {rfc3339(Instant(until))}, then one message tries it"
        )

    def seen(self, view: ModemView) -> None:
        """A view has changed: its lane holds, or goes on."""
        loop = self._loops[view.lane]
        loop.held = view.paused is not None and not self.pauses.draining(view.lane)
        self.idle(view.lane)
        if view.sim_id is not None and self.pauses.in_doubt(view.sim_id):
            self._try(view.lane, view.sim_id)

    def keeps(self, lane: Lane) -> bool:
        """True while a modem that takes nothing more sends what it has."""
        return self.pauses.draining(lane)

    def senders(self, bound_to: Lane | None) -> list[ModemView]:
        """The modems by which a message, bound to a lane or to none yet, may go now."""
        return [
            view for lane, view in self._views.items()
            if view.takes or (view.ready and lane == bound_to and self.keeps(lane))
        ]  # fmt: skip

    def idle(self, lane: Lane) -> None:
        """A lane has nothing left to do: if it was to be drained, it is."""
        if self.pauses.draining(lane) and self._loops[lane].empty:
            self._spawn(self.pauses.drained(lane), f"drained {lane}")

    # -- doubt -----------------------------------------------------------------------------------
    def trouble(self, lane: Lane) -> None:
        """A lane has had trouble: it rests, or holds from the third without an answer on."""
        loop, sim_id = self._loops[lane], self._views[lane].sim_id
        if loop.window.dead:
            self._resting.add(lane)
            self._again(lane)
        if loop.window.in_doubt and sim_id is not None:
            loop.held = True
            self._spawn(self._doubt(lane, sim_id), f"doubt {lane}")

    async def _doubt(self, lane: Lane, sim_id: SimId) -> None:
        """Unless reports have said meanwhile that some of the row went out."""
        if await self._row_stands(lane, sim_id):
            await self.pauses.doubt(lane, sim_id)
        else:
            self._again(lane)
            self._loops[lane].wake()

    def reported(self, lane: Lane, why: str = "a delivery report came") -> None:
        """The fate of something the lane has sent is known: it may end a row of unknown ones."""
        if (view := self._views.get(lane)) is None or view.sim_id is None:
            return
        if self._loops[lane].window.unknown or self.pauses.in_doubt(view.sim_id):
            self._spawn(self._look_at_row(lane, view.sim_id, why), f"row {lane}")

    async def _look_at_row(self, lane: Lane, sim_id: SimId, why: str) -> None:
        if await self._row_stands(lane, sim_id):
            return
        self._wait_s.pop(sim_id, None)
        if self.pauses.in_doubt(sim_id):
            await self.pauses.cleared(lane, sim_id, why)

    async def _row_stands(self, lane: Lane, sim_id: SimId) -> bool:
        """False where reports leave less in a row than makes a doubt; the window is told."""
        try:
            row = await self._store.decisions.unproved(sim_id, DOUBTED_AFTER)
        except StoreUnavailable as error:
            log.warning("pool.row_unknown modem=%s %s", lane, error.reason)
            return True
        loop = self._loops[lane]
        if self._views[lane].sim_id == sim_id:
            loop.window = loop.window.settled(row)
        return row >= DOUBTED_AFTER

    def proved(self, lane: Lane, why: str) -> None:
        """The SIM has shown that it sends."""
        loop, sim_id = self._loops[lane], self._views[lane].sim_id
        loop.window = loop.window.settled()
        if sim_id is not None:
            self._wait_s.pop(sim_id, None)
        if sim_id is not None and self.pauses.in_doubt(sim_id):
            self._spawn(self.pauses.cleared(lane, sim_id, why), f"cleared {lane}")

    def sent(self, lane: Lane) -> None:
        """A lane has sent something: the next doubt of its SIM begins with the shortest wait.

        Held, it has shown that the SIM sends.
        """
        self._rested(lane)
        if self._loops[lane].held:
            self.proved(lane, "a self-test was sent")
        elif self._wait_s and (sim_id := self._views[lane].sim_id) is not None:
            self._wait_s.pop(sim_id, None)

    def _rested(self, lane: Lane) -> None:
        if lane in self._resting and not self._loops[lane].window.dead:
            self._resting.discard(lane)
            self._again(lane)

    def refused(self, lane: Lane, segment: Claimed, sim_id: SimId) -> bool:
        """A SIM was refused a message and may be to blame: whether another can try it.

        Where another was refused it before, it is the message, and that one is acquitted.
        """
        if segment.avoid_sim not in (None, sim_id):
            for loop in self._loops.values():
                if loop.unit.view.sim_id == segment.avoid_sim:
                    loop.window = loop.window.acquitted()
                    self._rested(loop.lane)
            return False
        routes = self._views[lane].routes
        return segment.avoid_sim is None and any(
            view.takes and view.sim_id not in (None, sim_id) and view.routes & routes
            for view in self._views.values()
        )

    async def resume(self, lane: Lane, actor: str) -> None:
        """A person's word."""
        await self.pauses.resume(self._views[lane], actor)
        self._loops[lane].window = self._loops[lane].window.settled()
        self._loops[lane].wake()

    def _try(self, lane: Lane, sim_id: SimId) -> None:
        if sim_id not in self._probing:
            self._probing.add(sim_id)
            self._spawn(self._keep_trying(lane, sim_id), f"probe {lane}")

    async def _keep_trying(self, lane: Lane, sim_id: SimId) -> None:
        """Less and less often, until doubt is over or the SIM elsewhere."""
        try:
            while self._doubted(lane, sim_id):
                tested = await self._tested(lane)
                wait_s = self._wait_s.get(sim_id, FIRST_DEAD_S)
                self._wait_s[sim_id] = min(2 * wait_s, LONGEST_DEAD_S)
                await self._clock.sleep(wait_s)
                if not tested and self._doubted(lane, sim_id):
                    loop = self._loops[lane]
                    loop.window = loop.window.on_trial()
                    await self._on_trial(lane, sim_id)
        finally:
            self._probing.discard(sim_id)
        for view in tuple(self._views.values()):  # it may have been seen elsewhere meanwhile
            if view.sim_id == sim_id and self.pauses.in_doubt(sim_id):
                self._try(view.lane, sim_id)

    async def _on_trial(self, lane: Lane, sim_id: SimId) -> None:
        """A store that cannot write is waited for: nothing else would begin a try."""
        outage = Outage(log, "sim.no_trial", "sim.on_trial", f"modem={lane}")
        while self._doubted(lane, sim_id):
            try:
                await self.pauses.cleared(lane, sim_id, "the next message tries it")
                outage.over()
            except StoreUnavailable as error:
                outage.failed(error.reason)
                await self._clock.sleep(STORE_WAIT_S)

    def _doubted(self, lane: Lane, sim_id: SimId) -> bool:
        return self.pauses.in_doubt(sim_id) and self._views[lane].sim_id == sim_id

    async def _tested(self, lane: Lane) -> bool:
        """True when a self-test is on its way."""
        if self._probe is None:
            return False
        try:
            await self._probe(lane)
        except (ModemError, StoreUnavailable) as error:
            log.info("sim.no_probe modem=%s %s", lane, error)
            return False
        return True

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        async def do() -> None:
            try:
                await work
            except StoreUnavailable as error:
                log.warning("pool.not_kept %s: %s", name, error.reason)

        spawn(do(), name=name)

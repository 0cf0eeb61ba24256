"""Rounds of binding: which lane each waiting message goes to, and what limits hold back.

May import store.api, L0. Binding is late: a lane is kept two messages ahead, the rest waits in the
shared backlog for whoever is free first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from airpost.clock import SECOND_US, Clock, rfc3339
from airpost.errors import NoRoute, StoreUnavailable
from airpost.model import Lane, ModemView, Waiting, Waits
from airpost.pool.dispatch import AHEAD_MESSAGES, LaneLoop
from airpost.pool.facade import Outlook
from airpost.pool.limiter import Limiter
from airpost.pool.route import PLAIN, LaneLoad, Rules, choose, rejections
from airpost.store.api import Binding, Store

log = logging.getLogger("airpost.pool")

LOOK_FOR_EACH = 4  # messages considered in one round of binding, for each modem that is ready


@dataclass(slots=True)
class Round:
    """What came of a round. `held`: the message, what it waits for, whether it fails instead."""

    bindings: list[Binding] = field(default_factory=list)
    held: list[tuple[Waiting, Waits, bool]] = field(default_factory=list)


class Binder:
    """Binds what waits. `loops` and `views` are the pool's own; `again` asks for another round."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        limiter: Limiter,
        loops: Mapping[Lane, LaneLoop],
        views: Mapping[Lane, ModemView],
        again: Callable[[], None],
        rules: Rules = PLAIN,
    ) -> None:
        self._rules = rules
        self._store = store
        self._clock = clock
        self._limiter = limiter
        self._loops = loops
        self._views = views
        self._again = again
        self._timer: asyncio.TimerHandle | None = None

    async def round(self) -> Mapping[Lane, LaneLoad] | None:
        """Bind what may go to whom has room. StoreUnavailable.

        The loads of the ready lanes where nothing waits; None where something does, or nobody has
        room.
        """
        known = {lane: self._load(loop) for lane, loop in self._loops.items()}
        loads = {lane: load for lane, load in known.items() if load.view.ready}
        if not any(load.room > 0 for load in loads.values()):
            return None
        limiter = self._limiter
        limiter.begin_round()
        free = [lane for lane, load in loads.items() if load.room > 0]
        free = [lane for lane in free if not limiter.shut(loads[lane].view)]
        routes = sorted({route for lane in free for route in loads[lane].view.routes})
        look = max(LOOK_FOR_EACH * len(loads), limiter.look)
        # With one modem nothing is preferred; of more than can be bound nobody asks.
        sims = AHEAD_MESSAGES * len(free) if len(loads) > 1 else 0
        waiting = await self._store.backlog(self._clock.now(), look, free, routes, sims=sims)
        await limiter.know(waiting)
        decided = self._decide(waiting, loads)
        await limiter.hold(decided.held)
        if decided.held:
            self._again()  # others may stand behind them
        self._look_when_free()
        await self._bind(decided.bindings)
        return None if waiting else loads

    def _decide(self, waiting: Sequence[Waiting], loads: Mapping[Lane, LaneLoad]) -> Round:
        """Each message in its order to a lane, while there is room."""
        found = Round()
        limiter = self._limiter
        for message in waiting:
            if not any(load.room > 0 for load in loads.values()):
                break
            if (against := limiter.against(message)) is not None:
                found.held.append((message, *against))
                continue
            closed = limiter.closed(message, [load.view for load in loads.values()])
            # Where the SIM has no budget left, its lane is passed over or waited for.
            passed = {lane: f"{block.words}, until {rfc3339(block.until)}"
                      for lane, block in closed.items() if not limiter.stays(lane)}  # fmt: skip
            try:
                choice = choose(message, loads, self._rules, passed)
            except NoRoute as error:
                log.debug("pool.no_route msg=%s %s", message.id, error)
                views_closed = [loads[lane].view for lane in closed]
                refused = rejections(message, views_closed, self._rules.table)
                closed = {lane: block for lane, block in closed.items() if lane not in refused}
            else:
                if choice.lane not in closed:
                    if choice.bind:
                        binding = Binding(
                            message_seq=choice.message_seq, lane=choice.lane,
                            sim_id=choice.sim_id, reason=choice.reason,
                            charged_at=limiter.count(message),
                            others={**self._unable(message, loads), **choice.others},
                            group=choice.group, failover_s=choice.failover_s,
                        )  # fmt: skip
                        found.bindings.append(binding)
                    continue
                closed = {choice.lane: closed[choice.lane]}
            if closed:
                waits, rejects = limiter.waits_for_a_sim(message, closed)
                if rejects:
                    found.held.append((message, waits, True))
        return found

    def _unable(self, message: Waiting, loads: Mapping[Lane, LaneLoad]) -> dict[Lane, str]:
        """Why not the lanes that take nothing now."""
        views = [view for lane, view in self._views.items() if lane not in loads]
        refused = rejections(message, views, self._rules.table)
        return {each.lane: refused.get(each.lane, each.detail) for each in views}

    def outlook(self, message: Waiting) -> Outlook:
        """Where a message would go now, and why not elsewhere."""
        loads = {lane: self._load(loop) for lane, loop in self._loops.items()}
        views = [load.view for load in loads.values()]
        closed = self._limiter.closed(message, views)
        closed_words = {lane: f"{block.words}, until {rfc3339(block.until)}"
                        for lane, block in closed.items()}  # fmt: skip
        try:
            choice = choose(message, loads, self._rules, closed_words, explain=True)
        except NoRoute as error:
            others = {Lane(lane): words for lane, words in error.reasons.items()}
            return Outlook(lane=None, reason="no modem can carry it now", others=others)
        return Outlook(
            lane=choice.lane, reason=choice.reason, others=choice.others, group=choice.group
        )

    async def _bind(self, bindings: Sequence[Binding]) -> None:
        if not bindings:
            return
        try:
            await self._store.bind(bindings)
        except StoreUnavailable:
            self._limiter.uncount()
            raise
        for lane in {binding.lane for binding in bindings}:
            self._loops[lane].bound(each.message_seq for each in bindings if each.lane == lane)

    def _look_when_free(self) -> None:
        """The next round no later than when the first of the limits that were met ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (at := self._limiter.free_at) is not None:
            wait_s = max(0.0, (at - self._clock.now()) / SECOND_US)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._again)

    def _load(self, loop: LaneLoop) -> LaneLoad:
        return LaneLoad(
            view=self._views[loop.lane],
            segments=loop.load_segments,
            room=loop.room if not loop.window.dead else 0,
            blocked_s=max(0.0, loop.free_at() - self._clock.mono()),
            failures=loop.window.failures,
            dead=loop.window.dead,
        )

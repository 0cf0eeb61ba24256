"""Rounds of binding: which lane each waiting message goes to, and what limits hold back.

May import store.api, L0. Binding is late: a lane is kept two messages ahead, the rest waits in the
shared backlog for whoever is free first.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from airpost.clock import SECOND_US, Clock, Instant, rfc3339
from airpost.errors import NoRoute, StoreUnavailable
from airpost.model import Claimed, Lane, MessageClass, MessageId, ModemView, Waiting, Waits
from airpost.pool.beat import AHEAD_MESSAGES
from airpost.pool.dispatch import SHORTEST_WAIT_S, LaneLoop
from airpost.pool.facade import Outlook
from airpost.pool.limiter import Limiter
from airpost.pool.reserve import Bars, reserved_lanes
from airpost.pool.route import PLAIN, Choice, LaneLoad, Rules, choose, rejections
from airpost.store.api import Binding, Store

log = logging.getLogger("airpost.pool")

LOOK_FOR_EACH = 4  # messages considered in one round of binding, for each modem that is ready


@dataclass(slots=True)
class Round:
    """What came of a round. `held`: the message, what it waits for, whether it fails instead."""

    bindings: list[Binding] = field(default_factory=list)
    held: list[tuple[Waiting, Waits, bool]] = field(default_factory=list)
    classes: dict[int, MessageClass] = field(default_factory=dict)  # of what is bound
    segments: dict[int, Sequence[Claimed]] = field(default_factory=dict)  # of it, where known


class Loads:
    """The lanes of a round as messages of each class see them: they overtake lower classes."""

    def __init__(
        self, load: Callable[[Lane, MessageClass], LaneLoad], lanes: Sequence[Lane]
    ) -> None:
        self._load = load
        self._lanes = lanes
        self._by_class: dict[MessageClass, dict[Lane, LaneLoad]] = {}
        self._given: list[tuple[Lane, Waiting]] = []

    def of(self, class_: MessageClass) -> dict[Lane, LaneLoad]:
        """For a class; what `choose` does to one of these stays. Made where it is asked for."""
        found = self._by_class.get(class_)
        if found is None:
            found = {lane: self._load(lane, class_) for lane in self._lanes}
            self._by_class[class_] = found
            for lane, message in self._given:
                _give(found[lane], class_, message)
        return found

    def room(self, class_: MessageClass) -> bool:
        """True while some lane has room for a message of a class."""
        return any(load.room > 0 for load in self.of(class_).values())

    def given(self, lane: Lane, message: Waiting) -> None:
        """A message was bound: lower classes see it too."""
        self._given.append((lane, message))
        for class_, loads in self._by_class.items():
            _give(loads[lane], class_, message)


def _give(load: LaneLoad, class_: MessageClass, message: Waiting) -> None:
    if class_.rank > message.goes_as.rank:
        load.take(message.parts)


class Binder:
    """Binds what waits. `loops` and `views` are the pool's own; `again` asks for another round.

    So many `reserved` modems of a route carry no bulk; `probes` are self-tests under way.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        limiter: Limiter,
        loops: Mapping[Lane, LaneLoop],
        views: Mapping[Lane, ModemView],
        again: Callable[[], None],
        reserved: int,
        probes: Callable[[], Collection[MessageId]],
        rules: Rules = PLAIN,
    ) -> None:
        self._rules = rules
        self.urgent = True  # something urgent may wait, also for lanes that have no room
        self._probes = probes
        self._count = reserved
        self._reserved: frozenset[tuple[str, Lane]] = frozenset()
        self._takes: tuple[tuple[Lane, frozenset[str]], ...] = ()  # whom that was found for
        self._store = store
        self._clock = clock
        self._limiter = limiter
        self._loops = loops
        self._views = views
        self._again = again
        self._timer: asyncio.TimerHandle | None = None
        self._left: dict[Lane, float] = {}  # when each that takes no messages ceased to
        self._another_s = math.inf  # until the first that is waited for is not any more
        self._turn = 0
        self._given: dict[Lane, int] = {}  # the turn in which a lane was last given a message

    def seen(self, view: ModemView) -> None:
        """A view has changed."""
        if view.takes:
            self._left.pop(view.lane, None)
        else:
            self._left.setdefault(view.lane, self._clock.mono())

    async def round(self, *, newest: bool = True) -> Mapping[Lane, LaneLoad] | None:
        """Bind what may go to whom has room. StoreUnavailable.

        Not `newest`: nothing but a commit has asked for the round, and what was there at the last
        one will do.
        The loads of the ready lanes where nothing waits; None where something does, or nobody has
        room.
        """
        lanes = [lane for lane in self._loops if self._may_take(lane)]
        highest = MessageClass.ALARM if self.urgent else MessageClass.NORMAL
        free = sum(self._room(lane, highest) > 0 for lane in lanes)
        if not free or not (self.urgent or any(self._loops[lane].hungry for lane in lanes)):
            return None
        loads = Loads(self._load, lanes)
        limiter = self._limiter
        limiter.begin_round()
        self._another_s = math.inf
        decided, waiting = Round(), list[Waiting]()
        # Mostly the first few go where there is room; else more are looked at.
        room = sum(loop.room for loop in self._loops.values())
        for modems in dict.fromkeys((free, len(self._loops))):
            look = max(LOOK_FOR_EACH * modems, room, limiter.look)
            seen = {each.seq for each in waiting}
            waiting = await self._look(self._looks(lanes), look, newest=newest)
            await limiter.know(waiting)
            self._decide([each for each in waiting if each.seq not in seen], loads, decided)
            if len(waiting) < look or not loads.room(waiting[-1].goes_as):
                break
        await limiter.hold(decided.held)
        if decided.held or limiter.look > look <= len(waiting):
            self._again()  # others may stand behind them
        self._look_when_free()
        await self._bind(decided)
        return None if waiting else loads.of(MessageClass.BULK)

    def _decide(self, waiting: Sequence[Waiting], all_loads: Loads, found: Round) -> None:
        """Each message in its order to a lane, while there is room."""
        limiter = self._limiter
        bars = self._bars() if waiting else None
        for message in waiting:
            if not all_loads.room(message.goes_as):
                break  # nor is there any for lower classes
            loads = all_loads.of(message.goes_as)
            against_it = {} if bars is None else bars.against(message)
            if (against := limiter.against(message)) is not None:
                found.held.append((message, *against))
                continue
            closed = limiter.closed(message, [load.view for load in loads.values()])
            # Where the SIM has no budget left, its lane is passed over or waited for.
            passed = {lane: f"{block.words}, until {rfc3339(block.until)}"
                      for lane, block in closed.items() if not limiter.stays(lane)}  # fmt: skip
            try:
                choice = choose(message, loads, self._rules, {**passed, **against_it})
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
                            sim_id=choice.sim_id, reason=_why(message, choice),
                            charged_at=limiter.count(message),
                            others={**self._unable(message, loads), **choice.others},
                            group=choice.group, failover_s=choice.failover_s,
                            trying_s=choice.trying_s, follows=message.follows is not None,
                        )  # fmt: skip
                        found.bindings.append(binding)
                        self._turn += 1
                        self._given[choice.lane] = self._turn
                        found.classes[message.seq] = message.goes_as
                        found.segments[message.seq] = message.segments
                        all_loads.given(choice.lane, message)
                    continue
                loads[choice.lane].give_back(message.parts)
                closed = {choice.lane: closed[choice.lane]}
            if closed:
                waits, rejects = limiter.waits_for_a_sim(message, closed)
                if rejects:
                    found.held.append((message, waits, True))

    def _unable(self, message: Waiting, loads: Mapping[Lane, LaneLoad]) -> dict[Lane, str]:
        """Why not the lanes that take nothing now."""
        views = [view for lane, view in self._views.items() if lane not in loads]
        refused = rejections(message, views, self._rules.table)
        return {each.lane: refused.get(each.lane) or each.paused or each.detail for each in views}

    def outlook(self, message: Waiting) -> Outlook:
        """Where a message would go now, and why not elsewhere."""
        loads = {lane: self._load(lane, message.class_) for lane in self._loops}
        views = [load.view for load in loads.values()]
        bars = self._bars()
        against = bars.against(message)
        closed = self._limiter.closed(message, views)
        words = {lane: f"{block.words}, until {rfc3339(block.until)}"
                 for lane, block in closed.items()}  # fmt: skip
        passed = {lane: told for lane, told in words.items() if not self._limiter.stays(lane)}
        try:
            choice = choose(message, loads, self._rules, {**passed, **against}, explain=True)
        except NoRoute as error:
            others = {Lane(lane): words for lane, words in error.reasons.items()}
            until = None
            if (another_s := bars.another_s(message)) > 0:
                until = Instant(self._clock.now() + round(another_s * SECOND_US))
            return Outlook(
                lane=None, reason="no modem can carry it now", others=others, another_until=until
            )
        reason = _why(message, choice)
        if choice.lane in words:
            reason += f", and its limit is waited for: {words[choice.lane]}"
        return Outlook(lane=choice.lane, reason=reason, others=choice.others, group=choice.group)

    async def _bind(self, decided: Round) -> None:
        """A modem at rest begins while what it sends is being bound."""
        bindings = decided.bindings
        if not bindings:
            return
        by_lane: dict[Lane, list[int]] = {}
        for each in bindings:
            by_lane.setdefault(each.lane, []).append(each.message_seq)
        begins = {
            lane: [*chain.from_iterable(parts)]
            for lane, messages in by_lane.items()
            if self._loops[lane].at_rest
            and all(parts := [decided.segments[seq] for seq in messages])
        }
        try:
            asked = self._store.bind(bindings, begins=bool(begins))
            for lane, segments in begins.items():
                self._loops[lane].binding(segments)
            whole = await asked == len(bindings)
        except StoreUnavailable:
            self._limiter.uncount()
            self._look_again(by_lane)
            raise
        for lane, messages in by_lane.items():
            self._loops[lane].bound({seq: decided.classes[seq] for seq in messages})
        if not whole:
            self._look_again(by_lane)

    def _look_again(self, lanes: Iterable[Lane]) -> None:
        """They may have been told of messages that are not theirs."""
        for lane in lanes:
            self._loops[lane].wake()

    def _look_when_free(self) -> None:
        """The next round when the first of the limits that were met ends, or a wait for a SIM."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait_s = self._another_s
        if (at := self._limiter.free_at) is not None:
            wait_s = min(wait_s, max(0.0, (at - self._clock.now()) / SECOND_US))
        if wait_s < math.inf:
            wait_s = max(wait_s, SHORTEST_WAIT_S)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._again)

    def able(self) -> list[ModemView]:
        """The modems that take messages and whose SIM is not closed after failures in a row."""
        return [view for lane, view in self._views.items()
                if view.takes and not self._loops[lane].window.dead]  # fmt: skip

    def reach(self) -> Mapping[str, int]:
        """For each route with groups the last of them that has such a modem; -1 for none."""
        return self._rules.table.reach({view.lane for view in self.able()})

    def able_now(self) -> list[ModemView]:
        """Those of them whose limits let an urgent message begin now, soon, or after their gap."""
        urgent = MessageClass.ALARM
        return [
            each
            for each in self.able()
            if self._limiter.closed_s(each, urgent) <= self._limiter.soon_s(each.lane)
        ]

    def _bars(self) -> Bars:
        takes = self.able()
        told = tuple((view.lane, view.routes) for view in takes)
        if told != self._takes:
            self._takes = told
            self._reserved = reserved_lanes(takes, self._count, self._reserved)
        return Bars(self._views.values(), self._reserved, self._probes(), self._awaited_s)

    def _awaited_s(self, view: ModemView, message: Waiting) -> float:
        """How long a message that another SIM was refused waits for this one yet.

        At most `retry_longest_s` of its class: from when the modem ceased to take messages, or
        until its SIM's window or limits let it begin.
        """
        longest_s = self._rules.classes[message.class_].retry_longest_s
        now_s = self._clock.mono()
        if not view.takes:
            wait_s = self._left.get(view.lane, -math.inf) + longest_s - now_s
        else:
            free_s = self._loops[view.lane].free_at() - now_s
            opens_s = max(free_s, self._limiter.closed_s(view, message.class_, message.to))
            wait_s = longest_s if opens_s <= 0 else opens_s if opens_s <= longest_s else 0.0
        if wait_s > 0:
            self._another_s = min(self._another_s, wait_s)
        return max(0.0, wait_s)

    def _may_take(self, lane: Lane) -> bool:
        view = self._views[lane]
        return view.takes or (view.ready and bool(self._probes()))

    def _looks(self, lanes: Sequence[Lane]) -> list[tuple[list[Lane], MessageClass]]:
        """Where to look: lanes, and the lowest class that each of them has room for."""
        left, shut = list(lanes), self._limiter.shut
        found = []
        for lowest in (MessageClass.BULK, MessageClass.NORMAL, MessageClass.ALARM):
            free = [
                lane
                for lane in left
                if self._room(lane, lowest) > 0 and not shut(self._views[lane], lowest)
            ]
            if free and (self.urgent or not lowest.urgent):
                found.append((free, lowest))
            left = [lane for lane in left if lane not in free]
            if not left:
                break
        return found

    def _room(self, lane: Lane, class_: MessageClass) -> int:
        """Messages of a class that may be bound; when a dead SIM's time is over one tries it."""
        loop = self._loops[lane]
        room = loop.room_for(class_)
        if loop.window.dead:
            return 0 if self._dead(loop) else min(room, 1)
        return room

    def _dead(self, loop: LaneLoop) -> bool:
        return loop.window.dead and loop.window.free_at() > self._clock.mono()

    async def _look(
        self, looks: Sequence[tuple[list[Lane], MessageClass]], count: int, *, newest: bool
    ) -> list[Waiting]:
        """What waits for these lanes, the highest class first."""
        found: dict[int, Waiting] = {}
        for lanes, lowest in looks:
            if lowest.urgent:
                self.urgent = False  # unless more come while it looks
            routes = sorted({route for lane in lanes for route in self._views[lane].routes})
            try:
                # With one modem nothing is preferred; of more than can be bound nobody asks.
                room = sum(max(AHEAD_MESSAGES, self._loops[lane].room) for lane in lanes)
                sims = room if len(self._loops) > 1 else 0
                begins = sum(self._loops[lane].at_rest for lane in lanes)
                more = await self._store.backlog(
                    self._clock.now(), count, lanes, routes, lowest, sims, begins, newest=newest
                )
            except StoreUnavailable:
                self.urgent = True
                raise
            found |= {each.seq: each for each in more}
        return sorted(found.values(), key=lambda each: (each.goes_as.rank, each.seq))

    def _load(self, lane: Lane, class_: MessageClass) -> LaneLoad:
        """How a lane stands for a message of a class."""
        loop, view = self._loops[lane], self._views[lane]
        closed_s = self._limiter.closed_s(view, class_)
        return LaneLoad(
            view=view,
            segments=loop.segments_before(class_),
            room=self._room(lane, class_),
            blocked_s=max(0.0, loop.free_at() - self._clock.mono(), closed_s),
            failures=loop.window.failures,
            dead=self._dead(loop),
            given=self._given.get(lane, 0),
        )


def _why(message: Waiting, choice: Choice) -> str:
    """Why the lane is chosen, also where its SIM was refused the message before."""
    if message.avoid_sim != choice.sim_id:
        return choice.reason
    return f"{choice.reason}; its SIM was refused it before, and no other could be had in time"

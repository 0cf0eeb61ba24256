"""Several modems as one service: owns the units, binds messages to lanes, reacts to trouble.

May import store.api, modem.api, L0. Binding is late: a lane is kept two messages ahead, the rest
waits in the shared backlog for whoever is free first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from dataclasses import replace
from random import Random

from airpost.clock import Clock, Instant
from airpost.errors import ModemError, StoreUnavailable
from airpost.model import (
    Lane,
    Message,
    MessageId,
    ModemView,
    SimId,
    Waiting,
    Waits,
    WireLine,
    masked,
)
from airpost.modem.api import ModemUnit
from airpost.outage import Outage
from airpost.outcome import Outcome
from airpost.policy import QueuePolicy
from airpost.pool.binder import Binder
from airpost.pool.dispatch import LaneLoop
from airpost.pool.facade import BudgetView, Outlook, Promise
from airpost.pool.gate import Gate
from airpost.pool.holding import Holding
from airpost.pool.hooks import Hooks
from airpost.pool.janitor import Janitor
from airpost.pool.lateness import LateAnswers
from airpost.pool.limiter import Limiter, Limits
from airpost.pool.notes import Notes
from airpost.pool.promises import Promises
from airpost.pool.releaser import Releaser
from airpost.pool.route import Rules
from airpost.pool.strangers import Strangers
from airpost.pool.tally import Tally
from airpost.pool.upkeep import Upkeep, UpkeepSettings
from airpost.routes import RouteTable
from airpost.states import MessageState
from airpost.store.api import LaneBinding, Store, Wake
from airpost.tasks import spawn, supervise

log = logging.getLogger("airpost.pool")

REMARK = "remark"  # what an event of a modem leads to where nothing about it changes
CALL = "call"  # what an event of a modem leads to when somebody calls; its reason is the number
STORE_WAIT_S = 1.0
NOT_BEGUN = "left alone until the store can be had"  # of a modem, before the pool runs
ON_AIR_STOP_S = 60.0  # how long a stop waits for segments on the air


class Asked(asyncio.Event):
    """A round of binding is asked for; `newest`: by something else than a commit too."""

    newest = True

    def set(self) -> None:
        """By whatever there is to see now."""
        self.newest = True
        super().set()

    def set_by_commit(self) -> None:
        """By the commit that the store is telling of."""
        super().set()

    def clear(self) -> None:
        """It begins."""
        super().clear()
        self.newest = False


class ModemPool:
    """The pool. `run()` once; `stop()` ends it in order."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        rng: Random,
        upkeep: UpkeepSettings | None = None,
        limits: Limits | None = None,
        policy: QueuePolicy | None = None,
        routes: RouteTable | None = None,
    ) -> None:
        self._routes = routes or RouteTable()
        self._policy = policy or QueuePolicy()
        self._store = store
        self._clock = clock
        self._rng = rng
        self._loops: dict[Lane, LaneLoop] = {}
        self._views: dict[Lane, ModemView] = {}
        self._watchers: set[Callable[[ModemView], None]] = set()
        self._bind = Asked()
        self._notes = Notes(store, clock)
        self.limiter = Limiter(store, clock, limits, self._limits_changed)
        self._binder = Binder(
            store, clock, self.limiter, self._loops, self._views, self._bind.set,
            self._policy.reserved, lambda: self.upkeep.selftests.under_way(),
            Rules(table=self._routes, classes=self._policy.classes),
        )  # fmt: skip
        self._janitor = Janitor(store, clock, self._time_moved, self._binder.reach)
        self.upkeep = Upkeep(store, self, clock, rng, upkeep or UpkeepSettings())
        tested = upkeep is not None and upkeep.selftest is not None
        self._holding = Holding(
            store, clock, self._loops, self._views, self._show_again,
            (lambda lane: self.upkeep.selftests.begin(lane)) if tested else None,
        )  # fmt: skip
        self._releaser = Releaser(
            store, clock, self._loops, self._views, keeps=self._holding.keeps,
            resume_s=self._policy.resume_s, released=self._given_back,
        )  # fmt: skip
        self._late = LateAnswers(
            store, clock, rng, self._policy.classes, self._holding,
            trouble=self._lane_in_trouble, stopping=lambda: self._stopping.is_set(),
        )  # fmt: skip
        self._promises = Promises(
            self._views.values, self._binder.able_now, self.limiter.sims.profile,
            self._policy.reserved, clock)  # fmt: skip
        self._stopping = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._serving: list[asyncio.Task[None]] = []
        self._strangers = Strangers()
        self.stranger = self._strangers.seen
        self._lanes_done = asyncio.Event()
        self.last_progress_mono = clock.mono()

    # -- what services see -----------------------------------------------------------------------
    def modems(self) -> tuple[ModemView, ...]:
        """A view of every modem by lane name, then of what is plugged in and cannot be one."""
        return (*(self._views[lane] for lane in sorted(self._views)), *self._strangers.all())

    def modem(self, lane: Lane) -> ModemView | None:
        """One view, or None for an unknown name."""
        return self._views.get(lane) or self._strangers.named(lane)

    async def ask(self, lane: Lane, text: str) -> tuple[str, ...]:
        """One AT command to a modem, between two of its messages; see `facade.Pool`."""
        return await self._unit(lane).ask(text)

    async def reset(self, lane: Lane, how: str) -> None:
        """Reset a modem by a person's word; see `facade.Pool`."""
        await self._unit(lane).reset(how)

    def wire(self, lane: Lane) -> tuple[WireLine, ...]:
        """What last went over a modem's wire, redacted; nothing of what is no modem. KeyError."""
        return () if self._is_stranger(lane) else self._loops[lane].unit.wire()

    def _is_stranger(self, lane: Lane) -> bool:
        return lane not in self._loops and self.modem(lane) is not None

    def _unit(self, lane: Lane) -> ModemUnit:
        if self._is_stranger(lane) and (view := self.modem(lane)) is not None:
            raise ModemError(view.detail)
        return self._loops[lane].unit

    async def ussd(self, lane: Lane, code: str) -> str:
        """One USSD code; ModemError, AtError or PortError when there is no answer."""
        return await self._unit(lane).ussd(code)

    async def selftest(self, lane: Lane, to: str | None) -> MessageId:
        """Begin a self-test; see `facade.Pool`."""
        return await self.upkeep.selftests.begin(lane, to)

    def idle(self, lane: Lane) -> bool:
        """True while no message waits for the modem or is on the air."""
        loop = self._loops[lane]
        return loop.current is None and not loop.ahead

    def budget(self, lane: Lane) -> BudgetView | None:
        """What the SIM in a modem has had and may have; None where nothing limits it."""
        view = self._views.get(lane)
        return None if view is None else self.limiter.budget(view)

    def waits(self, message: Message, *, listed: bool = False) -> Waits | None:
        """Which limit a message that is not final waits for."""
        if message.state is not MessageState.QUEUED:
            return message.waits
        return self.limiter.waits(message, () if listed else self._holding.senders(message.modem))

    async def refuses(self, message: Waiting, due: Instant) -> Waits | None:
        """The limit by which a message is known to fail; see `facade.Pool`."""
        return await self.limiter.refuses(message, due, self._views.values())

    async def pause(self, lane: Lane, actor: str, *, drain: bool = False) -> None:
        """Give a modem nothing more; see `facade.Pool`."""
        await self._holding.pauses.pause(self._unit(lane).lane, actor, drain=drain)

    async def resume(self, lane: Lane, actor: str) -> None:
        """Give a modem messages again; see `facade.Pool`."""
        await self._holding.resume(self._unit(lane).lane, actor)

    def promises(self) -> tuple[Promise, ...]:
        """What urgent traffic each route can take now."""
        return self._promises.now

    def tallies(self) -> dict[Lane, Tally]:
        """What each modem has done since the start."""
        return {lane: loop.tally for lane, loop in self._loops.items()}

    def outlook(self, message: Waiting) -> Outlook:
        """Where a message that waits would go now; see `facade.Pool`."""
        return self._binder.outlook(message)

    def routes(self) -> frozenset[str]:
        """The names of all routes that some modem serves."""
        return frozenset(route for view in self._views.values() for route in view.routes)

    def watch(self, callback: Callable[[ModemView], None]) -> Callable[[], None]:
        """Call `callback` at every change of a view; returns what ends it."""
        self._watchers.add(callback)
        return lambda: self._watchers.discard(callback)

    def look(self) -> None:
        """Go round once more: shows in `last_progress_mono` that the dispatcher moves."""
        self._bind.set()

    def under_way(self) -> dict[Lane, Hashable]:
        """Lanes that could be sending now, each with a value that changes as it goes on.

        Left out are lanes without work, without a ready modem, and in a pause of their window
        or their limits.
        """
        now = self._clock.mono()
        return {
            lane: (
                None if loop.current is None else loop.current.segment_id,
                tuple(each.segment_id for each in loop.ahead),
                loop.window,  # it notes when each attempt ended
            )
            for lane, loop in self._loops.items()
            if not self._stopping.is_set()
            and self._views[lane].ready
            and not loop.empty
            and loop.free_at() <= now
        }

    # -- life ------------------------------------------------------------------------------------
    def add(self, unit: ModemUnit) -> None:
        """Take a unit in; while the pool runs it is started at once."""
        self._views[unit.lane] = replace(self._routes.dressed(unit.view), detail=NOT_BEGUN)
        self._loops[unit.lane] = LaneLoop(
            unit,
            self._store,
            self._clock,
            Random(self._rng.getrandbits(64)),
            has_room=self._bind.set,
            idle=self._lane_idle,
            trouble=self._lane_in_trouble,
            gate=self._gate(unit),
            policies=self._policy.classes,
            hooks=Hooks(refused=self._holding.refused, sent=self._holding.sent,
                        probes=self.upkeep.selftests.under_way),
        )  # fmt: skip
        if self._group is not None and not self._stopping.is_set():
            self._start(self._group, unit.lane)

    def _show_again(self, lane: Lane) -> None:
        if (loop := self._loops.get(lane)) is not None:
            self.changed(loop.unit.view)

    def _gate(self, unit: ModemUnit) -> Gate | None:
        if self.limiter.none:
            return None
        return Gate(self.limiter, unit, self._clock.mono, self._lane_closed)

    def remark(self, lane: Lane, words: str) -> None:
        """Write something about a modem into its history."""
        spawn(self._notes.event(lane, None, REMARK, words), name=f"remark {lane}")

    def _start(self, group: asyncio.TaskGroup, lane: Lane) -> None:
        loop = self._loops[lane]
        self._show_again(lane)
        group.create_task(self._run_unit(loop.unit), name=f"unit {lane}")
        self._serving.append(group.create_task(loop.run(), name=f"lane {lane}"))
        loop.wake()

    async def run(self) -> None:
        """Serve until `stop()`. A unit that crashes again and again is left out, the rest go on."""
        unsubscribe = self._store.subscribe(self._committed)
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [
                    group.create_task(self._keep_bound(), name="bind"),
                    group.create_task(self._releaser.run(), name="release"),
                    group.create_task(self._janitor.run(), name="janitor"),
                    group.create_task(self._keep_up(), name="upkeep"),
                    group.create_task(self._promises.run(), name="promises"),
                ]
                self._group = group
                for lane in self._loops:
                    self._start(group, lane)
                self._bind.set()
                await self._stopping.wait()
                await asyncio.gather(*self._serving)
                self._lanes_done.set()
                for task in helpers:
                    task.cancel()
        finally:
            unsubscribe()
            self._lanes_done.set()

    async def stop(self) -> None:
        """No new claims; finish and settle what is on the air; close the ports."""
        self._stopping.set()
        for loop in self._loops.values():
            loop.stop()
        await asyncio.gather(*(loop.unit.stop(ON_AIR_STOP_S) for loop in self._loops.values()))
        if self._group is not None:
            await self._lanes_done.wait()

    async def _keep_up(self) -> None:
        async def gave_up(error: BaseException) -> None:
            log.error("upkeep.given_up %r; no self-tests, no credit until the next start", error)

        await supervise(self.upkeep.run, name="upkeep", clock=self._clock, gave_up=gave_up)

    async def _run_unit(self, unit: ModemUnit) -> None:
        async def gave_up(error: BaseException) -> None:
            log.error("unit.quarantined modem=%s %r", unit.lane, error)
            unit.crashed(f"airpost failed: {error!r}")

        await supervise(unit.run, name=f"unit {unit.lane}", clock=self._clock, gave_up=gave_up)

    # -- what units tell -------------------------------------------------------------------------
    def changed(self, view: ModemView) -> None:
        """A unit's view changed."""
        before = self._views.get(view.lane)
        self._views[view.lane] = view = self._routes.dressed(
            self._holding.dressed(self.upkeep.dressed(view))
        )
        for callback in tuple(self._watchers):
            callback(view)
        if before is not None and before.state is not view.state:
            spawn(
                self._notes.event(view.lane, before.state.value, view.state.value, view.detail,
                                  view.state.severity),
                name=f"note {view.lane}",
            )  # fmt: skip
        loop = self._loops.get(view.lane)
        if loop is None:
            return
        self.limiter.seen(view)
        self._holding.seen(view)
        self._binder.seen(view)
        self._promises.wake()
        if view.ready and (before is None or not before.ready):
            loop.returned()
            self.upkeep.wake()
        if view.takes and (before is None or not before.takes):
            loop.wake()
            self._bind.set()
        elif before is not None and before.takes and not view.takes:
            self._releaser.look()

    def identified(self, lane: Lane, imei: str, sim_id: SimId) -> None:
        """Remember which modem and SIM the lane is now."""
        binding = LaneBinding(lane=lane, imei=imei, sim_id=sim_id, since=self._clock.now())
        spawn(self._notes.binding(binding), name=f"binding {lane}")

    def late(self, lane: Lane, segment_id: int, mr: int | None, outcome: Outcome) -> None:
        """The answer came after we had called it unknown: credit it to its own segment."""
        self._late.credit(self._loops[lane], segment_id, mr, outcome)

    def reported(self, lane: Lane) -> None:
        """A delivery report has come for something the lane has sent."""
        self._holding.reported(lane)

    def called(self, lane: Lane, number: str | None) -> None:
        """Note a call that came in."""
        shown = "unknown" if number is None else masked(number)
        log.info("modem.called modem=%s from=%s", lane, shown)
        spawn(self._notes.event(lane, None, CALL, number or "unknown"), name=f"call {lane}")

    def clock_changed(self) -> None:
        """The machine's clock was set, or is trusted now, or is not any more."""
        self.limiter.read_anew()
        self._janitor.wake()
        self._time_moved()

    # -- binding ---------------------------------------------------------------------------------
    def _committed(self, wake: Wake) -> None:
        if wake is Wake.URGENT:
            self._binder.urgent = True
        if wake is Wake.QUEUE:
            self._bind.set_by_commit()
            self._janitor.wake()
        if wake is Wake.DECIDED:
            self._time_moved()

    def _time_moved(self) -> None:
        """A retry, a not_before or a resend came due."""
        self._given_back()
        self._releaser.came_due()
        for loop in self._loops.values():
            loop.wake()

    async def _keep_bound(self) -> None:
        outage = Outage(log, "pool.no_binding", "pool.binds_again")
        while True:
            await self._bind.wait()
            newest = self._bind.newest
            self._bind.clear()
            self.last_progress_mono = self._clock.mono()
            try:
                await self._bind_round(newest=newest)
                outage.over()
            except StoreUnavailable as error:
                outage.failed(error.reason)
                await self._clock.sleep(STORE_WAIT_S)
                self._bind.set()

    async def _bind_round(self, *, newest: bool) -> None:
        if self._stopping.is_set():
            return
        if (loads := await self._binder.round(newest=newest)) is not None:
            self._releaser.share(loads)

    # -- trouble ---------------------------------------------------------------------------------
    def _lane_idle(self, lane: Lane) -> None:
        self._releaser.idle(lane)
        self._holding.idle(lane)
        self._bind.set()

    def _lane_in_trouble(self, lane: Lane) -> None:
        self._holding.trouble(lane)
        self._releaser.troubled(lane)
        self._promises.wake()

    def _given_back(self) -> None:
        self._binder.urgent = True
        self._bind.set()

    def _lane_closed(self, lane: Lane) -> None:
        self._releaser.closed(lane)
        self._promises.wake()

    def _limits_changed(self, lane: Lane) -> None:
        self._loops[lane].wake()
        self._promises.wake()
        self._bind.set()

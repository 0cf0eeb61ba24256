"""Limits as the pool applies them: one question before a message is given to a modem, one before a
segment begins.

May import store.api, L0. What a limit holds back is written on the message; what waits for the
budget of a SIM stays in the backlog, where any SIM with room finds it.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from airpost.clock import SECOND_US, Clock, Instant
from airpost.errors import StoreUnavailable
from airpost.model import (
    Claimed,
    Lane,
    Message,
    MessageClass,
    MessageId,
    ModemView,
    Severity,
    SimId,
    Waiting,
    Waits,
)
from airpost.outage import Outage
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.pool.allowance import QUOTA, Allowances, ChargeStore, KeyStore, together
from airpost.pool.budget import Block
from airpost.pool.facade import BudgetView
from airpost.pool.limits import LimitSettings, OnLimit
from airpost.pool.simbudgets import LIMIT, SimBudgets, SpentStore
from airpost.pool.zones import zones_of
from airpost.routes import DEFAULT_ROUTE
from airpost.store.api import Hold
from airpost.tasks import spawn

log = logging.getLogger("airpost.limits")

SOON_S = 5.0  # a SIM that may go on so soon keeps what is bound to it
LOOK = 200  # messages looked at in a round of binding while some are held: a night holds thousands
LOOK_MOST = 600  # the same, where all of those wait for the budget of a SIM
SHOWN = 1_000  # messages of which it is known that they wait for a SIM


class LimitStore(ChargeStore, SpentStore, Protocol):
    """The store as limits know it."""

    async def hold(self, holds: Sequence[Hold], now: Instant) -> int:
        """Hold those of which nothing has begun; how many were."""
        ...

    async def reject(self, message_seq: int, outcome: Outcome, now: Instant) -> None:
        """A message that a limit refuses: it fails, unless something of it has begun."""
        ...


class NoteStore(KeyStore, Protocol):
    """The store as events need it."""

    async def note(
        self,
        subject: str,
        from_: str | None,
        to: str | None,
        reason: str,
        now: Instant,
        severity: Severity = Severity.INFO,
    ) -> None:
        """An event about a modem or the service itself."""
        ...


class _NoHolds:
    """Where nothing is limited nothing is asked."""

    async def spent(self, sim_id: SimId, since: Instant) -> list[tuple[Instant, str]]:
        raise NotImplementedError

    async def charges(
        self, numbers: Sequence[str], key_ids: Sequence[str], since: Instant
    ) -> list[tuple[str, Instant, MessageClass]]:
        raise NotImplementedError

    async def hold(self, holds: Sequence[Hold], now: Instant) -> int:
        raise NotImplementedError

    async def reject(self, message_seq: int, outcome: Outcome, now: Instant) -> None:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Limits:
    """What the configuration asks for, and where the store keeps it."""

    settings: LimitSettings
    holds: LimitStore


class Limiter:
    """All limits of one pool; `limits` None: there are none. `wake`: a lane may send more."""

    def __init__(
        self,
        store: NoteStore,
        clock: Clock,
        limits: Limits | None,
        wake: Callable[[Lane], None],
    ) -> None:
        settings = LimitSettings() if limits is None else limits.settings
        holds: LimitStore = _NoHolds() if limits is None else limits.holds
        self._store = store
        self._holds = holds
        self._clock = clock
        self._unnoted = Outage(log, "limits.event_not_stored", "limits.events_stored")
        self._wake = wake
        self.sims = SimBudgets(holds, clock, settings, note=self._note, read=wake)
        self._allowances = Allowances(
            holds, store, clock, settings, lambda number: zones_of(number, settings.home_region)
        )
        self._for_a_sim: OrderedDict[MessageId, tuple[Lane, Waits]] = OrderedDict()
        self._goes_on: set[int] = set()  # messages that have begun: their hours do not matter
        self._asked: set[int] = set()
        self._passed = 0  # messages of this round whose SIMs are all closed to them
        self.look = 0  # how many messages a round of binding should look at for the sake of limits
        self.free_at: Instant | None = None  # when to look at the backlog again

    @property
    def none(self) -> bool:
        """True when nothing is limited."""
        return self.sims.none and self._allowances.none

    def read_anew(self) -> None:
        """The clock was wrong: so is what is in memory."""
        self.sims.read_anew()
        self._allowances.read_anew()

    def seen(self, view: ModemView) -> None:
        """A modem has changed; there may be another SIM in it."""
        if view.sim_id is not None:
            self.sims.seen(view.lane, view.sim_id)
        if not view.takes:  # nothing waits for the SIM of a modem that takes nothing
            for id_ in [each for each, (lane, _) in self._for_a_sim.items() if lane == view.lane]:
                del self._for_a_sim[id_]

    # -- before a message is accepted ------------------------------------------------------------
    async def refuses(
        self, message: Waiting, due: Instant, views: Iterable[ModemView]
    ) -> Waits | None:
        """The limit by which a message that comes in now is known to fail; StoreUnavailable.

        One that is `due` later is asked for its hours alone: what is used up now may be free then.
        """
        if not (self._allowances.rejects or self.sims.rejects):
            return None
        if due > self._clock.now():
            found = self._allowances.hours(message.class_, message.to, due)
            return found.waits if found is not None and found.reject else None
        await self.know([message])
        if (against := self.against(message)) is not None:
            return against[0] if against[1] else None
        may = [each for each in views if each.ready and (each.lane == message.lane or (
            message.lane is None and (message.route or DEFAULT_ROUTE) in each.routes))]  # fmt: skip
        closed = self.closed(message, may)
        if not may or len(closed) < len(may) or not self._some_reject(closed):
            return None
        first = _first_to_open(closed)
        return _waits(first, closed[first])

    # -- before a message is given to a modem ----------------------------------------------------
    def begin_round(self) -> None:
        """What follows is about a round of binding of its own."""
        self.free_at = None
        self._passed = 0

    async def know(self, waiting: Sequence[Waiting]) -> None:
        """Read what is not known of their recipients and keys. StoreUnavailable."""
        if not self._allowances.none:
            await self._allowances.know(waiting)

    async def hold(self, held: Sequence[tuple[Waiting, Waits, bool]]) -> None:
        """Hold these, or let them fail where the flag says so. StoreUnavailable.

        What waits for a SIM stays in the backlog: the next look goes further than that.
        """
        self.look = min(LOOK_MOST, max(LOOK, 2 * self._passed)) if held or self._passed else 0
        now = self._clock.now()
        holds = [
            Hold(message_seq=message.seq, until=waits.until, reason=waits.reason, words=waits.words)
            for message, waits, reject in held
            if not reject
        ]
        if holds:
            await self._holds.hold(holds, now)
        for message, waits, reject in held:
            if reject:
                await self._reject(message, waits, now)

    async def _reject(self, message: Waiting, waits: Waits, now: Instant) -> None:
        outcome = Outcome(
            cls=OutcomeClass.PERMANENT, scope=Scope.MESSAGE, code=waits.reason,
            text=f"refused by a limit: {waits.words}",
        )  # fmt: skip
        await self._holds.reject(message.seq, outcome, now)

    def against(self, message: Waiting) -> tuple[Waits, bool] | None:
        """What recipient, key and hours say against the message now, and whether it fails."""
        if self._allowances.none:
            return None
        found = self._allowances.verdict(message, self._clock.now())
        return None if found is None else (found.waits, found.reject)

    def count(self, message: Waiting) -> Instant | None:
        """It is given to a modem: when it counts for its recipient and its key."""
        return self._allowances.count(message, self._clock.now())

    def uncount(self) -> None:
        """What was counted did not come to the disk."""
        self._allowances.read_anew()

    def closed(self, message: Waiting, views: Iterable[ModemView]) -> dict[Lane, Block]:
        """The lanes whose SIM may not take it for longer than SOON_S, with what stands against."""
        if self.sims.none:
            return {}
        soon = self._clock.now() + SOON_S * SECOND_US
        found: dict[Lane, Block] = {}
        for view in views:
            if view.sim_id is not None:
                block = self.sims.block(view.lane, view.sim_id, message.class_, message.to)
                if block is not None and block.until > soon:
                    found[view.lane] = block
        return found

    def closed_s(self, view: ModemView, class_: MessageClass, to: str | None = None) -> float:
        """Seconds until the SIM takes one more of that class, to a number it knows or to this."""
        if self.sims.none or view.sim_id is None:
            return 0.0
        block = self.sims.block(view.lane, view.sim_id, class_, to)
        return 0.0 if block is None else (block.until - self._clock.now()) / SECOND_US

    def soon_s(self, lane: Lane) -> float:
        """How long it may last until a SIM takes one more that has not used up anything."""
        profile = self.sims.profile(lane)
        return SOON_S if profile is None else max(SOON_S, profile.gap_s)

    def shut(self, view: ModemView, class_: MessageClass) -> bool:
        """True where its SIM takes none of a class for longer than SOON_S, and nothing fails."""
        profile = self.sims.profile(view.lane)
        if profile is None or view.sim_id is None or profile.on_limit is OnLimit.REJECT:
            return False
        block = self.sims.block(view.lane, view.sim_id, class_, None)
        if block is None or block.until <= self._clock.now() + SOON_S * SECOND_US:
            return False
        self._look_at(block.until)
        return True

    def stays(self, lane: Lane) -> bool:
        """True where what is meant for a lane waits for it while its SIM is closed."""
        profile = self.sims.profile(lane)
        return profile is not None and profile.on_limit is OnLimit.HOLD

    def waits_for_a_sim(self, message: Waiting, closed: Mapping[Lane, Block]) -> tuple[Waits, bool]:
        """What a message waits for that every SIM it could go by is closed to; True: it fails."""
        lane = _first_to_open(closed)
        waits = _waits(lane, closed[lane])
        if self._some_reject(closed):
            return waits, True
        self._passed += 1
        self._for_a_sim[message.id] = lane, waits
        self._for_a_sim.move_to_end(message.id)
        while len(self._for_a_sim) > SHOWN:
            self._for_a_sim.popitem(last=False)
        self._look_at(waits.until)
        return waits, False

    def _some_reject(self, lanes: Iterable[Lane]) -> bool:
        profiles = [self.sims.profile(each) for each in lanes]
        return any(each is not None and each.on_limit is OnLimit.REJECT for each in profiles)

    def _look_at(self, until: Instant) -> None:
        self.free_at = until if self.free_at is None else min(self.free_at, until)

    # -- before a segment begins -----------------------------------------------------------------
    def wait_s(self, lane: Lane, sim_id: SimId | None, segment: Claimed) -> float:
        """Seconds until the segment may begin; 0 for now."""
        now = self._clock.now()
        until = now
        if sim_id is not None:
            block = self.sims.block(lane, sim_id, segment.class_, segment.to)
            until = now if block is None else block.until
        if not self._allowances.none and segment.message_seq not in self._goes_on:
            quiet = self._allowances.hours(segment.class_, segment.to, now)
            if quiet is not None:
                until = max(until, Instant(now + SECOND_US))
                self._ask_to_hold(lane, segment, quiet.waits)
        return max(0.0, (until - now) / SECOND_US)

    def begun(self, lane: Lane, sim_id: SimId, segment: Claimed) -> None:
        """It is on the air."""
        self._for_a_sim.pop(segment.message_id, None)
        self._goes_on.discard(segment.message_seq)
        self.sims.spend(lane, sim_id, segment.to)

    def _ask_to_hold(self, lane: Lane, segment: Claimed, quiet: Waits) -> None:
        if segment.message_seq not in self._asked:
            self._asked.add(segment.message_seq)
            spawn(self._hold_bound(lane, segment, quiet), name=f"hold {segment.message_id}")

    async def _hold_bound(self, lane: Lane, segment: Claimed, quiet: Waits) -> None:
        """A bound message whose hours are over; one that has begun goes on."""
        hold = Hold(message_seq=segment.message_seq, until=quiet.until, reason=quiet.reason,
                    words=quiet.words)  # fmt: skip
        try:
            if not await self._holds.hold([hold], self._clock.now()):
                self._goes_on.add(segment.message_seq)
        except StoreUnavailable as error:
            log.warning("limits.not_held msg=%s %s", segment.message_id, error.reason)
        finally:
            self._asked.discard(segment.message_seq)
        self._wake(lane)

    # -- for people ------------------------------------------------------------------------------
    def budget(self, view: ModemView) -> BudgetView | None:
        """The budget of the SIM in a modem; None where nothing limits it."""
        return self.sims.view(view.lane, view.sim_id)

    def waits(self, message: Message, senders: Sequence[ModemView]) -> Waits | None:
        """What a message waits for: what holds it, its hours, and the budget of its SIM.

        Or that of every one of the `senders` that could carry it.
        """
        now = self._clock.now()
        quiet = None
        if not self._allowances.none and message.seq not in self._goes_on:
            quiet = self._allowances.hours(message.class_, message.to, now)
        hours = None if quiet is None else quiet.waits
        known = (message.waits, hours, self._sim_waits(message, senders))
        against = [each for each in known if each is not None and each.until > now]
        return together(against) if against else None

    def _sim_waits(self, message: Message, senders: Sequence[ModemView]) -> Waits | None:
        if self.sims.none:
            return None
        found = self._for_a_sim.get(message.id)
        if message.modem is None and found is not None and found[1].until > self._clock.now():
            return found[1]
        blocks: dict[Lane, Block] = {}
        for view in senders:
            if view.sim_id is None or not _may_carry(view, message):
                continue
            block = self.sims.block(view.lane, view.sim_id, message.class_, message.to)
            if block is None:
                return None
            blocks[view.lane] = block
        if not blocks:
            return None
        first = _first_to_open(blocks)
        return _waits(first, blocks[first])

    async def _note(self, lane: Lane, words: str) -> None:
        try:
            now = self._clock.now()
            await self._store.note(f"modem {lane}", None, LIMIT, words, now, Severity.WARNING)
        except StoreUnavailable as error:
            self._unnoted.failed(f"modem={lane} {error.reason}")
        else:
            self._unnoted.over()


def _may_carry(view: ModemView, message: Message) -> bool:
    if message.modem is not None:
        return view.lane == message.modem
    kind, _, name = message.outlet.partition(" ")
    return view.lane == name if kind == "lane" else name in view.routes


def _first_to_open(blocks: Mapping[Lane, Block]) -> Lane:
    return min(blocks, key=lambda each: (blocks[each].until, each))


def _waits(lane: Lane, block: Block) -> Waits:
    return Waits(reason=QUOTA, words=f"{lane}: {block.words}", until=block.until)

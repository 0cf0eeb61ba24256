"""One loop per lane: claim, send, settle.

May import store.api, modem.api, L0. While a segment is on the air the next ones are claimed and the
first of them are prepared, so that they begin without a commit (`ledger.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from random import Random

from airpost.clock import Clock
from airpost.codec.causes import sim_in_doubt
from airpost.errors import StoreUnavailable
from airpost.model import Claimed, Lane, MessageClass, SimId
from airpost.modem.api import ModemUnit, SendResult
from airpost.outage import Outage
from airpost.outcome import OutcomeClass, Scope
from airpost.policy import CLASS_POLICY, Policies
from airpost.pool.beat import is_quick, linger_s, prepared_ahead, until_beat
from airpost.pool.claims import STORE_WAIT_S, Claims
from airpost.pool.gate import Gate
from airpost.pool.hooks import Hooks
from airpost.pool.ledger import Beginning, Ledger
from airpost.pool.openfates import OpenFate, OpenFates
from airpost.pool.order import InHand, next_up
from airpost.pool.retry import settlement
from airpost.pool.route import UNMEASURED_SERVICE_S
from airpost.pool.tally import Tally
from airpost.pool.window import Window
from airpost.states import SegmentEvent
from airpost.store.api import MOST_PREPARED, AirResult, Intent, Settlement, Store
from airpost.tasks import spawn

log = logging.getLogger("airpost.dispatch")

AHEAD_AFTER_S = 0.02  # from an intent on disk to the claim of what comes next; air takes seconds
SHORTEST_WAIT_S = 0.001  # a timer may fire a little early; then it must not fire on and on
NOT_BEGUN_WAIT_S = 0.5  # before the same segment is offered again to a modem that did not begin


class LaneLoop:
    """Feeds one modem from its lane. Single use: `run()` once, `stop()` ends it."""

    def __init__(
        self,
        unit: ModemUnit,
        store: Store,
        clock: Clock,
        rng: Random,
        *,
        has_room: Callable[[], None],
        idle: Callable[[Lane], None],
        trouble: Callable[[Lane], None],
        gate: Gate | None = None,
        policies: Policies = CLASS_POLICY,
        hooks: Hooks,
    ) -> None:
        self.held = False  # takes nothing but self-tests
        self._policies = policies
        self._hooks = hooks
        self._in_hand = InHand()
        self._begun_s = 0.0  # when it took the segment that is on the air
        self.unit = unit
        self.window = Window()
        self.tally = Tally()
        self.current: Claimed | None = None
        self._picked: Claimed | None = None  # taken out of what is ahead, about to be `current`
        self._store = store
        self._clock = clock
        self._rng = rng
        self._has_room = has_room
        self._idle = idle
        self._fresh = True  # came back or has worked since it was last told to be idle
        self._trouble = trouble
        self._gate = gate
        self._ledger = Ledger(
            unit.lane, store,
            next_intents=self._next_intents, committed=self._committed, begins=self._begins,
        )  # fmt: skip
        self._claims = Claims(unit.lane, store, clock, hidden=self._hidden, found=self._claimed)
        self._wake = asyncio.Event()
        self._stopping = False
        self._asked_for: Claimed | None = None  # what was on the air when more was asked for
        self.open_fates = OpenFates()
        where = f"modem={unit.lane}"
        self._unsettled = Outage(log, "dispatch.not_settled", "dispatch.settled_again", where)
        self._unbegun = Outage(log, "dispatch.store_unavailable", "dispatch.begins_again", where)
        self._untold: list[tuple[Claimed, Settlement, SendResult]] = []  # since the last beat

    @property
    def lane(self) -> Lane:
        """The lane's name."""
        return self.unit.lane

    @property
    def ahead(self) -> Sequence[Claimed]:
        """What is claimed and waits for this modem."""
        return self._claims.ahead

    @property
    def room(self) -> int:
        """Messages of any class that may still be bound."""
        return self.room_for(MessageClass.BULK)

    def room_for(self, class_: MessageClass) -> int:
        """Messages of a class that may still be bound."""
        return self._claims.room(class_, self.current, self.unit.view.service_s)

    @property
    def hungry(self) -> bool:
        """True where it is worth a round of binding."""
        return self._claims.hungry(self.current, self.unit.view.service_s)

    @property
    def empty(self) -> bool:
        """True while no message is bound to the lane, nor on the air."""
        return self.current is None and not self._claims.messages(MessageClass.BULK)

    def segments_before(self, class_: MessageClass) -> float:
        """Segments a message of a class would wait for, with what is left of the one on the air."""
        on_air_s = None if self.current is None else self._clock.mono() - self._begun_s
        return self._claims.segments_before(class_, on_air_s, self.unit.view.service_s)

    @property
    def surplus(self) -> bool:
        """True when messages wait behind the one on the air: another lane could begin them."""
        current = None if self.current is None else self.current.message_seq
        return any(each.message_seq != current for each in self.ahead)

    def returned(self) -> None:
        """The modem is ready again."""
        self.window = self.window.reopened()
        self.open_fates.row_over()
        self._fresh = True
        self.wake()

    def wake(self) -> None:
        """Something in the lane's queue may have changed."""
        self._claims.look_again()
        self._wake.set()

    @property
    def at_rest(self) -> bool:
        """True while it could begin, but nothing is in its queue, on the air or about to be."""
        at_work = self.held or self.current is not None or self._picked is not None or self.ahead
        able = self.unit.view.ready and not self._stopping and self.free_at() <= self._clock.mono()
        return able and not at_work and self._claims.fresh and self._claims.complete

    def binding(self, segments: Sequence[Claimed]) -> None:
        """All of messages that are being bound to this lane, which is at rest."""
        self._claims.expect(segments)
        self._wake.set()

    def bound(self, messages: Mapping[int, MessageClass]) -> None:
        """These messages are in the lane's queue now."""
        self._wake.set()
        self._claims.bound(messages)

    def stop(self) -> None:
        """Claim nothing more; `run()` returns when the segment on the air is settled."""
        self._stopping = True
        self._wake.set()
        self._claims.release()

    async def run(self) -> None:
        """Until `stop()`: take the next segment whenever modem, window and store allow.

        Cancelled, it finishes and settles the segment on the air first.
        """
        serving = spawn(self._serve(), name=f"lane {self.lane}")
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            self.stop()
            await asyncio.wait([serving])
            raise

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._claims.run(), name=f"ahead {self.lane}")
            try:
                while not self._stopping:
                    segment = await self._next()
                    if segment is None:
                        self._tell()
                        await self.settle_now()
                        self._say_idle()
                        await self._wait()
                        continue
                    self._fresh = True
                    await self._send(segment)
                self._tell()
                await self.settle_now()
            finally:
                watch.cancel()

    def _say_idle(self) -> None:
        """Once each time there is nothing left to do, not at every look."""
        if self._fresh and self.unit.view.ready and not self.ahead:
            self._fresh = False
            self._idle(self.lane)

    async def _next(self) -> Claimed | None:
        if not self.unit.view.ready or self._clock.mono() < self.window.free_at():
            return None
        # A claim begun before our last commit may still show what that commit took; what is
        # prepared is ours, whatever it shows, but what is urgent goes before it.
        while not self._claims.fresh and (
            self._claims.urgent_due or not self._ledger.has_ready(self.ahead)
        ):
            await self._claims.answer()
            if self._stopping:
                return None  # no answer comes while nothing can be read
        self._claims.ahead = ahead = self._in_turn(self._claims.ahead)
        if self._gate is not None:
            return self._gate.take(ahead)
        return ahead.pop(0) if ahead else None

    def _begins(self) -> None:
        """What was prepared has begun."""
        if self._ledger.has_beat:
            return
        now_s, ready = asyncio.get_running_loop().time(), len(self._ledger.ready)
        self._ledger.at_beat(until_beat(now_s, self.unit.view.service_s, ready), self._beat)

    def _beat(self) -> None:
        self._tell()
        if self._ask_for_more() or not self.ahead:
            self._ledger.linger(linger_s(self.unit.view.service_s))
        else:
            self._ledger.follow()

    def _ask_for_more(self) -> bool:
        """Where there is room, once for what is on the air; True where it was asked for."""
        if (self.current is not None and self._asked_for is self.current) or not self.hungry:
            return False
        self._asked_for = self.current
        self._has_room()
        return True

    def _hidden(self) -> Collection[int]:
        """What was taken before its intent is on disk still reads as queued."""
        out = {each.segment_id for each in (self._picked, self.current) if each is not None}
        return out | self._ledger.unwritten

    def _claimed(self) -> None:
        self._claims.ahead = self._in_turn(self._claims.ahead)
        dry = self.current is not None and not self._ledger.has_ready(self.ahead)
        if dry or self._ledger.lingers:
            self._ledger.follow()
        if self.ahead:
            self._wake.set()
        if self.hungry:
            self._has_room()

    def _in_turn(self, ahead: list[Claimed]) -> list[Claimed]:
        """What is claimed, the one that goes next first; held, nothing but probes."""
        if self.held:
            probes = self._hooks.probes()
            ahead = [each for each in ahead if each.message_id in probes]
        each_s = self.unit.view.service_s or UNMEASURED_SERVICE_S
        first = next_up(ahead, self._in_hand.of(ahead), each_s, self._clock.now(), self._policies)
        if first is None or first is ahead[0]:
            return ahead
        return [first, *(each for each in ahead if each is not first)]

    def free_at(self) -> float:
        """When the window and the limits let the next segment begin, seconds of `mono()`."""
        opens = self.window.free_at()
        return opens if self._gate is None else max(opens, self._gate.opens_at)

    async def _wait(self) -> None:
        """Until woken, or until the window opens."""
        closed_s = self.free_at() - self._clock.mono()
        try:
            async with asyncio.timeout(max(closed_s, SHORTEST_WAIT_S) if closed_s > 0 else None):
                await self._wake.wait()
        except TimeoutError:
            self._claims.look_again()
        self._wake.clear()

    async def _send(self, segment: Claimed) -> None:
        sim_id = self.unit.view.sim_id
        if sim_id is None:  # between two SIMs: its state will say so in a moment
            self._claims.look_again()
            await self._clock.sleep(NOT_BEGUN_WAIT_S)
            return
        self._picked = segment
        ready = await self._ledger.prepared_for(segment, sim_id, self._clock.now())
        self._picked, self.current = None, segment
        self._begun_s = self._clock.mono()
        self._in_hand.began(segment)
        asked: asyncio.Future[AirResult] | Beginning | None = None
        counts = None if self._gate is None else partial(self._gate.begun, segment, sim_id)

        def commit(tpdu: bytes) -> asyncio.Future[AirResult] | Beginning:
            nonlocal asked
            if ready is not None and ready.tpdu == tpdu:
                asked = self._ledger.beginning(ready, counts)
            else:
                asked = self._ledger.commit(self._intent(segment, sim_id, tpdu), counts)
            return asked

        try:
            result = await self.unit.send(segment, commit)
            if isinstance(asked, asyncio.Future):
                await asked  # whatever the modem did, a commit is never cut
            elif asked is not None and not asked.tried and result.refused:
                asked()  # refused in place of the prompt: as where a commit came before it
        except StoreUnavailable as error:
            self._unbegun.failed(error.reason)
            self.current = None
            self._tell()
            self._claims.look_again()
            await self._clock.sleep(STORE_WAIT_S)
            return
        self._unbegun.over()
        self.current = None
        begun = asked.result() if isinstance(asked, asyncio.Future) else asked
        if begun is not None and (attempt := begun.attempt_id) is not None:
            elsewhere = sim_in_doubt(result.outcome) and self._hooks.refused(
                self.lane, segment, sim_id
            )
            self._settle_later(segment, attempt, sim_id, result, elsewhere=elsewhere)
            if elsewhere:
                await self.settle_now()
                await self.go_elsewhere(segment, sim_id)
        else:
            await self._not_begun(segment, result)
        await self._learn(segment, sim_id, result)

    async def _learn(self, segment: Claimed, sim_id: SimId, result: SendResult) -> None:
        """What a result says of the SIM."""
        outcome, answered = result.outcome, result.begun or result.refused
        window = self.window.feedback(outcome, self._clock.mono(), answered=answered)
        if segment.avoid_sim not in (None, sim_id) and sim_in_doubt(outcome):
            window = window.acquitted()  # both were refused: it is the message
        self.window = window
        if outcome.ok:
            self.open_fates.row_over()
            self._hooks.sent(self.lane)
        if window.failures or window.dead or window.in_doubt:
            await self.settle_now()
            self._trouble(self.lane)

    def _intent(self, segment: Claimed, sim_id: SimId, tpdu: bytes) -> Intent:
        return Intent(
            segment_id=segment.segment_id, lane=self.lane, sim_id=sim_id, tpdu=tpdu,
            begun_at=self._clock.now(), shares=is_quick(self.unit.view.service_s),
        )  # fmt: skip

    def _next_intents(self) -> list[Intent]:
        """For the first that wait while something is on the air, from one that is not prepared."""
        service_s, sim_id = self.unit.view.service_s, self.unit.view.sim_id
        if is_quick(service_s) or self.current is None or sim_id is None:
            return []  # quick, it would be late: its commit has the result before it, then
        intents: list[Intent] = []
        for segment in self.ahead[: prepared_ahead(service_s)]:
            if not intents and self._ledger.is_ready(segment):
                continue
            if len(self._ledger.ready) + len(intents) >= MOST_PREPARED:
                break  # else the first is withdrawn, and that may be the one at the prompt
            tpdu = self.unit.compose(segment)
            if tpdu is None:
                break
            intents.append(self._intent(segment, sim_id, tpdu))
        return intents

    def _committed(self, begun: Sequence[int], plain: bool) -> None:
        """The next claim no longer shows what had begun, or what waited for this commit.

        Where that is `plain`, and all that the lane has was claimed, there is nothing new to find:
        more comes by binding only. The look ahead waits until the PDU is on the wire: the threads
        of the store would only hold that up.
        """
        asyncio.get_running_loop().call_soon(self._tell)
        self._claims.begun(begun)
        if not plain or not self._claims.complete:
            self._claims.look_again(AHEAD_AFTER_S)
        else:
            self._ask_for_more()

    async def go_elsewhere(self, segment: Claimed, sim_id: SimId) -> None:
        """What this SIM was refused is tried once by another before that is final."""
        try:
            await self._store.decisions.elsewhere(segment.segment_id, sim_id)
        except StoreUnavailable as error:
            log.warning("dispatch.not_elsewhere modem=%s %s", self.lane, error.reason)

    def _settle_later(
        self, segment: Claimed, attempt: int, sim_id: SimId, result: SendResult, *, elsewhere: bool
    ) -> None:
        settled = settlement(
            segment, attempt, result, self._clock.now(), self._policies, self._rng,
            elsewhere=elsewhere,
        )  # fmt: skip
        if settled.event is SegmentEvent.UNKNOWN:
            self.open_fates.add(OpenFate(segment=segment, attempt=attempt, sim_id=sim_id))
        self._untold.append((segment, settled, result))
        self._ledger.ended(settled)

    def _tell(self) -> None:
        """What the last results were: between two segments nobody waits for that."""
        untold, self._untold = self._untold, []
        for segment, settled, result in untold:
            self.tally.ended(segment, settled.event, result, settled.ended_at)
            log.info(
                "segment.%s msg=%s part=%d/%d modem=%s mr=%s air_s=%.3f",
                settled.event.value, segment.message_id, segment.seq, segment.of, self.lane,
                result.mr, result.air_s, extra={"happened_at": settled.ended_at},
            )  # fmt: skip

    async def _not_begun(self, segment: Claimed, result: SendResult) -> None:
        outcome = result.outcome
        self._claims.look_again()  # it is in the queue again
        self._tell()
        self.tally.not_begun(segment)
        log.info(
            "segment.not_begun msg=%s part=%d/%d modem=%s %s",
            segment.message_id, segment.seq, segment.of, self.lane, outcome.code,
        )  # fmt: skip
        if outcome.cls is OutcomeClass.PERMANENT and outcome.scope is Scope.MESSAGE:
            try:
                await self._store.refuse(segment.segment_id, outcome, self._clock.now())
            except StoreUnavailable as error:
                log.warning("dispatch.not_refused modem=%s %s", self.lane, error.reason)
        elif outcome.scope is not Scope.MESSAGE:
            await self._clock.sleep(NOT_BEGUN_WAIT_S)
        self._claims.ahead = []  # without it: what is prepared behind it would go first
        self._claims.look_again()

    async def settle_now(self) -> None:
        """Write what is not yet on disk; waits as long as the store needs."""
        if self._ledger.settled:
            return
        while not self._ledger.settled:
            try:
                await self._ledger.settle()
            except StoreUnavailable as error:
                self._unsettled.failed(error.reason)
                if self._stopping:
                    return  # the attempt stays `sending`; the next start makes it uncertain
                await self._clock.sleep(STORE_WAIT_S)
        self._unsettled.over()
        self._claims.look_again()

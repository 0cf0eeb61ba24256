"""The Store on SQLite: who does what in which thread.

May import L0 and its neighbours; the SQL is theirs. It keeps the lock, the two threads, whom a
commit wakes, and whether the store can write.
"""

from __future__ import annotations

import logging
from asyncio import Future
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from random import Random
from typing import Any, TypeVar

from airpost.clock import Clock, Instant
from airpost.errors import StoreError, StoreUnavailable
from airpost.model import (
    Claimed,
    Lane,
    MessageClass,
    MessageId,
    NewMessage,
    Severity,
    SimId,
    Waiting,
)
from airpost.outcome import Outcome
from airpost.policy import QueuePolicy
from airpost.received import RawPart, RawReport
from airpost.store import air, inbound, lanes, lists, outbound, queue, recovery, reports, room
from airpost.store import sweep as sweeping
from airpost.store.ahead import Ahead, withdraw_all
from airpost.store.api import (
    CANNOT_SEND,
    Accepted,
    AirResult,
    Begun,
    Binding,
    CancelResult,
    Intent,
    LaneBinding,
    PartStored,
    Prepared,
    Recovered,
    ReportStored,
    Settlement,
    Swept,
    Wake,
)
from airpost.store.audit import AuditLog, asked
from airpost.store.availability import Availability
from airpost.store.batches import Batches
from airpost.store.blocklist import Blocklist
from airpost.store.choices import Choices
from airpost.store.contacts import Contacts
from airpost.store.decisions import Decisions
from airpost.store.faults import damaged, meaning, reason_of
from airpost.store.frozen import PUT_BACK, freeze
from airpost.store.holds import Holds
from airpost.store.hooks import HookEvents
from airpost.store.intake import Intake
from airpost.store.journal import AirJournal, Told, new_nonce
from airpost.store.keeper import Keeper
from airpost.store.keys import KeyRing
from airpost.store.keyuse import KeyUses
from airpost.store.lists import Lists
from airpost.store.lock import StoreLock
from airpost.store.looks import Look, Looks
from airpost.store.migrations import migrate
from airpost.store.outbox import Outbox
from airpost.store.reader import Reader
from airpost.store.routing import Reach
from airpost.store.schedules import Schedules
from airpost.store.timing import Timing
from airpost.store.writer import Tx, Writer, work_of

log = logging.getLogger("airpost.store")
T = TypeVar("T")
BEGINS_S = 0.002  # that a binding waits for the beginning it is to share a commit with


class SqliteStore:
    """The store in the file at `path`. Open once, close once."""

    def __init__(
        self, path: Path, clock: Clock, rng: Random, policy: QueuePolicy | None = None
    ) -> None:
        self._path = path
        self._clock = clock
        self._policy = policy or QueuePolicy()
        self._lock = StoreLock(path)
        self._journal = AirJournal(path)
        self._ahead = Ahead()
        self._looks = Looks(clock)
        self._writer = Writer(
            path, rng, ahead=self._ahead, catch_up=air.catch_up, migrate=lambda: migrate(path),
            committed=self._wake, failed=lambda reason: self._can.failed(reason),
            put_back=self._put_back, look=self._looks.make, seen=self._looks.answered,
        )  # fmt: skip
        self._reader = Reader(path)
        self._uses = KeyUses(clock, self._write, self._read)
        self._intake = Intake(self._ask, self._uses.accepted, self._policy)
        ring = KeyRing(self._write, self._read)
        self.add_key, self.find_key = ring.add, ring.find
        self.keys, self.revoke_key, self.rotate_key = ring.all, ring.revoke, ring.rotate
        shown = Lists(self._read)
        self.message, self.messages, self.inbound = shown.message, shown.messages, shown.inbound
        self.message_events, self.events = shown.message_events, shown.events
        self.queue, self.counts = shown.queue, shown.counts
        self.holds = Holds(self._write, self._read)
        self.schedules = Schedules(self._write, self._read)
        self.batches = Batches(self._write, self._read, clock)
        self.timing = Timing(self._write, self._read)
        self.clock_trusted = True  # while it is not, nothing expires and nothing scheduled begins
        self.decisions = Decisions(self._write, clock, self._policy)
        self.choices = Choices(self._read)
        self.blocklist = Blocklist(self._write, self._read)
        self.people = Contacts(self._write, self._read)
        self.keeping = Keeper(path, clock, self._write, self._writer, self._reader)
        self.audit = AuditLog(self._write, self._read, self._uses)
        self.outbox = Outbox(path, self._write)
        self.hook_events = HookEvents(self._write, self._policy)
        self._can = Availability(clock, self._probe, lambda: self._wake(set(Wake)))
        self._callbacks: list[Callable[[Wake], None]] = []

    # -- life ------------------------------------------------------------------------------------
    async def open(self, now: Instant) -> Recovered:
        """Lock, migrate, recover. After StoreUnavailable it may be tried again."""
        try:
            self._lock.take()
            await self._writer.start()
            nonce = new_nonce()
            found: Recovered = await self._writer.ask(
                work_of(self._recover, now, nonce), urgent=True
            )
            await self._writer.ask(work_of(self._begin_journal, nonce), urgent=True)
            await self._reader.start()
            await self.keeping.start()
            await self.outbox.start()
        except BaseException as error:  # noqa: BLE001 whoever called gets it
            await self._end()
            raise self._not_open(meaning(error)) from None
        self._can.reason = None
        log.info("store.open uncertain=%d unbound=%d", found.uncertain, found.unbound)
        return found

    def _not_open(self, error: BaseException) -> BaseException:
        """Why: whoever asks for something meanwhile is told as well."""
        if isinstance(error, StoreUnavailable):
            reason = reason_of(error, self._path)
            self._can.reason = self._writer.closed = self._reader.closed = reason
            self.keeping.closed(reason)
            self.outbox.closed(reason)
            return StoreUnavailable(reason)
        return error

    def _recover(self, tx: Tx, now: Instant, nonce: bytes) -> Recovered:
        """In the writer's thread: what the run before has left, with what its journal tells."""
        self.keeping.figures.begin(tx.db)
        told = self._journal.read(recovery.journal_of(tx))
        if recovery.put_back(tx, told):
            frozen = freeze(tx, now, PUT_BACK, sure=self.clock_trusted and now >= told.newest_at)
            log.warning("store.put_back held=%d not_due=%d", *frozen)
            told = Told()
        found = recovery.recover(tx, now, self._policy, told)
        recovery.use_journal(tx, nonce, told.nonce)
        self._writer.owner = nonce
        room.install(tx.db)
        return found

    def _put_back(self) -> None:
        """In the writer's thread: an older copy lies in the file. A journal that is not its own
        tells the next start, which holds what waits, and this run begins nothing more.
        """
        strange = AirJournal(self._path)
        try:
            strange.create(new_nonce())
        except OSError as error:
            log.warning("store.not_marked %s; the next start sends what waits in the copy", error)
        strange.close()

    def _begin_journal(self, tx: Tx, nonce: bytes) -> None:
        """In the writer's thread, after that is on disk. Without a journal each segment waits."""
        try:
            self._journal.create(nonce)
        except OSError as error:
            log.warning("store.no_air_journal %s; every segment waits for its commit", error)
        else:
            recovery.keep_journal(tx, nonce)

    async def close(self) -> None:
        """Finish what was taken, then close both connections and give the lock back."""
        try:
            await self._writer.ask(work_of(withdraw_all), urgent=True)
        except StoreError as error:
            log.info("store.not_withdrawn %s", error)  # the next start asks the journal
        await self._uses.close()
        await self._end()

    async def _end(self) -> None:
        # The writer last: the last connection empties the log into the file.
        for each in (self._can, self.outbox, self.keeping, self._reader, self._writer):
            await each.stop()
        self._journal.close()
        self._lock.release()

    @property
    def pending(self) -> int:
        """Requests taken and not yet answered."""
        threads = (self._writer, self._reader, self.keeping, self.outbox)
        return self._intake.pending + sum(each.pending for each in threads)

    @property
    def unavailable(self) -> str | None:
        """Why nothing can be written now."""
        return self._can.reason

    @property
    def died(self) -> str | None:
        """Why the store can never work again here: a bug, or another process that took it."""
        return self._writer.died or self._reader.died or self.outbox.died

    async def turn(self) -> int:
        """Return once both threads have answered, also while nothing can be written.

        How many messages wait for a modem.
        """
        await self._writer.ask(lambda _: None, urgent=True)
        return await self._read(lists.waiting)

    def subscribe(self, callback: Callable[[Wake], None]) -> Callable[[], None]:
        """Call `callback` after commits until the returned function is called."""
        self._callbacks.append(callback)

        def end() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return end

    def _wake(self, wakes: set[Wake]) -> None:
        for wake in Wake:
            if wake in wakes:
                for callback in tuple(self._callbacks):
                    callback(wake)

    async def _probe(self) -> None:
        if self._writer.in_doubt:
            await self._writer.ask(work_of(self._writer.look_through), urgent=True)
            if (found := await self.keeping.damage()) is not None:
                error = damaged(found)
                self._can.failed(error.reason)
                raise error
        await self._writer.ask(work_of(self._writer.probe), urgent=True)

    def _ask(
        self, function: Callable[..., T], *given: Any, urgent: bool = True, **how: float
    ) -> Future[T]:
        if self._can.reason is not None:
            raise StoreUnavailable(self._can.reason)
        return asked(self._writer.ask, work_of(function, *given), urgent=urgent, **how)

    async def _write(self, function: Callable[..., T], *given: Any, urgent: bool = True) -> T:
        return await self._ask(function, *given, urgent=urgent)

    async def _read(self, function: Callable[..., T], *given: Any, urgent: bool = True) -> T:
        done: T = await self._reader.ask(lambda d: function(d, *given), urgent=urgent, waited=False)
        return done

    # -- outbound --------------------------------------------------------------------------------
    async def accept(self, new: Sequence[NewMessage]) -> list[outbound.Row]:
        """Store the messages of one request."""
        return await self._intake.accept(new)

    def hand_in(self, new: NewMessage) -> Future[Accepted]:
        """Store one message with others that come now."""
        return self._intake.hand_in(new)

    async def idempotent(self, owner: str, key: str) -> tuple[str, int, bytes] | None:
        """The answer kept for a key."""
        return await self._read(lists.kept_answer, owner, key)

    async def backlog(
        self,
        now: Instant,
        n: int,
        lanes: Sequence[Lane],
        routes: Sequence[str],
        lowest: MessageClass = MessageClass.BULK,
        sims: int = 0,
        begins: int = 0,
        *,
        newest: bool = True,
    ) -> list[Waiting]:
        """The next unbound messages that these may carry."""
        look = Look(n, lanes, routes, lowest, sims, begins, self.clock_trusted)
        if (seen := self._looks.found(look, newest=newest)) is not None:
            return seen
        found, took_s = await self._read(look.timed, now)
        self._looks.looked(look, found, took_s)
        return found

    async def next_due(self, now: Instant, reach: Reach = None) -> Instant | None:  # noqa: ARG002
        """When time has to do something; what is past stands until it is swept."""
        return await self._read(sweeping.next_due, self._policy, reach)

    def bind(self, bindings: Sequence[Binding], *, begins: bool = False) -> Future[int]:
        """Bind what is still unbound; lost with the power, it is unbound as before."""
        within_s = BEGINS_S if begins else 0.0
        return self._ask(
            queue.bind, bindings, self._clock.now(),
            durable=False, waited=not begins, within_s=within_s,
        )  # fmt: skip

    async def claim(self, lane: Lane, now: Instant, n: int) -> list[Claimed]:
        """The next segments of a lane."""
        return await self._read(queue.claim, lane, now, n)

    def air(self, settle: Settlement | None, intent: Intent | None) -> Future[AirResult]:
        """End one attempt and begin the next; asked for when the call returns."""
        waited = intent is None or not intent.shares
        asked = self._ask(air.turn, settle, intent, waited=waited)
        self._ahead.forget_when(asked, () if settle is None else (settle,))
        return asked

    def follow(
        self, facts: Sequence[Settlement | Begun], intents: Sequence[Intent]
    ) -> Future[list[Prepared]]:
        """What happened on the air, and what may begin next; asked for when the call returns."""
        if not self._journal.open:
            intents = ()
        asked = self._ask(air.follow, facts, intents, waited=False)
        self._ahead.forget_when(asked, facts)
        return asked

    def stands(self, prepared: Prepared) -> bool:
        """True while it may begin."""
        return self._ahead.stands(prepared)

    def begin(self, prepared: Prepared) -> Begun | None:
        """Put it on the air now, with a record in the journal."""
        try:
            return self._ahead.begin(prepared, self._clock.now(), self._journal.begun)
        except OSError as error:
            log.warning("store.not_in_air_journal modem=%s %s", prepared.lane, error)
            return None

    def ended(self, settlement: Settlement, lane: Lane) -> bool:
        """Keep a result in the journal."""
        try:
            self._journal.ended(lane, settlement.attempt_id, settlement.mr, settlement.ended_at)
        except OSError as error:
            log.debug("store.not_in_air_journal modem=%s %s", lane, error)
            return False
        self._ahead.ended(lane, settlement)
        return True

    async def refuse(self, segment_id: int, outcome: Outcome, now: Instant) -> None:
        """Fail what can never be sent."""
        await self._write(air.refuse, segment_id, outcome, now)

    async def release(
        self, lane: Lane, now: Instant, resume_s: float, why: str = CANNOT_SEND, *,
        begun_only: bool = False,
    ) -> int:  # fmt: skip
        """Give a lane's messages back."""
        return await self._write(queue.release, lane, now, resume_s, why, begun_only)

    async def release_strays(self, lanes: Collection[Lane], now: Instant, resume_s: float) -> int:
        """Give back what no lane serves."""
        return await self._write(queue.release_strays, lanes, now, resume_s)

    async def cancel(self, message_id: MessageId, owner: str | None, actor: str) -> CancelResult:
        """Cancel what has not begun."""
        return await self._write(outbound.cancel, message_id, owner, actor, self._clock.now())

    async def sweep(self, now: Instant, reach: Reach = None) -> Swept:
        """Everything that is due, a stretch at a time, so that what is on the air goes between."""
        swept = sweeping.NONE_SWEPT
        while True:
            given = (now, self._policy, self.clock_trusted, reach)
            stretch = await self._write(sweeping.sweep, *given, urgent=False)
            swept = sweeping.total(swept, stretch.swept)
            if not stretch.more:
                return swept

    # -- inbound ---------------------------------------------------------------------------------
    async def record_part(self, part: RawPart) -> PartStored:
        """Keep a received part; those of all modems share a commit."""
        return await self._ask(inbound.record, part, waited=False)

    def record_report(self, report: RawReport, within_s: float = 0.0) -> Future[ReportStored]:
        """Keep and apply a delivery report; they share commits, and wait for one another."""
        return self._ask(reports.record, report, waited=False, within_s=within_s)

    async def quarantine(
        self,
        sim_id: SimId,
        lane: Lane,
        raw: bytes,
        field: str,
        offset: int,
        reason: str,
        now: Instant,
    ) -> None:
        """Keep what could not be read."""
        given = (sim_id, lane, raw, field, offset, reason, now)
        await self._ask(inbound.quarantine, *given, waited=False)

    # -- lanes and events ------------------------------------------------------------------------
    async def bind_lane(self, binding: LaneBinding) -> None:
        """Remember what a lane is now."""
        await self._write(lanes.bind_lane, binding)

    async def lane_bindings(self) -> list[LaneBinding]:
        """What every lane last was."""
        return await self._read(lanes.lane_bindings)

    async def note(
        self,
        subject: str,
        from_: str | None,
        to: str | None,
        reason: str,
        now: Instant,
        severity: Severity = Severity.INFO,
    ) -> None:
        """An event about a modem or the service."""
        await self._write(lanes.note, subject, from_, to, reason, now, severity)

    async def recall(self, key: str) -> str | None:
        """What was remembered under a key."""
        return await self._read(lanes.recall, key)

    async def remember(self, key: str, value: str) -> None:
        """Keep a value under a key."""
        await self._write(lanes.remember, key, value)

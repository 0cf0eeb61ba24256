"""What comes in: read it, hand it over, and only after its commit delete or acknowledge it.

May import at, codec, L0, session and the Intake protocol. One task works through notices in order:
an announced message, one that came directly, or a sweep of the memory (after each opening, because
bytes that waited in the port are lost; and by poll, because announcements are lost too).
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from airpost.at import command as at
from airpost.at import messages
from airpost.at.command import Priority
from airpost.at.events import Urc
from airpost.at.messages import Fill, Record
from airpost.clock import Clock, Instant
from airpost.codec.causes import status_outcome
from airpost.codec.pdu import Pdu, parse_octets, read_hex
from airpost.codec.status import EXPIRED, StatusClass, status_class
from airpost.codec.tpdu import Deliver, Direction, StatusReport
from airpost.errors import CodecError, CommandFailed, CommandTimeout, Desynced, StoreUnavailable
from airpost.model import Lane, ProofKind, RawPart, RawReport, SimId
from airpost.modem.api import Intake
from airpost.modem.memory import Memory
from airpost.modem.session import Session
from airpost.tasks import spawn

log = logging.getLogger("airpost.inbox")

ANNOUNCING = frozenset({"+CMTI", "+CDSI"})
DIRECT = frozenset({"+CMT", "+CDS"})
TURN_MESSAGES = 4  # read between two segments at most, or what can be
TURN_S = 0.02  # read in so long: reading twenty a second must not depend on the time on the air
STORE_WAIT_S = 1.0  # between tries to hand over what exists nowhere else
REMEMBERED = 2000  # records that were handed over and should be gone
OWN_RECORDS = (2, 3)  # <stat>: drafts and copies of what was sent (TS 27.005 3.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One record of one memory."""

    store: str
    index: int


class Sweep:
    """The notice that everything stored is to be read."""


Notice = Urc | Sweep


class Inbox:
    """The inbox of one session. `run()` until the session ends."""

    def __init__(
        self,
        session: Session,
        intake: Intake,
        clock: Clock,
        *,
        lane: Lane,
        sim_id: SimId,
        number: str | None,
        store: str | None,
        report_store: str | None,
        others: tuple[str, ...],
        acknowledges: bool,
        list_all: bool,
        list_hangs: Callable[[], None],
        troubled: Callable[[], None],
        proof: Callable[[ProofKind], None],
    ) -> None:
        self.memory = Memory()  # as the last sweep left it
        self.unannounced = 0  # records that only a sweep found, the first one aside
        self._session = session
        self._intake = intake
        self._clock = clock
        self._lane = lane
        self._sim_id = sim_id
        self._number = number
        self._home = store
        self._report_store = report_store  # where reports are kept apart, as in SR
        self._others = others  # where messages may lie too
        self._current = store  # the memory that is selected now
        self._fill: Fill | None = None  # of it, when it was selected
        self._acknowledges = acknowledges
        self._list_all = list_all
        self._list_hangs = list_hangs
        self._proof = proof
        self._troubled = troubled
        self._notices: deque[Notice] = deque()
        self._arrived = asyncio.Event()
        self._done: OrderedDict[tuple[Place, str], None] = OrderedDict()
        self._taken = 0  # records handed over
        self._undeleted = 0  # of the last sweep, see Memory
        self._orphans = 0
        self._swept = False
        self._holds = False  # one turn for several messages
        self._unkept: dict[tuple[Place, str], Record] = {}  # read in it
        self._read = 0  # in it
        self._until_s = 0.0

    @property
    def complaints(self) -> tuple[str, ...]:
        """What a person has to mend; `troubled` is called when there is something new."""
        return self.memory.complaints

    @property
    def full(self) -> bool:
        """True when nothing more can come in, after all in the memory was taken."""
        return self.memory.full

    # -- notices ---------------------------------------------------------------------------------
    def take(self, urc: Urc) -> None:
        """+CMTI, +CDSI, +CMT or +CDS."""
        self._notices.append(urc)
        self._arrived.set()

    def sweep(self) -> None:
        """Ask for everything stored to be read; once is enough while one waits."""
        if not any(isinstance(each, Sweep) for each in self._notices):
            self._notices.append(Sweep())
            self._arrived.set()

    async def run(self) -> None:
        """Work through the notices until cancelled. PortError and Desynced end it too."""
        try:
            while True:
                while self._notices:
                    if self._announces(self._notices[0]):
                        await self._stretch()
                        continue
                    await self._handle(self._notices[0])
                    self._notices.popleft()
                self._arrived.clear()
                await self._arrived.wait()
        finally:
            left = [each for each in self._notices if isinstance(each, Urc)]
            direct = [each for each in left if each.prefix in DIRECT]
            if direct:
                spawn(self._rescue(direct), name=f"inbox {self._lane}")

    @staticmethod
    def _announces(notice: Notice) -> bool:
        return isinstance(notice, Urc) and notice.prefix in ANNOUNCING

    async def _stretch(self) -> None:
        """Some of what was announced, in one turn: then it is the turn of what is to be sent."""
        async with self._turn():
            while self._notices and self._announces(self._notices[0]) and self._may_go_on():
                await self._handle(self._notices.popleft())
                self._read += 1

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One turn for several commands; `_may_go_on()` says when that is long enough."""
        async with self._session.turn(Priority.RECEIVE):
            self._read, self._until_s = 0, self._clock.mono() + TURN_S
            self._holds = True
            try:
                yield
                await self._keep_read()
            finally:
                self._holds = False
                self._unkept.clear()

    def _may_go_on(self) -> bool:
        """True for the first, then while few were read or there is time; not if urgent waits."""
        few = self._read < TURN_MESSAGES or self._clock.mono() < self._until_s
        return self._read == 0 or (few and not self._session.urgent)

    async def _ask(self, command: at.Command) -> tuple[str, ...]:
        """A command, in the turn that is held if one is."""
        return await (self._session.ask if self._holds else self._session.run)(command)

    async def _rescue(self, direct: list[Urc]) -> None:
        """The port is gone, but what came directly exists nowhere else."""
        for urc in direct:
            record = messages.pushed(urc.line, urc.payload)
            if record is not None and record.pdu:
                await self._hand_over_at_last(record)

    async def _handle(self, notice: Notice) -> None:
        try:
            if isinstance(notice, Sweep):
                await self._sweep()
            elif notice.prefix in ANNOUNCING:
                await self._announced(notice)
            else:
                await self._direct(notice)
        except (CommandFailed, CommandTimeout) as error:
            log.warning("inbox.not_read modem=%s %s", self._lane, error)

    # -- the three ways in -----------------------------------------------------------------------
    async def _direct(self, urc: Urc) -> None:
        """+CMT, +CDS: this is the only copy, so it waits for the store as long as that takes."""
        record = messages.pushed(urc.line, urc.payload)
        if record is None or not record.pdu:
            log.warning("inbox.no_pdu modem=%s line=%s", self._lane, urc.prefix)
            self.sweep()
            if record is not None and record.text_mode:
                await self._ask(at.PDU_MODE)
            return
        await self._hand_over_at_last(record)
        if self._acknowledges:
            try:
                await self._ask(at.ACKNOWLEDGE)
            except (CommandFailed, CommandTimeout) as error:
                log.info("inbox.not_acknowledged modem=%s %s", self._lane, error)

    async def _hand_over_at_last(self, record: Record) -> None:
        while True:
            try:
                await self._hand_over(record)
                return
            except StoreUnavailable as error:
                log.warning("inbox.waiting_for_store modem=%s %s", self._lane, error.reason)
                await self._clock.sleep(STORE_WAIT_S)

    async def _announced(self, urc: Urc) -> None:
        """+CMTI, +CDSI name a memory, which may be the wrong one."""
        where = messages.announced(urc.line)
        if where is None or where.index is None:
            words = "the modem may not have stored it"
            log.warning("inbox.no_place modem=%s line=%s %s", self._lane, urc.line, words)
            self.sweep()
            return
        # Reports lie in SR whatever some modems announce (`modems.md` fault 45).
        likely = [self._report_store] if urc.prefix == "+CDSI" else []
        likely += [where.store, self._home]
        for store in dict.fromkeys(each for each in likely if each is not None):
            if await self._take_record(Place(store=store, index=where.index)):
                break
        else:
            self.sweep()
        await self._select(self._home)

    async def _sweep(self) -> None:
        known, complaints = self._taken, self.complaints
        self._undeleted = self._orphans = 0
        for store in (self._report_store, *self._others, self._home):  # the last stays selected
            self._current = None  # a modem that has restarted unseen selects another
            if await self._select(store):
                await self._take_all()
        self.memory = await self._remaining()
        if self.complaints != complaints:
            log.warning("inbox.troubled modem=%s undeleted=%d full=%s",
                        self._lane, self._undeleted, self.full)  # fmt: skip
            self._troubled()
        self.unannounced += self._taken - known if self._swept else 0
        self._swept = True

    async def _remaining(self) -> Memory:
        """The memory that is read; asked again where it fills: what was there is deleted."""
        for _ in range(2):
            fill = self._fill if self._current is not None else None
            used, total = (0, 0) if fill is None else (fill.used, fill.total)
            found = Memory(used=used, total=total, undeleted=self._undeleted, orphans=self._orphans)
            if not found.filling:
                break
            self._current = None
            await self._select(self._home)
        return found

    async def _take_all(self) -> None:
        """Everything in the memory that was just selected."""
        if self._fill is not None and self._fill.used == 0:
            return
        if self._list_all:
            try:
                await self._take_list()
                return
            except CommandTimeout:
                # Some firmware hangs in the list for ever; one by one it answers.
                log.warning("inbox.list_hangs modem=%s", self._lane)
                self._list_all = False
                self._list_hangs()
            except Desynced:
                self._list_hangs()  # and with it the modem: after its reset it is not asked again
                raise
            except CommandFailed:
                self._list_all = False
        await self._take_one_by_one()

    async def _take_list(self) -> None:
        # Some say every line twice.
        found = deque(dict.fromkeys(messages.listed(await self._ask(at.LIST_ALL))))
        while found:
            async with self._turn():
                while found and self._may_go_on():
                    record = found.popleft()
                    if record.index is not None and self._current is not None:
                        await self._take(Place(store=self._current, index=record.index), record)
                    self._read += 1

    async def _take_one_by_one(self) -> None:
        fill = self._fill
        if fill is None:  # some answer the choice with a bare OK
            fill = next(iter(messages.stores(await self._ask(at.STORES))), None)
        if fill is None or self._current is None:
            return
        left = fill.used
        for index in range(fill.total + 1):  # some count from 0, some from 1
            if left <= 0:
                return
            if await self._take_record(Place(store=self._current, index=index)):
                left -= 1

    # -- one record ------------------------------------------------------------------------------
    async def _select(self, store: str | None) -> bool:
        if store is None or store == self._current:
            return store is not None
        self._current = None
        try:
            fills = messages.stores(await self._ask(at.use_stores(store)))
        except (CommandFailed, CommandTimeout):
            return False
        self._current, self._fill = store, fills[0] if fills else None
        return True

    async def _take_record(self, place: Place) -> bool:
        """Read one place; False when nothing is there."""
        if not await self._select(place.store):
            return False
        try:
            record = messages.read(await self._ask(at.read_message(place.index)))
        except CommandFailed:
            return False
        if record is None:
            return False
        await self._take(place, record)
        return True

    async def _take(self, place: Place, record: Record) -> None:
        if record.text_mode:
            await self._ask(at.PDU_MODE)  # a profile of the modem has set text mode
            again = messages.read(await self._ask(at.read_message(place.index)))
            if again is None or again.text_mode:
                return
            record = again
        if record.stat in OWN_RECORDS or not record.pdu:
            self._orphans += 1
            return
        self._unkept[place, record.pdu] = record
        if not self._holds or len(self._unkept) >= TURN_MESSAGES:
            await self._keep_read()

    async def _keep_read(self) -> None:
        """Hand over together what was read, then delete what is kept."""
        read, self._unkept = self._unkept, {}
        fresh = [known for known in read if known not in self._done]
        work = [self._hand_over(read[known]) for known in fresh]
        kept = dict(zip(fresh, await asyncio.gather(*work, return_exceptions=True), strict=True))
        for place, pdu in read:
            if isinstance(error := kept.get((place, pdu)), StoreUnavailable):
                log.warning("inbox.left_on_sim modem=%s %s", self._lane, error.reason)
                continue  # the next sweep finds it
            if isinstance(error, BaseException):
                raise error
            if (place, pdu) in kept:
                self._done[place, pdu] = None
                self._taken += 1
                if len(self._done) > REMEMBERED:
                    self._done.popitem(last=False)
            else:
                self._undeleted += 1
                log.warning("inbox.not_deleted modem=%s index=%d", self._lane, place.index)
            await self._select(place.store)
            await self._delete(place)

    async def _delete(self, place: Place) -> None:
        try:
            await self._ask(at.delete_message(place.index))
        except (CommandFailed, CommandTimeout) as error:
            log.warning("inbox.not_deleted modem=%s index=%d %s", self._lane, place.index, error)

    async def _hand_over(self, record: Record) -> None:
        """To the store, whatever it is; returns after the commit."""
        now = self._clock.now()
        try:
            octets = read_hex(record.pdu)
        except CodecError as error:
            await self._unreadable(record.pdu.encode("latin-1", "replace"), error)
            return
        if record.length is not None and not record.length_matches:
            log.info("inbox.length_differs modem=%s told=%d", self._lane, record.length)
        try:
            pdu = parse_octets(octets, Direction.MT)
        except CodecError as error:
            await self._unreadable(octets, error)
            return
        if isinstance(pdu.tpdu, Deliver):
            await self._intake.part(self._part(pdu, pdu.tpdu, now))
            self._proof(ProofKind.RECEIVED)
        elif isinstance(pdu.tpdu, StatusReport):
            await self._intake.report(self._report(pdu, pdu.tpdu, now))
            self._proof(ProofKind.REPORT)
        else:
            kind = CodecError("TP-MTI", 0, "neither a message nor a delivery report")
            await self._unreadable(octets, kind)

    async def _unreadable(self, raw: bytes, error: CodecError) -> None:
        await self._intake.unreadable(
            self._sim_id, self._lane, raw, error.field, error.offset, error.message
        )

    def _part(self, pdu: Pdu, deliver: Deliver, now: Instant) -> RawPart:
        sent_us = deliver.scts.instant_us
        return RawPart(
            sim_id=self._sim_id,
            lane=self._lane,
            number=self._number,
            raw=pdu.raw,
            smsc=None if pdu.smsc is None else pdu.smsc.number,
            sender=deliver.oa.number,
            pid=deliver.pid,
            dcs=deliver.dcs,
            udh=deliver.udh,
            ud=deliver.ud,
            udl=deliver.udl,
            scts=deliver.scts.octets,
            sent_at=None if sent_us is None else Instant(sent_us),
            received_at=now,
        )

    def _report(self, pdu: Pdu, report: StatusReport, now: Instant) -> RawReport:
        done_us = report.dt.instant_us
        verdict = status_class(report.status)
        return RawReport(
            sim_id=self._sim_id,
            lane=self._lane,
            raw=pdu.raw,
            mr=report.mr,
            to=report.ra.number,
            scts=report.scts.octets,
            status=report.status,
            delivered=None if verdict is StatusClass.TRYING else verdict is StatusClass.DELIVERED,
            expired=report.status == EXPIRED,
            outcome=status_outcome(report.status),
            done_at=None if done_us is None else Instant(done_us),
            received_at=now,
        )

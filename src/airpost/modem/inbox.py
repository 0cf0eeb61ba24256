"""What comes in: read it, hand it over, and only after its commit delete or acknowledge it.

May import at, L0, session, handover and the Intake protocol. One task works through notices in
order: an announced message, one that came directly, or a sweep of the memory (after each opening,
because bytes that waited in the port are lost; and by poll, because announcements are lost too).

It has the modem for a stretch between two segments: what the store has taken is deleted, then some
of what was announced is read. For no commit the modem stands still: what the store has not taken at
the end of a stretch is deleted in the next one.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from math import inf

from airpost.at import command as at
from airpost.at import messages
from airpost.at.command import Priority
from airpost.at.events import Urc
from airpost.at.messages import Fill, Record
from airpost.clock import SECOND_US, Clock
from airpost.errors import CommandFailed, CommandTimeout, Desynced
from airpost.model import Lane, ProofKind, SimId
from airpost.modem.api import Intake
from airpost.modem.handover import Handover, Known, Place
from airpost.modem.memory import Memory
from airpost.modem.notices import ANNOUNCING, Notice, Notices, Sweep
from airpost.modem.session import Session

log = logging.getLogger("airpost.inbox")

TURN_MESSAGES = 4  # read, and deleted, between two segments where a modem takes long for each
TURN_S = 0.02  # else as many as can be in so long
COUNT_S = 60.0  # between two counts of a memory that the store keeps from being read
LEFT_S = 15.0  # until what the store could not take is looked for again
REFILLED_S = 2.0  # until a memory that was full is looked into again: more waited in the network
TOLD_AGAIN_S = 900.0  # a count that has not changed
OWN_RECORDS = (2, 3)  # <stat>: drafts and copies of what was sent (TS 27.005 3.1)


Read = Callable[[], Awaitable[bool]]
"""Reads one more record; False when none is left."""


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
        counted: Callable[[Memory], None] = lambda _memory: None,
    ) -> None:
        self.memory = Memory()  # as the last sweep left it
        self.unannounced = 0  # records that only a sweep found, the first one aside
        self._session = session
        self._clock = clock
        self._lane = lane
        self._home = store
        self._report_store = report_store  # where reports are kept apart, as in SR
        self._others = others  # where messages may lie too
        self._current = store  # the memory that was selected last
        self._sure = True  # it still is: for the length of one turn
        self._fill: Fill | None = None  # of it, when it was selected
        self._acknowledges = acknowledges
        self._list_all = list_all
        self._list_hangs = list_hangs
        self._troubled = troubled
        self._tell_counted = counted
        self._counted_s = clock.mono()
        self._told = Memory()
        self._handover = Handover(
            intake, clock, lane=lane, sim_id=sim_id, number=number, proof=proof,
            changed=lambda: self.notices.look(),
        )  # fmt: skip
        self.notices = Notices(self._handover, lane=lane, home=store, acknowledges=acknowledges)
        self._undeleted = 0  # of the last sweep, see Memory
        self._orphans = 0
        self._announced_too = 0  # of what the sweep has found
        self._swept = False
        self._refilled_s = inf  # when to look again into a memory that was found full
        self._holds = False  # one turn for several commands

    @property
    def complaints(self) -> tuple[str, ...]:
        """What a person has to mend; `troubled` is called when there is something new."""
        return self.memory.complaints

    @property
    def full(self) -> bool:
        """True when nothing more can come in, after all in the memory was taken."""
        return self.memory.full

    async def run(self) -> None:
        """Work through the notices until cancelled. PortError and Desynced end it too."""
        notices = self.notices
        try:
            while True:
                self._handover.check()
                first = notices.first
                if first is not None and notices.announced is None:
                    await self._handle(first)
                    notices.done()
                elif first is not None or self._handover.kept:
                    await self._stretch(self._read_announced)
                else:
                    await self._select(self._home)
                    await self._another()
        finally:
            self.notices.end()

    async def _another(self) -> None:
        """Until there is more to do; what a full disk or memory has left waits for no poll."""
        left_s = self._handover.left_s
        looks_s = [self._refilled_s, inf if left_s is None else left_s + LEFT_S]
        rest_s = min(looks_s) - self._clock.mono()
        try:
            async with asyncio.timeout(max(0.0, rest_s) if rest_s < inf else None):
                await self.notices.another(unless=lambda: bool(self._handover.kept))
        except TimeoutError:
            self.notices.sweep()

    async def _stretch(self, read: Read) -> bool:
        """Delete a few that may be, and read a few, in one turn; False when none is left to read.

        After that it is the turn of what is to be sent; what is urgent waits for one of them.
        """
        async with self._turn():
            read_here = deleted = 0
            until_s = self._clock.mono() + TURN_S
            while True:
                late = self._clock.mono() >= until_s
                if self._handover.kept and not (late and deleted >= TURN_MESSAGES):
                    await self._delete(self._handover.next_kept())
                    deleted += 1
                elif late and read_here >= TURN_MESSAGES:
                    return True
                elif await read():
                    read_here += 1
                else:
                    return False
                if self._session.urgent:
                    return True

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Several commands in one turn; another memory may have got selected before it."""
        async with self._session.turn(Priority.RECEIVE):
            self._holds, self._sure = True, False
            try:
                yield
            finally:
                self._holds = False

    async def _read_announced(self) -> bool:
        announced = self.notices.announced
        if announced is None:
            return False
        self.notices.done()
        await self._handle(announced)
        return True

    async def _settle(self) -> None:
        """Until what was read is in the store and deleted."""
        await self._handover.settled()
        while self._handover.kept:
            await self._stretch(_nothing)

    async def _ask(self, command: at.Command) -> tuple[str, ...]:
        """A command, in the turn that is held if one is."""
        return await (self._session.ask if self._holds else self._session.run)(command)

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
        if self.notices.pass_on(urc):
            await asyncio.sleep(0)  # there may be thousands, after an outage
            return
        record = messages.pushed(urc.line, urc.payload)
        if record is None or not record.pdu:
            log.warning("inbox.no_pdu modem=%s line=%s", self._lane, urc.prefix)
            self.notices.sweep()
            if record is not None and record.text_mode:
                await self._ask(at.PDU_MODE)
            return
        await self._handover.at_last(record, self._count)
        if self._acknowledges:
            try:
                await self._ask(at.ACKNOWLEDGE)
            except (CommandFailed, CommandTimeout) as error:
                log.info("inbox.not_acknowledged modem=%s %s", self._lane, error)

    async def _announced(self, urc: Urc) -> None:
        """+CMTI, +CDSI name a memory, which may be the wrong one."""
        where = messages.announced(urc.line)
        if where is None or where.index is None:
            words = "the modem may not have stored it"
            log.warning("inbox.no_place modem=%s line=%s %s", self._lane, urc.line, words)
            self.notices.sweep()
            return
        # Reports lie in SR whatever some modems announce (`modems.md` fault 45).
        likely = [self._report_store] if urc.prefix == "+CDSI" else []
        likely += [where.store, self._home]
        for store in dict.fromkeys(each for each in likely if each is not None):
            if await self._take_record(Place(store=store, index=where.index)):
                break
        else:
            self.notices.sweep()

    async def _sweep(self) -> None:
        await self._settle()  # what was announced is not what the sweep has found
        self._handover.left_s = None
        known, complaints = self._handover.taken, self.complaints
        self._undeleted = self._orphans = self._announced_too = 0
        was_full, self._refilled_s = False, inf
        for store in (self._report_store, *self._others, self._home):  # the last stays selected
            self._current = None  # a modem that has restarted unseen selects another
            if store is not None and await self._select(store):
                was_full |= self._fill is not None and self._fill.used >= self._fill.total > 0
                await self._take_all(store)
                await self._settle()
        self.memory = await self._remaining()
        self._tell(self.memory)
        if self.complaints != complaints:
            log.warning("inbox.troubled modem=%s undeleted=%d full=%s",
                        self._lane, self._undeleted, self.full)  # fmt: skip
            self._troubled()
        if was_full and self._handover.taken > known:
            self._refilled_s = self._clock.mono() + REFILLED_S
        found = self._handover.taken - known - self._announced_too
        self.unannounced += max(0, found) if self._swept else 0
        self._swept = True

    async def _remaining(self) -> Memory:
        """The memory that is read; asked again where it fills: what was there is deleted.

        What was announced meanwhile is not there to stay.
        """
        for _ in range(2):
            fill = self._fill if self._current is not None else None
            used, total = (0, 0) if fill is None else (fill.used, fill.total)
            used = max(0, used - self.notices.count_in(self._home))
            found = Memory(used=used, total=total, undeleted=self._undeleted,
                           orphans=self._orphans, at=self._clock.now())  # fmt: skip
            if not found.filling:
                break
            self._current = None
            await self._select(self._home)
        return found

    async def _count(self) -> None:
        """Tell how the memory fills while a store that cannot write keeps it from being read."""
        if self._clock.mono() - self._counted_s < COUNT_S:
            return
        self._counted_s = self._clock.mono()
        try:
            fills = messages.stores(await self._ask(at.STORES))
        except (CommandFailed, CommandTimeout):
            return
        for fill in fills:
            if fill.name == self._home:
                now = self._clock.now()
                self._tell(replace(self.memory, used=fill.used, total=fill.total, at=now))
                return

    def _tell(self, memory: Memory) -> None:
        """What is the same is told again once in a while only: each time is news of the modem."""
        self._counted_s = self._clock.mono()
        told, age_us = self._told, memory.at - self._told.at
        same = (memory.used, memory.total) == (told.used, told.total)
        if not same or age_us >= TOLD_AGAIN_S * SECOND_US:
            self._told = memory
            self._tell_counted(memory)

    async def _take_all(self, store: str) -> None:
        """Everything in the memory, which was just selected."""
        if self._fill is not None and self._fill.used == 0:
            return
        if self._list_all:
            try:
                await self._take_list(store)
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
        await self._take_one_by_one(store)

    async def _take_list(self, store: str) -> None:
        async with self._turn():  # what another memory holds would be deleted in this one
            lines = await self._ask(at.LIST_ALL) if await self._select(store) else ()
        found = deque(dict.fromkeys(messages.listed(lines)))  # some say every line twice

        async def read() -> bool:
            record = found.popleft() if found else None
            if record is not None and record.index is not None:
                await self._take_swept(Place(store=store, index=record.index), record)
            return record is not None

        while await self._stretch(read):
            pass

    async def _take_one_by_one(self, store: str) -> None:
        fill = self._fill
        if fill is None:  # some answer the choice with a bare OK
            fill = next(iter(messages.stores(await self._ask(at.STORES))), None)
        if fill is None:
            return
        left = fill.used
        indexes = iter(range(fill.total + 1))  # some count from 0, some from 1

        async def read() -> bool:
            nonlocal left
            index = next(indexes, None) if left > 0 else None
            if index is None:
                return False
            place = Place(store=store, index=index)
            record = await self._record(place)
            if record is not None:
                left -= 1
                await self._take_swept(place, record)
            return True

        while await self._stretch(read):
            pass

    async def _take_swept(self, place: Place, record: Record) -> None:
        """What was announced already is no news any more: nothing else can lie there yet."""
        self._announced_too += self.notices.drop(place)
        await self._take(place, record)

    # -- one record ------------------------------------------------------------------------------
    async def _select(self, store: str | None) -> bool:
        if store is None or (store == self._current and self._sure):
            return store is not None
        self._current = None  # to read and delete elsewhere would lose what lies there
        try:
            fills = messages.stores(await self._ask(at.use_stores(store)))
        except (CommandFailed, CommandTimeout):
            return False
        self._current, self._fill, self._sure = store, fills[0] if fills else None, True
        return True

    async def _take_record(self, place: Place) -> bool:
        """Read one place; False when nothing is there."""
        record = await self._record(place)
        if record is not None:
            await self._take(place, record, announced=True)
        return record is not None

    async def _record(self, place: Place) -> Record | None:
        if not await self._select(place.store):
            return None
        try:
            return messages.read(await self._ask(at.read_message(place.index)))
        except CommandFailed:
            return None

    async def _take(self, place: Place, record: Record, *, announced: bool = False) -> None:
        if record.text_mode:
            await self._ask(at.PDU_MODE)  # a profile of the modem has set text mode
            again = await self._record(place)
            if again is None or again.text_mode:
                return
            record = again
        if record.stat in OWN_RECORDS or not record.pdu:
            self._orphans += place.store == self._home
            return
        if self._handover.begin(place, record, announced=announced) is Known.DELETED:
            self._undeleted += 1
            log.warning("inbox.not_deleted modem=%s index=%d", self._lane, place.index)

    async def _delete(self, place: Place) -> None:
        if not await self._select(place.store):
            log.warning("inbox.not_deleted modem=%s index=%d", self._lane, place.index)
            return
        try:
            await self._ask(at.delete_message(place.index))
        except (CommandFailed, CommandTimeout) as error:
            log.warning("inbox.not_deleted modem=%s index=%d %s", self._lane, place.index, error)


async def _nothing() -> bool:
    return False

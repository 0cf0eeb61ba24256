"""What a modem was given, on its way into the store; what is durable there may be deleted.

May import at, codec, L0 and the Intake protocol. Several records are on their way at once: the
modem is asked for the next one, or sends, while the store writes the one before.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import Future
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from airpost.at.messages import Record
from airpost.clock import Clock, Instant
from airpost.codec.causes import status_outcome
from airpost.codec.pdu import Pdu, parse_octets, read_hex
from airpost.codec.status import EXPIRED, StatusClass, status_class
from airpost.codec.tpdu import Deliver, Direction, StatusReport
from airpost.errors import CodecError, StoreUnavailable
from airpost.model import Lane, ProofKind, SimId
from airpost.modem.api import Intake
from airpost.outage import Outage
from airpost.received import RawPart, RawReport
from airpost.tasks import spawn

log = logging.getLogger("airpost.inbox")

STORE_WAIT_S = 1.0  # between tries to hand over what exists nowhere else
REMEMBERED = 2000  # records that were handed over and should be gone


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One record of one memory."""

    store: str
    index: int


class Known(Enum):
    """What was known of a record when it was read."""

    NOTHING = "it is new, and on its way now"
    ON_ITS_WAY = "it was read before and is not deleted yet"
    DELETED = "it was deleted, and is there again"


class Handover:
    """One modem's, while one SIM is in it.

    `kept` are the places that may be deleted, in the order in which the store took their records.
    `changed` is called when there is one more, when one was left, and when `check()` would raise.
    Where something else was read at a place meanwhile, that place is kept only with what was read
    there last.
    """

    def __init__(
        self,
        intake: Intake,
        clock: Clock,
        *,
        lane: Lane,
        sim_id: SimId,
        number: str | None,
        proof: Callable[[ProofKind], None],
        changed: Callable[[], None],
    ) -> None:
        self.kept: deque[Place] = deque()
        self.taken = 0  # records that the store has taken
        self.left_s: float | None = None  # since when records lie there that it could not take
        self._intake = intake
        self._clock = clock
        self._lane = lane
        self._sim_id = sim_id
        self._number = number
        self._proof = proof
        self._changed = changed
        self._under_way: dict[tuple[Place, str], asyncio.Task[None]] = {}
        self._at: dict[Place, str] = {}  # what was read last where nothing is deleted yet
        self._done: OrderedDict[tuple[Place, str], None] = OrderedDict()
        self._error: BaseException | None = None
        self._left = Outage(log, "inbox.left_on_sim", "inbox.taken_again", f"modem={lane}")

    def begin(self, place: Place, record: Record, *, announced: bool = False) -> Known:
        """Have the store take what was read at `place`; nothing is deleted before it has.

        `announced`: the modem has told of it, so it has come again where it lay before.
        """
        known = place, record.pdu
        before, self._at[place] = self._at.get(place), record.pdu
        if before == record.pdu:
            return Known.ON_ITS_WAY
        if place in self.kept:
            self.kept.remove(place)
        if known in self._done and not announced:
            self.kept.append(place)
            return Known.DELETED
        self._under_way[known] = spawn(self._take(place, record), name=f"handover {self._lane}")
        return Known.NOTHING

    def next_kept(self) -> Place:
        """Take the first of `kept`, to delete it now."""
        place = self.kept.popleft()
        del self._at[place]
        return place

    async def settled(self) -> None:
        """Wait until the store has taken, or refused, all that was begun."""
        while self._under_way:
            await asyncio.wait(tuple(self._under_way.values()))
        self.check()

    def check(self) -> None:
        """Raise what went wrong, other than a store that cannot write."""
        if self._error is not None:
            raise self._error

    async def _take(self, place: Place, record: Record) -> None:
        known = place, record.pdu
        try:
            await self.whole(record)
        except StoreUnavailable as error:
            self._left.failed(error.reason)
            self.left_s = self._clock.mono() if self.left_s is None else self.left_s
            if self._at.get(place) == record.pdu:
                del self._at[place]  # the next sweep finds it
        except Exception as error:  # noqa: BLE001 it ends the inbox, which raises it
            self._error = error
        else:
            self.taken += 1
            self._left.over()
            if self._at.get(place) == record.pdu:
                self.kept.append(place)
            self._done[known] = None
            if len(self._done) > REMEMBERED:
                self._done.popitem(last=False)
        finally:
            self._under_way.pop(known, None)
        self._changed()

    async def at_last(
        self, record: Record, meanwhile: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """As `whole()`, however long the store cannot write: this is the only copy.

        `meanwhile` is called between two tries.
        """
        outage = Outage(log, "inbox.waiting_for_store", "inbox.stored", f"modem={self._lane}")
        while True:
            try:
                await self.whole(record)
                outage.over()
                return
            except StoreUnavailable as error:
                outage.failed(error.reason)
                if meanwhile is not None:
                    await meanwhile()
                await self._clock.sleep(STORE_WAIT_S)

    async def whole(self, record: Record) -> None:
        """To the store, whatever it is; returns after the commit. StoreUnavailable."""
        try:
            octets = read_hex(record.pdu)
        except CodecError as error:
            await self._unreadable(record.pdu.encode("latin-1", "replace"), error)
            return
        self._compare_length(record)
        try:
            pdu = parse_octets(octets, Direction.MT)
        except CodecError as error:
            await self._unreadable(octets, error)
            return
        if isinstance(pdu.tpdu, Deliver):
            await self._intake.part(self._part(pdu, pdu.tpdu))
            self._proof(ProofKind.RECEIVED)
        elif isinstance(pdu.tpdu, StatusReport):
            await self._intake.report(self._report(pdu, pdu.tpdu))
            self._proof(ProofKind.REPORT)
        else:
            kind = CodecError("TP-MTI", 0, "neither a message nor a delivery report")
            await self._unreadable(octets, kind)

    def report_later(self, record: Record, failed: Callable[[], None]) -> bool:
        """Have the store take a delivery report beside what is under way; nobody waits for it.

        `failed` is called where the store could not. False, and nothing is done, where it is no
        such report or the store cannot be asked.
        """
        try:
            pdu = parse_octets(read_hex(record.pdu), Direction.MT)
            if not isinstance(pdu.tpdu, StatusReport):
                return False
            asked = self._intake.report_later(self._report(pdu, pdu.tpdu))
        except (CodecError, StoreUnavailable):
            return False
        self._compare_length(record)
        asked.add_done_callback(lambda done: self._passed(done, failed))
        return True

    def _passed(self, done: Future[Any], failed: Callable[[], None]) -> None:
        error = None if done.cancelled() else done.exception()
        if error is None and not done.cancelled():
            self._proof(ProofKind.REPORT)
        elif error is None or isinstance(error, StoreUnavailable):
            failed()
        else:
            self._error = error
            self._changed()

    def _compare_length(self, record: Record) -> None:
        if record.length is not None and not record.length_matches:
            log.info("inbox.length_differs modem=%s told=%d", self._lane, record.length)

    async def _unreadable(self, raw: bytes, error: CodecError) -> None:
        await self._intake.unreadable(
            self._sim_id, self._lane, raw, error.field, error.offset, error.message
        )

    def _part(self, pdu: Pdu, deliver: Deliver) -> RawPart:
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
            received_at=self._clock.now(),
        )

    def _report(self, pdu: Pdu, report: StatusReport) -> RawReport:
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
            received_at=self._clock.now(),
        )

"""What was read is deleted when the store has it, and only as it was read."""

from __future__ import annotations

import asyncio
import logging

import pytest

from airpost.at.messages import Record
from airpost.codec.address import Address
from airpost.codec.pdu import build_pdu
from airpost.codec.times import TimeStamp
from airpost.codec.tpdu import Deliver, StatusReport
from airpost.errors import StoreUnavailable
from airpost.model import Lane, ProofKind, SimId
from airpost.modem import handover as module
from airpost.modem.handover import Handover, Known, Place
from airpost.received import RawPart, RawReport
from hwsim.pool import START_US
from tests.modem.rig import PHONE, Behind
from tests.store.values import FakeClock

ONE = Place(store="SM", index=1)
TWO = Place(store="SM", index=2)


def record(text: str) -> Record:
    stamp = TimeStamp.from_instant(START_US)
    tpdu = Deliver(oa=Address.from_number(PHONE), dcs=4, scts=stamp, ud=text.encode(),
                   udl=len(text)).build()  # fmt: skip
    pdu, length = build_pdu(tpdu)
    return Record(stat=0, length=length, body=(pdu,))


class Slow(Behind):
    """A store that takes a part when it is let; `failing` raises in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.failing: Exception | None = None

    async def part(self, part: RawPart) -> None:
        await self.open.wait()
        if self.failing is not None:
            raise self.failing
        await super().part(part)


class Bench:
    def __init__(self) -> None:
        self.store = Slow()
        self.rung = 0
        self.proofs: list[ProofKind] = []
        self.handover = Handover(
            self.store, FakeClock(), lane=Lane("gate-1"), sim_id=SimId("8949"), number=None,
            proof=self.proofs.append, changed=self.ring,
        )  # fmt: skip

    def ring(self) -> None:
        self.rung += 1

    async def let(self) -> None:
        self.store.open.set()
        await self.handover.settled()

    def texts(self) -> list[str]:
        return [part.ud.decode() for part in self.store.parts]


async def test_nothing_is_kept_before_the_store_has_it() -> None:
    bench = Bench()
    assert bench.handover.begin(ONE, record("a")) is Known.NOTHING
    assert bench.handover.begin(TWO, record("b")) is Known.NOTHING
    await asyncio.sleep(0)
    assert not bench.handover.kept
    await bench.let()
    assert list(bench.handover.kept) == [ONE, TWO]
    assert (bench.texts(), bench.rung, bench.handover.taken) == (["a", "b"], 2, 2)
    assert bench.proofs == [ProofKind.RECEIVED] * 2


async def test_what_is_read_twice_before_it_is_deleted_is_handed_over_once() -> None:
    bench = Bench()
    bench.handover.begin(ONE, record("a"))
    assert bench.handover.begin(ONE, record("a")) is Known.ON_ITS_WAY
    await bench.let()
    assert bench.handover.begin(ONE, record("a")) is Known.ON_ITS_WAY
    assert list(bench.handover.kept) == [ONE]
    assert bench.texts() == ["a"]


async def test_what_the_network_delivers_again_to_the_same_place_is_a_copy() -> None:
    bench = Bench()
    for _ in range(3):
        assert bench.handover.begin(ONE, record("a"), announced=True) is Known.NOTHING
        await bench.let()
        assert bench.handover.next_kept() == ONE
    assert bench.texts() == ["a", "a", "a"]  # the store knows them by what they are


async def test_what_is_there_again_after_it_was_deleted_is_deleted_once_more() -> None:
    bench = Bench()
    bench.handover.begin(ONE, record("a"))
    await bench.let()
    assert bench.handover.next_kept() == ONE
    assert bench.handover.begin(ONE, record("a")) is Known.DELETED
    assert list(bench.handover.kept) == [ONE]
    assert bench.texts() == ["a"]


@pytest.mark.parametrize("stored_first", [False, True])
async def test_a_place_with_something_else_in_it_is_not_deleted_for_what_was_there(
    stored_first: bool,
) -> None:
    bench = Bench()
    bench.handover.begin(ONE, record("a"))
    if stored_first:
        await bench.let()
        bench.store.open.clear()
    assert bench.handover.begin(ONE, record("b")) is Known.NOTHING
    assert not bench.handover.kept, "it would be b that is lost"
    await bench.let()
    assert list(bench.handover.kept) == [ONE]
    assert bench.texts() == ["a", "b"]


async def test_what_the_store_refuses_stays_where_it_is_and_is_read_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench()
    bench.store.failing = StoreUnavailable("disk full")
    for _ in range(3):
        bench.handover.begin(ONE, record("a"))
        await bench.let()
        assert not bench.handover.kept
    bench.store.failing = None
    assert bench.handover.begin(ONE, record("a")) is Known.NOTHING
    await bench.let()
    assert (list(bench.handover.kept), bench.texts()) == ([ONE], ["a"])
    assert [each.partition(" modem=")[0] for each in caplog.messages] == [
        "inbox.left_on_sim", "inbox.taken_again"
    ]  # fmt: skip
    assert caplog.messages[-1].endswith("suppressed=2")


async def test_any_other_failure_is_raised_and_nothing_deleted() -> None:
    bench = Bench()
    bench.store.failing = ZeroDivisionError()
    bench.handover.begin(ONE, record("a"))
    bench.store.open.set()
    with pytest.raises(ZeroDivisionError):
        await bench.handover.settled()
    assert (bench.rung, list(bench.handover.kept)) == (1, [])
    with pytest.raises(ZeroDivisionError):
        bench.handover.check()


async def test_the_memory_of_what_was_deleted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 1)
    bench = Bench()
    bench.store.open.set()
    for text in ("a", "b"):
        bench.handover.begin(ONE, record(text))
        await bench.handover.settled()
        bench.handover.next_kept()
    assert bench.handover.begin(ONE, record("b")) is Known.DELETED
    assert bench.handover.next_kept() == ONE
    assert bench.handover.begin(ONE, record("a")) is Known.NOTHING
    await bench.handover.settled()


# -- delivery reports that nobody waits for ----------------------------------------------------
def status_report() -> Record:
    stamp = TimeStamp.from_instant(START_US)
    tpdu = StatusReport(mr=7, ra=Address.from_number(PHONE), scts=stamp, dt=stamp, status=0).build()
    pdu, length = build_pdu(tpdu)
    return Record(stat=None, length=length, body=(pdu,))


class Later(Behind):
    """A store that has a report when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def report_later(self, report: RawReport) -> asyncio.Future[None]:
        super().report_later(report)
        return self.asked


class Reporting(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.failed = 0
        self.later = Later()
        self.handover = Handover(
            self.later, FakeClock(), lane=Lane("gate-1"), sim_id=SimId("8949"), number=None,
            proof=self.proofs.append, changed=self.ring,
        )  # fmt: skip

    def report_later(self, record: Record) -> bool:
        return self.handover.report_later(record, self._fails)

    def _fails(self) -> None:
        self.failed += 1


async def test_a_report_is_stored_later_and_proves_itself_once_it_is_on_disk() -> None:
    bench = Reporting()
    assert bench.report_later(status_report())
    assert [each.mr for each in bench.later.reports] == [7]
    assert bench.proofs == []
    bench.later.asked.set_result(None)
    await asyncio.sleep(0)
    assert (bench.proofs, bench.failed) == ([ProofKind.REPORT], 0)


async def test_a_report_that_the_store_could_not_take_is_told_of() -> None:
    bench = Reporting()
    assert bench.report_later(status_report())
    bench.later.asked.set_exception(StoreUnavailable("disk full"))
    await asyncio.sleep(0)
    assert (bench.proofs, bench.failed) == ([], 1)
    bench.handover.check()
    bench.later.closed = True
    assert not bench.report_later(status_report()), "it cannot even be asked"


async def test_any_other_failure_of_a_report_ends_the_inbox() -> None:
    bench = Reporting()
    assert bench.report_later(status_report())
    bench.later.asked.set_exception(ZeroDivisionError())
    await asyncio.sleep(0)
    assert (bench.failed, bench.rung) == (0, 1)
    with pytest.raises(ZeroDivisionError):
        bench.handover.check()


@pytest.mark.parametrize("pdu", ["", "zz", "00", "07"])
async def test_what_is_no_report_is_not_taken_for_one(pdu: str) -> None:
    bench = Reporting()
    assert not bench.report_later(Record(stat=None, length=None, body=(pdu,)))
    assert not bench.report_later(record("a"))
    assert bench.later.reports == []

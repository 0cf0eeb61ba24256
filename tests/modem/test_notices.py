"""What was told of waits in order; a report that nobody waits for does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from airpost.at.events import Urc
from airpost.at.messages import Record
from airpost.model import Lane
from airpost.modem.handover import Handover, Place
from airpost.modem.notices import Notices, Sweep
from airpost.tasks import spawn


class Passes:
    """A handover that keeps what it is given; `takes` False: the store cannot be asked."""

    def __init__(self) -> None:
        self.passed: list[tuple[str, Callable[[], None]]] = []
        self.rescued: list[str] = []
        self.takes = True

    def report_later(self, record: Record, failed: Callable[[], None]) -> bool:
        if self.takes:
            self.passed.append((record.pdu, failed))
        return self.takes

    async def at_last(self, record: Record) -> None:
        self.rescued.append(record.pdu)


class Bench:
    def __init__(self, *, acknowledges: bool = False) -> None:
        self.handover = Passes()
        self.notices = Notices(
            cast("Handover", self.handover),
            lane=Lane("gate-1"),
            home="ME",
            acknowledges=acknowledges,
        )

    def left(self) -> list[str]:
        """What waits, in order; it does not any more."""
        out = []
        while (first := self.notices.first) is not None:
            out.append("sweep" if isinstance(first, Sweep) else first.payload or first.line)
            self.notices.done()
        return out


def report(pdu: str = "AA") -> Urc:
    return Urc(prefix="+CDS", line="+CDS: 1", payload=pdu)


def message(pdu: str = "BB") -> Urc:
    return Urc(prefix="+CMT", line="+CMT: ,1", payload=pdu)


def told(line: str) -> Urc:
    return Urc(prefix=line.partition(":")[0], line=line)


def test_a_report_that_wants_no_word_goes_to_the_store_at_once() -> None:
    bench = Bench()
    for pdu in ("AA", "AB"):
        bench.notices.take(report(pdu))
    assert [pdu for pdu, _ in bench.handover.passed] == ["AA", "AB"]
    assert bench.left() == []


@pytest.mark.parametrize(
    ("acknowledges", "given"),
    [
        (True, report()),
        (False, message()),
        (False, told("+CDS: 1")),
        (False, told('+CMTI: "SM",1')),
    ],
)
def test_everything_else_waits_its_turn(acknowledges: bool, given: Urc) -> None:
    bench = Bench(acknowledges=acknowledges)
    bench.notices.take(given)
    assert (bench.handover.passed, bench.left()) == ([], [given.payload or given.line])


def test_what_comes_behind_something_that_waits_keeps_its_place() -> None:
    bench = Bench()
    bench.notices.take(message())
    bench.notices.take(report())
    bench.notices.sweep()
    bench.notices.sweep()
    assert (bench.handover.passed, bench.left()) == ([], ["BB", "AA", "sweep"])


def test_what_the_store_could_not_take_comes_back() -> None:
    bench = Bench()
    bench.notices.take(report())
    bench.notices.take(report("AB"))
    for _, failed in bench.handover.passed:
        failed()
    bench.handover.takes = False
    bench.notices.take(report("AC"))
    assert bench.left() == ["AA", "AB", "AC"]


async def test_what_came_directly_outlives_the_session() -> None:
    bench = Bench()
    bench.notices.take(report())
    bench.notices.take(message())
    bench.notices.take(told('+CMTI: "SM",1'))
    bench.handover.takes = False
    bench.notices.end()
    bench.handover.passed[0][1]()  # and so does what was on its way
    bench.notices.take(report("AB"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert sorted(bench.handover.rescued) == ["AA", "AB", "BB"]


async def test_at_the_end_reports_go_to_the_store_beside_each_other_too() -> None:
    """Thousands may wait after an outage; one by one each would wait for a commit."""
    bench = Bench()
    bench.handover.takes = False
    for pdu in ("AA", "AB"):
        bench.notices.take(report(pdu))
    bench.notices.take(message())
    bench.handover.takes = True
    bench.notices.end()
    for _ in range(4):
        await asyncio.sleep(0)
    assert [pdu for pdu, _ in bench.handover.passed] == ["AA", "AB"]
    assert bench.handover.rescued == ["BB"]
    bench.handover.passed[0][1]()  # the store fails again
    await asyncio.sleep(0)
    assert [pdu for pdu, _ in bench.handover.passed[2:]] == ["AA"]


def test_a_report_does_not_wait_for_what_is_announced() -> None:
    bench = Bench()
    bench.notices.sweep()
    bench.notices.take(told('+CMTI: "SM",1'))
    bench.notices.take(report())
    assert [pdu for pdu, _ in bench.handover.passed] == ["AA"]
    assert bench.left() == ["sweep", '+CMTI: "SM",1']


async def test_whoever_waits_is_woken_by_what_comes() -> None:
    bench = Bench()
    await bench.notices.another(unless=lambda: True)
    waits = spawn(bench.notices.another(unless=lambda: False), name="waits")
    await asyncio.sleep(0)
    bench.notices.take(report())  # nobody has to do anything for it
    await asyncio.sleep(0)
    assert not waits.done()
    bench.notices.take(message())
    await waits
    await bench.notices.another(unless=lambda: False)
    assert bench.left() == ["BB"]


def test_what_a_sweep_has_found_is_no_news() -> None:
    bench = Bench()
    for line in ('+CMTI: "ME",1', '+CMTI: "SM",1', "+CMTI: ,1", '+CMTI: "ME",2', '+CDSI: "ME",1'):
        bench.notices.take(told(line))
    assert bench.notices.count_in("ME") == 4
    assert bench.notices.drop(Place(store="ME", index=1)) == 3
    assert bench.left() == ['+CMTI: "SM",1', '+CMTI: "ME",2']


def test_only_what_names_a_place_is_announced() -> None:
    bench = Bench()
    assert bench.notices.announced is None
    bench.notices.take(told('+CMTI: "ME",1'))
    bench.notices.take(message())
    assert bench.notices.announced == told('+CMTI: "ME",1')
    bench.notices.done()
    assert bench.notices.announced is None

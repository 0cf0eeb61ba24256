from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

import pytest

from airpost.codec.address import Address
from airpost.codec.split import split
from airpost.codec.times import TimeStamp, ValidityPeriod
from airpost.codec.tpdu import Deliver, Direction, StatusReport, Submit, parse_tpdu
from hwsim.network import AIR_MEDIAN_S, Network
from hwsim.subscriber import Delivery, Done
from tests.virtual import VirtualLoop, run_virtual

START_US = 1_767_225_600_000_000
PHONE = "+491701"


class Phone:
    """A subscriber that keeps what it gets, and may refuse, wait or be away."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.refusal: int | None = None
        self.reachable = True
        self.how: Delivery | None = Delivery.TAKEN
        self.got: list[Deliver] = []
        self.reports: list[StatusReport] = []
        self.open: list[Done] = []

    def take_message(self, tpdu: bytes, done: Done) -> None:
        deliver = parse_tpdu(tpdu, Direction.MT)
        assert isinstance(deliver, Deliver)
        self._end(done, lambda: self.got.append(deliver))

    def take_report(self, tpdu: bytes, done: Done) -> None:
        report = parse_tpdu(tpdu, Direction.MT)
        assert isinstance(report, StatusReport)
        self._end(done, lambda: self.reports.append(report))

    def _end(self, done: Done, keep: Callable[[], None]) -> None:
        if self.how is None:
            self.open.append(done)
            return
        if self.how is Delivery.TAKEN:
            keep()
        done(self.how)


def submit(text: str = "hello", *, mr: int = 1, vp: ValidityPeriod | None = None,
           srr: bool = True, to: str = PHONE) -> Submit:  # fmt: skip
    part = split(text).parts[0]
    return Submit(da=Address.from_number(to), mr=mr, vp=vp, srr=srr, dcs=part.dcs, ud=part.ud,
                  udl=part.udl)  # fmt: skip


def world(loop: VirtualLoop, seed: int = 1) -> tuple[Network, Phone, Phone]:
    network = Network(loop, Random(seed), start_us=START_US, report_delay_s=2.0)
    sender, receiver = Phone("+491555"), Phone(PHONE)
    network.attach(sender)
    network.attach(receiver)
    return network, sender, receiver


def test_delivery_and_report() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, receiver = world(loop)
        network.latency_s = 0.5
        await asyncio.sleep(60)
        network.submit(sender.number, submit(mr=9))
        await asyncio.sleep(0.4)
        assert receiver.got == []
        await asyncio.sleep(0.2)
        (deliver,) = receiver.got
        assert (deliver.text, deliver.oa.number) == ("hello", "+491555")
        assert deliver.scts.instant_us == START_US + 60_000_000
        await asyncio.sleep(3)
        (report,) = sender.reports
        assert (report.mr, report.status, report.ra.number) == (9, 0, PHONE)
        assert report.scts == deliver.scts
        assert report.dt.instant_us == START_US + 60_000_000  # when it was delivered

    run_virtual(main)


def test_no_report_unless_asked_for() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, receiver = world(loop)
        network.submit(sender.number, submit(srr=False))
        await asyncio.sleep(10)
        assert len(receiver.got) == 1
        assert sender.reports == []

    run_virtual(main)


def test_early_report_is_there_at_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, _ = world(loop)
        network.submit(sender.number, submit(), early=True)
        assert len(sender.reports) == 1
        network.early_reports = True
        network.submit(sender.number, submit())
        assert len(sender.reports) == 2

    run_virtual(main)


def test_many_at_once_arrive_in_order() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, receiver = world(loop)
        for mr in range(30):
            network.submit(sender.number, submit(str(mr), mr=mr))
        await asyncio.sleep(5)
        assert [each.text for each in receiver.got] == [str(mr) for mr in range(30)]
        assert [each.mr for each in sender.reports] == list(range(30))

    run_virtual(main)


def test_away_means_kept_then_delivered() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, receiver = world(loop)
        receiver.reachable = False
        network.submit(sender.number, submit())
        await asyncio.sleep(3600)
        assert network.waiting(PHONE) == 1
        receiver.reachable = True
        network.available(PHONE)
        await asyncio.sleep(5)
        assert (len(receiver.got), len(sender.reports), network.waiting(PHONE)) == (1, 1, 0)

    run_virtual(main)


def test_validity_runs_out() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, receiver = world(loop)
        receiver.reachable = False
        until = TimeStamp.from_instant(START_US + 120_000_000)
        for mr, period in enumerate(
            (ValidityPeriod.relative(600), ValidityPeriod.absolute(until),
             ValidityPeriod.enhanced(30))
        ):  # fmt: skip
            network.submit(sender.number, submit(mr=mr, vp=period))
        network.submit(sender.number, submit(mr=9))
        await asyncio.sleep(700)
        assert [(r.mr, r.status) for r in sender.reports] == [(2, 0x46), (1, 0x46), (0, 0x46)]
        receiver.reachable = True
        network.available(PHONE)
        assert len(receiver.got) == 1
        await asyncio.sleep(10 * 86_400)
        assert len(sender.reports) == 4

    run_virtual(main)


def test_refusal_is_final() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, receiver = world(loop)
        receiver.refusal = 0x41
        network.submit(sender.number, submit())
        await asyncio.sleep(5)
        assert [each.status for each in sender.reports] == [0x41]
        assert network.waiting(PHONE) == 0

    run_virtual(main)


def test_interim_reports() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, receiver = world(loop)
        network.interim_reports, receiver.reachable = True, False
        network.submit(sender.number, submit())
        await asyncio.sleep(10)
        network.available(PHONE)
        receiver.reachable = True
        network.available(PHONE)
        await asyncio.sleep(10)
        assert [each.status for each in sender.reports] == [0x30, 0x00]

    run_virtual(main)


def test_one_without_room_keeps_messages_but_gets_reports() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, receiver = world(loop)
        sender.how = Delivery.REFUSED
        network.submit(receiver.number, submit(to=sender.number, srr=False))
        await asyncio.sleep(1)
        assert network.waiting(sender.number) == 1
        sender.how = Delivery.TAKEN
        network.submit(sender.number, submit())
        await asyncio.sleep(5)
        assert (len(sender.got), len(sender.reports)) == (1, 1)

    run_virtual(main)


def test_what_was_refused_is_tried_again() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, receiver = world(loop)
        receiver.how = Delivery.REFUSED
        network.submit(sender.number, submit())
        network.available(PHONE)  # refused twice: one timer all the same
        await asyncio.sleep(network.retry_s - 1)
        receiver.how = Delivery.TAKEN
        assert network.waiting(PHONE) == 1
        await asyncio.sleep(10)
        assert (len(receiver.got), len(sender.reports), network.waiting(PHONE)) == (1, 1, 0)
        await asyncio.sleep(10 * network.retry_s)
        assert len(receiver.got) == 1

    run_virtual(main)


def test_one_at_a_time_until_it_is_ended() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, receiver = world(loop)
        receiver.how = None
        network.submit(sender.number, submit("a"))
        network.submit(sender.number, submit("b", vp=ValidityPeriod.enhanced(5)))
        await asyncio.sleep(1)
        assert (len(receiver.open), network.waiting(PHONE)) == (1, 2)
        receiver.open[0](Delivery.TAKEN)
        receiver.open[0](Delivery.REFUSED)  # only the first word counts
        assert len(receiver.open) == 2
        await asyncio.sleep(60)  # runs out in the receiver's hand
        receiver.open[1](Delivery.REFUSED)
        await asyncio.sleep(5)
        assert [each.status for each in sender.reports] == [0x00, 0x46]

    run_virtual(main)


def test_loss_is_silent() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, receiver = world(loop)
        network.loss = 0.5
        for _ in range(100):
            network.submit(sender.number, submit())
        await asyncio.sleep(10)
        network.loss, network.report_loss = 0.0, 1.0
        network.submit(sender.number, submit())
        await asyncio.sleep(10)
        assert 30 < network.lost < 70
        assert len(receiver.got) == 101 - network.lost
        assert len(sender.reports) == 100 - network.lost

    run_virtual(main)


def test_air_times() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, _, _ = world(loop)
        rng = Random(5)
        drawn = [network.draw_air_s(rng) for _ in range(5000)]
        said = sorted(each for each in drawn if each is not None)
        assert abs(said[len(said) // 2] - AIR_MEDIAN_S) < 0.2
        assert sum(each > 20 for each in said) > 10
        assert 0 < drawn.count(None) < 20
        network.air_s = 0.2
        assert network.draw_air_s(rng) == 0.2

    run_virtual(main)


def test_handsets_come_by_themselves_and_are_not_modems() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, _ = world(loop)
        network.submit(sender.number, submit(to="+4999"))
        await asyncio.sleep(1)
        assert network.handset("+4999").texts() == ["hello"]
        assert [each.number for each in network.handsets()] == ["+4999"]
        with pytest.raises(ValueError, match="is a modem"):
            network.handset(sender.number)

    run_virtual(main)


def test_a_closed_network_stands_still() -> None:
    async def main(loop: VirtualLoop) -> None:
        network, sender, receiver = world(loop)
        network.submit(sender.number, submit())
        network.close()
        await asyncio.sleep(10)
        assert receiver.got == []

    run_virtual(main)

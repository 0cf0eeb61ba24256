"""Classes and lanes: what overtakes what, what is kept back, in which order numbers are served."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest

from airpost.clock import SECOND_US, Instant, parse_rfc3339
from airpost.codec.causes import Phase, classify
from airpost.errors import StoreUnavailable
from airpost.model import Lane, MessageClass, MessageId, OnUncertain, UnitState
from airpost.outcome import SENT, Outcome, OutcomeClass, Scope
from airpost.pool.intake import LATER_S, StoreIntake
from airpost.pool.limits import LimitProfile, LimitSettings, OnLimit
from airpost.pool.pauses import DOUBT
from airpost.pool.selftest import SelfTestSettings
from airpost.pool.upkeep import UpkeepSettings
from tests.pool.rig import PHONE, Rig, failure, pooled
from tests.virtual import VirtualLoop, run_virtual

OTP, ALARM, NORMAL, BULK = MessageClass
LONG = "word " * 300  # ten parts
UNKNOWN = failure(OutcomeClass.UNKNOWN, Scope.MODEM)
REFUSED = classify("CMS", 50, "", Phase.AFTER_PDU)
G1, G2 = Lane("gate-1"), Lane("gate-2")


async def many(rig: Rig, count: int, class_: MessageClass, **changes: object) -> list[MessageId]:
    """So many messages to as many numbers."""
    return [
        await rig.accept(class_=class_, to=f"{PHONE}{class_.value}{at}", **changes)
        for at in range(count)
    ]


def number(at: int) -> str:
    return f"{PHONE}{at}"


# -- classes -------------------------------------------------------------------------------------
def test_the_classes_go_strictly_in_their_order(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (1.0,)) as rig:
            await rig.accept("first", to=number(0))
            await rig.until(lambda: rig.units[0].sent)
            for at, class_ in enumerate((BULK, NORMAL, ALARM, OTP, BULK, NORMAL, ALARM, OTP), 1):
                await rig.accept(class_=class_, to=number(at))
            await rig.until(lambda: len(rig.units[0].sent) == 9)
            sent = [each.class_ for each in rig.units[0].sent[1:]]
            assert sent == [OTP, OTP, ALARM, ALARM, NORMAL, NORMAL, BULK, BULK]

    run_virtual(main)


def test_urgent_cuts_into_a_long_message_and_that_goes_on_afterwards(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (3.0,)) as rig:
            long = await rig.accept(LONG)
            await rig.until(lambda: len(rig.units[0].sent) == 3)
            urgent = await rig.accept("now", class_=ALARM, to=number(1))
            await rig.state(long, "sent")
            sent = [(each.message_id, each.seq) for each in rig.units[0].sent]
            assert sent.index((urgent, 1)) == 3
            assert [seq for id_, seq in sent if id_ == long] == list(range(1, 11))

    run_virtual(main)


def test_urgent_does_not_wait_for_room_behind_what_is_bound(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (3.0, 3.0)) as rig:
            await many(rig, 20, NORMAL)
            await asyncio.sleep(10)
            urgent = await many(rig, 5, OTP)
            began = loop.time()
            for each in urgent:
                await rig.state(each, "sent")
            assert loop.time() - began <= 3 + 3 * 3
            assert {each.class_ for unit in rig.units for each in unit.sent[-1:]} <= {OTP, NORMAL}

    run_virtual(main)


def test_normal_does_not_cut_into_a_long_bulk_message_it_can_wait_for(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.5,)) as rig:
            long = await rig.accept(LONG, class_=BULK)
            await rig.until(lambda: len(rig.units[0].sent) == 3)
            await rig.accept(to=number(1))
            await rig.until(lambda: len(rig.units[0].sent) == 11)
            assert [each.message_id == long for each in rig.units[0].sent] == [True] * 10 + [False]

    run_virtual(main)


def test_nor_does_it_after_something_urgent_has(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.5,)) as rig:
            long = await rig.accept(LONG, class_=BULK)
            await rig.until(lambda: len(rig.units[0].sent) == 3)
            urgent = await rig.accept("now", class_=ALARM, to=number(2))
            normal = await rig.accept(to=number(1))
            await rig.until(lambda: len(rig.units[0].sent) == 12)
            ids = [each.message_id for each in rig.units[0].sent]
            assert (ids.count(long), ids[-1]) == (10, normal)
            assert ids.index(urgent) <= 5

    run_virtual(main)


def test_aged_bulk_goes_with_what_is_normal(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (60.0,)) as rig:
            await rig.accept(to=number(0))
            await rig.until(lambda: rig.units[0].sent)
            old = await rig.accept("old", class_=BULK, to=number(999))
            for at in range(1, 100):  # more than the modem can send
                await rig.accept(to=number(at))
            await rig.state(old, "sent", wait_s=6000)
            assert 3600 <= loop.time() <= 3600 + 4 * 60

    run_virtual(main)


def test_what_has_aged_is_bound_no_further_ahead_than_the_rest(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (60.0,)) as rig:
            await many(rig, 100, BULK)
            await asyncio.sleep(3600 + 300)
            assert len((await rig.store.queue(G1, 99)).bound) == 2
            urgent = await rig.accept(class_=OTP)
            await rig.state(urgent, "sending", wait_s=65)

    run_virtual(main)


# -- reservation ---------------------------------------------------------------------------------
def test_one_of_several_carries_no_bulk_until_it_is_the_last(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (1.0, 1.0, 1.0)) as rig:
            await many(rig, 30, BULK)
            await asyncio.sleep(5)
            assert [len(unit.sent) > 3 for unit in rig.units] == [False, True, True]
            assert rig.units[0].sent == []
            rig.units[1].show(state=UnitState.ABSENT)
            await asyncio.sleep(5)
            assert rig.units[0].sent == []
            rig.units[2].show(state=UnitState.ABSENT)
            await asyncio.sleep(5)
            assert len(rig.units[0].sent) > 3

    run_virtual(main)


def test_bulk_goes_by_a_reserved_modem_that_it_asks_for(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (1.0, 1.0)) as rig:
            sent = await rig.accept(class_=BULK, lane=G1)
            assert (await rig.state(sent, "sent", wait_s=10)).modem == G1

    run_virtual(main)


# -- order ---------------------------------------------------------------------------------------
def test_messages_to_one_number_arrive_in_order_however_many_modems_there_are(
    tmp_path: Path,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (3.0, 0.5, 1.0)) as rig:
            ids = []
            for at in range(12):
                ids.append(await rig.accept(f"message {at}"))
                await rig.accept(to=number(at))
            ended: list[MessageId] = []
            while len(ended) < len(ids):
                for each in ids:
                    if each not in ended and (await rig.message(each)).state.value == "sent":
                        ended.append(each)
                await asyncio.sleep(0.05)
            assert ended == ids

    run_virtual(main)


@pytest.mark.parametrize("ordered", [False, True])
def test_a_retry_holds_later_ones_only_if_it_is_ordered(tmp_path: Path, *, ordered: bool) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            for unit in rig.units:
                unit.outcomes = [failure(OutcomeClass.TRANSIENT, Scope.DESTINATION)]
            first = await rig.accept("first", ordered=ordered)
            await rig.until(lambda: any(unit.sent for unit in rig.units))
            for unit in rig.units:
                unit.outcomes = []
            second = await rig.accept("second")
            await rig.state(second, "sent")
            state = (await rig.message(first)).state.value
            assert state == ("sent" if ordered else "queued")

    run_virtual(main)


# -- pause, drain, move --------------------------------------------------------------------------
def test_a_paused_modem_gives_back_what_it_has_not_begun(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (10.0, 10.0)) as rig:
            ids = await many(rig, 4, NORMAL)
            await asyncio.sleep(1)
            await rig.pool.pause(G1, "anna")
            view = rig.pool.modem(G1)
            assert view is not None
            assert (view.ready, view.takes, view.paused) == (True, False, "paused, by anna")
            for each in ids:
                await rig.state(each, "sent")
            assert [len(unit.sent) for unit in rig.units] == [1, 3]
            await rig.pool.resume(G1, "anna")
            await rig.accept(lane=G1)
            await rig.until(lambda: len(rig.units[0].sent) == 2, 5)

    run_virtual(main)


def test_a_drained_modem_sends_what_it_has_then_it_is_paused(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (10.0, 10.0)) as rig:
            await many(rig, 8, NORMAL)
            await asyncio.sleep(1)
            await rig.pool.pause(G1, "anna", drain=True)
            await asyncio.sleep(100)
            view = rig.pool.modem(G1)
            assert view is not None
            assert view.paused == "paused, by anna"
            assert [len(unit.sent) for unit in rig.units] == [2, 6]
            await rig.pool.resume(G1, "anna")
            await rig.pool.pause(G1, "bert", drain=True)  # there is nothing to wait for
            await rig.until(lambda: rig.pool.modem(G1).paused == "paused, by bert", 5)  # type: ignore[union-attr]

    run_virtual(main)


def test_a_queue_moves_to_another_modem(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (1.0, 1.0)) as rig:
            await rig.pool.pause(G1, "anna")
            ids = await many(rig, 3, NORMAL, lane=G1)
            await asyncio.sleep(20)
            assert not rig.units[1].sent
            assert await rig.store.decisions.move(G1, G2, "anna") == 3
            for each in ids:
                assert (await rig.state(each, "sent", wait_s=10)).modem == G2

    run_virtual(main)


def test_what_waits_for_a_busy_modem_goes_by_an_idle_one_and_that_is_said(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (60.0, 60.0)) as rig:
            other = rig.units[1]
            other.show(state=UnitState.ABSENT)
            ids = await many(rig, 2, NORMAL)
            await rig.until(lambda: rig.units[0].sent)
            other.show(state=UnitState.READY)
            await rig.until(lambda: other.sent, 10)
            assert [each.message_id for each in other.sent] == ids[1:]
            events = (await rig.store.events(0, 999)).items
            given_back = [each.reason for each in events if "given back" in (each.reason or "")]
            assert given_back == [
                "given back to the backlog: gate-1 is busy, another modem is idle"
            ]

    run_virtual(main)


# -- doubt ---------------------------------------------------------------------------------------
def test_three_without_an_answer_take_the_sim_out_until_a_person_clears_it(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2,)) as rig:
            rig.units[0].outcomes = [UNKNOWN] * 3
            await many(rig, 6, NORMAL, on_uncertain=OnUncertain.HOLD)
            await asyncio.sleep(50)
            assert len(rig.units[0].sent) == 3
            view = rig.pool.modem(G1)
            assert view is not None
            assert view.paused == DOUBT
            await rig.pool.resume(G1, "anna")
            await rig.until(lambda: len(rig.units[0].sent) == 6, 5)

    run_virtual(main)


def test_without_self_tests_one_message_tries_a_sim_in_doubt_less_and_less_often(
    tmp_path: Path,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2,)) as rig:
            rig.units[0].outcomes = [UNKNOWN] * 5
            await many(rig, 8, NORMAL, on_uncertain=OnUncertain.HOLD)
            for after_s, sent in ((50, 3), (65, 4), (55, 4), (30, 5), (200, 5), (60, 8)):
                await asyncio.sleep(after_s)
                assert len(rig.units[0].sent) == sent
            assert rig.pool.modem(G1).takes  # type: ignore[union-attr]

    run_virtual(main)


@pytest.mark.parametrize("between", [(), (failure(OutcomeClass.TRANSIENT, Scope.DESTINATION),)])
def test_one_that_went_out_again_is_tried_as_soon_the_next_time(
    tmp_path: Path, between: tuple[Outcome, ...]
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2,)) as rig:
            rig.units[0].outcomes = [UNKNOWN] * 5 + [*between, SENT] + [UNKNOWN] * 3
            await many(rig, 10 + len(between), NORMAL, on_uncertain=OnUncertain.HOLD)
            sent, tried = rig.units[0].sent, 9 + len(between)
            await rig.until(lambda: len(sent) == 5, 300)  # after one and two minutes
            await rig.until(lambda: len(sent) == tried, 300)  # one more went out, then three not
            begun_s = loop.time()
            await rig.until(lambda: len(sent) > tried, 600)
            assert 59 <= loop.time() - begun_s <= 70

    run_virtual(main)


def test_a_store_that_cannot_write_only_delays_the_try_of_a_sim_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2,)) as rig:
            rig.units[0].outcomes = [UNKNOWN] * 3
            await many(rig, 6, NORMAL, on_uncertain=OnUncertain.HOLD)
            await asyncio.sleep(50)

            async def full(_key: str, _value: str) -> None:
                raise StoreUnavailable("full, by the test")

            with monkeypatch.context() as broken:
                broken.setattr(rig.store, "remember", full)
                await asyncio.sleep(100)
                assert len(rig.units[0].sent) == 3
            await rig.until(lambda: len(rig.units[0].sent) == 6, 10)

    run_virtual(main)
    told = [each for each in caplog.messages if "trial modem=" in each]
    assert told[0] == "sim.no_trial modem=gate-1 full, by the test"
    assert told[1].startswith("sim.on_trial modem=gate-1 suppressed=")
    assert len(told) == 2


def test_a_sim_in_doubt_is_tried_where_it_is_next(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            one, other = rig.units
            other.show(state=UnitState.ABSENT)
            one.outcomes = [UNKNOWN] * 3
            await many(rig, 6, NORMAL, on_uncertain=OnUncertain.HOLD)
            await rig.until(lambda: rig.pool.modem(G1).paused == DOUBT, 30)  # type: ignore[union-attr]
            sim_id = one.view.sim_id
            one.show(state=UnitState.ABSENT, sim_id=None)
            other.show(state=UnitState.READY, sim_id=sim_id)
            await rig.until(lambda: len(other.sent) == 3, 200)

    run_virtual(main)


def test_a_self_test_clears_a_sim_in_doubt(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        upkeep = UpkeepSettings(selftest=SelfTestSettings(to=PHONE))
        async with pooled(loop, tmp_path, (0.2,), upkeep=upkeep) as rig:
            rig.units[0].outcomes = [*[UNKNOWN] * 4, SENT]  # the first test has no answer either
            ids = await many(rig, 5, NORMAL, on_uncertain=OnUncertain.HOLD)
            await rig.state(ids[-1], "sent", wait_s=4000)
            owners = [(await rig.message(each.message_id)).owner for each in rig.units[0].sent]
            assert owners == ["test"] * 3 + ["airpost"] * 2 + ["test"] * 2
            assert rig.pool.modem(G1).takes  # type: ignore[union-attr]

    run_virtual(main)


def test_an_answer_that_comes_late_is_no_doubt(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2,)) as rig:
            rig.units[0].outcomes = [UNKNOWN] * 4
            for at in range(4):
                sent = await rig.accept(to=number(at), on_uncertain=OnUncertain.HOLD)
                await rig.state(sent, "uncertain")
                rig.pool.late(G1, rig.units[0].sent[-1].segment_id, 1, SENT)
                await rig.state(sent, "sent")
            assert rig.pool.modem(G1).takes  # type: ignore[union-attr]

    run_virtual(main)


@pytest.mark.parametrize(("reported", "cleared"), [(0, True), (2, True), (None, False)])
def test_a_report_for_one_of_three_ends_the_doubt(
    tmp_path: Path, *, reported: int | None, cleared: bool
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2,)) as rig:
            unit, intake = (
                rig.units[0],
                StoreIntake(rig.store, rig.clock, reported=rig.pool.reported),
            )
            before = await rig.accept(to=number(9), want_report=True)
            await rig.state(before, "sent")
            unit.outcomes = [UNKNOWN] * 4
            for at in range(3):
                each = await rig.accept(
                    to=number(at), want_report=True, on_uncertain=OnUncertain.HOLD
                )
                await rig.state(each, "uncertain")
            await asyncio.sleep(1)
            assert "no answer" in str(rig.pool.modem(G1).paused)  # type: ignore[union-attr]
            # One for what went before the three proves nothing.
            to, mr = (number(9), 0) if reported is None else (number(reported), 1 + reported)
            await intake.report(replace(rig.report(unit, mr), to=to))
            await asyncio.sleep(1)
            assert rig.pool.modem(G1).takes is cleared  # type: ignore[union-attr]
            if reported == 0:  # two are left without a word: one more makes three again
                await rig.accept(to=number(5))
                await asyncio.sleep(10)
                assert rig.pool.modem(G1).takes is False  # type: ignore[union-attr]

    run_virtual(main)


def test_reports_that_nobody_waits_for_share_a_commit_and_are_told(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2,)) as rig:
            told: list[str] = []
            intake = StoreIntake(rig.store, rig.clock, reported=told.append)
            ids = [await rig.accept(to=number(at), want_report=True) for at in range(3)]
            for each in ids:
                await rig.state(each, "sent")
            began_s = loop.time()
            later = [intake.report_later(replace(rig.report(rig.units[0], at), to=number(at)))
                     for at in range(3)]  # fmt: skip
            await asyncio.sleep(LATER_S / 2)
            assert not any(each.done() for each in later)
            stranger = intake.report_later(replace(rig.report(rig.units[0], 99), to=number(9)))
            await asyncio.gather(*later, stranger)
            assert loop.time() - began_s < LATER_S + 0.1
            for each in ids:
                await rig.state(each, "delivered")
            assert told == [G1] * 3

    run_virtual(main)


def test_a_report_that_overtakes_the_missing_answer_keeps_the_sim_out_of_doubt(
    tmp_path: Path,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (60.0,)) as rig:
            unit, intake = (
                rig.units[0],
                StoreIntake(rig.store, rig.clock, reported=rig.pool.reported),
            )
            unit.outcomes = [UNKNOWN] * 3
            ids = [await rig.accept(to=number(at), want_report=True) for at in range(4)]
            await asyncio.sleep(70)  # the second is on the air
            await intake.report(replace(rig.report(unit, 1), to=number(1)))
            await rig.state(ids[3], "sent", wait_s=400)
            assert rig.pool.modem(G1).takes  # type: ignore[union-attr]
            assert not [each for each in (await rig.store.events(0, 99)).items
                        if each.to == "in doubt"]  # fmt: skip

    run_virtual(main)


def test_what_a_sim_is_refused_is_tried_once_by_another(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            rig.units[0].outcomes = [REFUSED]
            sent = await rig.state(await rig.accept(), "sent", "failed", wait_s=20)
            assert (sent.state.value, sent.modem, sent.possible_duplicates) == ("sent", G2, 0)

    run_virtual(main)


def test_what_a_sim_refuses_instead_of_a_prompt_is_tried_by_another(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            first, second = rig.units
            first.refusals = [None, REFUSED]
            second.show(state=UnitState.ABSENT)
            ids = [await rig.accept(text) for text in ("one", "two")]
            await rig.until(lambda: first.sent)
            second.show(state=UnitState.READY)
            sent = await rig.state(ids[1], "sent", "failed", wait_s=20)
            assert (sent.state.value, sent.modem, sent.possible_duplicates) == ("sent", G2, 0)

    run_virtual(main)


def test_what_both_are_refused_is_final_and_puts_neither_in_doubt(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            for unit in rig.units:
                unit.outcomes = [REFUSED] * 20
            for at in range(8):
                failed = await rig.state(await rig.accept(to=number(at)), "failed", wait_s=20)
                assert "not subscribed" in str(failed.reason)
            assert loop.time() < 10
            assert sum(len(unit.sent) for unit in rig.units) == 16

    run_virtual(main)


def test_a_refusal_is_final_where_there_is_no_other_sim(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            rig.units[1].show(sim_id=rig.units[0].view.sim_id)
            for unit in rig.units:
                unit.outcomes = [REFUSED]
            await rig.state(await rig.accept(), "failed", wait_s=5)
            assert sum(len(unit.sent) for unit in rig.units) == 1

    run_virtual(main)


@pytest.mark.parametrize(("class_", "wait_s"), [(OTP, 10), (NORMAL, 900)])
def test_another_sim_that_is_gone_is_waited_for_no_longer_than_a_retry(
    tmp_path: Path, class_: MessageClass, wait_s: float
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 30)) as rig:
            first, second = rig.units
            busy = await rig.accept(lane=G2)
            await rig.state(busy, "sending")
            first.outcomes = [REFUSED]
            refused = await rig.accept(to=number(1), class_=class_)
            await rig.until(lambda: first.sent)
            await asyncio.sleep(1)  # it waits for the second modem
            second.show(state=UnitState.ABSENT, detail="gone for good")
            gone_s = loop.time()
            await asyncio.sleep(wait_s / 2)
            assert len(first.sent) == 1
            waiting = await rig.store.choices.unbound(refused)
            assert waiting is not None
            outlook = rig.pool.outlook(waiting)
            assert outlook.others == {
                G1: "its SIM was refused it, and may be to blame", G2: "gone for good"
            }  # fmt: skip
            assert outlook.another_until is not None
            left_s = (outlook.another_until - rig.clock.now()) / SECOND_US
            assert left_s == pytest.approx(wait_s / 2, abs=1)
            assert (await rig.state(refused, "sent", wait_s=wait_s)).modem == G1
            assert first.begun_at[-1] == pytest.approx(gone_s + wait_s, abs=1)
            told = await rig.store.choices.routed(refused)
            assert told is not None
            assert told.reason == (
                "the only fit modem; its SIM was refused it before, and no other could be had in "
                "time"
            )

    run_virtual(main)


def test_another_sim_that_rests_for_long_is_not_waited_for(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            first, second = rig.units
            second.outcomes = [failure(OutcomeClass.TRANSIENT, Scope.SIM)] * 5
            for at in range(5):  # it rests for a minute: longer than an otp waits between tries
                await rig.accept(to=number(at), lane=G2)
            await rig.until(lambda: len(second.sent) == 5)
            first.outcomes = [REFUSED]
            refused = await rig.accept(to=number(9), class_=OTP)
            assert (await rig.state(refused, "sent", wait_s=5)).modem == G1

    run_virtual(main)


def test_another_sim_that_takes_no_new_number_is_not_waited_for(tmp_path: Path) -> None:
    """It is free, and takes those it knows: this one it takes next month."""
    profile = LimitProfile(name="test", recipients_per_month=1, on_limit=OnLimit.OTHER)

    async def main(loop: VirtualLoop) -> None:
        limits = LimitSettings(sims={G2: profile})
        async with pooled(loop, tmp_path, (0.2, 0.2), limits=limits) as rig:
            await rig.state(await rig.accept(lane=G2, to=number(1)), "sent", wait_s=5)
            rig.units[0].outcomes = [REFUSED]
            refused = await rig.accept(to=number(2), class_=OTP)
            assert (await rig.state(refused, "sent", wait_s=5)).modem == G1

    run_virtual(main)


def test_three_refusals_in_a_row_leave_the_rest_to_others(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            rig.units[0].outcomes = [REFUSED] * 100
            ids = await many(rig, 30, NORMAL)
            for each in ids:
                await rig.state(each, "sent", wait_s=30)
            assert len(rig.units[0].sent) == 3

    run_virtual(main)


def test_a_modem_whose_sim_rests_says_until_when_and_that_it_sends_again(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2,)) as rig:
            unit = rig.units[0]
            unit.outcomes = [failure(OutcomeClass.TRANSIENT, Scope.SIM)] * 5
            unit.show(last_error="CMS 42: congestion")
            sent = await rig.accept()
            await rig.until(lambda: rig.pool.modems()[0].detail != "ready", wait_s=600)
            told = re.fullmatch(
                r"its SIM failed 5 times in a row \(CMS 42: congestion\): it rests until (\S+), "
                "then one message tries it",
                rig.pool.modems()[0].detail,
            )
            assert told is not None
            until = (await rig.state(sent, "sent")).sent_at
            assert until is not None
            assert 0 <= until - parse_rfc3339(told[1]) < SECOND_US
            await rig.until(lambda: rig.pool.modems()[0].detail == "ready", wait_s=5)

    run_virtual(main)


def test_a_modem_that_comes_back_rests_no_more(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2,)) as rig:
            unit = rig.units[0]
            unit.outcomes = [failure(OutcomeClass.TRANSIENT, Scope.SIM)] * 5
            await rig.accept()
            await rig.until(lambda: "rests" in rig.pool.modems()[0].detail, wait_s=600)
            unit.show(state=UnitState.ABSENT, detail="unplugged")
            assert rig.pool.modems()[0].detail == "unplugged"
            unit.show(state=UnitState.READY, detail="ready")
            assert rig.pool.modems()[0].detail == "ready"

    run_virtual(main)


# -- what can be promised ------------------------------------------------------------------------
def test_the_promise_follows_the_modems(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (3.0,) * 4) as rig:
            (told,) = rig.pool.promises()
            assert (told.modems, told.urgent_per_minute, told.under_bulk_per_minute) == (
                4, None, None,
            )  # fmt: skip
            await rig.until(lambda: rig.pool.promises()[0].urgent_per_minute, wait_s=60)
            (told,) = rig.pool.promises()
            assert (told.modems, told.reserved, told.service_s) == (4, 1, 3.0)
            assert told.urgent_per_minute == pytest.approx(40, abs=1)
            await rig.pool.pause(G1, "anna")
            await rig.until(lambda: rig.pool.promises()[0].modems == 3, wait_s=60)
            assert rig.pool.promises()[0].urgent_per_minute is None
            await rig.until(lambda: rig.pool.promises()[0].urgent_per_minute, wait_s=60)
            (told,) = rig.pool.promises()
            assert told.urgent_per_minute is not None
            assert told.urgent_per_minute < 30

    run_virtual(main)


def test_a_closed_sim_is_neither_promised_nor_the_one_that_is_reserved(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (1.0,) * 3) as rig:
            await rig.until(lambda: rig.pool.promises(), wait_s=60)
            rig.units[0].outcomes = [REFUSED] * 3
            for each in await many(rig, 3, NORMAL, lane=G1):
                await rig.state(each, "sent", "failed", "queued")
            await rig.until(lambda: rig.pool.promises()[0].modems == 2, wait_s=60)
            await many(rig, 30, BULK)
            await asyncio.sleep(10)
            assert not rig.units[1].sent
            assert len(rig.units[2].sent) in (10, 11)  # the last begins in this moment

    run_virtual(main)


def test_what_is_scheduled_does_not_hold_what_is_due(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            at = Instant(rig.clock.now() + 3600 * SECOND_US)
            later = await rig.accept(
                "later", not_before=at, expires_at=Instant(at + SECOND_US * 60)
            )
            await rig.state(await rig.accept("now"), "sent", wait_s=5)
            await rig.state(later, "sent", wait_s=3700)

    run_virtual(main)


def test_what_a_lane_that_is_no_more_has_left_goes_by_another(tmp_path: Path) -> None:
    ids: list[MessageId] = []

    async def before(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, air_s=(0.2, 0.2)) as rig:
            rig.units[0].show(state=UnitState.QUARANTINED)
            rig.units[1].outcomes = [failure(OutcomeClass.UNKNOWN, Scope.MODEM)]
            ids.append(await rig.accept(on_uncertain=OnUncertain.RESEND))
            await rig.state(ids[0], "uncertain")

    async def after(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, air_s=(0.2,)) as rig:
            found = await rig.state(ids[0], "sent")
            assert (found.modem, found.possible_duplicates) == ("gate-1", 1)

    run_virtual(before)
    run_virtual(after)


def test_what_is_half_out_when_its_sim_rests_for_long_begins_again_whole(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (2.0,)) as rig:
            unit = rig.units[0]
            unit.outcomes = [SENT, *[failure(OutcomeClass.TRANSIENT, Scope.SIM)] * 8]
            long = await rig.accept(LONG, class_=BULK, to=number(1))
            await rig.until(lambda: unit.sent)
            await many(rig, 8, OTP)
            done = await rig.state(long, "sent", wait_s=4 * 3600)
            parts = [each for each in unit.sent if each.message_id == long]
            assert [each.seq for each in parts] == [1, *range(1, 11)]
            assert len({each.concat_ref for each in parts[1:]}) == 1
            assert parts[0].concat_ref != parts[1].concat_ref
            assert done.possible_duplicates == 1
            assert rig.pool.idle(G1)

    run_virtual(main)


def test_what_is_half_out_when_its_sim_rests_for_a_minute_goes_on(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (2.0,)) as rig:
            unit = rig.units[0]
            unit.outcomes = [SENT, *[failure(OutcomeClass.TRANSIENT, Scope.SIM)] * 5]
            long = await rig.accept(LONG, class_=BULK, to=number(1))
            await rig.until(lambda: unit.sent)
            await many(rig, 5, OTP)
            done = await rig.state(long, "sent", wait_s=4 * 3600)
            parts = [each for each in unit.sent if each.message_id == long]
            assert [each.seq for each in parts] == list(range(1, 11))
            assert done.possible_duplicates == 0

    run_virtual(main)

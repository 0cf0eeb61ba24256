"""What a refusal that comes after the patience of its segment says of the SIM.

That each late answer settles its own segment stands in test_pool.py and test_lanes.py.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from airpost.codec.causes import Phase, classify
from airpost.model import OnUncertain, UnitState
from airpost.outcome import SENT, Outcome, OutcomeClass, Scope
from airpost.pool.window import DEAD_AFTER, DOUBTED_AFTER
from tests.pool.rig import PHONE, Rig, failure, pooled
from tests.virtual import VirtualLoop, run_virtual

UNKNOWN = failure(OutcomeClass.UNKNOWN, Scope.MODEM)
SIM_FAILED = failure(OutcomeClass.TRANSIENT, Scope.SIM)
SIM_DOUBT = classify("CMS", 50, "", Phase.AFTER_PDU)


async def refused_late(rig: Rig, outcome: Outcome, at: int) -> None:
    """A message by the first modem, whose answer comes once it is uncertain."""
    unit = rig.units[0]
    unit.outcomes = [UNKNOWN]
    sent = await rig.accept(to=f"{PHONE}{at}", on_uncertain=OnUncertain.HOLD)
    await rig.state(sent, "uncertain")
    answer(rig, outcome)
    await rig.state(sent, "queued", "failed")
    await rig.store.cancel(sent, None, "test")  # what would be tried again is not
    await asyncio.sleep(0.1)


def answer(rig: Rig, outcome: Outcome) -> None:
    unit = rig.units[0]
    rig.pool.late(unit.lane, unit.sent[-1].segment_id, None, outcome)


def detail(rig: Rig) -> str:
    view = rig.pool.modem(rig.units[0].lane)
    assert view is not None
    return view.detail


def test_three_late_refusals_that_may_be_the_sims_close_it(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            for at in range(DOUBTED_AFTER):
                await refused_late(rig, SIM_DOUBT, at)
                assert (detail(rig) == "ready") is (at < DOUBTED_AFTER - 1)
            assert "its SIM failed 3 times in a row" in detail(rig)
            waits = await rig.accept()
            await asyncio.sleep(30)
            assert (await rig.message(waits)).state.value == "queued"
            await rig.state(waits, "sent", wait_s=60)  # then one message tries it

    run_virtual(main)


def test_late_and_at_once_are_one_row_in_the_order_they_became_known(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            await refused_late(rig, SIM_DOUBT, 1)
            rig.units[0].outcomes = [SIM_DOUBT]
            await rig.state(await rig.accept(to=f"{PHONE}2"), "failed")
            await refused_late(rig, SIM_DOUBT, 3)
            assert "3 times in a row" in detail(rig)
            answer(rig, SIM_DOUBT)  # told twice, it counts once
            await asyncio.sleep(1)
            assert "3 times in a row" in detail(rig)

    run_virtual(main)


def test_what_the_other_sim_is_refused_late_too_acquits_both(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            first, second = rig.units
            for at in range(DOUBTED_AFTER + 1):
                second.outcomes = [SIM_DOUBT]
                first.outcomes = [UNKNOWN]
                first.show(state=UnitState.ABSENT)
                failing = await rig.accept(to=f"{PHONE}{at}", on_uncertain=OnUncertain.HOLD)
                await rig.until(lambda at=at: len(second.sent) == at + 1)
                first.show(state=UnitState.READY)
                await rig.state(failing, "uncertain", "failed")
                answer(rig, SIM_DOUBT)
                await rig.state(failing, "failed")
                assert (detail(rig), len(first.sent)) == ("ready", at + 1)

    run_virtual(main)


def test_a_late_failure_of_the_sim_counts_once_with_its_silence(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            for at in range(DEAD_AFTER - 1):
                await refused_late(rig, SIM_FAILED, at)
                assert detail(rig) == "ready"
            await refused_late(rig, SIM_FAILED, DEAD_AFTER)
            assert "5 times in a row" in detail(rig)

    run_virtual(main)


def test_a_late_failure_after_something_went_out_slows_the_sim(tmp_path: Path) -> None:
    """As one at once does: the next message begins a second later."""

    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            unit = rig.units[0]
            unit.outcomes = [UNKNOWN, *[SENT] * 9]
            first = await rig.accept(on_uncertain=OnUncertain.HOLD)
            await rig.state(first, "uncertain")
            for at in range(9):
                await rig.state(await rig.accept(to=f"{PHONE}{at}"), "sent")
            rig.pool.late(unit.lane, unit.sent[0].segment_id, None, SIM_FAILED)
            told_s = loop.time()
            await rig.state(await rig.accept(to=f"{PHONE}x"), "sent")
            assert unit.begun_at[-1] - told_s >= 0.99

    run_virtual(main)

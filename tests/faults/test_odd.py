"""Faults 69 to 71 and 74 to 76: lost bytes, sleep, clocks, lost settings, dead messages."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from airpost.model import MessageClass
from airpost.modem.profile import Rung
from airpost.modem.recovery import PER_HOUR
from airpost.outcome import OutcomeClass
from hwsim.modem import SimModem
from tests.faults.rigging import (
    TROUBLED,
    accounted,
    faulty,
    faulty_house,
    recovered,
    sends,
    usable,
    words,
)
from tests.modem.rig import virtually
from tests.virtual import VirtualLoop


@pytest.mark.parametrize("lines", [2, 3, 5])
@virtually
async def test_69_autobaud(loop: VirtualLoop, tmp_path: Path, lines: int) -> None:
    """The first lines after power-up are not heard: asked again until it answers."""

    def deaf(modem: SimModem) -> None:
        modem.faults.set("autobaud", lines=lines)

    async with faulty(loop, tmp_path, before=deaf, wait=False) as rig:
        begun_s = loop.time()
        await rig.ready()
        recovered(69, loop.time() - begun_s)
        assert loop.time() - begun_s < 20
        assert list(rig.sim.records.resets) == []
        await usable(rig)


@virtually
async def test_70_lost_input(loop: VirtualLoop, tmp_path: Path) -> None:
    """A text that lost a character is not taken, and goes again; nothing garbled goes out."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("lost_input", share=0.003)
        await accounted(house, 20)
        modem.faults.clear()
        begun_s = loop.time()
        await house.ready()
        await sends(house)
        recovered(70, loop.time() - begun_s)
        assert list(modem.records.resets) == []
        assert set(house.texts(TROUBLED)) == {f"troubled {at}" for at in range(20)}


@virtually
async def test_70_so_much_is_lost_that_nothing_works(loop: VirtualLoop, tmp_path: Path) -> None:
    """The other modem has the queue, and people are told."""
    async with faulty_house(loop, tmp_path, 2) as house:
        modem = house.sim.modems[0]
        told: list[str] = []
        house.daemon.parts.pool.watch(lambda view: told.append(view.last_error or ""))
        modem.faults.set("lost_input", share=0.2)
        begun_s = loop.time()
        await house.until(lambda: any("characters are lost" in each for each in told), 600)
        named_s = loop.time() - begun_s
        await accounted(house, 20)
        modem.faults.clear()
        await house.ready()
        await sends(house, 4)
        assert named_s < 300  # luck: it is asked every minute, and a short question may get through
        assert modem.records.worst_hour() <= PER_HOUR[Rung.RESET]


@virtually
async def test_71_idle_sleep(loop: VirtualLoop, tmp_path: Path) -> None:
    """The first command after a pause is lost: the message goes out all the same."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("idle_sleep", after_s=30)
        for _ in range(5):
            await asyncio.sleep(300)
            begun_s = loop.time()
            await sends(house)
            recovered(71, loop.time() - begun_s)
            assert loop.time() - begun_s < 5
        assert list(modem.records.resets) == []
        assert modem.records.opens == 1


@virtually
async def test_75_cnmi_reset(loop: VirtualLoop, tmp_path: Path) -> None:
    """What nobody announces is found within a minute, and then it is asked why."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(30)
        rig.sim.faults.set("cnmi_reset")
        begun_s = loop.time()
        rig.arrives("unannounced")
        await rig.until(lambda: words(rig.behind.parts) == ["unannounced"], 70)
        recovered(75, loop.time() - begun_s)
        await rig.until(lambda: rig.sim.settings.cnmi[:2] == [2, 1], 120)
        recovered(75, loop.time() - begun_s)
        await usable(rig)


@virtually
async def test_75_where_nothing_comes_in(loop: VirtualLoop, tmp_path: Path) -> None:
    """Asked within the hour all the same."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(30)
        rig.sim.faults.set("cnmi_reset")
        begun_s = loop.time()
        await rig.until(lambda: rig.sim.settings.cnmi[:2] == [2, 1], 3700)
        recovered(75, loop.time() - begun_s)
        await usable(rig)


@pytest.mark.parametrize("told", [True, False])
@virtually
async def test_75_where_reports_do_not_come(loop: VirtualLoop, tmp_path: Path, told: bool) -> None:
    """Asked soon where messages go out and their reports stay away, also in the midst of sending.

    Of a network that tells nothing it is asked less and less often.
    """
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(30)
        assert (await rig.send("before")).outcome.ok
        await asyncio.sleep(60)
        if told:
            rig.sim.faults.set("cnmi_reset")
        else:
            rig.sim.network.report_loss = 1.0
        begun_s, asked = loop.time(), rig.heard().count("AT+CNMI?")
        lasts_s = 200 if told else 2000
        while loop.time() - begun_s < lasts_s and (rig.sim.settings.cnmi[:2] != [2, 1] or not told):
            assert (await rig.send("during")).outcome.ok
            await asyncio.sleep(20)
        if told:
            recovered(75, loop.time() - begun_s)
            assert rig.sim.settings.cnmi[:2] == [2, 1]
            await usable(rig)
        else:
            assert 3 <= rig.heard().count("AT+CNMI?") - asked <= 6


@virtually
async def test_76_sms_dead(loop: VirtualLoop, tmp_path: Path) -> None:
    """AT is answered and no message is: found after three, healed by a reset, nothing unseen."""
    async with faulty(loop, tmp_path) as rig:
        rig.sim.faults.set("sms_dead", healed_by="reset")
        begun_s = loop.time()
        unknown = []
        while rig.sim.faults.get("sms_dead"):
            await rig.ready()
            text = f"message {len(unknown)}"
            result = await rig.send(text, class_=MessageClass.BULK)
            if result.outcome.cls is OutcomeClass.UNKNOWN:
                unknown.append(text)
            await asyncio.sleep(1)
            assert len(unknown) < 8
        await usable(rig)
        recovered(76, loop.time() - begun_s)
        assert len(rig.sim.records.resets) == 1
        assert len(unknown) == 4  # three show it, one that the gentlest means does not help
        assert not set(unknown) & set(rig.texts())

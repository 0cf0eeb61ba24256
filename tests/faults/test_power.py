"""Faults 48, 49, 52, 72 and 73: restarts, weak power, resets, a stick pulled out in mid-message."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from airpost.clock import Instant, LoopClock
from airpost.errors import ModemError
from airpost.model import UnitState
from airpost.modem.profile import Rung
from airpost.modem.recovery import PER_HOUR
from airpost.modem.usbpower import UsbPower
from airpost.outcome import OutcomeClass
from hwsim.pool import START_US
from tests.faults.rigging import accounted, faulty, faulty_house, recovered, sends, usable
from tests.modem.rig import virtually
from tests.virtual import VirtualLoop

S = UnitState
QUECTEL, HUAWEI = "quectel-ec25-like", "huawei-e3372-like"


# -- 48, 49: it restarts -------------------------------------------------------------------------


@pytest.mark.parametrize("personality", ["generic", QUECTEL, "simcom-sim800-like"])
@virtually
async def test_48_spontaneous_restart(loop: VirtualLoop, tmp_path: Path, personality: str) -> None:
    """The command is given up, everything is set anew; a message on the air is unknown."""
    async with faulty(loop, tmp_path, personality=personality) as rig:
        await usable(rig)
        rig.sim.faults.set("spontaneous_restart", when="ctrl_z", count=1)
        begun_s = loop.time()
        result = await rig.send("on the air")
        assert (result.begun, result.outcome.cls) == (True, OutcomeClass.UNKNOWN)
        assert len([each for each in rig.sim.sends if each.cmgs_at_s >= begun_s]) == 1
        await rig.until(lambda: "AT+CMGF=0" in rig.heard(begun_s), 120)
        await usable(rig)
        assert rig.sim.settings.cnmi[1] == 1
        recovered(48, loop.time() - begun_s)
        assert list(rig.sim.records.resets) == []


@virtually
async def test_48_a_restart_while_idle(loop: VirtualLoop, tmp_path: Path) -> None:
    async with faulty(loop, tmp_path, personality=QUECTEL) as rig:
        await asyncio.sleep(30)
        rig.sim.faults.set("spontaneous_restart", when="now")
        begun_s = loop.time()
        await rig.until(lambda: not rig.view.ready, 5)
        await rig.ready()
        recovered(48, loop.time() - begun_s)
        assert rig.sim.settings.cnmi[:2] == [2, 1]
        await usable(rig)


@virtually
async def test_48_nothing_is_lost_or_sent_twice_unseen(loop: VirtualLoop, tmp_path: Path) -> None:
    async with faulty_house(loop, tmp_path, personalities=(QUECTEL,)) as house:
        house.sim.modems[0].faults.set("spontaneous_restart", when="ctrl_z", chance=0.2)
        await accounted(house, 20)
        house.sim.modems[0].faults.clear()
        await sends(house)


@virtually
async def test_49_under_voltage(loop: VirtualLoop, tmp_path: Path) -> None:
    """The message is unknown, and people are told that it is the power."""
    async with faulty(loop, tmp_path, personality=QUECTEL) as rig:
        await asyncio.sleep(1)
        rig.sim.faults.set("under_voltage", when="ctrl_z", count=1)
        begun_s = loop.time()
        result = await rig.send("on the air")
        assert (result.begun, result.outcome.cls) == (True, OutcomeClass.UNKNOWN)
        told = [view.last_error or "" for view in rig.behind.views]
        assert any("power: UNDER-VOLTAGE" in each for each in told)
        await usable(rig)
        recovered(49, loop.time() - begun_s)
        assert list(rig.sim.records.resets) == []


@virtually
async def test_49_again_and_again_points_to_the_power(loop: VirtualLoop, tmp_path: Path) -> None:
    async with faulty(loop, tmp_path, personality=QUECTEL) as rig:
        await asyncio.sleep(1)
        rig.sim.faults.set("under_voltage", when="loop", every_s=30)
        begun_s = loop.time()
        await rig.until(lambda: "its power is too weak; try a powered hub" in rig.view.detail, 300)
        named_s = loop.time() - begun_s
        assert rig.sim.records.worst_hour() == 0, "a reset does not make power"
        await asyncio.sleep(600)
        rig.sim.faults.clear()
        begun_s = loop.time()
        await usable(rig)
        recovered(49, loop.time() - begun_s)
        assert named_s < 120


# -- 72, 73: resets ------------------------------------------------------------------------------


@virtually
async def test_72_slow_boot(loop: VirtualLoop, tmp_path: Path) -> None:
    """A modem that takes 90 s to start is waited for: resets are few, and it comes."""
    async with faulty(loop, tmp_path, personality=QUECTEL, boot_s=5) as rig:
        rig.sim.faults.set("slow_boot", boot_s=90)
        begun_s = loop.time()
        await rig.until(lambda: not rig.view.ready, 90)
        await rig.ready()
        recovered(72, loop.time() - begun_s)
        assert rig.sim.records.worst_hour() <= PER_HOUR[Rung.RESET]
        assert loop.time() - begun_s < 300
        await usable(rig)


def with_hub(loop: VirtualLoop, folder: Path) -> UsbPower:
    clock = LoopClock(loop.time, Instant(START_US))
    uhubctl = str(folder / "bin" / "uhubctl")
    return UsbPower(clock, hubs=["1-1"], sysfs=folder / "sys", uhubctl=uhubctl)


@virtually
async def test_73_no_enumeration(loop: VirtualLoop, tmp_path: Path) -> None:
    """Power is cut once at most; then a person is asked for, who plugs it in anew."""
    folder = tmp_path / "machine"
    async with faulty(
        loop, folder, personality=QUECTEL, usb=True, power=with_hub(loop, folder)
    ) as rig:
        rig.sim.faults.set("silence")
        rig.sim.faults.set("no_enumeration")
        begun_s = loop.time()
        cuts = lambda: [by for _, by in rig.sim.records.resets].count("hub power")  # noqa: E731
        await rig.until(cuts, 3600)
        await rig.until(lambda: "plug it in anew" in rig.view.detail, 3600)
        told_s = loop.time() - begun_s
        await asyncio.sleep(1200)
        assert cuts() == PER_HOUR[Rung.HUB_POWER]
        rig.sim.faults.clear()
        begun_s = loop.time()
        rig.sim.power.restore()
        rig.sim.plug()
        await usable(rig)
        recovered(73, loop.time() - begun_s)
        assert told_s < 1800


@virtually
async def test_73_a_root_hub_is_never_switched(loop: VirtualLoop, tmp_path: Path) -> None:
    clock = LoopClock(loop.time, Instant(START_US))
    power = UsbPower(clock, hubs=["1", "1-1"])
    for usb_path in ("1-1", "2-3", "1-1.4.2"):
        with pytest.raises(ModemError):
            await power.cycle(usb_path)


# -- 52: pulled out ------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["pdu", "ctrl_z"])
@virtually
async def test_52_hangup_mid_pdu(loop: VirtualLoop, tmp_path: Path, at: str) -> None:
    """Before the text was complete it has not gone out; after that nobody knows."""
    async with faulty(loop, tmp_path) as rig:
        rig.sim.faults.set("hangup_mid_pdu", at=at, back_s=20, count=1)
        begun_s = loop.time()
        result = await rig.send("pulled out")
        assert result.outcome.code == "port lost"
        assert result.outcome.cls is OutcomeClass.UNKNOWN
        await rig.until(lambda: rig.view.state is S.ABSENT, 5)
        await usable(rig)
        recovered(52, loop.time() - begun_s - 20)
        assert loop.time() - begun_s - 20 < 3


@pytest.mark.parametrize("at", ["pdu", "ctrl_z"])
@virtually
async def test_52_others_go_on(loop: VirtualLoop, tmp_path: Path, at: str) -> None:
    async with faulty_house(loop, tmp_path, 2) as house:
        house.sim.modems[0].faults.set("hangup_mid_pdu", at=at, back_s=30, chance=0.3)
        await accounted(house, 30)
        house.sim.modems[0].faults.clear()
        await house.ready()
        await sends(house, 4)

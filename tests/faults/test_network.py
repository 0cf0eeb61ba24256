"""Faults 63 to 67 of the catalogue: no network, odd words about it, and other people's calls."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from airpost.model import UnitState
from airpost.modem.profile import load_profile
from tests.faults.rigging import AFTER, faulty, faulty_house, recovered, sends, usable
from tests.modem.rig import virtually
from tests.virtual import VirtualLoop

POLL_S = load_profile().timing.poll_s
CALLER = "+4917099"


@pytest.mark.parametrize(("stat", "words"), [(2, "search"), (3, "denied"), (11, "")])
@virtually
async def test_63_not_registered(loop: VirtualLoop, tmp_path: Path, stat: int, words: str) -> None:
    """The queue waits, or goes to the other modem; nothing is reset because of a network."""
    async with faulty_house(loop, tmp_path, 2) as house:
        sim, other = house.sim.modems
        pool = house.daemon.parts.pool
        sim.faults.set("not_registered", stat=stat)
        begun_s = loop.time()
        await house.until(lambda: pool.modems()[0].state is UnitState.REGISTERING, 10)
        assert "no network: " in pool.modems()[0].detail
        assert words in pool.modems()[0].detail
        await sends(house, 4)
        other.faults.set("not_registered", stat=stat)
        await house.until(lambda: not any(view.ready for view in pool.modems()), 10)
        waiting = await house.post(AFTER, "waits")
        await asyncio.sleep(100)
        assert (await house.message(waiting["id"]))["state"] == "queued"
        for modem in (sim, other):
            modem.faults.clear()
            assert list(modem.records.resets) == []
        begun_s = loop.time()
        (done,) = await house.settled([waiting["id"]], 60)
        recovered(63, loop.time() - begun_s)
        assert done["state"] == "delivered"


@pytest.mark.parametrize("value", [99, 0])
@virtually
async def test_64_no_signal(loop: VirtualLoop, tmp_path: Path, value: int) -> None:
    """Unknown is shown as unknown, weak as weak; whether it sends the network says."""
    async with faulty(loop, tmp_path) as rig:
        rig.sim.faults.set("no_signal", value=value)
        await asyncio.sleep(2 * POLL_S)
        assert rig.view.signal_dbm == (None if value == 99 else -113)
        assert rig.view.state is UnitState.READY
        await usable(rig)
        begun_s = loop.time()
        rig.sim.faults.clear()
        await rig.until(lambda: rig.view.signal_dbm not in (None, -113), 2 * POLL_S + 1)
        recovered(64, loop.time() - begun_s)


@virtually
async def test_65_broken_creg(loop: VirtualLoop, tmp_path: Path) -> None:
    """The state is read, the rest is not believed; nothing is set up anew for it."""
    async with faulty(loop, tmp_path, before=lambda modem: modem.faults.set("broken_creg")) as rig:
        await asyncio.sleep(5 * POLL_S)
        assert rig.view.state is UnitState.READY
        assert rig.view.registration == "registered in the home network"
        rig.sim.faults.set("not_registered", stat=3)
        await rig.until(lambda: rig.view.state is UnitState.REGISTERING, POLL_S)
        assert "denied" in rig.view.detail
        begun_s = loop.time()
        rig.sim.faults.clear("not_registered")
        await rig.ready()
        recovered(65, loop.time() - begun_s)
        await usable(rig)
        assert rig.behind.states.count(UnitState.PROBING) == 1


@pytest.mark.parametrize("personality", ["generic", "huawei-e3372-like", "simcom-sim800-like"])
@virtually
async def test_66_ussd_noise(loop: VirtualLoop, tmp_path: Path, personality: str) -> None:
    """Of several lines the one with the network's words is the answer, all lines of it."""
    async with faulty(loop, tmp_path, personality=personality) as rig:
        rig.sim.faults.set("ussd_noise")
        begun_s = loop.time()
        said = await rig.unit.ussd("*100#")
        recovered(66, loop.time() - begun_s)
        assert said.splitlines()[:2] == ["Credit: 12.34 EUR", "Valid until 2027-01-01"]
        await usable(rig)


@pytest.mark.parametrize("hang_up", [False, True])
@virtually
async def test_67_incoming_call(loop: VirtualLoop, tmp_path: Path, hang_up: bool) -> None:
    """The message goes out as if nothing had been; the call is noted, and hung up after it."""
    async with faulty(loop, tmp_path, air_s=8.0) as rig:
        await rig.restart(hang_up=hang_up)
        await rig.ready()
        rig.sim.faults.set("incoming_call", when="ctrl_z", rings=60, count=1)
        begun_s = loop.time()
        result = await rig.send("hello")
        took_s = loop.time() - begun_s
        recovered(67, took_s - 8.0)
        assert result.outcome.ok
        assert result.mr is not None
        assert took_s == pytest.approx(8.0, abs=0.5)
        assert rig.heard(begun_s)[2:] == [], "nothing between AT+CMGS and its end"
        assert rig.behind.calls == [CALLER]
        await asyncio.sleep(1)
        assert ("AT+CHUP" in rig.heard(begun_s)) is hang_up
        await usable(rig)
        assert rig.behind.calls == [CALLER]


@virtually
async def test_67_calls_all_the_time(loop: VirtualLoop, tmp_path: Path) -> None:
    """Every one is an event of its modem; messages go in and out."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("incoming_call", when="ctrl_z", rings=3)
        for _ in range(5):
            await sends(house)
            await asyncio.sleep(20)
        modem.faults.clear()
        events = (await house.daemon.parts.store.events(0, 500)).items
        calls = [(each.subject, each.reason) for each in events if each.to == "call"]
        assert calls == [("modem gate-1", CALLER)] * 5
        await sends(house)


@virtually
async def test_67_hung_up_where_the_configuration_says_so(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        await sends(house)
        for hang_up in (False, True):
            await house.stop()
            await house.start(hang_up=hang_up)
            await sends(house)
            modem.faults.set("incoming_call", rings=3)
            await asyncio.sleep(30)
            assert bool(modem.records.counts["+CHUP"]) is hang_up

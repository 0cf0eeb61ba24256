"""Faults 50, 51 and 53 to 59 of the catalogue: the bus, swapped and wrong ports, other programs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from unittest import mock

import pytest

from airpost.errors import PortRefused
from airpost.model import ModemView, UnitState
from airpost.modem.profile import Rung
from airpost.modem.recovery import PER_HOUR
from airpost.tasks import spawn
from hwsim.modem import SimModem
from tests.faults.rigging import (
    AFTER,
    accounted,
    faulty,
    faulty_house,
    recovered,
    sends,
    usable,
)
from tests.modem.rig import virtually
from tests.system.house import House
from tests.virtual import VirtualLoop

S = UnitState
HUAWEI, QUECTEL = "huawei-e3372-like", "quectel-ec25-like"
SIERRA, TELIT = "sierra-c885-like", "telit-le910-like"


def view_of(house: House, modem: SimModem) -> ModemView:
    """What people see of a modem that was found by itself."""
    lane = f"m-{modem.imei[-6:]}"
    return next(view for view in house.daemon.parts.pool.modems() if view.lane == lane)


def strangers(house: House) -> list[str]:
    """What is said of what is plugged in and cannot be used."""
    return [view.detail for view in house.daemon.parts.pool.modems() if not view.routes]


async def away_and_back(house: House, modem: SimModem) -> float:
    """When the modem was on the bus again, in loop time."""
    await house.until(lambda: not modem.plugged, 60)
    await house.until(lambda: modem.plugged, 120)
    return asyncio.get_running_loop().time()


# -- 50, 51, 53: another port under another name -------------------------------------------------


@pytest.mark.parametrize("personality", [QUECTEL, HUAWEI])
@virtually
async def test_50_reset_leaves_bus(loop: VirtualLoop, tmp_path: Path, personality: str) -> None:
    """Followed by what it is: the same lane under another tty, and nothing is reset again."""
    async with faulty_house(loop, tmp_path, 2, found=True, personalities=(personality,)) as house:
        modem = house.sim.modems[0]
        lane = view_of(house, modem).lane
        modem.faults.set("reset_leaves_bus")
        assert modem.power.stick is not None
        before = {port.tty for port in modem.power.stick.ports}
        modem.power.stick.renumber()
        body = {"command": "AT+CFUN=1,1", "force": True}
        async with house.http.post(f"/v1/modems/{lane}/at", json=body) as response:
            assert response.status == 200
        back_s = await away_and_back(house, modem)
        assert before.isdisjoint(port.tty for port in modem.power.stick.ports)
        await house.ready()
        recovered(50, loop.time() - back_s)
        assert view_of(house, modem).imei == modem.imei
        await sends(house, 4)
        assert len(modem.records.resets) == 1


@virtually
async def test_51_returns_as_cdrom(loop: VirtualLoop, tmp_path: Path) -> None:
    """A minute is given to whatever switches it; then people are told what to install."""
    async with faulty_house(loop, tmp_path, found=True, personalities=(HUAWEI,)) as house:
        modem = house.sim.modems[0]
        modem.faults.set("returns_as_cdrom", switch_s=15, count=1)
        told = []
        unwatch = house.daemon.parts.pool.watch(lambda _view: told.extend(strangers(house)))
        await house.until(lambda: modem.plugged, 120)
        back_s = loop.time()
        await house.ready()
        recovered(51, loop.time() - back_s)
        assert told == []
        unwatch()
        modem.faults.set("returns_as_cdrom", switch_s=0, count=1)
        begun_s = loop.time()
        await house.until(lambda: strangers(house), 120)
        assert 55 < loop.time() - begun_s < 65
        assert "usb-modeswitch" in strangers(house)[0]
        modem.unplug()
        modem.plug()
        await house.ready()
        assert strangers(house) == []
        await sends(house)


@virtually
async def test_53_dead_descriptor(loop: VirtualLoop, tmp_path: Path) -> None:
    """What was open is closed and the new port found, also in the middle of the load."""
    async with faulty_house(loop, tmp_path, found=True, personalities=(QUECTEL,)) as house:
        modem = house.sim.modems[0]
        for _ in range(3):
            modem.faults.set("dead_descriptor")
            begun_s = loop.time()
            await house.until(lambda: not view_of(house, modem).ready, 5)
            await house.ready()
            recovered(53, loop.time() - begun_s)
            assert loop.time() - begun_s < 5
        await sends(house)
        modem.faults.set("dead_descriptor")
        await accounted(house, 10)


# -- 54: two sticks change places ----------------------------------------------------------------


@pytest.mark.parametrize("found", [False, True])
@virtually
async def test_54_tty_swap(loop: VirtualLoop, tmp_path: Path, found: bool) -> None:
    """Who is there is asked before anything is sent; the reports find their SIM."""
    async with faulty_house(loop, tmp_path, 2, found=found, personalities=(QUECTEL,)) as house:
        first, second = house.sim.modems
        messages = [await house.post(AFTER, f"first {number}") for number in range(10)]
        begun_s = loop.time()
        first.faults.set("tty_swap", back_s=1.0)
        await house.until(lambda: first.plugged and second.plugged, 10)
        await house.until(lambda: not any(v.ready for v in house.daemon.parts.pool.modems()), 10)
        await house.ready()
        recovered(54, loop.time() - begun_s - 1.0)
        imeis = {view.imei for view in house.daemon.parts.pool.modems()}
        assert imeis == {first.imei, second.imei}
        done = await house.settled([each["id"] for each in messages], 1000)
        for message in done:
            got = house.texts(AFTER).count(message["text"])
            assert got <= 1 + message["possible_duplicates"]
            assert message["state"] in ("delivered", "uncertain")
            assert got >= 1 or message["state"] == "uncertain"
        if not found:
            gates = {view.lane: view.imei for view in house.daemon.parts.pool.modems()}
            assert gates == {"gate-1": second.imei, "gate-2": first.imei}


# -- 55: not the AT port -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ("parrot", "this is not the AT port"),
        ("nmea", "is it the right port?"),
        ("diag", "is it the right port?"),
        ("silent", "is it the right port?"),
    ],
)
@virtually
async def test_55_wrong_port(loop: VirtualLoop, tmp_path: Path, form: str, named: str) -> None:
    """Named as such, never reset, never written a message to."""

    def wrong(modem: SimModem) -> None:
        modem.faults.set("wrong_port", form=form)

    async with faulty(loop, tmp_path, wait=False, before=wrong) as rig:
        await rig.until(lambda: named in rig.view.detail, 60)
        await asyncio.sleep(900)
        assert list(rig.sim.records.resets) == []
        rig.sim.faults.clear()
        rig.sim.unplug()
        await asyncio.sleep(2)
        rig.sim.plug()
        begun_s = loop.time()
        await usable(rig)
        recovered(55, loop.time() - begun_s)


@pytest.mark.parametrize(
    ("form", "named"),
    [
        ("parrot", "answers the same to everything: not the AT port"),
        ("nmea", "tells positions: not the AT port"),
        ("diag", "sends binary data: a diagnostics port"),
        ("silent", "answers nothing"),
    ],
)
@virtually
async def test_55_found_by_asking(loop: VirtualLoop, tmp_path: Path, form: str, named: str) -> None:
    """The table says it is the AT port and it is not: another one is used, or it is said."""
    async with faulty_house(loop, tmp_path, 2, found=True, personalities=(SIERRA, TELIT)) as house:
        with_one, with_two = house.sim.modems
        for modem in (with_one, with_two):
            modem.unplug()
            modem.faults.set("wrong_port", form=form)
        await house.until(lambda: not any(v.ready for v in house.daemon.parts.pool.modems()), 10)
        await asyncio.sleep(3)
        for modem in (with_one, with_two):
            modem.plug()
        begun_s = loop.time()
        await house.until(lambda: any(named in each for each in strangers(house)), 120)
        recovered(55, loop.time() - begun_s)
        await house.until(lambda: view_of(house, with_two).ready, 120)
        assert view_of(house, with_two).port.endswith(":1.5-port0")
        assert list(with_one.records.resets) == []


# -- 56 to 59: others on the port ----------------------------------------------------------------


@virtually
async def test_56_foreign_program(loop: VirtualLoop, tmp_path: Path) -> None:
    """Answers nobody asked for, and some that are missing: named, and nothing false is said."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        told: list[str | None] = []
        house.daemon.parts.pool.watch(lambda view: told.append(view.last_error))
        modem.faults.set("foreign_program")
        begun_s = loop.time()
        await house.until(lambda: any("another program" in (each or "") for each in told), 120)
        named_s = loop.time() - begun_s
        await accounted(house, 20)
        modem.faults.clear()
        begun_s = loop.time()
        await house.ready()
        await sends(house)
        recovered(56, loop.time() - begun_s)
        assert named_s < 60


@virtually
async def test_57_second_reader(loop: VirtualLoop, tmp_path: Path) -> None:
    """Half of the bytes are missing: named, what was queued waits, and what is unknown is said."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        pool = house.daemon.parts.pool
        modem.faults.set("second_reader", share=0.5, for_s=300)
        begun_s = loop.time()
        trouble = spawn(accounted(house, 5), name="load")
        await house.until(lambda: "another program" in (pool.modems()[0].last_error or ""), 120)
        named_s = loop.time() - begun_s
        await house.until(lambda: modem.faults.get("second_reader") is None, 400)
        begun_s = loop.time()
        await house.ready()
        recovered(57, loop.time() - begun_s)
        await trouble
        assert modem.records.worst_hour() <= PER_HOUR[Rung.RESET]
        await sends(house)
        assert named_s < 60


@virtually
async def test_58_brltty_steals(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An adapter whose port goes half a second after it came: brltty is named, in the log too."""
    async with faulty_house(loop, tmp_path, found=True, personalities=("generic",)) as house:
        modem = house.sim.modems[0]
        modem.faults.set("brltty_steals")
        begun_s = loop.time()
        await house.until(lambda: any("apt remove brltty" in each for each in strangers(house)), 60)
        assert "has taken its serial port away: brltty" in caplog.text
        assert loop.time() - begun_s < 10
        modem.faults.clear()
        begun_s = loop.time()
        await house.ready()
        recovered(58, loop.time() - begun_s)
        assert strangers(house) == []
        await sends(house)


@virtually
async def test_59_no_permission(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The words name the group; looked at seldom, and used once it may be."""

    def refused(path: str, *_args: object, **_named: object) -> None:
        raise PortRefused(path, "permission denied; add the user airpost runs as to group dialout")

    async with faulty(loop, tmp_path, wait=False, plugged=False) as rig:
        with mock.patch("airpost.modem.session.open_port", refused):
            rig.sim.plug()
            await rig.until(lambda: "dialout" in rig.view.detail, 10)
            await asyncio.sleep(600)
            cooldowns = rig.behind.states.count(S.COOLDOWN)
            assert cooldowns < 20
        begun_s = loop.time()
        await usable(rig)
        recovered(59, loop.time() - begun_s)
        assert "dialout" in caplog.text
        assert loop.time() - begun_s < 65

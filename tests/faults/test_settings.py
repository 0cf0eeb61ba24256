"""Faults 23 to 25, 74 and 75 of the catalogue: what was set or asked is gone, odd or nonsense."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from airpost.clock import SECOND_US
from airpost.model import UnitState
from airpost.modem.profile import load_profile
from tests.faults.rigging import faulty, faulty_house, recovered, sends, usable
from tests.modem.rig import virtually
from tests.virtual import VirtualLoop

TIMING = load_profile().timing


@virtually
async def test_23_smsc_lost(loop: VirtualLoop, tmp_path: Path) -> None:
    """The number that is known is written again, and the message goes out with the next try."""
    async with faulty_house(loop, tmp_path) as house:
        await sends(house)
        modem = house.sim.modems[0]
        modem.faults.set("smsc_lost")
        begun_s = loop.time()
        message = await house.post(text="hello")
        (done,) = await house.settled([message["id"]])
        recovered(23, loop.time() - begun_s)
        assert done["state"] == "delivered"
        assert [part["attempts"] for part in done["parts"]] == [2]
        assert modem.faults.active() == {}
        await sends(house)


@pytest.mark.parametrize("configured", [None, "+491760000443"])
@virtually
async def test_23_smsc_lost_while_the_port_was_closed(
    loop: VirtualLoop, tmp_path: Path, configured: str | None
) -> None:
    async with faulty(loop, tmp_path, smsc=configured) as rig:
        known = rig.view.smsc
        await rig.stop()
        rig.sim.faults.set("smsc_lost")
        rig.start()
        await rig.ready()
        assert rig.sim.card.smsc == rig.view.smsc == known
        assert configured in (None, known)
        await usable(rig)


@virtually
async def test_24_smsc_hex(loop: VirtualLoop, tmp_path: Path) -> None:
    """Read as what it means; nothing is written over it."""
    async with faulty(
        loop, tmp_path, before=lambda modem: modem.faults.set("smsc_hex")
    ) as rig:  # fmt: skip
        assert rig.view.smsc == rig.sim.card.smsc
        assert rig.view.state is UnitState.READY, rig.view.detail
        assert not [line for line in rig.heard() if line.startswith("AT+CSCA=")]
        await usable(rig)


@virtually
async def test_25_cpin_without_ok(loop: VirtualLoop, tmp_path: Path) -> None:
    """Two seconds for each question, and no probe: the modem was never out of step."""
    async with faulty(
        loop, tmp_path, wait=False, before=lambda modem: modem.faults.set("cpin_without_ok")
    ) as rig:
        begun_s = loop.time()
        await rig.ready()
        recovered(25, loop.time() - begun_s)
        assert loop.time() - begun_s < 10
        assert rig.heard().count("AT+CMEE?") == 1
        assert UnitState.COOLDOWN not in rig.behind.states
        await usable(rig)


@virtually
async def test_25_cpin_without_ok_with_a_pin(loop: VirtualLoop, tmp_path: Path) -> None:
    async with faulty(
        loop, tmp_path, wait=False, pin="4711", before=lambda modem: modem.card.lock("4711")
    ) as rig:
        rig.sim.faults.set("no_final", verb="+CPIN", whole=False, count=1)
        await rig.ready()
        assert [line for line in rig.heard() if line.startswith("AT+CPIN=")] == ['AT+CPIN="4711"']
        await usable(rig)


@virtually
async def test_74_clock_nonsense(loop: VirtualLoop, tmp_path: Path) -> None:
    """The modem's clock is not asked: times are the host's and the network's."""
    async with faulty(
        loop, tmp_path, before=lambda modem: modem.faults.set("clock_nonsense")
    ) as rig:
        rig.arrives("hello")
        await rig.until(lambda: rig.behind.parts, 10)
        (part,) = rig.behind.parts
        assert abs(part.received_at - rig.clock.now()) < SECOND_US
        assert part.sent_at is not None
        assert abs(part.sent_at - part.received_at) < 2 * SECOND_US
        await asyncio.sleep(TIMING.settings_check_s + TIMING.poll_s)
        assert not [line for line in rig.heard() if "CCLK" in line]
        await usable(rig)


@virtually
async def test_75_cnmi_reset_with_a_line_of_starting(loop: VirtualLoop, tmp_path: Path) -> None:
    """A sign that settings may have gone is looked into at once, and once."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(100)
        wanted = list(rig.sim.settings.cnmi)
        rig.sim.faults.set("cnmi_reset")
        begun_s = loop.time()
        rig.sim.urc("PB DONE")
        await rig.until(lambda: rig.sim.settings.cnmi == wanted, 10)
        recovered(75, loop.time() - begun_s)
        await usable(rig)
        assert rig.behind.states.count(UnitState.PROBING) == 2

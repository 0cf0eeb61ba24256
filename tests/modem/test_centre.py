"""The service centre: what the SIM told is kept, and written again where it was lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from airpost.at import command as at
from airpost.model import UnitState
from hwsim.modem import SimModem
from tests.modem.rig import rigged, virtually
from tests.virtual import VirtualLoop

OTHER = "+491760000443"


def nameless(modem: SimModem) -> None:
    modem.faults.set("cme_error", verb="+CCID,+ICCID,^ICCID,+CIMI", code=4)


@virtually
async def test_lost_while_the_port_was_closed(loop: VirtualLoop, tmp_path: Path) -> None:
    """`modems.md` fault 23."""
    async with rigged(loop, tmp_path) as rig:
        known = rig.view.smsc
        assert rig.behind.memory[f"smsc {rig.sim.card.iccid}"] == known
        await rig.stop()
        rig.sim.faults.set("smsc_lost")
        rig.start()
        await rig.ready()
        assert (rig.view.smsc, rig.sim.card.smsc) == (known, known)
        assert rig.view.state is UnitState.READY
        assert (await rig.send()).outcome.ok


@virtually
async def test_what_the_sim_tells_goes_first(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.card.smsc = OTHER
        await rig.restart()
        await rig.ready()
        assert rig.view.smsc == OTHER
        assert rig.behind.memory[f"smsc {rig.sim.card.iccid}"] == OTHER
        assert not [line for line in rig.heard() if line.startswith("AT+CSCA=")]


@virtually
async def test_of_another_sim_it_is_not(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.card.iccid, rig.sim.card.smsc = "8949990000000000001", ""
        await rig.restart()
        await rig.ready()
        assert rig.view.smsc is None
        assert "set `smsc`" in rig.view.detail


@virtually
async def test_a_sim_without_a_name_is_not_known_again(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, before=nameless) as rig:
        assert rig.view.smsc
        rig.sim.card.smsc = ""
        await rig.restart()
        await rig.ready()
        assert rig.view.smsc is None


@pytest.mark.parametrize("closed", [False, True])
@virtually
async def test_without_a_store_only_that_is_lost(
    loop: VirtualLoop, tmp_path: Path, closed: bool
) -> None:
    async with rigged(loop, tmp_path) as rig:
        known = rig.view.smsc
        rig.behind.closed = closed
        rig.sim.card.smsc = ""
        await rig.restart()
        await rig.ready()
        assert rig.view.smsc == (None if closed else known)


@virtually
async def test_pulled_out_while_it_is_written_again(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("smsc_lost")
        rig.sim.faults.set("no_final", verb="+CSCA", whole=True)
        assert (await rig.send()).outcome.code == "CMS 330"
        await rig.until(lambda: at.set_smsc(rig.view.smsc or "").text in rig.heard(), 5)
        rig.sim.unplug()
        await asyncio.sleep(1)
        rig.sim.faults.clear()
        rig.sim.plug()
        await rig.ready()
        assert (await rig.send()).outcome.ok

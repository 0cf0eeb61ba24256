"""Faults 17 to 19, 26 and 27 of the catalogue: a modem that is not ready, and its errors."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from airpost.model import UnitState
from airpost.outcome import OutcomeClass
from hwsim.modem import SimModem
from tests.faults.rigging import faulty, recovered, usable
from tests.modem.rig import Rig, virtually
from tests.virtual import VirtualLoop

PIN = "4711"


def entered(rig: Rig) -> list[str]:
    return [line for line in rig.heard() if line.startswith("AT+CPIN=")]


def asked(rig: Rig, line: str) -> list[float]:
    """The seconds between the times a line was heard."""
    times = [at_s for at_s, heard in rig.sim.heard if heard == line]
    return [after - before for before, after in pairwise(times)]


@virtually
async def test_17_settling_500(loop: VirtualLoop, tmp_path: Path) -> None:
    """After the PIN it is asked again for twenty seconds, and the PIN is not."""

    def before(modem: SimModem) -> None:
        modem.card.lock(PIN)
        modem.faults.set("settling_500")

    async with faulty(loop, tmp_path, wait=False, pin=PIN, before=before) as rig:
        await rig.ready()
        recovered(17, loop.time())
        assert 20 < loop.time() < 25
        assert entered(rig) == [f'AT+CPIN="{PIN}"']
        gaps = asked(rig, "AT+CMGF=0")
        assert gaps[:4] == pytest.approx([0.2, 0.4, 0.8, 1.6], abs=0.05)
        assert max(gaps) == pytest.approx(2.0, abs=0.05)
        assert UnitState.COOLDOWN not in rig.behind.states
        assert rig.sim.settings.cmgf == 0
        await usable(rig)


@pytest.mark.parametrize("pin", [None, PIN])
@virtually
async def test_18_sim_busy(loop: VirtualLoop, tmp_path: Path, pin: str | None) -> None:
    """A card that is busy is waited for, and known by its own name afterwards."""

    def before(modem: SimModem) -> None:
        if pin is not None:
            modem.card.lock(pin)
        modem.faults.set("sim_busy")

    async with faulty(loop, tmp_path, wait=False, pin=pin, before=before) as rig:
        await rig.ready()
        recovered(18, loop.time())
        assert loop.time() < 30
        assert len(entered(rig)) == (pin is not None)
        assert rig.view.sim_id == rig.sim.card.iccid
        assert rig.view.imsi == rig.sim.card.imsi
        assert rig.view.smsc == rig.sim.card.smsc
        assert rig.view.state is UnitState.READY, rig.view.detail
        assert UnitState.COOLDOWN not in rig.behind.states
        await usable(rig)


@virtually
async def test_18_sim_busy_after_its_pin(loop: VirtualLoop, tmp_path: Path) -> None:
    """Nothing is taken for missing because the card could not say it yet."""

    def before(modem: SimModem) -> None:
        modem.card.lock(PIN)
        modem.faults.set("sim_busy", verb="+CIMI,+CNUM,+CPMS,+CSCA")

    async with faulty(loop, tmp_path, wait=False, pin=PIN, before=before) as rig:
        await rig.ready()
        recovered(18, loop.time())
        assert len(entered(rig)) == 1
        assert rig.view.imsi == rig.sim.card.imsi
        assert rig.view.number == rig.sim.number
        assert rig.view.smsc == rig.sim.card.smsc
        assert rig.view.state is UnitState.READY, rig.view.detail
        await usable(rig)


@virtually
async def test_19_settling_515(loop: VirtualLoop, tmp_path: Path) -> None:
    """The radio is switched on all the same."""

    def before(modem: SimModem) -> None:
        modem.settings.cfun = 4
        modem.faults.set("settling_515", verb="+CFUN,+CPIN")

    async with faulty(loop, tmp_path, wait=False, before=before) as rig:
        await rig.ready()
        recovered(19, loop.time())
        assert rig.sim.settings.cfun == 1
        assert rig.sim.faults.active() == {}
        await usable(rig)


@pytest.mark.parametrize("verb", ["+CPIN", "+CPIN,+CMGF", "+CPMS,+CNMI"])
@virtually
async def test_19_settling_515_of_what_follows(
    loop: VirtualLoop, tmp_path: Path, verb: str
) -> None:
    def before(modem: SimModem) -> None:
        modem.faults.set("settling_515", verb=verb)

    async with faulty(loop, tmp_path, wait=False, before=before) as rig:
        await rig.ready()
        recovered(19, loop.time())
        assert rig.view.state is UnitState.READY, rig.view.detail
        assert rig.sim.settings.cnmi[:2] == [2, 1]
        await asyncio.sleep(1)  # what waited in the memories is looked for
        assert rig.sim.settings.mems == ["SM", "SM", "SM"]
        await usable(rig)


@virtually
async def test_26_not_supported(loop: VirtualLoop, tmp_path: Path) -> None:
    """The words end the command at once, and nothing is missing but what was asked for."""

    def before(modem: SimModem) -> None:
        modem.faults.set("not_supported")

    async with faulty(loop, tmp_path, before=before) as rig:
        recovered(26, loop.time())
        assert loop.time() < 1
        assert rig.view.sim_id is not None
        assert rig.view.imsi == rig.sim.card.imsi
        assert rig.view.state is UnitState.READY, rig.view.detail
        await usable(rig)
        rig.sim.faults.set("command_error", verb="+CMGS", error="COMMAND NOT SUPPORT", count=1)
        refused = await rig.send("refused")
        assert (refused.begun, refused.outcome.cls) == (False, OutcomeClass.TRANSIENT)
        await asyncio.sleep(1)
        await usable(rig)
        assert "refused" not in rig.texts()


@virtually
async def test_27_verbose_errors(loop: VirtualLoop, tmp_path: Path) -> None:
    """Words mean what their codes mean, at the start as when sending."""

    def before(modem: SimModem) -> None:
        modem.faults.set("verbose_errors")
        modem.faults.set("sim_busy")

    async with faulty(loop, tmp_path, wait=False, before=before) as rig:
        await rig.ready()
        assert rig.view.imsi == rig.sim.card.imsi
        rig.sim.faults.set("cms_error", code=38, count=1)
        outcome = (await rig.send()).outcome
        assert (outcome.cls, outcome.code) == (OutcomeClass.TRANSIENT, "CMS 38")
        begun_s = loop.time()
        assert (await rig.send("at once")).outcome.ok
        recovered(27, loop.time() - begun_s - 0.2)
        rig.sim.faults.set("sim_removed")
        await rig.until(lambda: rig.view.state is UnitState.SIM, 130)
        assert "there is no SIM" in rig.view.detail
        rig.sim.faults.clear("sim_removed")
        await usable(rig)

"""Faults 60 to 68 of the catalogue: SIM, PIN, network, signal, USSD, calls, slow commands."""

from __future__ import annotations

import asyncio
from pathlib import Path

from airpost.model import UnitState
from hwsim.modem import SimModem
from tests.faults.rigging import AFTER, faulty, faulty_house, recovered, usable
from tests.modem.rig import virtually
from tests.virtual import VirtualLoop

S = UnitState
PIN, OTHER_PIN = "1234", "8642"


def times(modem: SimModem, verb: str) -> int:
    """How often the modem heard a command."""
    return modem.records.counts[verb]


# -- 60 to 62: the SIM ---------------------------------------------------------------------------


@virtually
async def test_60_sim_removed(loop: VirtualLoop, tmp_path: Path) -> None:
    """The queue goes to the other modem; put back, the SIM is read anew and serves."""
    async with faulty_house(loop, tmp_path, 2) as house:
        sim = house.sim.modems[0]
        pool = house.daemon.parts.pool
        sent = [await house.post(AFTER, f"first {number}") for number in range(10)]
        begun_s = loop.time()
        sim.faults.set("sim_removed")
        await house.until(lambda: pool.modems()[0].detail == "there is no SIM; put one in", 30)
        recovered(60, loop.time() - begun_s)
        assert pool.modems()[0].state is S.SIM
        await house.until(lambda: len(house.texts(AFTER)) == 10, 120)
        sim.faults.clear()
        begun_s = loop.time()
        await house.ready()
        recovered(60, loop.time() - begun_s)
        assert loop.time() - begun_s < 20
        done = await house.settled([each["id"] for each in sent], 120)
        assert {each["state"] for each in done} == {"delivered"}
        assert sorted(map(str, house.texts(AFTER))) == [f"first {number}" for number in range(10)]
        assert list(sim.records.resets) == []


@virtually
async def test_60_the_only_modem_keeps_its_queue(loop: VirtualLoop, tmp_path: Path) -> None:
    async with faulty_house(loop, tmp_path) as house:
        house.sim.modems[0].faults.set("sim_removed")
        await asyncio.sleep(1)
        waiting = await house.post(AFTER, "waits")
        await asyncio.sleep(600)
        assert (await house.message(waiting["id"]))["state"] == "queued"
        house.sim.modems[0].faults.clear()
        (done,) = await house.settled([waiting["id"]], 60)
        assert (done["state"], done["possible_duplicates"]) == ("delivered", 0)


@virtually
async def test_61_wrong_pin(loop: VirtualLoop, tmp_path: Path) -> None:
    """Tried once, ever; not after replugging, not after a restart, until the file is another."""

    def other_pin(modem: SimModem) -> None:
        modem.faults.set("wrong_pin", pin=OTHER_PIN, tries=3)

    async with faulty(loop, tmp_path, pin=PIN, wait=False, before=other_pin) as rig:
        await rig.until(lambda: "was refused and is not tried again" in rig.view.detail, 60)
        assert rig.sim.card.pin_tries == 2
        rig.sim.unplug()
        rig.sim.plug()
        await asyncio.sleep(300)
        await rig.restart()
        await asyncio.sleep(3600)
        assert rig.sim.card.pin_tries == 2
        assert rig.view.state is S.SIM
        assert list(rig.sim.records.resets) == []
        rig.sim.unplug()
        rig.sim.plug()
        begun_s = loop.time()
        await rig.restart(pin=OTHER_PIN, pin_mark="mark 2")
        await usable(rig)
        recovered(61, loop.time() - begun_s)


@virtually
async def test_62_puk(loop: VirtualLoop, tmp_path: Path) -> None:
    """Never touched; people are told what to do."""

    def blocked(modem: SimModem) -> None:
        modem.faults.set("puk", tries=10)

    async with faulty(loop, tmp_path, pin=PIN, wait=False, before=blocked) as rig:
        await rig.until(lambda: "wants its PUK; unlock it in a phone" in rig.view.detail, 60)
        await asyncio.sleep(3600)
        assert not [line for line in rig.heard() if line.startswith("AT+CPIN=")]
        assert rig.sim.card.puk_tries == 10
        assert list(rig.sim.records.resets) == []
        rig.sim.faults.clear()
        begun_s = loop.time()
        await usable(rig)
        recovered(62, loop.time() - begun_s)
        assert loop.time() - begun_s < 20


# -- 68: what goes on beside messages ------------------------------------------------------


@virtually
async def test_68_slow_scan(loop: VirtualLoop, tmp_path: Path) -> None:
    """What scans networks is never asked in service, and nothing of ours waits for it."""
    async with faulty(loop, tmp_path) as rig:
        rig.sim.faults.set("slow_scan")
        begun_s = loop.time()
        for number in range(60):
            assert (await rig.send(f"message {number}")).outcome.ok
            await asyncio.sleep(60)
        assert not [line for line in rig.heard() if line.startswith("AT+COPS=?")]
        assert rig.behind.states[-1] is S.READY
        assert rig.behind.states.count(S.OPENING) == 1
        recovered(68, 0.0)
        assert [line for line in rig.heard(begun_s) if line.startswith("AT+COPS")] == []
        await usable(rig)


@virtually
async def test_68_a_slow_scan_while_it_starts(loop: VirtualLoop, tmp_path: Path) -> None:
    """A modem that is busy for 100 s is not taken for a sick one."""

    def slow(modem: SimModem) -> None:
        modem.faults.set("slow_scan")

    async with faulty(loop, tmp_path, before=slow, wait=False) as rig:
        begun_s = loop.time()
        await rig.until(lambda: rig.view.ready, 900)
        recovered(68, loop.time() - begun_s)
        assert list(rig.sim.records.resets) == []
        await usable(rig)

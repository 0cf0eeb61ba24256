"""Which SIM it is, before its PIN and as long as it serves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from airpost.model import Lane
from tests.modem.rig import rigged, virtually
from tests.modem.test_pin import locked, pins_tried
from tests.virtual import VirtualLoop

OTHER, OTHER_IMSI = "8949990000000000001", "262990000000001"


@virtually
async def test_a_sim_exchanged_while_nobody_looked_is_noticed_before_it_serves(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """The network was away for that: it must not come back under the name of the other SIM."""
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(30)
        rig.sim.faults.set("not_registered")
        await rig.until(lambda: not rig.view.ready, 10)
        rig.sim.card.iccid, rig.sim.card.imsi = OTHER, OTHER_IMSI
        before = len(rig.behind.views)
        rig.sim.faults.clear()
        await rig.until(lambda: rig.view.ready, 60)
        served = {view.sim_id for view in rig.behind.views[before:] if view.ready}
        assert served == {OTHER}
        assert rig.behind.ids[-1][2] == OTHER


@virtually
async def test_a_sim_exchanged_between_two_looks_is_noticed(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(30)
        rig.sim.card.iccid, rig.sim.card.imsi = OTHER, OTHER_IMSI
        rig.sim.urc("+CPIN: NOT INSERTED")  # and there is one again when it is asked
        await rig.until(lambda: rig.view.sim_id == OTHER and rig.view.ready, 60)


@virtually
async def test_the_same_sim_goes_on_after_the_network_was_away(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(30)
        rig.sim.faults.set("not_registered")
        await rig.until(lambda: not rig.view.ready, 10)
        rig.sim.faults.set("command_error", verb="+CCID,+ICCID,^ICCID")  # one name is enough
        rig.sim.faults.clear("not_registered")
        opens = rig.sim.records.opens
        await rig.until(lambda: rig.view.ready, 60)
        assert rig.sim.records.opens == opens


@virtually
async def test_where_the_number_is_told_after_the_pin_only_it_is_entered(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, before=locked, pin="1234", wait=False, plugged=False) as rig:
        rig.sim.faults.set("command_error", verb="+CCID,+ICCID,^ICCID")
        rig.sim.plug()
        await rig.ready()
        assert pins_tried(rig) == 1


@virtually
async def test_a_sim_of_another_lane_is_not_asked_for_its_pin(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, before=locked, pin="1234") as rig:
        own, strayed = rig.sim.card.iccid, list[Lane]()
        rig.hands |= {"belongs": lambda _lane, sim: sim == own, "strayed": strayed.append}
        rig.sim.unplug()
        await asyncio.sleep(5)
        rig.sim.card.iccid = OTHER
        await rig.restart(pin_mark="mark 2")
        rig.sim.plug()
        await rig.until(lambda: "not the one of this name" in (rig.view.last_error or ""), 60)
        rig.sim.faults.set("command_error", verb="+CCID,+ICCID,^ICCID")  # now it tells none
        await asyncio.sleep(300)
        assert pins_tried(rig) == 1
        assert set(strayed) == {Lane("gate-1")}

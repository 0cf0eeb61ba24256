"""A unit on a simulated modem: from the port to ready, sending, trouble, and back by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from airpost.model import UnitState
from hwsim.personality import names
from tests.modem.rig import PHONE, rigged
from tests.virtual import VirtualLoop, run_virtual

S = UnitState


def test_from_the_port_to_ready(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with rigged(loop, tmp_path) as rig:
            assert rig.behind.states == [S.OPENING, S.PROBING, S.SIM, S.REGISTERING, S.READY]
            view = rig.view
            assert view.imei == rig.sim.imei
            assert view.sim_id == rig.sim.card.iccid
            assert view.imsi == rig.sim.card.imsi
            assert view.smsc == rig.sim.card.smsc
            assert view.operator == "Airpost Test"
            assert view.signal_dbm == -73
            assert rig.behind.ids == [(view.lane, view.imei, view.sim_id)]

    run_virtual(main)


@pytest.mark.parametrize("personality", names())
def test_every_personality_sends_receives_and_reports(tmp_path: Path, personality: str) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with rigged(loop, tmp_path, personality=personality) as rig:
            result = await rig.send("hello")
            assert result.begun
            assert result.outcome.ok
            await rig.until(lambda: rig.behind.reports)
            (report,) = rig.behind.reports
            assert (report.mr, report.to, report.delivered) == (result.mr, PHONE, True)
            rig.pool.handset(PHONE).reply("hi there")
            await rig.until(lambda: rig.behind.parts)
            assert rig.behind.parts[0].sender == PHONE
            await rig.until(lambda: rig.sim.card.sms.used == 0)
            assert rig.texts() == ["hello"]

    run_virtual(main)

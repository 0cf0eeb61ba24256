"""Lines that never stop are stopped once; what nobody knows is logged once."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from airpost.modem.chatter import FLOOD_LINES, FLOOD_S, SHARED, SHARED_S, UNKNOWN
from airpost.modem.profile import load_profile
from tests.modem.rig import Rig, rigged, virtually
from tests.virtual import VirtualLoop

GENERIC = load_profile()
SAMPLES = {start: f"{start}:1,2" for start in GENERIC.silence}


def unknown(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if each.name == "airpost.chatter"]


async def said(rig: Rig, lines: list[str], every_s: float) -> None:
    for line in lines:
        rig.sim.urc(line)
        await asyncio.sleep(every_s)


@pytest.mark.parametrize("start", SAMPLES)
@virtually
async def test_a_flood_is_stopped_by_what_the_profile_says(
    loop: VirtualLoop, tmp_path: Path, start: str
) -> None:
    """`modems.md` fault 31."""
    stop = GENERIC.silence[start]
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        from_s = loop.time()
        rig.sim.faults.set("flood", line=SAMPLES[start], every_s=2.0, until=stop)
        await asyncio.sleep(FLOOD_LINES * 2.0 + 1.0)
        assert rig.sim.faults.active() == {}
        assert rig.heard(from_s) == [stop]
        assert rig.view.ready


@virtually
async def test_it_is_asked_once_even_where_it_does_not_help(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("flood", line="^RSSI:18", every_s=0.5)
        await asyncio.sleep(50)
        assert rig.heard().count("AT^CURC=0") == 1
        rig.sim.faults.clear()
        await said(rig, ["^HCSQ:1"] * 9, 0.5)
        assert rig.heard().count("AT^CURC=0") == 1, "it stops both"


@virtually
async def test_another_opening_is_another_try(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("flood", line="^RSSI:18", every_s=0.5)
        await asyncio.sleep(20)
        await rig.restart()
        await rig.ready()
        await asyncio.sleep(20)
        assert rig.heard().count("AT^CURC=0") == 2
        rig.sim.faults.clear()


@virtually
async def test_what_comes_seldom_is_no_flood(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await said(rig, ["^RSSI:18"] * 20, FLOOD_S / FLOOD_LINES + 0.1)
        await asyncio.sleep(FLOOD_S)
        await said(rig, ["^RSSI:18"] * FLOOD_LINES, 0.1)
        assert "AT^CURC=0" not in rig.heard()


@virtually
async def test_a_flood_nobody_can_stop_stops_nothing(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        heard = len(rig.heard())
        rig.sim.faults.set("flood", line="^NEW:1", every_s=0.02)
        await asyncio.sleep(5)
        assert len(rig.heard()) == heard
        assert (await rig.send()).outcome.ok
        rig.sim.faults.clear()


@virtually
async def test_it_is_stopped_between_messages_only(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, air_s=20.0) as rig:
        rig.sim.faults.set("flood", line="+ZUSIMR:2", every_s=0.1, until="AT+CPMS?")
        from_s = loop.time()
        assert (await rig.send()).outcome.ok
        await asyncio.sleep(0.5)
        begins = [each.split("=")[0] for each in rig.heard(from_s)]
        assert "AT+CPMS?" in begins[begins.index("AT+CMGS") :]
        assert rig.sim.faults.active() == {}
        assert rig.texts() == ["hello"]


@virtually
async def test_a_flood_while_the_modem_is_pulled_out(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("no_final", verb="^CURC", whole=True)
        rig.sim.faults.set("flood", every_s=0.1)
        await asyncio.sleep(1)
        rig.sim.unplug()
        await rig.until(lambda: not rig.view.ready, 5)
        rig.sim.faults.clear()


@virtually
async def test_an_unknown_line_is_logged_once(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with rigged(loop, tmp_path) as rig:
        await said(rig, ["^NEW:1", "^NEW:2", "+OTHER: 3", "^BOOT:1", "RING", "+CSQ: 9,99"], 0.1)
        assert unknown(caplog) == [
            f"modem.unknown_line modem=gate-1 line={name}" for name in ("^NEW", "+OTHER")
        ]


@virtually
async def test_garbage_does_not_fill_the_log(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with rigged(loop, tmp_path) as rig:
        await said(rig, [f"+X{number}: 1" for number in range(UNKNOWN + 50)], 0.01)
        assert len(unknown(caplog)) == UNKNOWN


@virtually
async def test_answers_nobody_asked_for_point_to_another_program(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """`modems.md` fault 56; one or two may be late answers of our own."""
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        await said(rig, ['+CPMS: "SM",3,30,"SM",3,30,"SM",3,30', "+CNMI: 2,1,0,1,0"], 5.0)
        assert rig.view.last_error is None
        await asyncio.sleep(SHARED_S)
        await said(rig, ['+CSCA: "+491710000000",145'] * 2, 5.0)
        assert rig.view.last_error is None
        await said(rig, ['+COPS: 0,0,"net"'], 5.0)
        assert rig.view.last_error == SHARED
        assert rig.view.ready


@virtually
async def test_it_is_said_once_an_opening(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        await said(rig, ["+CPMS: 0,30,0,30,0,30"] * 12, 1.0)
        assert caplog.text.count("modem.shared") == 1

"""Calls: each told once, hung up where that is wished, and never in the way of a message."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airpost.modem.calls import NUMBER_S, RING_GAP_S
from airpost.modem.profile import Flags, load_profile
from airpost.tasks import spawn
from tests.modem.rig import Rig, rigged, virtually
from tests.virtual import VirtualLoop

CALLER = "+4917099"
CLIP = f'+CLIP: "{CALLER}",145,"",,"",0'
OTHER = '+CLIP: "+4917012",145'
WITHHELD = '+CLIP: "",128'
MISSED = f"MISSED_CALL: 11:01AM {CALLER}"


def hanging_up(*commands: str) -> Flags:
    return replace(load_profile().flags, hang_up=commands)


@asynccontextmanager
async def hanging(loop: VirtualLoop, folder: Path, **settings: Any) -> AsyncIterator[Rig]:
    """A unit that hangs up."""
    async with rigged(loop, folder, **settings) as rig:
        await rig.restart(hang_up=True)
        await rig.ready()
        await asyncio.sleep(1)
        yield rig


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        # After so many seconds, this line.
        ([(0, "RING"), (0.5, CLIP), (3, "RING"), (0, CLIP), (3, "RING")], [CALLER]),
        ([(0, "+CRING: VOICE"), (0.5, CLIP), (3, "NO CARRIER")], [CALLER]),
        ([(0, "RING"), (3, "RING"), (0, CLIP), (3, "RING")], [CALLER]),
        ([(0, "RING"), (5, "RING"), (5, "RING"), (1, "NO CARRIER")], [None]),
        ([(0, "RING"), (0, WITHHELD), (3, "RING"), (0, WITHHELD)], [None]),
        ([(0, "RING"), (1, "NO CARRIER")], [None]),
        ([(0, "RING"), (1, "NO CARRIER"), (1, "NO CARRIER"), (9, "BUSY")], [None]),
        # Two calls: an end between them, a long pause, another number.
        ([(0, "RING"), (0, CLIP), (1, "NO CARRIER"), (1, "RING"), (0, CLIP)], [CALLER] * 2),
        ([(0, "RING"), (0, CLIP), (RING_GAP_S + 1, "RING"), (0, CLIP)], [CALLER] * 2),
        ([(0, CLIP), (1, OTHER), (1, OTHER)], [CALLER, "+4917012"]),
        ([(0, CLIP), (1, OTHER.replace("CLIP", "CCWA")), (1, CLIP)], [CALLER, "+4917012", CALLER]),
        # What is said of one that is over.
        ([(0, "RING"), (0, CLIP), (2, "NO CARRIER"), (0, MISSED)], [CALLER]),
        ([(0, "RING"), (2, MISSED), (0, "NO CARRIER")], [CALLER]),
        ([(0, MISSED)], [CALLER]),
        # Not of a call that comes in.
        ([(0, "NO CARRIER"), (0, "BUSY"), (0, "^CEND:1,0,29"), (0, "+CLIP: 1,1"), (0, "+WIND: 2")],
         []),
    ],
)  # fmt: skip
@virtually
async def test_each_is_told_once(
    loop: VirtualLoop, tmp_path: Path, lines: list[tuple[float, str]], told: list[str | None]
) -> None:
    async with rigged(loop, tmp_path) as rig:
        for after_s, line in lines:
            await asyncio.sleep(after_s)
            rig.sim.urc(line)
        await asyncio.sleep(60)
        assert rig.behind.calls == told
        assert rig.view.ready


@virtually
async def test_the_number_is_asked_for_and_waited_for(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        assert rig.sim.settings.clip == 1
        rig.sim.urc("RING")
        await asyncio.sleep(NUMBER_S - 0.5)
        assert rig.behind.calls == []
        rig.sim.urc(CLIP)
        await asyncio.sleep(0.1)
        assert rig.behind.calls == [CALLER]


@virtually
async def test_one_that_is_withheld_is_not_waited_for(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.urc(WITHHELD)
        await asyncio.sleep(0.1)
        assert rig.behind.calls == [None]


@virtually
async def test_a_modem_that_tells_no_numbers(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(
        loop, tmp_path, before=lambda sim: sim.faults.set("cme_error", verb="+CLIP", code=4)
    ) as rig:
        rig.sim.faults.set("incoming_call")
        await rig.until(lambda: rig.behind.calls, NUMBER_S + 0.1)
        await asyncio.sleep(60)
        assert rig.behind.calls == [None]


@virtually
async def test_without_the_wish_nothing_is_asked(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        heard = len(rig.heard())
        rig.sim.faults.set("incoming_call")
        await asyncio.sleep(20)
        assert len(rig.heard()) == heard
        assert rig.behind.calls == [CALLER]


@virtually
async def test_hung_up_once_the_number_is_known(loop: VirtualLoop, tmp_path: Path) -> None:
    async with hanging(loop, tmp_path) as rig:
        from_s = loop.time()
        rig.sim.faults.set("incoming_call")
        await asyncio.sleep(30)
        assert rig.behind.calls == [CALLER]
        assert rig.heard(from_s)[:1] == ["AT+CHUP"]
        assert rig.heard(from_s).count("AT+CHUP") == 1


@virtually
async def test_hung_up_the_other_way_where_one_is_refused(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with hanging(loop, tmp_path) as rig:
        rig.sim.faults.set("cme_error", verb="+CHUP", code=3)
        from_s = loop.time()
        rig.sim.faults.set("incoming_call")
        await asyncio.sleep(2)
        assert rig.heard(from_s) == ["AT+CHUP", "ATH"]


@virtually
async def test_hung_up_as_the_profile_says(loop: VirtualLoop, tmp_path: Path) -> None:
    profile = replace(load_profile(), flags=hanging_up("ATH"))
    async with hanging(loop, tmp_path, profile=profile) as rig:
        from_s = loop.time()
        rig.sim.faults.set("incoming_call")
        await asyncio.sleep(2)
        assert rig.heard(from_s) == ["ATH"]


@virtually
async def test_a_caller_who_has_given_up_is_not_hung_up(loop: VirtualLoop, tmp_path: Path) -> None:
    async with hanging(loop, tmp_path) as rig:
        from_s = loop.time()
        rig.sim.urc("RING")
        rig.sim.urc("NO CARRIER")
        await asyncio.sleep(5)
        rig.sim.urc(MISSED)
        await asyncio.sleep(20)
        rig.sim.urc(MISSED)
        await asyncio.sleep(1)
        assert rig.behind.calls == [None, CALLER]
        assert rig.heard(from_s) == []


@virtually
async def test_a_modem_that_does_not_hang_up_stays_usable(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with hanging(loop, tmp_path) as rig:
        rig.sim.faults.set("no_final", verb="+CHUP", whole=True)
        rig.sim.faults.set("cme_error", verb="H", code=3)
        rig.sim.faults.set("incoming_call", rings=9)
        await asyncio.sleep(40)
        assert rig.behind.calls == [CALLER]
        assert (await rig.send()).outcome.ok


@virtually
async def test_hanging_up_waits_for_the_message_on_the_air(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """`modems.md` fault 67."""
    async with hanging(loop, tmp_path, air_s=8.0) as rig:
        rig.sim.faults.set("incoming_call", when="ctrl_z")
        from_s = loop.time()
        result = await rig.send()
        ended_s = loop.time()
        assert result.outcome.ok
        assert rig.heard(from_s)[0].startswith("AT+CMGS=")
        assert rig.heard(from_s)[2:] == []
        assert rig.behind.calls == [CALLER]
        await asyncio.sleep(0.5)
        assert rig.heard(ended_s)[:1] == ["AT+CHUP"]
        assert rig.texts() == ["hello"]


@virtually
async def test_pulled_out_while_it_rings(loop: VirtualLoop, tmp_path: Path) -> None:
    async with hanging(loop, tmp_path) as rig:
        rig.sim.urc("RING")
        await asyncio.sleep(0.5)
        rig.sim.unplug()
        await rig.until(lambda: not rig.view.ready, 5)
        assert rig.behind.calls == [None]
        rig.sim.plug()
        await rig.ready()
        await asyncio.sleep(20)
        assert rig.behind.calls == [None]


@virtually
async def test_pulled_out_while_it_is_to_be_hung_up(loop: VirtualLoop, tmp_path: Path) -> None:
    async with hanging(loop, tmp_path, air_s=8.0) as rig:
        sending = spawn(rig.send(), name="the caller")
        await asyncio.sleep(1)
        rig.sim.urc(CLIP)
        await asyncio.sleep(0.5)
        rig.sim.unplug()
        await sending
        assert rig.behind.calls == [CALLER]

"""Faults 32 to 40 of the catalogue: memories that mislead, and what they hold."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from airpost.at.command import LIST_ALL
from airpost.model import UnitState
from airpost.modem.profile import load_profile
from tests.faults.rigging import faulty, faulty_house, recovered, sends, usable, words
from tests.modem.rig import PHONE, Rig, virtually
from tests.virtual import VirtualLoop

POLL_S = load_profile().timing.poll_s


async def handed_over(rig: Rig, number: int, wait_s: float) -> None:
    """A message that comes now is handed over within `wait_s`, once, and its place is free."""
    loop = asyncio.get_running_loop()
    begun_s, before = loop.time(), len(rig.behind.parts)
    rig.arrives("hello")
    await rig.until(lambda: words(rig.behind.parts[before:]) == ["hello"], wait_s)
    recovered(number, loop.time() - begun_s)
    await rig.until(lambda: used(rig) == 0, 10)
    assert rig.behind.unread == []


def used(rig: Rig) -> int:
    return sum(rig.sim.store(name).used for name in ("SM", "ME"))


@pytest.mark.parametrize("whole", [False, True])
@virtually
async def test_32_text_answers(loop: VirtualLoop, tmp_path: Path, whole: bool) -> None:
    """PDU mode is set again and the message read once more: nothing of it is lost."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("text_answers", whole=whole)
        await handed_over(rig, 32, 5)
        assert rig.sim.settings.cmgf == 0
        assert rig.sim.faults.active() == {}
        await usable(rig)


@virtually
async def test_32_text_answers_to_a_sweep(loop: VirtualLoop, tmp_path: Path) -> None:
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("text_answers", whole=True)
        rig.sim.faults.set("cmti_nowhere", count=1)
        await handed_over(rig, 32, 5)
        assert rig.sim.settings.cmgf == 0
        await usable(rig)


@pytest.mark.parametrize("personality", ["generic", "quectel-ec25-like", "simcom-sim800-like"])
@virtually
async def test_33_store_full(loop: VirtualLoop, tmp_path: Path, personality: str) -> None:
    """All in it is handed over and deleted, and what the network holds back comes in."""
    async with faulty(loop, tmp_path, personality=personality) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("store_full", real=True)
        held = sum(1 for _ in rig.sim.store(rig.sim.settings.mems[2]).items())
        begun_s = loop.time()
        rig.arrives("held back")
        await rig.until(lambda: "held back" in words(rig.behind.parts), POLL_S + 5)
        recovered(33, loop.time() - begun_s)
        assert len(rig.behind.parts) == held + 1
        await rig.until(lambda: used(rig) == 0, 10)
        assert rig.view.state is UnitState.READY, rig.view.detail
        await usable(rig)


@virtually
async def test_33_store_full_for_good(loop: VirtualLoop, tmp_path: Path) -> None:
    """It cannot be emptied: told to people within a minute, and messages still go out."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("store_full")
        rig.arrives("held back")
        begun_s = loop.time()
        await rig.until(lambda: rig.view.state is UnitState.DEGRADED, POLL_S + 1)
        assert loop.time() - begun_s <= 60
        assert "is full and cannot be emptied" in rig.view.detail
        assert (await rig.send("goes out")).outcome.ok
        assert rig.texts() == ["goes out"]
        begun_s = loop.time()
        rig.sim.faults.clear()
        await rig.until(lambda: rig.view.state is UnitState.READY, 2 * POLL_S + 5)
        recovered(33, loop.time() - begun_s)
        await rig.until(lambda: words(rig.behind.parts) == ["held back"], 5)
        await usable(rig)


@pytest.mark.parametrize("personality", ["generic", "quectel-ec25-like", "huawei-e3372-like"])
@virtually
async def test_34_announced_elsewhere(loop: VirtualLoop, tmp_path: Path, personality: str) -> None:
    """The place that was named is empty: the others are looked through at once."""
    async with faulty(loop, tmp_path, personality=personality) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("announced_elsewhere")
        await handed_over(rig, 34, 5)
        rig.sim.faults.clear()
        await usable(rig)


@virtually
async def test_35_cmti_nowhere(loop: VirtualLoop, tmp_path: Path) -> None:
    """No place is named: everything is looked through."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("cmti_nowhere")
        await handed_over(rig, 35, 5)
        rig.sim.faults.clear()
        await usable(rig)


@virtually
async def test_35_cmti_nowhere_and_not_stored(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is lost in the modem: that is said."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("cmti_nowhere", stored=False, count=1)
        rig.arrives("lost")
        await asyncio.sleep(2 * POLL_S)
        assert rig.behind.parts == []
        (warned,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
        assert "inbox.no_place modem=gate-1 line=+CMTI: ,-1" in warned.message
        assert "may not have stored it" in warned.message
        await usable(rig)


@virtually
async def test_36_counter_lag(loop: VirtualLoop, tmp_path: Path) -> None:
    """The place that was announced is read, whatever the counter says."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("counter_lag", lag_s=30.0)
        await handed_over(rig, 36, 1)
        await usable(rig)


@virtually
async def test_36_counter_lag_with_nothing_announced(loop: VirtualLoop, tmp_path: Path) -> None:
    """The next poll finds it."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("counter_lag", lag_s=2.0)
        rig.sim.faults.set("cmti_nowhere", count=1)
        await handed_over(rig, 36, 2 * POLL_S + 1)
        await usable(rig)


@virtually
async def test_37_delete_ignored(loop: VirtualLoop, tmp_path: Path) -> None:
    """Handed over once, told to people, and well again when it deletes again."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("delete_ignored")
        rig.arrives("hello")
        await rig.until(lambda: rig.view.state is UnitState.DEGRADED, 3 * POLL_S)
        assert "deletes no messages" in rig.view.detail
        assert words(rig.behind.parts) == ["hello"]
        begun_s = loop.time()
        rig.sim.faults.clear()
        await rig.until(lambda: rig.view.state is UnitState.READY, 3 * POLL_S)
        recovered(37, loop.time() - begun_s)
        assert rig.sim.card.sms.used == 0
        await usable(rig)
        assert words(rig.behind.parts).count("hello") == 1


@virtually
async def test_37_delete_ignored_over_a_restart(loop: VirtualLoop, tmp_path: Path) -> None:
    """Read again, and told once all the same."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("delete_ignored")
        house.sim.handset(PHONE).send(modem.number, "hello")
        await house.until(lambda: modem.counts["+CMGD"] >= 1)
        await house.stop()
        await house.start()
        await house.until(lambda: modem.counts["+CMGD"] >= 2)
        await asyncio.sleep(1)
        assert [each["text"] for each in (await house.get("/v1/inbound"))["items"]] == ["hello"]
        modem.faults.clear()
        await sends(house)


@virtually
async def test_38_cmgl_hangs(loop: VirtualLoop, tmp_path: Path) -> None:
    """After the command's own limit all is read place by place, without a reset."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("cmgl_hangs")
        rig.sim.faults.set("cmti_nowhere", count=1)
        rig.arrives("first")
        begun_s = loop.time()
        await rig.until(lambda: words(rig.behind.parts) == ["first"], 200)
        recovered(38, loop.time() - begun_s)
        assert loop.time() - begun_s < LIST_ALL.timeout_s + 15
        rig.sim.faults.set("cmti_nowhere", count=1)
        await handed_over(rig, 38, 5)
        assert rig.heard().count("AT+CMGL=4") == 1
        assert not rig.sim.records.resets
        assert UnitState.COOLDOWN not in rig.behind.states
        await usable(rig)


@virtually
async def test_38_cmgl_hangs_and_with_it_the_modem(loop: VirtualLoop, tmp_path: Path) -> None:
    """Once it has power again it is not asked for the list a second time."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("cmgl_hangs", blocks=True)
        rig.sim.faults.set("cmti_nowhere", count=1)
        rig.arrives("hello")
        await rig.until(lambda: rig.view.state is UnitState.COOLDOWN, 200)
        rig.sim.restart()
        begun_s = loop.time()
        await rig.until(lambda: words(rig.behind.parts) == ["hello"], 100)
        recovered(38, loop.time() - begun_s)
        assert rig.sim.counts["+CMGL"] == 1
        await usable(rig)


@virtually
async def test_39_corrupt_read(loop: VirtualLoop, tmp_path: Path) -> None:
    """What cannot be read is kept as it is, its place is freed, and the next one comes through."""
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("corrupt_read", count=1)
        begun_s = loop.time()
        rig.arrives("damaged")
        rig.arrives("whole")
        await rig.until(lambda: words(rig.behind.parts) == ["whole"], 5)
        await rig.until(lambda: used(rig) == 0, 5)
        recovered(39, loop.time() - begun_s)
        ((raw, field, offset, reason),) = rig.behind.unread
        assert b"=" in raw
        assert (field, offset) == ("hex", raw.index(b"=") // 2)
        assert reason
        await usable(rig)


@pytest.mark.parametrize("by", [3, 200])
@virtually
async def test_40_length_mismatch(
    loop: VirtualLoop, tmp_path: Path, by: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The PDU is believed, and the difference told."""
    caplog.set_level(logging.INFO)
    async with faulty(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        rig.sim.faults.set("length_mismatch", by=by)
        await handed_over(rig, 40, 5)
        assert "inbox.length_differs modem=gate-1" in caplog.text
        assert rig.behind.parts[0].sender == PHONE
        rig.sim.faults.clear()
        await usable(rig)

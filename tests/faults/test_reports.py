"""Faults 41 to 47 of the catalogue: what comes in damaged, twice, in parts, and reports astray."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airpost.modem.profile import load_profile
from hwsim.modem import SimModem
from tests.faults.rigging import faulty, faulty_house, recovered, sends, usable, words
from tests.modem.rig import PHONE, virtually
from tests.system.house import House
from tests.virtual import VirtualLoop

OTHER, THIRD = "+491702222222", "+491703333333"
LONG = "many words " * 40  # three parts


async def inbound(house: House, wait_s: int = 0) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await house.get(f"/v1/inbound?wait_s={wait_s}"))["items"]
    return items


@pytest.mark.parametrize("form", ["no_state", "no_name", "length_only"])
@virtually
async def test_41_empty_fields(loop: VirtualLoop, tmp_path: Path, form: str) -> None:
    """A header that leaves fields out is read all the same."""
    async with faulty(loop, tmp_path) as rig:
        rig.sim.faults.set("empty_fields", form=form)
        begun_s = loop.time()
        rig.arrives("hello")
        await rig.until(lambda: words(rig.behind.parts) == ["hello"], 10)
        recovered(41, loop.time() - begun_s)
        await rig.until(lambda: rig.sim.card.sms.used == 0, 10)
        assert rig.behind.unread == []
        await usable(rig)


@pytest.mark.parametrize("form", ["reordered", "duplicate", "missing"])
@virtually
async def test_42_parts_shuffled(loop: VirtualLoop, tmp_path: Path, form: str) -> None:
    """Parts wait in the store; a set that stays incomplete is handed over marked partial."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("parts_shuffled", form=form, count=1)
        begun_s = loop.time()
        house.sim.handset(PHONE).send(modem.number, LONG)
        await house.until(lambda: modem.card.sms.used == 0 and modem.records.counts["+CMGD"] > 1)
        if form == "missing":
            await asyncio.sleep(3500)
            assert await inbound(house) == []
        (message,) = await asyncio.wait_for(waited(house), 300)
        recovered(42, loop.time() - begun_s)
        assert message["partial"] is (form == "missing")
        if form != "missing":
            assert message["text"] == LONG
            assert loop.time() - begun_s < 5
        else:
            assert 0 < len(message["text"]) < len(LONG)
        await sends(house)


async def waited(house: House) -> list[dict[str, Any]]:
    while not (found := await inbound(house, wait_s=60)):
        pass
    return found


@virtually
async def test_43_message_twice(loop: VirtualLoop, tmp_path: Path) -> None:
    """The network delivers again: told once, counted twice, and both slots are free again."""
    async with faulty_house(loop, tmp_path) as house:
        modem = house.sim.modems[0]
        modem.faults.set("message_twice", count=1)
        begun_s = loop.time()
        house.sim.handset(PHONE).send(modem.number, "once")
        await house.until(lambda: modem.records.counts["+CMGD"] >= 2, 120)
        await house.until(lambda: modem.card.sms.used == 0, 120)
        recovered(43, loop.time() - begun_s)
        house.sim.handset(PHONE).send(modem.number, "next")
        await house.until(lambda: modem.records.counts["+CMGD"] >= 3, 120)
        await asyncio.sleep(1)
        told = [(each["text"], each["copies"]) for each in await inbound(house)]
        assert told == [("once", 2), ("next", 1)]
        await sends(house)


@pytest.mark.parametrize("place", ["inside", "before"])
@virtually
async def test_44_report_before_ok(loop: VirtualLoop, tmp_path: Path, place: str) -> None:
    """The report waits for the reference it belongs to."""
    async with faulty_house(loop, tmp_path) as house:
        house.sim.modems[0].faults.set("report_before_ok", place=place)
        begun_s = loop.time()
        sent = [await house.post(text=f"message {number}") for number in range(3)]
        done = await house.settled([each["id"] for each in sent], 60)
        recovered(44, loop.time() - begun_s)
        assert [each["state"] for each in done] == ["delivered"] * 3
        assert house.texts() == [f"message {number}" for number in range(3)]
        await sends(house)


@pytest.mark.parametrize("announced", ["SM", "ME", "MT"])
@virtually
async def test_45_report_elsewhere(loop: VirtualLoop, tmp_path: Path, announced: str) -> None:
    """A report is looked for in the memory of reports, whatever is announced."""
    generic = load_profile()
    storing = replace(generic, sms=replace(generic.sms, cnmi_ds=(2,)))
    async with faulty(
        loop, tmp_path, personality="quectel-ec25-like", profile=storing
    ) as rig:  # fmt: skip
        rig.sim.faults.set("report_elsewhere", announced=announced)
        await rig.send()
        begun_s = loop.time()
        await rig.until(lambda: len(rig.behind.reports) == 1, 10)
        recovered(45, loop.time() - begun_s)
        await rig.until(lambda: rig.sim.card.reports.used == 0, 10)
        await usable(rig)


@virtually
async def test_45_where_reports_are_only_stored(loop: VirtualLoop, tmp_path: Path) -> None:
    async with faulty_house(loop, tmp_path, personalities=("cinterion-ehs5-like",)) as house:
        house.sim.modems[0].faults.set("report_elsewhere", announced="ME")
        await sends(house, 3)


@virtually
async def test_46_mr_repeats(loop: VirtualLoop, tmp_path: Path) -> None:
    """One reference for all: each report finds its message by number and time."""
    async with faulty_house(loop, tmp_path, report_delay_s=1.0, air_s=3.0) as house:
        house.sim.modems[0].faults.set("mr_repeats", mr=7)
        house.sim.handset(OTHER).refusal = 65
        sent = [(await house.post(to))["id"] for to in (PHONE, OTHER, THIRD)]
        done = await house.settled(sent, 300)
        assert [each["state"] for each in done] == ["delivered", "failed", "delivered"]
        # The same number twice: its reports come late, and each is that of its own message.
        house.sim.handset(OTHER).refusal = None
        house.sim.handset(OTHER).off()
        twice = [(await house.post(OTHER, text))["id"] for text in ("first", "second")]
        await asyncio.sleep(60)
        begun_s = loop.time()
        house.sim.handset(OTHER).on()
        done = await house.settled(twice, 60)
        recovered(46, loop.time() - begun_s)
        assert [each["state"] for each in done] == ["delivered", "delivered"]
        assert (await house.message(sent[1]))["state"] == "failed"
        await sends(house)


@virtually
async def test_47_ack_lost(loop: VirtualLoop, tmp_path: Path) -> None:
    """Acknowledged once, at once; when the modem stops delivering all the same, it is set anew."""

    def insists(modem: SimModem) -> None:
        modem.settings.csms = 1
        modem.faults.set("cme_error", verb="+CSMS", code=4, count=1)

    async with faulty(loop, tmp_path, before=insists) as rig:
        await asyncio.sleep(1)
        rig.sim.faults.set("ack_lost", count=1)
        begun_s = loop.time()
        await rig.send()
        await rig.until(lambda: len(rig.behind.reports) == 1, 60)
        assert rig.heard(begun_s).count("AT+CNMA") == 1
        await rig.until(lambda: rig.sim.settings.cnmi[3] == 0, 60)  # it delivers no more
        await rig.until(lambda: rig.sim.settings.cnmi[3] == 1, 120)
        recovered(47, loop.time() - begun_s)
        await usable(rig)

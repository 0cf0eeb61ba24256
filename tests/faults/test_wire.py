"""Faults 1 to 8 and 28 to 31 of the catalogue: bytes that are not where they should be."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airpost.modem.api import SendResult
from airpost.modem.profile import Profile, load_profile
from airpost.outcome import OutcomeClass
from hwsim.card import Slot
from hwsim.modem import SimModem
from tests.faults.rigging import faulty, recovered, usable, words
from tests.modem.rig import PHONE, Rig, virtually
from tests.modem.test_inbox import deliver
from tests.virtual import VirtualLoop

AIR_S = 0.2  # a message is so long on the air in each of these
AT_ONCE = {"latency_s": 0.0, "report_delay_s": 0.0}  # so that nothing but the fault takes time
CMTI = '+CMTI: "SM",1'


def stored(modem: SimModem, text: str = "came meanwhile") -> None:
    """A message that nobody has announced yet."""
    pdu, length = deliver(text)
    assert modem.card.sms.add(Slot(pdu=pdu, length=length)) == 1


def direct() -> Profile:
    """Messages come as +CMT."""
    generic = load_profile()
    return replace(generic, sms=replace(generic.sms, cnmi_mt=(2,)))


async def sent_and_reported(rig: Rig, text: str = "hello") -> SendResult:
    """It is accepted with its reference, goes out once, and its report is handed over."""
    before = len(rig.behind.reports)
    result = await rig.send(text)
    assert result.outcome.ok, result.outcome
    assert result.mr is not None
    await rig.until(lambda: len(rig.behind.reports) > before, 10)
    assert [each.mr for each in rig.behind.reports[before:]] == [result.mr]
    assert rig.texts().count(text) == 1
    return result


async def goes_out_and_is_read(rig: Rig, number: int) -> None:
    """What was announced in the middle of the dialogue is read after it."""
    begun_s = rig.clock.mono()
    await sent_and_reported(rig)
    await rig.until(lambda: rig.behind.parts, 5)
    recovered(number, rig.clock.mono() - begun_s - AIR_S)
    assert words(rig.behind.parts) == ["came meanwhile"]
    await rig.until(lambda: rig.sim.card.sms.used == 0, 5)
    lines = rig.heard(begun_s)
    assert lines[0].startswith("AT+CMGS=")
    assert lines[1:3] == ['AT+CPMS="SM"', "AT+CMGR=1"]
    rig.sim.faults.clear()
    await usable(rig)


@pytest.mark.parametrize("echo", [False, True])
@virtually
async def test_01_urc_before_echo(loop: VirtualLoop, tmp_path: Path, echo: bool) -> None:
    """The line is dispatched, and the command that was just written stays alive."""
    async with faulty(loop, tmp_path, **AT_ONCE) as rig:
        await asyncio.sleep(1)
        if echo:
            rig.sim.faults.set("echo_on")
        stored(rig.sim)
        rig.sim.faults.set("urc_before_echo", line=CMTI, count=1)
        await goes_out_and_is_read(rig, 1)


@virtually
async def test_01_urc_before_echo_of_a_question(loop: VirtualLoop, tmp_path: Path) -> None:
    async with faulty(loop, tmp_path, **AT_ONCE) as rig:
        await asyncio.sleep(1)
        rig.sim.faults.set("echo_on")
        rig.sim.faults.set("urc_before_echo", line="+CREG: 1", count=1)
        assert await rig.unit.ask("AT+CREG?") == ("+CREG: 1,1",)
        await usable(rig)


@virtually
async def test_02_urc_before_prompt(loop: VirtualLoop, tmp_path: Path) -> None:
    """The prompt is found behind any lines."""
    async with faulty(loop, tmp_path, **AT_ONCE) as rig:
        await asyncio.sleep(1)
        stored(rig.sim)
        lines = f'+ZDONR: "O2",262,7\r\n+ZPASR: "UMTS"\r\n\r\n{CMTI}'
        rig.sim.faults.set("urc_before_prompt", line=lines, count=1)
        await goes_out_and_is_read(rig, 2)


@virtually
async def test_03_urc_before_mr(loop: VirtualLoop, tmp_path: Path) -> None:
    """The dialogue waits on, and what was announced is read when it is over."""
    async with faulty(loop, tmp_path, **AT_ONCE) as rig:
        await asyncio.sleep(1)
        stored(rig.sim)
        rig.sim.faults.set("urc_before_mr", line=f'+ZPASR: "HSDPA"\r\n{CMTI}', count=1)
        await goes_out_and_is_read(rig, 3)


@virtually
async def test_04_split_echo(loop: VirtualLoop, tmp_path: Path) -> None:
    """Both halves of the echo are noise, and the line does not lead to questions without end."""
    async with faulty(loop, tmp_path, **AT_ONCE) as rig:
        await asyncio.sleep(1)
        rig.sim.faults.set("echo_on")
        rig.sim.faults.set("split_echo")
        begun_s = loop.time()
        for number in range(5):
            await sent_and_reported(rig, f"number {number}")
        recovered(4, (loop.time() - begun_s) / 5 - AIR_S)
        rig.arrives("hello")
        await rig.until(lambda: words(rig.behind.parts) == ["hello"], 10)
        from_s = loop.time()
        await asyncio.sleep(60)
        assert max(Counter(rig.heard(from_s)).values()) <= 15  # a look every 5 s and no more
        rig.sim.faults.clear()
        await usable(rig)


@virtually
async def test_05_glued(loop: VirtualLoop, tmp_path: Path) -> None:
    """The final result counts, and so does the line behind it."""
    async with faulty(loop, tmp_path, **AT_ONCE) as rig:
        await asyncio.sleep(1)
        stored(rig.sim)
        rig.sim.faults.set("glued", line=CMTI, verb="+CMGS", count=1)
        await goes_out_and_is_read(rig, 5)


@pytest.mark.parametrize("fault", ["split_urc", "blank_line"])
@virtually
async def test_06_split_urc_07_blank_line(loop: VirtualLoop, tmp_path: Path, fault: str) -> None:
    """Header and PDU belong together, also with a command between them."""
    async with faulty(loop, tmp_path, **AT_ONCE, profile=direct()) as rig:
        await asyncio.sleep(1)
        rig.sim.faults.set(fault)
        begun_s = loop.time()
        rig.arrives("hello")
        await sent_and_reported(rig)
        await rig.until(lambda: rig.behind.parts, 5)
        recovered(6 if fault == "split_urc" else 7, loop.time() - begun_s - AIR_S)
        assert words(rig.behind.parts) == ["hello"]
        rig.sim.faults.clear()
        await usable(rig)


@virtually
async def test_06_split_urc_too_late(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """After 2 s nobody waits for the PDU any more: said, looked for, and nothing is held up."""
    async with faulty(loop, tmp_path, **AT_ONCE, profile=direct()) as rig:
        await asyncio.sleep(1)
        from_s = loop.time()
        rig.sim.faults.set("split_urc", gap_s=5.0, count=1)
        rig.arrives("lost")
        await rig.until(lambda: "inbox.no_pdu" in caplog.text, 3)
        assert loop.time() - from_s == pytest.approx(2.0, abs=0.1)
        await rig.until(lambda: 'AT+CPMS="SM"' in rig.heard(from_s), 10)
        await asyncio.sleep(1)
        assert rig.behind.parts == []
        await sent_and_reported(rig)
        await usable(rig)


@virtually
async def test_08_bare_prompt(loop: VirtualLoop, tmp_path: Path) -> None:
    """A prompt is a > at the beginning of a line, whatever follows."""
    async with faulty(loop, tmp_path, **AT_ONCE) as rig:
        rig.sim.faults.set("bare_prompt")
        begun_s = loop.time()
        await sent_and_reported(rig)
        recovered(8, loop.time() - begun_s - AIR_S)
        await usable(rig)


async def everything(rig: Rig) -> None:
    """Out, report, in, and a question; each once."""
    await sent_and_reported(rig)
    rig.arrives("hi there")
    await rig.until(lambda: rig.behind.parts and rig.sim.card.sms.used == 0, 10)
    assert words(rig.behind.parts) == ["hi there"]
    assert set(await rig.unit.ask("AT+CSQ")) == {"+CSQ: 20,99"}
    assert rig.view.state.value == "ready", rig.view.detail


@pytest.mark.parametrize(
    ("number", "fault", "how"),
    [
        (28, "echo_flips", {}),
        (29, "doubled", {}),
        (30, "line_ends", {"form": "mixed"}),
        (30, "line_ends", {"form": "cr_cr_lf"}),
        (30, "line_ends", {"form": "lf"}),
        (30, "line_ends", {"form": "nul"}),
        (30, "line_ends", {"form": "ff"}),
    ],
)
@virtually
async def test_28_echo_flips_29_doubled_30_line_ends(
    loop: VirtualLoop, tmp_path: Path, number: int, fault: str, how: dict[str, Any]
) -> None:
    """From the first command on, and nothing is said or done twice for it."""

    def before(modem: SimModem) -> None:
        modem.faults.set(fault, **how)

    async with faulty(loop, tmp_path, **AT_ONCE, before=before) as rig:
        assert rig.view.number == rig.sim.number
        assert rig.view.smsc == rig.sim.card.smsc
        begun_s = loop.time()
        await everything(rig)
        recovered(number, loop.time() - begun_s - AIR_S)
        rig.sim.faults.clear()
        await usable(rig)


@virtually
async def test_29_doubled_list(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What a list shows twice was not left undeleted, and is handed over once."""

    def before(modem: SimModem) -> None:
        modem.faults.set("doubled")
        stored(modem)

    async with faulty(loop, tmp_path, **AT_ONCE, before=before) as rig:
        await rig.until(lambda: rig.behind.parts, 5)
        await rig.until(lambda: rig.sim.card.sms.used == 0, 5)
        await asyncio.sleep(10)
        assert words(rig.behind.parts) == ["came meanwhile"]
        assert "inbox.not_deleted" not in caplog.text
        await usable(rig)


@virtually
async def test_31_flood(loop: VirtualLoop, tmp_path: Path) -> None:
    """The command that stops it is given once; messages go out all the while."""
    async with faulty(loop, tmp_path, **AT_ONCE) as rig:
        await asyncio.sleep(1)
        begun_s = loop.time()
        rig.sim.faults.set("flood", until="^CURC=0")
        await sent_and_reported(rig)
        await rig.until(lambda: not rig.sim.faults.active(), 60)
        recovered(31, loop.time() - begun_s)
        assert rig.heard().count("AT^CURC=0") == 1
        await usable(rig)


@virtually
async def test_31_flood_without_an_end(loop: VirtualLoop, tmp_path: Path) -> None:
    """No limit waits for the line to fall silent."""
    async with faulty(loop, tmp_path, **AT_ONCE) as rig:
        await asyncio.sleep(1)
        rig.sim.faults.set("flood", line="+ZUSIMR:2", every_s=0.02)
        begun_s = loop.time()
        await everything(rig)
        assert loop.time() - begun_s < 1.0
        rig.sim.faults.set("no_prompt", count=1)
        begun_s = loop.time()
        assert (await rig.send()).outcome.cls is OutcomeClass.TRANSIENT
        assert loop.time() - begun_s == pytest.approx(10.0, abs=0.5)
        rig.sim.faults.set("no_mr", count=1)
        begun_s = loop.time()
        result = await rig.send("no answer")
        assert (result.outcome.cls, result.outcome.code) == (OutcomeClass.UNKNOWN, "dropped")
        assert loop.time() - begun_s == pytest.approx(15.2, abs=0.5)
        rig.sim.faults.clear()
        await usable(rig)
        assert rig.texts(PHONE).count("no answer") == 1

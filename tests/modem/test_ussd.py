"""USSD: plain, packed and in UCS-2, over several lines, with noise, and without an answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from airpost.at.replies import Ussd
from airpost.errors import ModemError
from airpost.modem.profile import load_profile
from airpost.modem.ussd import decoded
from airpost.tasks import spawn
from tests.modem.rig import rigged, virtually
from tests.virtual import VirtualLoop

CREDIT = "Credit: 12.34 EUR"
PACKED = "AA180C3602"  # *100#


@pytest.mark.parametrize("personality", ["generic", "huawei-e3372-like"])
@virtually
async def test_plain_and_packed(loop: VirtualLoop, tmp_path: Path, personality: str) -> None:
    async with rigged(loop, tmp_path, personality=personality) as rig:
        assert await rig.unit.ussd("*100#") == CREDIT
        assert await rig.unit.ussd("*100#") == CREDIT


@virtually
async def test_in_ucs2(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.pool.network.ussd["*101#"] = "Баланс 5 ₽"
        rig.sim.settings.cscs = "UCS2"
        assert await rig.unit.ussd("*101#") == "Баланс 5 ₽"


@virtually
async def test_over_several_lines(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.pool.network.ussd["*101#"] = 'Balance "12.34" EUR\r\nExpires 1, 2 or 3'
        assert await rig.unit.ussd("*101#") == 'Balance "12.34" EUR\nExpires 1, 2 or 3'


@virtually
async def test_a_code_the_network_does_not_know(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        with pytest.raises(ModemError, match="does not support"):
            await rig.unit.ussd("*999#")


@virtually
async def test_no_answer(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.pool.network.latency_s = 1000.0
        begun_s = loop.time()
        with pytest.raises(ModemError, match=r"no answer to \*100# within 60 s"):
            await rig.unit.ussd("*100#")
        assert loop.time() - begun_s == pytest.approx(60.0, abs=1.0)
        rig.pool.network.latency_s = 0.0
        assert await rig.unit.ussd("*100#") == CREDIT


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (['+CUSD: 2,"Initiating Release"', f'+CUSD: 0,"{CREDIT}",15'], CREDIT),
        (["+CUSD: 2", f'+CUSD: 0,"{CREDIT}",15'], CREDIT),
        (["+CUSD: 3", f'+CUSD: 1,"{CREDIT}",15', '+CUSD: 2,"late"'], CREDIT),
        ([f'+CUSD: 2,"{CREDIT}",15'], CREDIT),
        (["+CUSD: 2", f'+CUSD: 2,"{CREDIT}",15'], CREDIT),
    ],
)
@virtually
async def test_of_several_the_networks_words(
    loop: VirtualLoop, tmp_path: Path, lines: list[str], answer: str
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.pool.network.latency_s = 1000.0
        asking = spawn(rig.unit.ussd("*100#"), name="the caller")
        await asyncio.sleep(1)
        for line in lines:
            rig.sim.urc(line)
            await asyncio.sleep(0.5)
        assert await asking == answer
        assert loop.time() < 10


@pytest.mark.parametrize(
    ("line", "why"),
    [("+CUSD: 2", "without a word"), ("+CUSD: 3", "another program"), ("+CUSD: 5", "not answer")],
)
@virtually
async def test_an_end_without_words(loop: VirtualLoop, tmp_path: Path, line: str, why: str) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.pool.network.latency_s = 1000.0
        asking = spawn(rig.unit.ussd("*100#"), name="the caller")
        await asyncio.sleep(1)
        rig.sim.urc(line)
        with pytest.raises(ModemError, match=why):
            await asking
        assert loop.time() < 6


@virtually
async def test_the_answer_before_the_ok(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.pool.network.latency_s = 1000.0
        rig.sim.faults.set("urc_inside", line=f'+CUSD: 0,"{CREDIT}",15')
        assert await rig.unit.ussd("*100#") == CREDIT


@virtually
async def test_a_reply_that_is_wanted_is_declined(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.pool.network.latency_s = 1000.0
        rig.sim.faults.set("urc_inside", count=1, line='+CUSD: 1,"1 credit, 2 offers",15')
        assert await rig.unit.ussd("*100#") == "1 credit, 2 offers"
        assert "AT+CUSD=2" in rig.heard()


@virtually
async def test_one_at_a_time(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.pool.network.latency_s = 5.0
        asking = spawn(rig.unit.ussd("*100#"), name="the caller")
        await asyncio.sleep(1)
        with pytest.raises(ModemError, match="under way"):
            await rig.unit.ussd("*100#")
        assert await asking == CREDIT


@virtually
async def test_the_modem_goes_away_meanwhile(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.pool.network.latency_s = 1000.0
        asking = spawn(rig.unit.ussd("*100#"), name="the caller")
        await asyncio.sleep(1)
        rig.sim.unplug()
        with pytest.raises(ModemError, match="went away"):
            await asking
        assert loop.time() < 2
        await rig.until(lambda: rig.view.state.value == "absent")
        with pytest.raises(ModemError, match="plug the modem in"):
            await rig.unit.ussd("*100#")


@virtually
async def test_the_modem_goes_away_at_the_command(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("no_final", verb="+CUSD", whole=True)
        asking = spawn(rig.unit.ussd("*100#"), name="the caller")
        await asyncio.sleep(1)
        rig.sim.unplug()
        with pytest.raises(ModemError, match="went away"):
            await asking


@pytest.mark.parametrize("code", ['*1"00#', "*100#\rAT+CPIN?", "*10€#"])
@virtually
async def test_what_is_no_code_is_not_asked(loop: VirtualLoop, tmp_path: Path, code: str) -> None:
    async with rigged(loop, tmp_path) as rig:
        with pytest.raises(ModemError, match="is no USSD code"):
            await rig.unit.ussd(code)
        assert not [line for line in rig.heard() if "CUSD" in line]


@pytest.mark.parametrize(
    ("personality", "name", "refused", "asked"),
    [
        ("generic", "generic", 0, ["*100#"]),
        ("huawei-e3372-like", "generic", 0, ["*100#", PACKED]),
        ("huawei-e3372-like", "huawei", 0, [PACKED]),
        ("generic", "huawei", 1, [PACKED, "*100#"]),
    ],
)
@virtually
async def test_the_profile_says_which_form_goes_first(
    loop: VirtualLoop,
    tmp_path: Path,
    personality: str,
    name: str,
    refused: int,
    asked: list[str],
) -> None:
    profile = load_profile(name)
    async with rigged(loop, tmp_path, personality=personality, profile=profile) as rig:
        if refused:
            rig.sim.faults.set("cme_error", verb="+CUSD", code=100, count=refused)
        assert await rig.unit.ussd("*100#") == CREDIT
        codes = [line.split('"')[1] for line in rig.heard() if line.startswith("AT+CUSD=1")]
        assert codes == asked


@virtually
async def test_what_is_no_code_is_not_asked_packed_either(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, profile=load_profile("huawei")) as rig:
        for code in ('*100"#', "*1`0#"):
            with pytest.raises(ModemError, match="is no USSD code"):
                await rig.unit.ussd(code)
        assert not [line for line in rig.heard() if "CUSD" in line]


@virtually
async def test_refused_in_both_forms(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("cme_error", verb="+CUSD", code=100)
        with pytest.raises(ModemError, match="was refused"):
            await rig.unit.ussd("*100#")


@pytest.mark.parametrize(
    ("text", "dcs", "packed", "words"),
    [
        ("Hello", 15, False, "Hello"),
        ("C8329BFD06", 15, True, "Hello"),
        ("C8329BFD06", 15, False, "C8329BFD06"),
        ("00480069", 72, False, "Hi"),
        ("00480069", 17, True, "Hi"),
        ("004800690021", None, False, "Hi!"),  # AT+CSCS="UCS2", kept in a profile of the modem
        ("Hi", 72, False, "Hi"),
        ("0048006", 72, False, "0048006"),
        ("1234", 15, False, "1234"),
    ],
)
def test_the_words_in_every_coding(text: str, dcs: int | None, packed: bool, words: str) -> None:
    assert decoded(Ussd(m=0, text=text, dcs=dcs), packed=packed) == words

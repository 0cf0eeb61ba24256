"""Credit: patterns that end, amounts as networks write them, and what is told how often."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from airpost.clock import SECOND_US
from airpost.errors import StoreUnavailable
from airpost.model import Credit, Lane, Severity, SimId, UnitState
from airpost.pool.credit import (
    AGAIN_S,
    MAX_TEXT,
    OVERDUE_S,
    CreditSettings,
    find_amount,
    pattern_fault,
    read_amount,
)
from airpost.pool.upkeep import LOOK_S, UpkeepSettings
from airpost.tasks import spawn
from tests.pool.rig import Rig, pooled
from tests.virtual import VirtualLoop, run_virtual

PATTERN = "(?P<value>[0-9]+[.,][0-9]{2})"
HOUR_S = 3600.0
GATE = Lane("gate-1")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12.34", 12.34),
        ("12,34", 12.34),
        ("1.234,56", 1234.56),
        ("1,234.56", 1234.56),
        ("1 234,56", 1234.56),
        ("1\u202f234,5", 1234.5),
        ("1'234.50", 1234.5),
        ("1.234.567,89", 1_234_567.89),
        ("1.234.567", 1_234_567.0),
        ("25.000", 25_000.0),
        ("0.125", 0.125),
        ("-0,50", -0.5),
        ("\u22123,00", -3.0),
        ("7", 7.0),
        ("12.34.", 12.34),
        ("\u0661\u0662\u066b\u0663\u0664", 12.34),
        ("", None),
        ("EUR", None),
        ("1-2", None),
        (".50", None),
    ],
)
def test_amounts_as_networks_write_them(text: str, amount: float | None) -> None:
    assert read_amount(text) == amount


@pytest.mark.parametrize(
    ("pattern", "text", "amount"),
    [
        (PATTERN, "Guthaben: 12,34 EUR bis 01.02.2027", 12.34),
        (PATTERN, "Bitte später noch einmal", None),
        (PATTERN, " " * MAX_TEXT + "12,34", None),
        ("(?P<value>[0-9]+)?EUR", "EUR", None),
        ("^(?P<value>[0-9]+)$", "12 EUR\n7", None),
        (r"(?<=: )\b(?P<value>[0-9]+)", "12: 34", 34.0),
    ],
)
async def test_the_amount_in_an_answer(pattern: str, text: str, amount: float | None) -> None:
    assert await find_amount(pattern, text) == amount


@pytest.mark.parametrize(
    "pattern",
    [
        PATTERN,
        r"(?i)balance:?\s*(?P<value>[0-9.,]+)\s*EUR",
        r"(?P<value>[^ ]+?) left",
        r"[()+*?]{3}\+\?(?P<value>\d{1,6})",
        r"[]*+?]+(?P<value>.)",
    ],
)
def test_patterns_that_may_be(pattern: str) -> None:
    assert pattern_fault(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "is no regular expression"),
        ("[0-9]+", "(?P<value>[0-9.,]+)"),
        ("(?P<value>.)" + "x" * 200, "more than 200 characters"),
        (r"(?P<value>(\d+)+)x", "must not repeat a group"),
        (r"(?P<value>.)(a|aa){2,99}x", "must not repeat a group"),
        (r"(?P<value>.)(a|aa){99}x", "must not repeat a group"),
        (r"(?P<value>.*.*.*.*)x", "more than 3 of"),
        (r"(?P<value>.)a?a?", "1 of ?"),
    ],
)
def test_patterns_that_may_not_be(pattern: str, words: str) -> None:
    fault = pattern_fault(pattern)
    assert fault is not None
    assert words in fault


async def test_the_loop_turns_while_the_worst_pattern_that_passes_is_tried() -> None:
    pattern = r"a?.*.*(?P<value>.*)x"
    assert pattern_fault(pattern) is None
    began_s = time.process_time()
    finding = spawn(find_amount(pattern, "a" * 10_000), name="find")
    turns = 0
    while not finding.done():
        await asyncio.sleep(0)
        turns += 1
    assert finding.result() is None
    assert turns > MAX_TEXT
    assert time.process_time() - began_s < 3.0  # measured: 0.7


# -- the watch -----------------------------------------------------------------------------------
def watched(**changes: Any) -> UpkeepSettings:
    given = {"ussd": "*100#", "pattern": PATTERN, "every_h": 24.0, "low": 5.0} | changes
    return UpkeepSettings(credit={GATE: CreditSettings(**given)})


def credit(rig: Rig) -> Credit:
    view = rig.pool.modem(GATE)
    assert view is not None
    assert view.credit is not None
    return view.credit


async def told(rig: Rig) -> list[str]:
    page = await rig.store.events(0, 500)
    return [each.reason for each in page.items if each.to == "credit"]


async def severities(rig: Rig) -> list[Severity]:
    page = await rig.store.events(0, 500)
    return [each.severity for each in page.items if each.to == "credit"]


def test_the_value_is_asked_for_shown_and_asked_again_when_it_is_due(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2), upkeep=watched(every_h=6.0)) as rig:
            unit, other = rig.units
            unit.said["*100#"] = "Credit: 12.34 EUR of +491701234567"
            began = rig.clock.now()
            await asyncio.sleep(1)
            told_at = credit(rig).at
            assert told_at is not None
            assert 0 <= told_at - began < SECOND_US
            assert credit(rig) == Credit(value=12.34, at=told_at, low=False, problem=None)
            await asyncio.sleep(5 * HOUR_S)
            assert unit.codes == ["*100#"]
            unit.said["*100#"] = "Credit: 11.00 EUR"
            await asyncio.sleep(HOUR_S + LOOK_S)
            assert credit(rig).value == 11.0
            assert other.codes == []
            assert await told(rig) == []

    run_virtual(main)


def test_low_is_told_once_until_it_rises_again(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=watched(every_h=1.0)) as rig:
            unit = rig.units[0]
            unit.said["*100#"] = "4,99"
            await asyncio.sleep(3 * HOUR_S)
            assert len(unit.codes) == 3
            assert credit(rig).low
            low = "the credit is low: 4.99 is left, less than 5; top it up"
            assert await told(rig) == [low]
            unit.said["*100#"] = "5,00"
            await asyncio.sleep(2 * HOUR_S)
            assert not credit(rig).low
            assert await told(rig) == [low, "the credit is 5 again"]
            unit.said["*100#"] = "4,99"
            await asyncio.sleep(2 * HOUR_S)
            assert await told(rig) == [low, "the credit is 5 again", low]
            grave = [Severity.WARNING, Severity.INFO, Severity.WARNING]
            assert await severities(rig) == grave

    run_virtual(main)


def test_an_answer_without_an_amount_is_told_once_with_what_to_do(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=watched()) as rig:
            rig.units[0].said["*100#"] = "Dear Ms Miller, you have 12 EUR"
            await asyncio.sleep(3 * HOUR_S)
            (words,) = await told(rig)
            assert "correct `pattern` in `credit`" in words
            assert await severities(rig) == [Severity.WARNING]
            assert credit(rig).problem == (
                "no amount is found in the answer to *100#: correct `pattern`"
            )
            kept = await rig.store.recall("credit sim of gate-1")
            assert kept is not None
            assert "Miller" not in words + kept + repr(credit(rig))
        # The correction is tried at once; a mistake again is told again.
        async with pooled(loop, tmp_path, upkeep=watched(pattern="(?P<value>[A-Z]+) ")) as rig:
            rig.units[0].said["*100#"] = "Dear Ms Miller, you have 12 EUR"
            await asyncio.sleep(5)
            assert len(await told(rig)) == 2
        async with pooled(loop, tmp_path, upkeep=watched(pattern="(?P<value>[0-9]+) EUR")) as rig:
            rig.units[0].said["*100#"] = "Dear Ms Miller, you have 12 EUR"
            await asyncio.sleep(5)
            assert (credit(rig).value, credit(rig).problem) == (12.0, None)

    run_virtual(main)


def test_no_answer_keeps_the_value_and_is_tried_again_in_an_hour(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=watched(every_h=4.0)) as rig:
            unit = rig.units[0]
            unit.said["*100#"] = "12.34"
            await asyncio.sleep(1)
            at = credit(rig).at
            unit.said.clear()
            await asyncio.sleep(4 * HOUR_S + LOOK_S)
            assert credit(rig) == Credit(
                value=12.34, at=at, low=False, problem="no answer to *100#"
            )
            unit.said["*100#"] = "12.00"
            await asyncio.sleep(AGAIN_S + LOOK_S)
            assert (credit(rig).value, credit(rig).problem) == (12.0, None)
            assert len(unit.codes) == 3

    run_virtual(main)


def test_one_that_is_asked_often_is_not_asked_less_often_for_a_failure(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=watched(every_h=0.5)) as rig:
            await asyncio.sleep(1)
            rig.units[0].said["*100#"] = "12.00"
            await asyncio.sleep(AGAIN_S / 2 + LOOK_S)
            assert (credit(rig).value, credit(rig).problem) == (12.0, None)

    run_virtual(main)


def test_it_outlives_a_restart_and_goes_with_the_sim(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=watched()) as rig:
            rig.units[0].said["*100#"] = "4.00"
            await asyncio.sleep(1)
            before = credit(rig)
        async with pooled(loop, tmp_path, upkeep=watched()) as rig:
            unit = rig.units[0]
            await asyncio.sleep(HOUR_S)
            assert credit(rig) == before
            assert unit.codes == []
            assert len(await told(rig)) == 1
            unit.said["*100#"] = "50.00"
            unit.show(state=UnitState.SIM, sim_id=None)
            view = rig.pool.modem(GATE)
            assert view is not None
            assert view.credit is None
            unit.show(state=UnitState.READY, sim_id=SimId("another"))
            await asyncio.sleep(1)
            assert credit(rig).value == 50.0
            unit.show(sim_id=SimId("sim of gate-1"))
            assert credit(rig) == before

    run_virtual(main)


def test_a_busy_modem_is_left_alone_for_an_hour(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (600.0,), upkeep=watched(every_h=1.0)) as rig:
            unit = rig.units[0]
            unit.said["*100#"] = "9.00"
            await asyncio.sleep(1)
            for at in range(15):
                await rig.accept(f"message {at}")
            await asyncio.sleep(HOUR_S + OVERDUE_S - LOOK_S)
            assert len(unit.codes) == 1
            await asyncio.sleep(2 * LOOK_S)
            assert len(unit.codes) == 2
            assert not rig.pool.idle(GATE)

    run_virtual(main)


def test_what_the_store_did_not_take_is_told_after_the_next_answer(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=watched(every_h=1.0)) as rig:
            rig.units[0].said["*100#"] = "1.00"
            note = rig.store.note

            async def closed(*_: Any) -> None:
                raise StoreUnavailable("closed by the test")

            rig.store.note = closed  # type: ignore[method-assign,assignment]
            await asyncio.sleep(1)
            assert (credit(rig).value, await told(rig)) == (1.0, [])
            rig.store.note = note  # type: ignore[method-assign]
            await asyncio.sleep(HOUR_S + LOOK_S)
            assert len(await told(rig)) == 1

    run_virtual(main)


def test_a_clock_that_was_ahead_does_not_stop_it(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=watched()) as rig:
            rig.units[0].said["*100#"] = "9.00"
            await asyncio.sleep(1)
            rig.clock._start -= 40 * 86_400 * SECOND_US  # type: ignore[assignment]
            await asyncio.sleep(LOOK_S + 1)
            assert len(rig.units[0].codes) == 2

    run_virtual(main)


@pytest.mark.parametrize("pattern", [r"(?x)(?P<value>([0-9]+) +)x", r"(?P<value>[0-9]+)(|x)(|x)"])
def test_what_hides_a_repetition_is_refused(pattern: str) -> None:
    fault = pattern_fault(pattern)
    assert fault is not None
    assert "no flag x and no empty alternative" in fault

"""Changes are on disk when they are answered; refusals cannot fill the disk."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from airpost.audit import Anchor, verify
from airpost.clock import SystemClock
from airpost.services.auditor import BURST, MOST_KINDS, MOST_WAITING, Auditor
from airpost.store.audit import file_rows
from airpost.store.sqlite import SqliteStore
from tests.conftest import ROOT
from tests.services.fake_audit import FakeAuditLog
from tests.services.http.fakes import FakeClock
from tests.virtual import VirtualLoop, run_virtual

KILLS = 3


def with_auditor(main: Any) -> FakeAuditLog:
    """`main(auditor, rows, clock)` in virtual time."""
    rows = FakeAuditLog()

    async def life(loop: VirtualLoop) -> None:
        loop.grace_s = 0  # no terminal is in play
        clock = FakeClock(loop.time)
        auditor = Auditor(rows, clock)
        await main(auditor, rows, clock)
        await auditor.close()

    run_virtual(life)
    assert verify(rows.kept).faults == ()
    return rows


def test_a_change_is_written_when_the_call_returns() -> None:
    heads: list[Anchor] = []

    async def life(loop: VirtualLoop) -> None:
        rows = FakeAuditLog()
        auditor = Auditor(rows, FakeClock(loop.time), heads.append)
        await auditor.record("key.create", "key 1", origin="::1", subject="key 2", detail={"x": 1})
        assert rows.told() == [("key.create", "key 1", "key 2", "done")]
        assert heads == [await rows.head()]

    run_virtual(life)


def test_what_cannot_be_written_waits_for_the_store_and_what_is_too_much_is_counted() -> None:
    async def main(auditor: Auditor, rows: FakeAuditLog, clock: FakeClock) -> None:
        auditor.refused("GET /x", "key 1", result="forbidden")
        await clock.sleep(2)
        auditor.refused("GET /x", "key 1", result="forbidden")  # due in a minute: no wait for that
        rows.unavailable = "the disk is full"
        for n in range(MOST_WAITING + 5):
            await auditor.record(f"a{n}", "key 1")
        rows.unavailable = None
        await clock.sleep(6)
        assert len(rows.kept) == 1 + MOST_WAITING + 1
        assert (rows.kept[-1].action, rows.kept[-1].count) == ("audit.lost", 5)
        assert [row.action for row in rows.kept[1:3]] == ["a0", "a1"]

    with_auditor(main)


def test_repeats_of_a_refusal_share_rows_that_come_less_and_less_often() -> None:
    async def main(auditor: Auditor, rows: FakeAuditLog, clock: FakeClock) -> None:
        auditor.refused("GET /x", "key 1", origin="10.0.0.1", subject="s", result="forbidden")
        await clock.sleep(2)
        assert rows.told() == [("GET /x", "key 1", "s", "forbidden")]
        for _ in range(24 * 360):  # a program asks every ten seconds for a day
            auditor.refused("GET /x", "key 1", origin="10.0.0.1", result="forbidden")
            await clock.sleep(10)
        assert 25 <= len(rows.kept) <= 32

    rows = with_auditor(main)
    assert sum(row.count for row in rows.kept) == 24 * 360 + 1


def test_a_flood_from_everywhere_takes_a_row_a_minute() -> None:
    refused = 0

    async def main(auditor: Auditor, rows: FakeAuditLog, clock: FakeClock) -> None:
        nonlocal refused
        for second in range(1200):
            for n in range(20):
                auditor.refused("GET /x", "nobody", origin=f"10.{second}.{n}", result="forbidden")
                refused += 1
            await clock.sleep(3)
        assert len(rows.kept) <= BURST + 61
        assert len(auditor._kinds) <= MOST_KINDS
        await clock.sleep(3 * 3600)
        auditor.refused("GET /y", "key 7", origin="10.1.1.1", result="forbidden")
        await clock.sleep(2)
        assert rows.told()[-1] == ("GET /y", "key 7", "", "forbidden")  # seen by itself again

    rows = with_auditor(main)
    assert sum(row.count for row in rows.kept) == refused + 1
    assert sum(row.actor == "several" for row in rows.kept) > 50


def test_what_is_left_is_written_at_the_end() -> None:
    async def main(auditor: Auditor, rows: FakeAuditLog, _clock: FakeClock) -> None:
        for n in range(MOST_KINDS + 9):
            auditor.refused("GET /x", f"key {n}", result="forbidden")
        assert rows.kept == []

    rows = with_auditor(main)
    assert sum(row.count for row in rows.kept) == MOST_KINDS + 9
    assert len(rows.kept) == BURST


def run_and_kill(path: Path, run: int, after_s: float) -> list[str]:
    """What a worker said in its life."""
    command = [sys.executable, "-m", "tests.services.audit_worker", str(path), str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdout is not None
        first = child.stdout.readline()  # so it works
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(after_s)
        child.send_signal(signal.SIGKILL)
        return (first + child.stdout.read()).decode().splitlines()


async def test_kill_9_leaves_no_change_without_a_row_and_nothing_begun_without_an_end(
    tmp_path: Path,
) -> None:
    path, rng = tmp_path / "airpost.db", Random(1)
    said = [line for run in range(KILLS)
            for line in run_and_kill(path, run, 0.05 + rng.random() * 0.1)]  # fmt: skip
    store = SqliteStore(path, SystemClock(), Random())
    await store.open(SystemClock().now())
    keys = [key.id for key in await store.keys()]
    await store.close()
    rows = list(file_rows(path, None))
    assert verify(rows).faults == ()
    assert [row.subject for row in rows if row.action == "key.create"] == keys
    assert len(keys) >= sum(line.startswith("made") for line in said) > KILLS
    begun = {row.n: row.subject for row in rows if row.result == "begun"}
    ends = {json.loads(row.detail)["begun"]: row for row in rows if "begun" in row.detail}
    assert {n: row.subject for n, row in ends.items()} == begun
    found = [row for row in rows if row.result == "interrupted"]
    assert len(found) >= KILLS  # one was always under way
    assert {row.actor for row in found} == {"airpost"}

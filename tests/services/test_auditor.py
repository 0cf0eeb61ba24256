"""Changes are on disk when they are answered; refusals cannot fill the disk."""

from __future__ import annotations

from typing import Any

from airpost.audit import Anchor, verify
from airpost.services.auditor import BURST, MOST_KINDS, MOST_WAITING, Auditor
from tests.services.fake_audit import FakeAuditLog
from tests.services.http.fakes import FakeClock
from tests.virtual import VirtualLoop, run_virtual


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
        auditor.noted(Anchor(9))
        assert heads[-1] == Anchor(9)

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

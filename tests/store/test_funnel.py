"""The funnel: every message in one end, sums that fit, and the same numbers after its rows went."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from airpost.clock import Instant
from airpost.model import MessageClass, SimId
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.states import SegmentEvent
from airpost.store.funnel import HOUR_US, query
from airpost.store.keeping import By, FunnelRow, Keep, Refused, Retention
from airpost.store.sqlite import SqliteStore
from tests.store.values import (
    DAY,
    HOUR,
    LOST,
    MINUTE,
    NOW,
    SIM1,
    FakeClock,
    after,
    begin,
    bound,
    claim,
    end,
    lost,
    new,
    report,
    sent,
)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "FUNNEL.md"
SINCE = Instant(NOW // HOUR_US * HOUR_US)
UNTIL = Instant(SINCE + 2 * HOUR_US)
GONE = Retention(messages=Keep(bodies_d=7, records_d=7))
EXPIRED = Outcome(cls=OutcomeClass.PERMANENT, scope=Scope.MESSAGE, code="TP-ST 70", text="expired")


def stages(rows: list[FunnelRow], part: str = "") -> dict[str, int]:
    return {row.stage: row.count for row in rows if row.part == part and not row.reason}


def row_of(rows: list[FunnelRow], stage: str, reason: str = "", part: str = "") -> FunnelRow:
    (found,) = [r for r in rows if (r.part, r.stage, r.reason) == (part, stage, reason)]
    return found


async def of_every_kind(store: SqliteStore) -> None:
    """Messages with every end there is, asked for within one hour."""
    await store.keeping.note_operator(SIM1, "Eastnet", after(-HOUR))
    await bound(
        store, new("d1"), new("d2", class_=MessageClass.OTP, key_id="k1"), new("f"), new("x"),
        new("u"), new("n", want_report=False, class_=MessageClass.BULK), new("r", parts=2),
    )  # fmt: skip
    reports = {
        "d1": report(1, received_at=after(9.5), done_at=None),
        "d2": report(2, received_at=after(60), done_at=None, scts=bytes(7)),
        "f": report(3, delivered=False, outcome=LOST, received_at=after(70)),
        "x": report(4, delivered=False, expired=True, outcome=EXPIRED, received_at=after(80)),
    }
    mrs = {"d1": 1, "d2": 2, "f": 3, "x": 4, "u": 5, "n": 6}
    for segment in await claim(store):
        if segment.message_id in mrs:
            await sent(store, segment, mrs[segment.message_id], after(1.5))
        elif segment.seq == 1:
            attempt = await begin(store, segment, after(2))
            await end(store, segment, attempt, SegmentEvent.PERMANENT, at=after(3))
    for each in reports.values():
        await store.record_report(each)
    await bound(store, new("q"))
    await lost(store, (await claim(store))[0], after(4), grace_s=10 * DAY)
    await store.accept(
        [
            new("c"),
            new("e", expires_at=after(MINUTE)),
            new("w", not_before=after(9 * DAY), expires_at=after(30 * DAY)),
        ]
    )
    await store.cancel(new("c").id, None, "test")
    await store.keeping.count_refused({Refused("otp", "k1", "too-many-parts"): 3}, after(5))
    await store.sweep(after(2 * MINUTE))


@pytest.fixture
def sqlite(place: Path, clock: FakeClock) -> SqliteStore:
    from random import Random

    return SqliteStore(place / "airpost.db", clock, Random(1))


async def test_every_message_has_one_end_and_the_sums_fit(sqlite: SqliteStore) -> None:
    await sqlite.open(NOW)
    await of_every_kind(sqlite)
    rows = await sqlite.keeping.funnel(None, SINCE, UNTIL)
    assert stages(rows) == {
        "requested": 14, "rejected": 3, "queued": 11, "cancelled": 1, "expired_in_queue": 1,
        "failed_in_queue": 0, "submitted": 8, "smsc_accepted": 6, "delivered": 2, "failed": 2,
        "expired": 1, "unknown": 0, "unconfirmed": 1, "open": 3, "dlr_asked": 4, "dlr_received": 4,
        "delivered_within_10s": 1, "delivered_within_3min": 2, "delivered_within_72h": 2,
    }  # fmt: skip
    assert row_of(rows, "rejected", "too-many-parts").count == 3
    assert row_of(rows, "failed", "TP-ST 65").count == 1
    assert row_of(rows, "failed", "CMS 10").count == 1
    assert row_of(rows, "queued").of_previous_pct == round(100 * 11 / 14, 2)
    assert row_of(rows, "delivered").of_requested_pct == round(100 * 2 / 14, 2)
    submitted = row_of(rows, "submitted")
    assert (submitted.p50_ms, submitted.p99_ms) == (1500, 4000)
    # What nobody reported in 72 hours is unknown, and so is what never was settled.
    await sqlite.sweep(after(5 * DAY))
    counted = stages(await sqlite.keeping.funnel(None, SINCE, UNTIL))
    assert (counted["unknown"], counted["open"], counted["dlr_asked"]) == (2, 1, 5)
    await sqlite.close()


async def test_what_fails_before_the_air_is_a_share_of_what_was_queued(sqlite: SqliteStore) -> None:
    """Not of what a modem began with: that may be nothing."""
    await sqlite.open(NOW)
    await bound(sqlite, new("f"), new("limited", want_report=False))
    segment, other = await claim(sqlite)
    broken = Outcome(cls=OutcomeClass.PERMANENT, scope=Scope.MESSAGE, code="codec", text="no")
    await sqlite.refuse(segment.segment_id, broken, after(1))
    rows = await sqlite.keeping.funnel(None, SINCE, UNTIL)
    counted = row_of(rows, "failed_in_queue")
    assert (counted.count, counted.of_previous_pct, counted.of_requested_pct) == (1, 50.0, 50.0)
    assert row_of(rows, "failed_in_queue", "codec").count == 1
    assert row_of(rows, "failed").count == 0
    await sent(sqlite, other, 1, after(2))
    rows = await sqlite.keeping.funnel(None, SINCE, UNTIL)
    assert row_of(rows, "smsc_accepted").of_previous_pct == 100.0
    assert row_of(rows, "unconfirmed").of_previous_pct == 100.0
    assert all((each.of_previous_pct or 0) <= 100 for each in rows)
    await sqlite.close()


async def test_by_each_dimension_the_parts_make_the_whole(sqlite: SqliteStore) -> None:
    await sqlite.open(NOW)
    await of_every_kind(sqlite)
    whole = stages(await sqlite.keeping.funnel(None, SINCE, UNTIL))
    for by in By:
        rows = await sqlite.keeping.funnel(by, SINCE, UNTIL)
        parts = {row.part for row in rows}
        summed = {stage: sum(stages(rows, part)[stage] for part in parts) for stage in whole}
        assert summed == whole, by
    by_operator = await sqlite.keeping.funnel(By.OPERATOR, SINCE, UNTIL)
    assert stages(by_operator, "Eastnet")["smsc_accepted"] == 6
    by_key = await sqlite.keeping.funnel(By.KEY, SINCE, UNTIL)
    assert stages(by_key, "k1")["requested"] == 4
    assert stages(await sqlite.keeping.funnel(By.PARTS, SINCE, UNTIL), "2")["failed"] == 1
    later = Instant(SINCE + HOUR_US)
    assert await sqlite.keeping.funnel(None, later, UNTIL) == []
    await sqlite.close()


async def test_the_documented_query_makes_the_same_numbers_also_after_pruning(
    sqlite: SqliteStore, place: Path, clock: FakeClock
) -> None:
    await sqlite.open(NOW)
    await of_every_kind(sqlite)
    clock.to(5 * DAY)
    await sqlite.sweep(after(5 * DAY))
    text = DOCS.read_text(encoding="utf-8").split("```sql\n")[1].split("```")[0]
    assert text.strip() == query().strip()

    def documented(by: By | None) -> list[FunnelRow]:
        with closing(sqlite3.connect(place / "airpost.db")) as db:
            given = {"by": None if by is None else by.value, "since": SINCE, "until": UNTIL}
            return [FunnelRow(**dict(zip(FunnelRow.__slots__, row[:10], strict=True)))
                    for row in db.execute(text, given)]  # fmt: skip

    for by in (None, *By):
        before = await sqlite.keeping.funnel(by, SINCE, UNTIL)
        assert before == documented(by)
    kept = {by: await sqlite.keeping.funnel(by, SINCE, UNTIL) for by in (None, *By)}
    pruned = await sqlite.keeping.prune(GONE, clock.to(8 * DAY))
    assert pruned.messages == 10  # all but the one that waits for its time
    for by in (None, *By):
        assert await sqlite.keeping.funnel(by, SINCE, UNTIL) == kept[by] == documented(by)
    await sqlite.close()


async def test_a_message_counts_for_the_network_its_sim_was_on(sqlite: SqliteStore) -> None:
    await sqlite.open(NOW)
    await sqlite.keeping.note_operator(SIM1, "East", after(0))
    await sqlite.keeping.note_operator(SIM1, "East", after(1))
    await sqlite.keeping.note_operator(SIM1, "West", after(50))
    await sqlite.keeping.note_operator(SimId("other"), "North", after(50))
    await bound(sqlite, new("a"), new("b"))
    one, two = await claim(sqlite)
    await sent(sqlite, one, 1, after(10))
    await sent(sqlite, two, 2, after(60))
    rows = await sqlite.keeping.funnel(By.OPERATOR, SINCE, UNTIL)
    accepted = {row.part: row.count for row in rows if row.stage == "smsc_accepted"}
    assert accepted == {"East": 1, "West": 1}
    await sqlite.close()


@pytest.mark.parametrize(
    ("done_s", "report_s", "shown"), [(1, 1.9, 900), (0, 9, 8000), (7, 9, 8000)]
)
async def test_what_a_handset_takes_is_told_by_our_own_clock(
    sqlite: SqliteStore, done_s: float, report_s: float, shown: int
) -> None:
    """The centre tells whole seconds: by its clock the first would have taken nothing."""
    await sqlite.open(NOW)
    await bound(sqlite, new("m"))
    (segment,) = await claim(sqlite)
    await sent(sqlite, segment, 1, after(1))
    word = report(1, done_at=after(done_s), received_at=after(report_s))
    await sqlite.record_report(word)
    delivered = row_of(await sqlite.keeping.funnel(None, SINCE, UNTIL), "delivered")
    assert (delivered.p50_ms, delivered.p99_ms) == (shown, shown)


@pytest.mark.parametrize(
    ("ms", "shown"),
    [(0, 0), (99, 99), (100, 100), (101, 110), (1001, 1100), (9_901, 10_000), (10_001, 11_000),
     (180_000, 180_000), (180_001, 190_000), (259_200_000, 260_000_000)],
)  # fmt: skip
async def test_dwell_has_two_digits_and_is_never_better_than_it_was(
    sqlite: SqliteStore, ms: int, shown: int
) -> None:
    await sqlite.open(NOW)
    await bound(sqlite, new("a", expires_at=after(30 * DAY)))
    await sent(sqlite, (await claim(sqlite))[0], 1, after(ms / 1000))
    rows = await sqlite.keeping.funnel(None, SINCE, Instant(UNTIL))
    assert row_of(rows, "submitted").p50_ms == shown
    await sqlite.close()

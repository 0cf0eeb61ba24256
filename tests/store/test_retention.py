"""What is past its time goes, content before records, a bounded piece at a time; nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from airpost.model import MessageClass, MessageId
from airpost.store import retention
from airpost.store.batching import NewBatch
from airpost.store.keeping import Keep, Pruned, Retention
from airpost.store.migrations import connect
from airpost.store.sqlite import SqliteStore
from airpost.store.writer import Tx
from tests.store.values import (
    DAY,
    G1,
    NOW,
    SIM1,
    FakeClock,
    after,
    bound,
    claim,
    concat,
    new,
    part,
    report,
    seen,
    sent,
)

KEPT = Retention(
    messages=Keep(bodies_d=10, records_d=20),
    classes={MessageClass.OTP: Keep(bodies_d=1, records_d=20)},
    inbound=Keep(bodies_d=10, records_d=20),
    events_d=15,
)


@pytest_asyncio.fixture
async def sqlite(place: Path, clock: FakeClock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(place / "airpost.db", clock, Random(1))
    await store.open(NOW)
    yield store
    await store.close()


def rows(place: Path, table: str) -> int:
    with closing(sqlite3.connect(place / "airpost.db")) as db:
        count: int = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return count


async def done_with(store: SqliteStore, *ids: str, **changes: object) -> None:
    """Messages that are over, each with an attempt and a report."""
    await bound(store, *(new(id_, **changes) for id_ in ids))
    for segment in await claim(store):
        mr = segment.segment_id
        await sent(store, segment, mr)
        await store.record_report(report(mr, done_at=after(mr)))


async def prune(store: SqliteStore, clock: FakeClock, days: float) -> Pruned:
    return await store.keeping.prune(KEPT, clock.to(days * DAY))


async def test_content_goes_before_the_record_by_class(
    sqlite: SqliteStore, clock: FakeClock, place: Path
) -> None:
    await done_with(sqlite, "otp", class_=MessageClass.OTP)
    await done_with(sqlite, "a", "b")
    assert await prune(sqlite, clock, 0.5) == Pruned()
    assert (await prune(sqlite, clock, 2)).contents == 1
    assert (await seen(sqlite, "otp")).text is None
    assert (await seen(sqlite, "a")).text == "text of a"
    assert (await prune(sqlite, clock, 11)).contents == 2
    assert rows(place, "body") == 0
    assert (await seen(sqlite, "b")).state.value == "delivered"
    assert (await prune(sqlite, clock, 21)).messages == 3
    for table in ("message", "segment", "attempt", "report", "transmission", "tag", "event"):
        assert rows(place, table) == 0, table
    assert await sqlite.message(MessageId("a"), None) is None


async def test_what_is_not_over_stays_however_old(sqlite: SqliteStore, clock: FakeClock) -> None:
    await sqlite.accept([new("later", not_before=after(90 * DAY), expires_at=after(99 * DAY))])
    await done_with(sqlite, "a")
    assert (await prune(sqlite, clock, 50)).messages == 1
    assert (await seen(sqlite, "later")).text == "text of later"


async def test_a_batch_goes_with_the_last_of_its_messages(
    sqlite: SqliteStore, clock: FakeClock, place: Path
) -> None:
    batch = await sqlite.batches.begin(
        NewBatch(id="b", owner="shop", key_id=None, size=2, created_at=NOW)
    )
    await sqlite.batches.end(batch, 1, 1, b"[]")
    await done_with(sqlite, "a", batch=(batch.seq, 0))
    await prune(sqlite, clock, 19)
    assert rows(place, "batch") == 1
    await prune(sqlite, clock, 21)
    assert (rows(place, "message"), rows(place, "batch"), rows(place, "body")) == (0, 0, 0)


async def test_received_messages_and_what_belongs_to_none(
    sqlite: SqliteStore, clock: FakeClock, place: Path
) -> None:
    for seq in (1, 2):
        await sqlite.record_part(part(b"x%d" % seq, udh=concat(1, 2, seq)))
    await sqlite.record_part(part(b"waits", udh=concat(9, 2, 1), received_at=after(30 * DAY)))
    await sqlite.record_report(report(200))
    await sqlite.quarantine(SIM1, G1, b"junk", "TP-DA", 3, "odd", NOW)
    await sqlite.note("modem gate-1", None, "ready", "up", NOW)
    assert (await prune(sqlite, clock, 11)).contents == 1
    (kept,) = (await sqlite.inbound(None, 0, 9)).items
    assert (kept.text, kept.parts) == (None, 2)
    done = await prune(sqlite, clock, 21)
    assert (done.inbound, rows(place, "inbound"), rows(place, "part")) == (1, 0, 1)
    assert (rows(place, "report"), rows(place, "quarantine")) == (0, 0)
    assert rows(place, "event") == 0
    assert rows(place, "body") == 2  # of the part that waits


async def test_a_content_that_is_gone_never_turns_into_another_one(
    sqlite: SqliteStore, clock: FakeClock, place: Path
) -> None:
    await done_with(sqlite, "a")
    await prune(sqlite, clock, 11)
    await sqlite.accept([new("b", at=after(11 * DAY), text="of somebody else")])
    with closing(sqlite3.connect(place / "airpost.db")) as db:
        (of_a,) = db.execute("SELECT ud_body FROM segment ORDER BY id LIMIT 1").fetchone()
        assert db.execute("SELECT 1 FROM body WHERE id = ?", (of_a,)).fetchone() is None
    assert (await seen(sqlite, "a")).text is None


async def test_the_file_gives_its_room_back(sqlite: SqliteStore, clock: FakeClock) -> None:
    await sqlite.accept([new(f"m{n}", text="x" * 3000) for n in range(200)])
    for n in range(200):
        await sqlite.cancel(MessageId(f"m{n}"), None, "test")
    done = await prune(sqlite, clock, 21)
    assert done.messages == 200
    assert 200 * 3000 < done.freed_octets < 1_500_000


def test_a_piece_of_work_ends_when_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch, place: Path
) -> None:
    from airpost.store.migrations import migrate

    migrate(place / "t.db")
    ticks = iter(range(1000))
    monkeypatch.setattr("airpost.store.retention.time.monotonic", lambda: next(ticks) * 0.001)
    with closing(connect(place / "t.db")) as db:
        tx = Tx(db, Random(1))
        assert retention.erase_messages(tx, list(range(1, 51))) == 2
        assert retention.drop_messages(tx, list(range(1, 51))) == 2 * retention.TOGETHER


def test_every_table_that_refers_to_a_message_is_emptied_with_it(place: Path) -> None:
    """A table that is added must be added to what goes, or nothing would go any more."""
    from airpost.store.migrations import migrate

    migrate(place / "t.db")
    with closing(connect(place / "t.db")) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        referring = {
            (table, target)
            for table in tables
            for _, _, target, *_ in db.execute(f"PRAGMA foreign_key_list({table})")
            if target in ("message", "segment", "attempt", "inbound", "event")
        }
    assert referring == {
        ("tag", "message"), ("transmission", "message"), ("segment", "message"),
        ("attempt", "segment"), ("report", "attempt"), ("part", "inbound"),
    }  # fmt: skip

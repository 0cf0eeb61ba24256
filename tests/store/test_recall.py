"""What the writer need not read once more is as good as read, and never better."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from airpost.states import MessageState, SegmentState
from airpost.store import air
from airpost.store.api import AirResult
from airpost.store.moves import SegmentRow
from airpost.store.recall import UNMATCHED, Recall
from airpost.store.sqlite import SqliteStore
from airpost.store.writer import Tx, work_of
from tests.store.values import (
    NOW,
    SIM1,
    SIM2,
    FakeClock,
    after,
    begin,
    bound,
    claim,
    end,
    intent_of,
    moves,
    new,
    prepare,
    report,
    seen,
    sent,
    settlement,
)


@pytest_asyncio.fixture
async def store(place: Path, clock: FakeClock) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(place / "airpost.db", clock, Random(1))
    await made.open(NOW)
    yield made
    await made.close()


def behind(place: Path, *statements: str) -> None:
    """Write to the store behind the writer's back."""
    db = sqlite3.connect(place / "airpost.db")
    with db:
        for each in statements:
            db.execute(each)
    db.close()


class Read:
    """What the writer reads."""

    def __init__(self, store: SqliteStore) -> None:
        self.sql: list[str] = []
        self._writer = store._writer

    async def watch(self) -> None:
        def begin(tx: Tx) -> None:
            tx.db.set_trace_callback(self._note)

        await self._writer.ask(work_of(begin), urgent=True)

    def _note(self, sql: str) -> None:
        if sql.startswith("SELECT") and "FROM meta" not in sql:  # whose the store is
            self.sql.append(sql)


async def test_one_that_begins_and_is_taken_is_read_once(store: SqliteStore) -> None:
    read = Read(store)
    await bound(store, *(new(f"m{n}") for n in range(5)))
    segments = await claim(store)
    await sent(store, segments[0], 1)
    await read.watch()
    done: Any = None
    for n, segment in enumerate(segments[1:], 2):
        result: AirResult = await store.air(done, intent_of(segment))
        assert result.attempt_id is not None
        done = settlement(segment, result.attempt_id, mr=n, at=after(n))
    await store.air(done, None)
    assert len(read.sql) == 4  # each segment, when it begins
    for n in range(1, 5):
        found = await seen(store, f"m{n}")
        part = found.parts[0]
        assert (found.state, part.state, part.attempts) == (
            MessageState.SENT, SegmentState.SENT, 1,
        )  # fmt: skip
        assert (found.sent_at, found.final) == (after(n + 1), False)
        history = [("queued", "sending"), ("sending", "sent")]
        assert await moves(store, f"m{n}", "part 1") == history
        assert (await moves(store, f"m{n}"))[-2:] == history


async def test_what_ended_meanwhile_is_read_after_all(store: SqliteStore, place: Path) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    attempt = await begin(store, segment)
    behind(place, "UPDATE attempt SET ended_at = 5, outcome_class = 'unknown'")
    assert (await end(store, segment, attempt, mr=1)).state is None  # it has an end already


async def test_what_moved_meanwhile_is_read_after_all(store: SqliteStore, place: Path) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    attempt = await begin(store, segment)
    behind(place, "UPDATE segment SET state = 'delivered', final = 1")
    assert (await end(store, segment, attempt, mr=1)).state is SegmentState.DELIVERED
    assert (await seen(store, "m")).parts[0].state is SegmentState.DELIVERED


async def test_what_was_rolled_back_is_not_remembered(store: SqliteStore) -> None:
    await bound(store, new("one"), new("two"))
    one, two = await claim(store)
    made = await prepare(store, one)
    attempt = await begin(store, two)  # which withdraws what was prepared

    def fails(tx: Tx) -> None:
        air.turn(tx, settlement(two, attempt, mr=1), intent_of(one))
        raise ValueError("the rows of this are gone")

    with pytest.raises(ValueError, match="gone"):
        await store._writer.ask(work_of(fails), urgent=True)
    assert not store.stands(made)
    assert [each.message_id for each in await claim(store)] == ["one"]
    assert (await end(store, two, attempt, mr=1)).state is SegmentState.SENT
    assert await begin(store, one) > attempt
    assert await moves(store, "one", "part 1") == [("queued", "sending")]


async def test_a_report_is_looked_for_only_where_one_waits(store: SqliteStore) -> None:
    read = Read(store)
    await bound(store, new("known"), new("m"), new("other", to="+4915199999999"))
    known, segment, other = await claim(store)
    await sent(store, known, 200)
    first, second = await begin(store, segment), await begin(store, other)
    assert (await store.record_report(report(9, received_at=after(1)))).message_id is None
    await read.watch()
    await end(store, other, second, mr=1, at=after(2))
    assert not [sql for sql in read.sql if "FROM report" in sql]
    await end(store, segment, first, mr=9, at=after(2))
    assert (await seen(store, "m")).state is MessageState.DELIVERED


def test_too_many_to_name_may_be_anybodys() -> None:
    recall = Recall()
    for n in range(UNMATCHED):
        recall.unmatched(SIM1, str(n))
    assert (recall.may_wait(SIM1, "0"), recall.may_wait(SIM2, "0")) == (True, False)
    recall.unmatched(SIM1, "one more")
    assert recall.may_wait(SIM2, "0")


def test_another_segment_is_not_the_one_that_was_meant() -> None:
    recall = Recall()
    recall.begun(_of(7), _of(2))
    assert recall.ended(7, 3) is None
    assert recall.ended(7, 2) is None  # asked once


def _of(id_: int) -> Any:
    """A row with an id is enough here."""
    return SegmentRow._make([id_] + [None] * (len(SegmentRow._fields) - 1))

"""Put back, nothing of a copy goes out by itself; let go on, what may have gone out is counted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from airpost.model import MessageId, OnUncertain
from airpost.states import MessageState
from airpost.store.api import MessageFilter, Verdict
from airpost.store.backup import restore
from airpost.store.frozen import NOT_DUE, Frozen
from airpost.store.keeping import RESTORED
from airpost.store.sqlite import SqliteStore
from tests.store.values import (
    DAY,
    G1,
    HOUR,
    NOW,
    FakeClock,
    after,
    begin,
    bound,
    claim,
    new,
    report,
    seen,
    sent,
)

LATER = after(HOUR)


@pytest_asyncio.fixture
async def sqlite(place: Path, clock: FakeClock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(place / "airpost.db", clock, Random(1))
    await store.open(NOW)
    yield store
    await store.close()


async def opened(place: Path, clock: FakeClock) -> SqliteStore:
    store = SqliteStore(place, clock, Random(2))
    await store.open(clock.now())
    return store


async def waiting_of_all_kinds(store: SqliteStore) -> None:
    """One final, and one of each kind that is not."""
    await bound(store, new("over"), new("sent"), new("air"), new("two", parts=2), new("bound"))
    over, was_sent, air, first, _, _ = await claim(store)
    await sent(store, over, 1)
    await store.record_report(report(1))
    await sent(store, was_sent, 2)
    await begin(store, air)
    await sent(store, first, 3)
    await store.accept(
        [new("queued"), new("later", not_before=after(9 * DAY), expires_at=after(30 * DAY))]
    )


async def test_what_was_not_final_is_uncertain_and_held_after_a_restore(
    sqlite: SqliteStore, place: Path, clock: FakeClock
) -> None:
    await waiting_of_all_kinds(sqlite)
    await sqlite.keeping.backup(place / "copy.db")
    (place / "other").mkdir()
    frozen, old = restore(place / "copy.db", place / "other" / "airpost.db", LATER, Random(3))
    assert (frozen, old) == (Frozen(held=6, not_due=1), None)
    clock.at = LATER
    store = await opened(place / "other" / "airpost.db", clock)
    assert (await seen(store, "over")).state is MessageState.DELIVERED
    for id_ in ("sent", "air", "two", "bound", "queued", "later"):
        message = await seen(store, id_)
        assert (message.state, message.final, message.reason) == (
            MessageState.UNCERTAIN, False, RESTORED,
        )  # fmt: skip
        assert message.on_uncertain is OnUncertain.HOLD
    assert (await store.keeping.check()).faults == ()
    # However long one waits, nothing of it goes out or ends, and what is new goes at once.
    await store.sweep(after(90 * DAY))
    routes = await store.backlog(after(90 * DAY), 9, [G1], ["default"])
    assert routes == []
    held = await store.messages(MessageFilter(state=MessageState.UNCERTAIN), 0, 9)
    assert [(each.final, each.reason) for each in held.items] == [(False, RESTORED)] * 6
    await store.accept([new("fresh", at=LATER)])
    assert [each.id for each in await store.backlog(LATER, 9, [G1], ["default"])] == ["fresh"]
    await store.close()


async def test_released_the_rest_goes_on_and_is_counted(
    sqlite: SqliteStore, place: Path, clock: FakeClock
) -> None:
    await waiting_of_all_kinds(sqlite)
    await sqlite.keeping.backup(place / "copy.db")
    await sqlite.close()
    frozen, old = restore(place / "copy.db", place / "airpost.db", LATER, Random(3))
    assert frozen.held == 6
    assert old is not None
    assert old.name.startswith("airpost.db.before-")
    assert old.exists()
    clock.at = LATER
    await sqlite.open(LATER)
    assert await sqlite.keeping.release_restored([MessageId("queued")], "anna") == 1
    assert (await seen(sqlite, "queued")).state is MessageState.QUEUED
    assert await sqlite.keeping.release_restored([MessageId("queued"), MessageId("no")], "b") == 0
    assert await sqlite.keeping.release_restored([], "anna") == 5
    states = {id_: (await seen(sqlite, id_)).state.value
              for id_ in ("sent", "air", "two", "bound", "queued", "later")}  # fmt: skip
    assert states == {"sent": "sent", "air": "queued", "two": "queued", "bound": "queued",
                      "queued": "queued", "later": "accepted"}  # fmt: skip
    doubled = {id_: (await seen(sqlite, id_)).possible_duplicates for id_ in states}
    assert doubled == {"sent": 0, "air": 1, "two": 1, "bound": 1, "queued": 1, "later": 0}
    assert len((await seen(sqlite, "two")).parts) == 2
    waiting = await sqlite.backlog(LATER, 9, [G1], ["default"])
    assert {each.id for each in waiting} == {"air", "two", "bound", "queued"}
    history = await sqlite.message_events(MessageId("later"))
    assert ("uncertain", "accepted") in [(e.from_, e.to) for e in history]
    # A report of what had gone out before still finds it.
    await sqlite.record_report(report(2, received_at=after(2 * HOUR)))
    assert (await seen(sqlite, "sent")).state is MessageState.DELIVERED
    assert (await sqlite.keeping.check()).faults == ()


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("by_id", [False, True])
async def test_only_what_could_have_gone_out_since_counts_as_sent_twice(
    sqlite: SqliteStore, place: Path, clock: FakeClock, parts: int, by_id: bool
) -> None:
    """Its send_at tells: before the restore, the other box may have sent it; after, it cannot."""
    times = {"passed": HOUR / 2, "to come": 2 * HOUR}
    await sqlite.accept([new(id_, parts, not_before=after(at_s)) for id_, at_s in times.items()])
    await sqlite.keeping.backup(place / "copy.db")
    await sqlite.close()
    frozen, _ = restore(place / "copy.db", place / "airpost.db", LATER, Random(3))
    assert frozen == Frozen(held=2, not_due=1)
    clock.at = LATER
    await sqlite.open(LATER)
    told = {
        id_: [each.reason for each in await sqlite.message_events(MessageId(id_))] for id_ in times
    }
    assert [NOT_DUE in told[id_] for id_ in times] == [False, True]
    clock.at = after(HOUR + 60)
    for id_ in times:
        if by_id:
            done = await sqlite.decisions.settle(MessageId(id_), None, Verdict.RESEND, "anna")
            assert done
        else:
            assert await sqlite.keeping.release_restored([MessageId(id_)], "anna") == 1
    found = [await seen(sqlite, id_) for id_ in times]
    assert [each.state for each in found] == [MessageState.QUEUED, MessageState.ACCEPTED]
    assert bool(found[0].possible_duplicates)
    assert found[1].possible_duplicates == 0
    waiting = await sqlite.backlog(clock.now(), 9, [G1], ["default"])
    assert [each.id for each in waiting] == ["passed"]
    clock.at = after(2 * HOUR + 1)
    await sqlite.sweep(clock.now())
    assert (await seen(sqlite, "to come")).state is MessageState.QUEUED


async def test_a_second_restore_looks_at_its_own_time(
    sqlite: SqliteStore, place: Path, clock: FakeClock
) -> None:
    await sqlite.accept([new("m", not_before=after(2 * HOUR))])
    await sqlite.keeping.backup(place / "copy.db")
    await sqlite.close()
    for at, not_due in ((HOUR, 1), (3 * HOUR, 0)):
        frozen, _ = restore(place / "copy.db", place / "airpost.db", after(at), Random(3))
        assert frozen == Frozen(held=1, not_due=not_due)
    clock.at = after(3 * HOUR)
    await sqlite.open(clock.at)
    await sqlite.keeping.release_restored([], "anna")
    assert (await seen(sqlite, "m")).possible_duplicates == 1


@pytest.mark.parametrize("why", ["before the copy", "before the store it replaces", "not set"])
async def test_a_clock_that_may_be_behind_proves_nothing(
    sqlite: SqliteStore, place: Path, clock: FakeClock, why: str
) -> None:
    """By it what was sent long ago seems to be still to come."""
    await sqlite.accept([new("m", not_before=after(HOUR))])
    await sqlite.keeping.backup(place / "copy.db")
    if why == "before the store it replaces":
        await sqlite.accept([new("since", at=after(4 * HOUR))])
    await sqlite.close()
    at = after(-10) if why == "before the copy" else after(10)
    sure = why != "not set"
    frozen, _ = restore(place / "copy.db", place / "airpost.db", at, Random(3), sure=sure)
    assert frozen == Frozen(held=1, not_due=0)
    clock.at = after(10)
    await sqlite.open(clock.at)
    assert await sqlite.keeping.release_restored([], "anna") == 1
    assert (await seen(sqlite, "m")).possible_duplicates == 1


async def test_what_has_outlived_its_time_expires_unless_it_is_named(
    sqlite: SqliteStore, place: Path, clock: FakeClock
) -> None:
    await sqlite.accept([new("named"), new("all")])
    await sqlite.keeping.backup(place / "copy.db")
    await sqlite.close()
    restore(place / "copy.db", place / "airpost.db", LATER, Random(3))
    clock.at = after(9 * DAY)
    await sqlite.open(clock.at)
    await sqlite.sweep(clock.at)
    assert await sqlite.decisions.settle(MessageId("named"), None, Verdict.RESEND, "anna")
    assert await sqlite.keeping.release_restored([], "anna") == 1
    await sqlite.sweep(clock.at)
    assert (await seen(sqlite, "named")).state is MessageState.QUEUED
    assert (await seen(sqlite, "all")).state is MessageState.EXPIRED

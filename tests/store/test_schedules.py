"""Recurring schedules: kept, listed by owner, fired once an instant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from airpost.schedule import Schedule
from airpost.store.api import MessageFilter
from airpost.store.backup import restore
from airpost.store.people import TooMany
from airpost.store.sqlite import SqliteStore
from tests.store.values import DAY, NOW, FakeClock, after, new

DAILY = Schedule(id="s1", seq=0, owner="shop", key_id="k1", cron="0 8 * * *", zone="Europe/Berlin",
                 request='{"to":"+49151","text":"ü"}', late_s=3600, created_at=NOW,
                 next_at=after(60))  # fmt: skip


async def fire(store: SqliteStore, schedule: Schedule, id_: str | None = "m1", **changes: object
               ) -> bool:  # fmt: skip
    given = {"at": schedule.next_at, "next_at": after(DAY, schedule.next_at), "skipped": 0,
             "problem": None, "now": after(61)} | changes  # fmt: skip
    message = None if id_ is None else new(id_)
    return await store.schedules.fire(schedule, message, **given)  # type: ignore[arg-type]


async def test_kept_and_found_by_its_owner(store: SqliteStore) -> None:
    await store.schedules.add(DAILY, 9)
    assert await store.schedules.find("s1", "shop") == replace(DAILY, seq=1)
    assert await store.schedules.find("s1", None) == replace(DAILY, seq=1)
    assert await store.schedules.find("s1", "other") is None
    assert await store.schedules.next_at() == after(60)


async def test_pages(store: SqliteStore) -> None:
    for n in range(5):
        owner = "other" if n == 2 else "shop"
        await store.schedules.add(replace(DAILY, id=f"s{n}", owner=owner), 9)
    page = await store.schedules.page("shop", 0, 3)
    assert [each.id for each in page.items] == ["s0", "s1", "s3"]
    assert page.next == 4
    rest = await store.schedules.page("shop", page.next, 3)
    assert ([each.id for each in rest.items], rest.next) == (["s4"], None)
    assert len((await store.schedules.page(None, 0, 9)).items) == 5


async def test_fired_once_an_instant(store: SqliteStore) -> None:
    await store.schedules.add(DAILY, 9)
    assert await store.schedules.due(after(59)) == []
    (due,) = await store.schedules.due(after(60))
    assert await fire(store, due)
    assert not await fire(store, due, "m2")  # as it would be done again after a crash
    assert await store.message("m2", None) is None  # type: ignore[arg-type]
    (message,) = (await store.messages(MessageFilter(), 0, 9)).items
    shown = await store.schedules.find("s1", None)
    assert shown is not None
    assert (shown.last_at, shown.last_message, shown.fired) == (after(60), message.id, 1)
    assert shown.next_at == after(DAY + 60)
    assert await store.schedules.due(after(61)) == []


async def test_of_two_that_fire_it_at_once_one_does(store: SqliteStore) -> None:
    await store.schedules.add(DAILY, 9)
    (due,) = await store.schedules.due(after(60))
    done = await asyncio.gather(*(fire(store, due, f"m{n}") for n in range(5)))
    assert sorted(done) == [False] * 4 + [True]
    assert len((await store.messages(MessageFilter(), 0, 9)).items) == 1


async def test_a_firing_that_comes_to_nothing_is_told(
    store: SqliteStore, make: Callable[[], SqliteStore]
) -> None:
    await store.schedules.add(DAILY, 9)
    (due,) = await store.schedules.due(after(60))
    assert await fire(store, due, None, skipped=3, problem="modem: no modem has this name")
    await store.close()
    again = make()
    await again.open(NOW)
    shown = await again.schedules.find("s1", None)
    assert shown is not None
    assert (shown.fired, shown.skipped, shown.last_at) == (0, 3, None)
    assert shown.problem == "modem: no modem has this name"
    told = [each.reason for each in (await again.events(0, 20)).items]
    assert told == [
        "made: 0 8 * * *, Europe/Berlin",
        "3 firings were missed and are skipped",
        "came to nothing: modem: no modem has this name",
    ]
    await again.close()


async def test_deleted_by_its_owner(store: SqliteStore) -> None:
    await store.schedules.add(DAILY, 9)
    (due,) = await store.schedules.due(after(60))
    assert not await store.schedules.delete("s1", "other", "other", NOW)
    assert await store.schedules.delete("s1", "shop", "shop", NOW)
    assert not await store.schedules.delete("s1", "shop", "shop", NOW)
    assert await store.schedules.find("s1", None) is None
    assert not await fire(store, due)  # deleted between the look and the firing


async def test_an_owner_has_only_so_many(store: SqliteStore) -> None:
    for n in range(2):
        await store.schedules.add(replace(DAILY, id=f"s{n}"), 9)
    with pytest.raises(TooMany):
        await store.schedules.add(replace(DAILY, id="s3"), 2)
    await store.schedules.add(replace(DAILY, id="s4", owner="other"), 9)


async def test_a_restore_makes_up_for_nothing(
    store: SqliteStore, place: Path, tmp_path: Path
) -> None:
    """What was due since the backup may have fired on the box that went on."""
    await store.schedules.add(replace(DAILY, cron="*/5 * * * *"), 9)
    copy = tmp_path / "copy.db"
    await store.keeping.backup(copy)
    await store.close()
    restore(copy, place / "airpost.db", after(900), Random(1))
    again = SqliteStore(place / "airpost.db", FakeClock(), Random(2))
    await again.open(after(900))
    shown = await again.schedules.find("s1", None)
    assert shown is not None
    assert shown.next_at > after(900)
    assert (shown.fired, shown.skipped) == (0, 3)
    assert await again.schedules.due(after(900)) == []
    await again.close()


async def test_a_number_that_is_forgotten_is_scheduled_no_more(store: SqliteStore) -> None:
    await store.schedules.add(DAILY, 9)
    await store.schedules.add(replace(DAILY, id="s2", request='{"to":"+49160","text":"x"}'), 9)
    await store.keeping.forget("+49151", "test")
    assert await store.schedules.find("s1", None) is None
    assert await store.schedules.find("s2", None) is not None

"""What every store must do, written against the protocol alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from airpost.errors import ConfigError, StoreUnavailable
from airpost.model import (
    MessageId,
)
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import Store, Wake
from airpost.tasks import spawn
from tests.store.values import (
    NOW,
    begin,
    bound,
    claim,
    end,
    lost,
    new,
    part,
)

M, S, E = MessageState, SegmentState, SegmentEvent
Make = Callable[[], Store]


async def test_a_second_process_is_refused(store: Store, make: Make) -> None:
    with pytest.raises(ConfigError, match="in use"):
        await make().open(NOW)


async def test_a_closed_store_says_so(make: Make) -> None:
    store = make()
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.accept([new("m")])
    await store.open(NOW)
    await store.close()
    for asked in (store.accept([new("m")]), store.message(MessageId("m"), None)):
        with pytest.raises(StoreUnavailable, match="closed"):
            await asked
    await store.close()


async def test_close_finishes_what_was_taken(make: Make) -> None:
    store = make()
    await store.open(NOW)
    tasks = [spawn(store.accept([new(f"m{n}")]), name="accept") for n in range(50)]
    await asyncio.sleep(0)
    assert store.pending >= 1
    await store.close()
    await asyncio.gather(*tasks)
    assert store.pending == 0
    await store.open(NOW)
    assert (await store.counts())["queued"] == 50
    await store.close()


async def test_pending_counts_what_is_not_answered(store: Store) -> None:
    assert store.pending == 0
    tasks = [spawn(store.accept([new(f"m{n}")]), name="accept") for n in range(3)]
    tasks.append(spawn(store.message(MessageId("m1"), None), name="read"))
    for task in tasks:
        task.add_done_callback(lambda _: None)
    await asyncio.sleep(0)
    assert store.pending == 4
    await asyncio.gather(*tasks)
    assert store.pending == 0


async def test_wakes_come_on_the_loop_after_the_commit(store: Store) -> None:
    heard: list[Wake] = []
    loop = asyncio.get_running_loop()

    def hear(wake: Wake) -> None:
        assert asyncio.get_running_loop() is loop
        heard.append(wake)

    end_ = store.subscribe(hear)

    def news() -> set[Wake]:
        told = set(heard)
        heard.clear()
        return told

    await bound(store, new("m"), new("n"))
    assert news() == {Wake.QUEUE, Wake.EVENT}
    one, two = await claim(store)
    attempt = await begin(store, one)
    assert news() == {Wake.EVENT}
    await end(store, one, attempt)
    assert news() == {Wake.EVENT}
    await lost(store, two)
    assert news() == {Wake.QUEUE, Wake.EVENT}
    await store.record_part(part())
    assert news() == {Wake.INBOUND, Wake.EVENT}
    await store.record_part(part())
    with pytest.raises(KeyError):
        await store.cancel(MessageId("none"), None, "x")
    await store.lane_bindings()
    assert news() == set()
    end_()
    end_()
    await store.accept([new("o")])
    assert news() == set()


async def test_one_that_fails_takes_nobody_with_it(store: Store) -> None:
    asked = [store.accept([new("same")]) for _ in range(3)]
    asked.append(store.accept([new("other")]))
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(each, list) for each in done] == [True, False, False, True]
    assert (await store.counts())["queued"] == 2
    assert store.unavailable is None


async def test_what_is_on_the_air_goes_before_what_is_handed_in(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    order: list[str] = []

    async def told(name: str, work: Awaitable[object]) -> None:
        await work
        order.append(name)

    many = [new(f"n{n}") for n in range(2000)]
    async with asyncio.TaskGroup() as group:
        group.create_task(told("intake", store.accept(many)))
        await asyncio.sleep(0)
        group.create_task(told("air", begin(store, segment)))
    assert order == ["air", "intake"]

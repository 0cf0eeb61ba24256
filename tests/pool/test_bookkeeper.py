"""Networks are noted once, what is past its time goes, a filter is told when it begins and ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from airpost.clock import Instant, LoopClock
from airpost.errors import StoreUnavailable
from airpost.model import Lane, MessageId, ModemView, Severity, SimId, UnitState
from airpost.pool.bookkeeper import FILTER, FIRST_S, HOUR_US, LOOK_S, PRUNE_EVERY_S, Bookkeeper
from airpost.store.keeping import Pruned, Rate, Retention
from airpost.tasks import spawn, stop
from tests.virtual import VirtualLoop, run_virtual

NOW = Instant(1_767_323_045_678_000)
KEPT = Retention(events_d=1)


class Keeping:
    def __init__(self) -> None:
        self.noted: list[tuple[str, str]] = []
        self.pruned: list[Retention] = []
        self.found: list[Rate] = []
        self.full = False
        self.told = ""

    async def note_operator(self, sim_id: SimId, operator: str, now: Instant) -> None:
        if self.full:
            raise StoreUnavailable("full")
        self.noted.append((sim_id, operator))

    async def prune(self, kept: Retention, now: Instant) -> Pruned:
        if self.full:
            raise StoreUnavailable("full")
        self.pruned.append(kept)
        return Pruned(messages=1)

    async def collect_rates(self, now: Instant) -> None:
        pass

    async def rates(self, since_hour: int) -> Sequence[Rate]:
        return self.found

    async def told_filters(self) -> str:
        return self.told

    async def keep_filters(self, told: str) -> None:
        if self.full:
            raise StoreUnavailable("full")
        self.told = told


class Store:
    def __init__(self) -> None:
        self.keeping = Keeping()
        self.notes: list[tuple[str, str, Severity]] = []
        self.room = 99  # for notes

    async def note(self, subject: str, _from: Any, to: str, _words: str, _now: Instant, *,
                   severity: Severity) -> None:  # fmt: skip
        if len(self.notes) == self.room:
            raise StoreUnavailable("full")
        self.notes.append((subject, to, severity))


def view(operator: str | None) -> ModemView:
    return ModemView(lane=Lane("g"), port="p", state=UnitState.READY, since=NOW, detail="",
                     sim_id=SimId("1"), operator=operator)  # fmt: skip


def rate(hour: int, asked: int, delivered: int) -> Rate:
    return Rate(operator="East", shape="s", hour=hour, asked=asked, delivered=delivered,
                sample=MessageId("m"))  # fmt: skip


async def begun(loop: VirtualLoop, **changes: Any) -> tuple[Store, Bookkeeper, asyncio.Task[None]]:
    store = Store()
    clock = LoopClock(loop.time, NOW)
    changes = {"trusted": lambda: True, **changes}
    keeper = Bookkeeper(store, clock, KEPT, **changes)  # type: ignore[arg-type]
    return store, keeper, spawn(keeper.run(), name="bookkeeper")


def test_nothing_goes_by_a_clock_in_doubt() -> None:
    async def main(loop: VirtualLoop) -> None:
        right: list[bool] = []
        store, _, task = await begun(loop, trusted=lambda: bool(right))
        await asyncio.sleep(FIRST_S + 5 * LOOK_S)
        assert store.keeping.pruned == []
        right.append(True)
        await asyncio.sleep(LOOK_S + 1)
        assert store.keeping.pruned == [KEPT]
        await stop(task)

    run_virtual(main)


def test_a_network_is_noted_when_it_is_another() -> None:
    async def main(loop: VirtualLoop) -> None:
        store, keeper, task = await begun(loop)
        for told in (None, "East", "East", "West"):
            keeper.saw(view(told))
            await asyncio.sleep(0.1)
        assert store.keeping.noted == [("1", "East"), ("1", "West")]
        store.keeping.full = True
        keeper.saw(view("North"))
        await asyncio.sleep(0.1)
        store.keeping.full = False
        await asyncio.sleep(LOOK_S + 1)
        assert store.keeping.noted[2:] == [("1", "North")]
        await stop(task)

    run_virtual(main)


def test_what_is_past_its_time_goes_every_few_hours() -> None:
    async def main(loop: VirtualLoop) -> None:
        store, _, task = await begun(loop)
        await asyncio.sleep(FIRST_S + 1)
        assert store.keeping.pruned == [KEPT]
        await asyncio.sleep(PRUNE_EVERY_S - LOOK_S)
        assert len(store.keeping.pruned) == 1
        await asyncio.sleep(2 * LOOK_S)
        assert len(store.keeping.pruned) == 2
        await stop(task)

    run_virtual(main)


def test_what_the_store_cannot_do_is_done_at_the_next_look_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        store, keeper, task = await begun(loop)
        store.keeping.full = True
        keeper.saw(view("East"))
        await asyncio.sleep(FIRST_S + 5 * LOOK_S)
        assert store.keeping.pruned == []
        store.keeping.full = False
        await asyncio.sleep(LOOK_S + 1)
        assert store.keeping.pruned == [KEPT]
        await stop(task)

    with caplog.at_level(logging.INFO, "airpost.bookkeeper"):
        run_virtual(main)
    said = [each.getMessage() for each in caplog.records]
    assert said == [
        "bookkeeper.store_unavailable work=operators full",
        "bookkeeper.store_unavailable work=prune full",
        "bookkeeper.pruned contents=0 messages=1 inbound=0 events=0 freed=0",
        "bookkeeper.goes_on work=prune suppressed=4",
        "bookkeeper.goes_on work=operators suppressed=5",
    ]


def test_a_filter_is_told_once_and_its_end_too() -> None:
    async def main(loop: VirtualLoop) -> None:
        store, _, task = await begun(loop)
        hour = NOW // HOUR_US - 2
        before = [rate(hour - n, 20, 19) for n in range(30, 60)]
        store.keeping.found = [*before, rate(hour, 40, 2)]
        await asyncio.sleep(LOOK_S * 3)
        told = [("operator East", FILTER, Severity.WARNING)]
        assert store.notes == told * 2  # of the shape, and of the network as a whole
        store.keeping.found = [*before, rate(hour, 40, 2), rate(hour + 1, 400, 390)]
        await asyncio.sleep(LOOK_S * 3)
        assert store.notes[2:] == [("operator East", "delivers again", Severity.INFO)] * 2
        await stop(task)

    run_virtual(main)


def test_a_restart_tells_nothing_again_and_still_the_end() -> None:
    async def main(loop: VirtualLoop) -> None:
        store, _, task = await begun(loop)
        hour = NOW // HOUR_US - 2
        before = [rate(hour - n, 20, 19) for n in range(30, 60)]
        store.keeping.found = [*before, rate(hour, 40, 2)]
        await asyncio.sleep(LOOK_S * 3)
        assert len(store.notes) == 2
        await stop(task)
        again = Bookkeeper(store, LoopClock(loop.time, NOW), KEPT, trusted=lambda: True)  # type: ignore[arg-type]
        task = spawn(again.run(), name="bookkeeper")
        await asyncio.sleep(LOOK_S * 3)
        assert len(store.notes) == 2
        store.keeping.found += [rate(hour + 1, 400, 390)]
        await asyncio.sleep(LOOK_S * 3)
        assert [to for _, to, _ in store.notes[2:]] == ["delivers again"] * 2
        await stop(task)

    run_virtual(main)


def test_what_could_not_be_told_or_kept_of_filters_is_at_the_next_look_and_once() -> None:
    async def main(loop: VirtualLoop) -> None:
        store, _, task = await begun(loop)
        hour = NOW // HOUR_US - 2
        store.keeping.found = [*(rate(hour - n, 20, 19) for n in range(30, 60)), rate(hour, 40, 2)]
        store.room, store.keeping.full = 1, True
        await asyncio.sleep(LOOK_S * 3)
        assert len(store.notes) == 1
        store.room = 99
        await asyncio.sleep(LOOK_S * 3)
        assert (len(store.notes), store.keeping.told) == (2, "")
        store.keeping.full = False
        await asyncio.sleep(LOOK_S * 3)
        assert (len(store.notes), "East" in store.keeping.told) == (2, True)
        await stop(task)

    run_virtual(main)


@pytest.mark.parametrize("kept", ["no JSON", '[{"shape": "s"}]', "3"])
def test_what_another_version_has_kept_is_told_once_more(kept: str) -> None:
    async def main(loop: VirtualLoop) -> None:
        store, _, task = await begun(loop)
        store.keeping.told = kept
        hour = NOW // HOUR_US - 2
        store.keeping.found = [rate(hour - 40, 600, 590), rate(hour, 40, 2)]
        await asyncio.sleep(LOOK_S * 3)
        assert len(store.notes) == 2
        await stop(task)

    run_virtual(main)


def test_a_filter_is_not_over_because_nothing_is_sent() -> None:
    async def main(loop: VirtualLoop) -> None:
        store, _, task = await begun(loop)
        hour = NOW // HOUR_US - 2
        steady = [rate(hour - n, 20, 19) for n in range(1, 60)]
        store.keeping.found = [*steady, rate(hour, 40, 2)]
        await asyncio.sleep(LOOK_S * 3)
        told = len(store.notes)
        assert {what for _, what, _ in store.notes} == {FILTER}
        # Too few to say whether they arrive; then none for a day but those to another network.
        store.keeping.found += [rate(hour + 1, 5, 0)]
        await asyncio.sleep(LOOK_S * 2)
        other = replace(rate(hour + 60, 50, 49), operator="West")
        store.keeping.found += [other]
        await asyncio.sleep(LOOK_S * 2)
        assert len(store.notes) == told
        store.keeping.found += [rate(hour + 90, 40, 39)]
        await asyncio.sleep(LOOK_S * 2)
        assert store.notes[told:] == [("operator East", "delivers again", Severity.INFO)] * told
        await stop(task)

    run_virtual(main)


def test_it_can_be_turned_off() -> None:
    async def main(loop: VirtualLoop) -> None:
        store, _, task = await begun(loop, silent_filter=False)
        hour = NOW // HOUR_US - 2
        store.keeping.found = [rate(hour - 40, 600, 590), rate(hour, 40, 2)]
        await asyncio.sleep(LOOK_S * 3)
        assert store.notes == []
        await stop(task)

    run_virtual(main)

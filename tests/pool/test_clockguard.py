"""The clock guard: when the clock is doubted, what a jump does, in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from airpost.clock import SECOND_US, Instant, LoopClock, SteadyClock
from airpost.errors import StoreUnavailable
from airpost.pool.clockguard import ClockGuard
from airpost.store.timing import Newest
from airpost.tasks import spawn, stop
from tests.virtual import VirtualLoop, run_virtual

START = Instant(1_767_225_600_000_000)
DAY_S = 86_400


class Wall(LoopClock):
    """A machine's clock that people set."""

    ahead_s = 0.0

    def now(self) -> Instant:
        return Instant(super().now() + round(self.ahead_s * SECOND_US))


@dataclass
class Store:
    """What the guard asks, and what it was told."""

    found: Newest
    clock_trusted: bool = True
    closed: int = 0
    told: list[tuple[float, int, str]] = field(default_factory=list)

    @property
    def timing(self) -> Store:
        return self

    async def newest(self) -> Newest:
        return self.found

    async def moved(self, by_us: int, before: Instant, after_seq: int, words: str) -> None:
        if self.closed:
            self.closed -= 1
            raise StoreUnavailable("test")
        self.told.append((by_us / SECOND_US, after_seq, words))


class Rig:
    """A guard on a wall that can be set."""

    def __init__(
        self,
        loop: VirtualLoop,
        *,
        newest_s: float = -60,
        set_by_another: bool = True,
        up_s: float = 0,
        closed: int = 0,
    ) -> None:
        self.wall = Wall(loop.time, START)
        self.clock = SteadyClock(self.wall)
        self.store = Store(Newest(Instant(START + round(newest_s * SECOND_US)), 7), closed=closed)
        self.set_by_another = set_by_another
        self.changes = 0
        self.guard = ClockGuard(
            self.clock, self.store, self._changed, wait_s=600,
            synchronised=lambda: self.set_by_another, since_boot_s=lambda: up_s + loop.time(),
        )  # fmt: skip

    def _changed(self) -> None:
        self.changes += 1

    async def run(self, seconds: float) -> None:
        """Let so much time pass."""
        await asyncio.sleep(seconds)


def guarded(test: Callable[[Rig], object], **given: object) -> None:
    async def main(loop: VirtualLoop) -> None:
        rig = Rig(loop, **given)  # type: ignore[arg-type]
        await rig.guard.start()
        running = spawn(rig.guard.run(), name="guard")
        try:
            await test(rig)  # type: ignore[misc]
        finally:
            await stop(running)

    run_virtual(main)


def test_the_store_is_told_before_it_is_opened_whether_anybody_has_set_the_clock() -> None:
    async def main(loop: VirtualLoop) -> None:
        for by, up_s, trusted in ((False, 5, False), (False, 601, True), (True, 5, True)):
            rig = Rig(loop, set_by_another=by, up_s=up_s)
            rig.guard.before_open()
            assert (rig.store.clock_trusted, rig.changes) == (trusted, 0)
            await rig.guard.start()  # then whoever goes by it is told
            assert (rig.store.clock_trusted, rig.changes) == (trusted, int(not trusted))

    run_virtual(main)


def test_a_clock_that_is_right_is_trusted_at_once() -> None:
    async def test(rig: Rig) -> None:
        assert rig.store.clock_trusted
        await rig.run(3600)
        assert (rig.store.told, rig.changes) == ([], 0)

    guarded(test)


def test_before_the_newest_event_it_is_doubted_until_it_is_set() -> None:
    async def test(rig: Rig) -> None:
        assert not rig.store.clock_trusted
        await rig.run(60)
        rig.wall.ahead_s = 8 * 3600
        await rig.run(5)
        assert rig.store.clock_trusted
        # What this run accepted moves along, what older runs left had the right times.
        assert [(by, after) for by, after, _ in rig.store.told] == [(8 * 3600, 7)]

    guarded(test, newest_s=6 * 3600)


def test_doubt_ends_after_the_wait() -> None:
    async def test(rig: Rig) -> None:
        await rig.run(599)
        assert not rig.store.clock_trusted
        await rig.run(6)
        assert rig.store.clock_trusted
        await rig.run(3600)
        assert rig.store.clock_trusted

    guarded(test, newest_s=DAY_S)


def test_after_a_boot_it_is_doubted_until_somebody_sets_it() -> None:
    async def test(rig: Rig) -> None:
        assert not rig.store.clock_trusted
        await rig.run(100)
        rig.set_by_another = True
        await rig.run(5)
        assert rig.store.clock_trusted

    guarded(test, set_by_another=False)


@pytest.mark.parametrize(("up_s", "trusted"), [(599, False), (600, True), (DAY_S, True)])
def test_long_after_a_boot_nobody_is_waited_for(up_s: float, trusted: bool) -> None:
    async def test(rig: Rig) -> None:
        assert rig.store.clock_trusted is trusted

    guarded(test, set_by_another=False, up_s=up_s)


def test_a_jump_moves_what_runs_by_time_that_passes_and_is_told() -> None:
    async def test(rig: Rig) -> None:
        await rig.run(0.1)
        for ahead_s in (DAY_S, DAY_S - 30):
            rig.wall.ahead_s = ahead_s
            before = rig.clock.now()
            await rig.run(4.8)
            assert rig.clock.now() - before == pytest.approx(4.8 * SECOND_US, abs=10)
            await rig.run(0.2)
        assert rig.store.told == [
            (DAY_S, 0, "the clock was set forward by 86400 s, to 2026-01-02T00:00:05.000Z"),
            (-30, 0, "the clock was set back by 30 s, to 2026-01-01T23:59:40.000Z"),
        ]
        assert rig.clock.behind_us == 0

    guarded(test)


def test_keeping_it_right_is_followed_without_a_word() -> None:
    async def test(rig: Rig) -> None:
        await rig.run(1)
        for _ in range(10):
            rig.wall.ahead_s += 4
            await rig.run(5)
        assert rig.store.told == []
        await rig.run(5)
        assert rig.clock.behind_us == 0

    guarded(test)


def test_set_back_before_what_was_written_it_is_doubted() -> None:
    async def test(rig: Rig) -> None:
        await rig.run(10)
        rig.wall.ahead_s = -3600
        await rig.run(5)
        assert not rig.store.clock_trusted
        rig.wall.ahead_s = 1
        await rig.run(5)
        assert rig.store.clock_trusted

    guarded(test)


def test_what_a_store_did_not_take_is_written_later(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def test(rig: Rig) -> None:
        rig.wall.ahead_s = 60
        await rig.run(6)
        assert rig.store.told == []
        await rig.run(10)
        assert [by for by, _, _ in rig.store.told] == [60]

    guarded(test, closed=2)
    assert [each for each in caplog.messages if "moved" in each] == [
        "clock.not_moved test", "clock.moved suppressed=1"
    ]  # fmt: skip

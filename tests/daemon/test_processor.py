"""Where the service runs: with little to do on one processor, else where the kernel likes."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

import pytest

from airpost.clock import Instant, LoopClock
from airpost.daemon.processor import APART_S, Linux, Processor
from airpost.tasks import spawn, stop
from tests.virtual import VirtualLoop, run_virtual

ALL = frozenset({0, 1, 2, 3})
EVERY = frozenset(range(8))


class Box:
    """A host that was busy as the test says."""

    def __init__(self, loop: VirtualLoop, allowed: frozenset[int] = ALL) -> None:
        self.loop = loop
        self.has = allowed
        self.use = self.wait = 0.0  # of the time
        self.told: list[AbstractSet[int]] = []
        self.error: OSError | None = None
        self.cpuset = EVERY
        self._used_s = self._waited_s = self._at_s = 0.0

    def _go_on(self) -> None:
        passed_s, self._at_s = self.loop.time() - self._at_s, self.loop.time()
        self._used_s += passed_s * self.use
        self._waited_s += passed_s * self.wait

    def allowed(self) -> frozenset[int]:
        return self.has

    def every(self) -> frozenset[int]:
        return EVERY

    def here(self) -> int:
        return 2

    def used_s(self) -> float:
        self._go_on()
        return self._used_s

    def waited_s(self) -> float:
        self._go_on()
        return self._waited_s

    def confine(self, processors: AbstractSet[int]) -> None:
        if self.error is not None:
            raise self.error
        if not processors & self.cpuset:
            raise OSError(22, "none of them is there")
        self.told.append(processors)
        self.has = frozenset(processors & self.cpuset)


def test_it_stays_while_there_is_little_to_do() -> None:
    async def main(loop: VirtualLoop) -> None:
        box = Box(loop)
        task = spawn(Processor(LoopClock(loop.time, Instant(0)), box).run(), name="processor")
        for use, told in ((0.1, [{2}]), (0.4, [{2}]), (0.6, [{2}, ALL]), (0.4, [{2}, ALL])):
            box.use = use
            await asyncio.sleep(5)
            assert box.told == told
        box.use = 0.2
        await asyncio.sleep(5)
        await stop(task)
        assert box.told == [{2}, ALL, {2}, ALL]  # as it was found

    run_virtual(main)


def test_with_others_at_work_there_it_goes_elsewhere_for_a_while() -> None:
    async def main(loop: VirtualLoop) -> None:
        box = Box(loop)
        task = spawn(Processor(LoopClock(loop.time, Instant(0)), box).run(), name="processor")
        await asyncio.sleep(5)
        box.wait = 0.2
        await asyncio.sleep(2)
        assert box.told == [{2}, ALL]
        box.wait = 0.0
        await asyncio.sleep(APART_S - 5)
        assert box.told == [{2}, ALL]
        await asyncio.sleep(10)
        assert box.told == [{2}, ALL, {2}]
        await stop(task)

    run_virtual(main)


def test_where_there_is_one_nothing_is_done() -> None:
    async def main(loop: VirtualLoop) -> None:
        box = Box(loop, frozenset({1}))
        await Processor(LoopClock(loop.time, Instant(0)), box).run()
        assert box.told == []

    run_virtual(main)


def test_a_sandbox_that_does_not_let_it_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    async def main(loop: VirtualLoop) -> None:
        box = Box(loop)
        box.error = PermissionError(1, "by the test")
        with caplog.at_level("INFO"):
            await Processor(LoopClock(loop.time, Instant(0)), box).run()

    run_virtual(main)
    assert "processor.as_the_kernel_likes" in caplog.text


@pytest.fixture
def _as_before() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    yield
    Linux().confine(before)


@pytest.mark.usefixtures("_as_before")
def test_every_thread_is_confined_and_those_that_begin_later() -> None:
    host, gate = Linux(), threading.Event()
    allowed = host.allowed()
    before = threading.Thread(target=gate.wait)
    before.start()
    assert host.here() in allowed
    host.confine({host.here()})
    after = threading.Thread(target=gate.wait)
    after.start()
    threads = [before.native_id, after.native_id, threading.get_native_id()]
    assert [len(os.sched_getaffinity(each or 0)) for each in threads] == [1, 1, 1]
    host.confine(allowed)
    assert {frozenset(os.sched_getaffinity(each or 0)) for each in threads} == {allowed}
    gate.set()
    before.join()
    after.join()
    assert host.used_s() > 0
    assert host.waited_s() >= 0


def test_what_others_choose_meanwhile_stands() -> None:
    async def main(loop: VirtualLoop) -> None:
        box = Box(loop)
        task = spawn(Processor(LoopClock(loop.time, Instant(0)), box).run(), name="processor")
        await asyncio.sleep(5)
        box.has = frozenset({1, 3})  # by taskset
        box.use = 0.9
        await asyncio.sleep(5)
        assert box.told == [{2}]
        box.use = 0.0
        await asyncio.sleep(5)
        assert box.told == [{2}, {2}]
        await stop(task)
        assert box.has == {1, 3}

    run_virtual(main)


def test_where_the_processors_were_taken_away_it_has_what_there_is() -> None:
    async def main(loop: VirtualLoop) -> None:
        box = Box(loop)
        task = spawn(Processor(LoopClock(loop.time, Instant(0)), box).run(), name="processor")
        await asyncio.sleep(5)
        box.cpuset, box.use = frozenset({6, 7}), 0.9
        await asyncio.sleep(5)
        assert box.has == {6, 7}
        await stop(task)

    run_virtual(main)

"""Tasks: held, shielded, supervised."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from airpost.clock import Instant, LoopClock
from airpost.tasks import FAILURES_ALLOWED, set_within, shielded, spawn, stop, supervise
from tests.virtual import VirtualLoop, run_virtual


async def test_a_spawned_task_is_held_until_done() -> None:
    done = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    spawn(work(), name="work")
    gc.collect()
    await asyncio.wait_for(done.wait(), 60)


async def test_an_error_nobody_awaits_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise KeyError("lost")

    task = spawn(work(), name="doomed")
    with caplog.at_level(logging.ERROR):
        await asyncio.wait([task])
        await asyncio.sleep(0)
    assert "task=doomed" in caplog.text


async def test_shielded_work_ends_before_the_cancellation_goes_on() -> None:
    steps: list[str] = []
    begun = asyncio.Event()
    go = asyncio.Event()

    async def work() -> None:
        begun.set()
        await go.wait()
        steps.append("written")

    async def caller() -> None:
        try:
            await shielded(work(), name="air")
        finally:
            steps.append("caller left")

    task = spawn(caller(), name="caller")
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert steps == []
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert steps == ["written", "caller left"]


async def test_shielded_returns_and_raises_as_its_work_does() -> None:
    async def value() -> int:
        return 7

    async def fail() -> int:
        raise ValueError("no")

    assert await shielded(value(), name="v") == 7
    with pytest.raises(ValueError, match="no"):
        await shielded(fail(), name="f")


async def test_stop_waits_for_the_end() -> None:
    ended: list[bool] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    task = spawn(work(), name="w")
    await asyncio.sleep(0)
    await stop(task)
    assert ended == [True]


def supervised(failures: int, gap_s: float) -> tuple[int, list[str]]:
    """Runs of a work that fails `failures` times, `gap_s` apart; who gave up."""
    runs = 0
    gave_up: list[str] = []

    async def main(loop: VirtualLoop) -> None:
        async def work() -> None:
            nonlocal runs
            runs += 1
            await asyncio.sleep(gap_s)
            if runs <= failures:
                raise RuntimeError("again")

        async def quit_(error: BaseException) -> None:
            gave_up.append(str(error))

        clock = LoopClock(loop.time, Instant(0))
        await supervise(work, name="unit", clock=clock, gave_up=quit_)

    run_virtual(main)
    return runs, gave_up


def test_supervise_runs_again_after_a_crash() -> None:
    assert supervised(failures=FAILURES_ALLOWED, gap_s=0) == (FAILURES_ALLOWED + 1, [])


def test_supervise_gives_up_on_a_crash_loop() -> None:
    assert supervised(failures=99, gap_s=1) == (FAILURES_ALLOWED + 1, ["again"])


def test_supervise_forgets_old_crashes() -> None:
    assert supervised(failures=20, gap_s=300) == (21, [])


async def test_the_error_of_what_is_shielded_is_the_callers_to_tell(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fails() -> None:
        raise ValueError("told to the caller")

    with pytest.raises(ValueError, match="told"):
        await shielded(fails(), name="fails")
    assert caplog.records == []


def test_an_event_is_waited_for_as_long_as_was_said() -> None:
    async def main(loop: VirtualLoop) -> None:
        event = asyncio.Event()
        began_s = loop.time()
        assert not await set_within(event, 5.0)
        assert loop.time() - began_s == pytest.approx(5.0)
        loop.call_later(2.0, event.set)
        assert await set_within(event, 5.0)
        assert loop.time() - began_s == pytest.approx(7.0)
        assert await set_within(event, 0.0)

    run_virtual(main)

"""The timer that serves wait after wait."""

from __future__ import annotations

import asyncio

from airpost.modem.bell import Bell
from tests.virtual import VirtualLoop, run_virtual


def test_a_wait_ends_in_its_time_whatever_was_waited_for_before() -> None:
    async def waited(loop: VirtualLoop) -> list[float]:
        bell, took = Bell(), []
        for timeout_s in (10.0, 1.0, 30.0, 0.0, 5.0):
            begun_s = loop.time()
            await bell.awaited(timeout_s)
            took.append(round(loop.time() - begun_s, 3))
        return took

    assert run_virtual(waited) == [10.0, 1.0, 30.0, 0.0, 5.0]


def test_what_comes_in_time_leaves_its_timer_to_the_next_wait() -> None:
    async def waited(loop: VirtualLoop) -> tuple[float, float]:
        bell = Bell()
        for _ in range(3):
            coming = bell.awaited(10.0)
            loop.call_later(2.0, bell.ring)
            await coming
        rung_s = loop.time()
        await bell.awaited(10.0)
        return rung_s, loop.time()

    assert run_virtual(waited) == (6.0, 16.0)


def test_one_who_waits_no_more_is_not_rung_for() -> None:
    async def waited(loop: VirtualLoop) -> float:
        bell = Bell()
        gone = bell.awaited(1.0)
        gone.cancel()
        await asyncio.sleep(3.0)
        bell.ring()
        await bell.awaited(1.0)
        bell.close()
        return loop.time()

    assert run_virtual(waited) == 4.0


def test_a_wait_that_is_due_otherwise_ends_then_sooner_or_later() -> None:
    async def waited(loop: VirtualLoop) -> list[float]:
        bell, took = Bell(), []
        for timeout_s in (2.0, 30.0):
            begun_s = loop.time()
            waiting = bell.awaited(10.0)
            await asyncio.sleep(4.0)
            bell.due_in(timeout_s)
            await waiting
            took.append(round(loop.time() - begun_s, 3))
        return took

    assert run_virtual(waited) == [6.0, 34.0]

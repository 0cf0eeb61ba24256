"""The jumping loop itself: time moves only when nothing else can."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import pytest

from tests.virtual import VirtualLoop, run_virtual


def test_sleep_of_an_hour_takes_no_time() -> None:
    async def main(loop: VirtualLoop) -> float:
        await asyncio.sleep(3600)
        return loop.time()

    began = time.monotonic()
    assert run_virtual(main) == pytest.approx(3600)
    assert time.monotonic() - began < 5


def test_timers_fire_in_order_at_their_own_time() -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        seen: list[float] = []

        async def after(delay_s: float) -> None:
            await asyncio.sleep(delay_s)
            seen.append(loop.time())

        async with asyncio.TaskGroup() as group:
            for delay_s in (30, 10, 20.5):
                group.create_task(after(delay_s))
        return seen

    assert run_virtual(main) == pytest.approx([10, 20.5, 30])


def test_time_stands_still_while_a_thread_works() -> None:
    async def main(loop: VirtualLoop) -> float:
        timer = loop.create_future()
        loop.call_later(60, timer.set_result, None)
        await loop.run_in_executor(None, threading.Event().wait, 0.05)
        at = loop.time()
        await timer
        return at

    assert run_virtual(main) == 0


def test_time_stands_still_while_something_says_it_is_busy() -> None:
    async def main(loop: VirtualLoop) -> float:
        arrived = asyncio.Event()
        loop.busy["thread"] = lambda: not arrived.is_set()
        thread = threading.Timer(0.05, loop.call_soon_threadsafe, (arrived.set,))
        thread.start()
        async with asyncio.timeout(1):
            await arrived.wait()
        thread.join()
        return loop.time()

    assert run_virtual(main) == 0


def test_bytes_in_a_pipe_come_before_the_next_timer() -> None:
    async def main(loop: VirtualLoop) -> float:
        reader, writer = os.pipe()
        got: asyncio.Future[float] = loop.create_future()
        loop.add_reader(reader, lambda: got.done() or got.set_result(loop.time()))
        os.write(writer, b"x")
        at = await got
        loop.remove_reader(reader)
        os.close(reader)
        os.close(writer)
        return at

    assert run_virtual(main) == 0


def test_waiting_for_nothing_is_an_error_not_a_hang() -> None:
    async def main(loop: VirtualLoop) -> None:
        await loop.create_future()

    with pytest.raises(RuntimeError, match="wait for ever"):
        run_virtual(main)

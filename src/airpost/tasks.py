"""The only place that makes tasks: held until done, named, and never failing in silence.

L0: stdlib only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from airpost.clock import Clock

T = TypeVar("T")
log = logging.getLogger("airpost.tasks")
_held: set[asyncio.Task[Any]] = set()

RESTART_WAIT_S = 1.0
FAILURES_ALLOWED = 3  # within FAILURE_WINDOW_S; the next one is fatal for the supervised task
FAILURE_WINDOW_S = 600.0


def spawn(coro: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
    """Run `coro` as a task that is held until it ends; an exception nobody awaits is logged."""
    task = asyncio.get_running_loop().create_task(coro, name=name)
    _held.add(task)
    task.add_done_callback(_released)
    return task


def _released(task: asyncio.Task[Any]) -> None:
    _held.discard(task)
    _log_failure(task)


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("task.failed task=%s", task.get_name(), exc_info=error)


async def shielded(coro: Coroutine[Any, Any, T], *, name: str) -> T:
    """Await `coro` to its end even when the caller is cancelled; then the cancellation goes on.

    For what cannot be undone: the dialogue on the air and the write of its result.
    """
    task = asyncio.get_running_loop().create_task(coro, name=name)
    _held.add(task)
    task.add_done_callback(_held.discard)
    try:
        return await asyncio.shield(task)  # its error is the caller's to tell
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait([task])
        _log_failure(task)
        raise


async def set_within(event: asyncio.Event, wait_s: float) -> bool:
    """Wait until `event` is set, so many seconds at most; whether it is."""
    try:
        async with asyncio.timeout(wait_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def until_first(*works: Coroutine[Any, Any, None], name: str) -> None:
    """Run `works` together until the first of them ends; the others are cancelled.

    Raises what the first one raised. Being cancelled cancels all.
    """
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(work, name=f"{name} {at}") for at, work in enumerate(works)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        failed = [task for task in tasks if not task.cancelled() and task.exception()]
    for task in (*done, *failed):
        task.result()


async def stop(task: asyncio.Task[Any]) -> None:
    """Cancel `task` and wait until it has ended; its own error was logged already."""
    task.cancel()
    await asyncio.wait([task])


async def supervise(
    work: Callable[[], Awaitable[None]],
    *,
    name: str,
    clock: Clock,
    gave_up: Callable[[BaseException], Awaitable[None]],
) -> None:
    """Run `work` again after an unexpected exception; the fourth in ten minutes calls `gave_up`.

    Returns when `work` returns or after `gave_up`. Cancellation passes through.
    """
    failures: list[float] = []
    while True:
        try:
            await work()
        except Exception as error:  # the last resort: it logs and tries again
            log.exception("task.crashed task=%s", name)
            now = clock.mono()
            failures = [at for at in failures if now - at < FAILURE_WINDOW_S] + [now]
            if len(failures) > FAILURES_ALLOWED:
                await gave_up(error)
                return
            await clock.sleep(RESTART_WAIT_S)
        else:
            return

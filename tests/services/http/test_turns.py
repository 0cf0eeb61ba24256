"""A burst is spread over turns of the loop, in order."""

from __future__ import annotations

import asyncio

from airpost.services.http.turns import Turns
from airpost.tasks import spawn, stop


class _Burst:
    """Requests that come at once, and how many had run after each turn of the loop."""

    def __init__(self, most: int, count: int) -> None:
        self.turns = Turns(most)
        self.ran: list[int] = []
        self.tasks = [spawn(self._one(n), name=f"request {n}") for n in range(count)]

    async def _one(self, n: int) -> None:
        await self.turns.mine()
        self.ran.append(n)

    async def watch(self) -> list[int]:
        """How many more had run after each turn."""
        seen = []
        while not all(task.done() for task in self.tasks):
            before = len(self.ran)
            await asyncio.sleep(0)
            seen.append(len(self.ran) - before)
        return seen


async def test_no_turn_does_more_than_it_may() -> None:
    burst = _Burst(3, 10)
    seen = await burst.watch()
    assert max(seen) == 3
    assert burst.ran == list(range(10))


async def test_one_alone_does_not_wait() -> None:
    turns = Turns(1)
    for _ in range(3):
        waiting = turns.mine()
        try:
            waiting.send(None)
        except StopIteration:
            pass
        else:
            raise AssertionError("it waited")
        await asyncio.sleep(0)
        await asyncio.sleep(0)


async def test_one_that_is_gone_takes_no_place() -> None:
    burst = _Burst(1, 4)
    await asyncio.sleep(0)
    await stop(burst.tasks[1])
    await burst.watch()
    assert burst.ran == [0, 2, 3]

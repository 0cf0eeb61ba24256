"""An event loop whose time jumps: daemon and simulator on one loop, real pseudo-terminals.

`time()` stands still while anything can be read or written, while an executor call is under way, or
while one of `busy` says so; otherwise it jumps to the next timer. Timeouts are never scaled, so a
scenario of hours runs as fast as its work takes.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

LOOK_S = 0.002  # real seconds that one look for work takes at the most
STUCK_LOOKS = 15_000  # looks, not seconds: a process that was stopped meanwhile is not stuck
OUTSIDE_LOOKS = 10  # the same, where what is under way may itself be waiting for this loop
TTY_GRACE_S = (
    0.0005  # a terminal hands bytes over by a kernel worker: look once more before jumping
)


class _JumpingSelector(selectors.BaseSelector):
    """A selector that never waits for time, only for work that is under way."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._inner = selectors.DefaultSelector()
        self._loop = loop

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._inner.get_map()

    def close(self) -> None:
        self._inner.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._inner.select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        ready = self._inner.select(self._loop.grace_s)
        looks = 0
        while not ready and self._loop.under_way():
            ready = self._inner.select(LOOK_S)
            looks += 1
            if self._loop.outside and looks > OUTSIDE_LOOKS and timeout is not None:
                break
            if looks > STUCK_LOOKS:
                raise RuntimeError(f"nothing moved for long: {self._loop.under_way()}")
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError(
                "nothing is ready, under way or due: the program would wait for ever"
            )
        self._loop.jump(timeout)
        return self._inner.select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop. Add to `busy` what must be finished before time may jump."""

    def __init__(self) -> None:
        super().__init__(_JumpingSelector(self))
        self._now_s = 0.0
        self._calls = 0
        self._clock_resolution = 1e-6
        self.busy: dict[str, Callable[[], bool]] = {}
        self.outside = False  # somebody in a thread asks this loop and waits for the answer
        self.grace_s = TTY_GRACE_S
        self.jumps = 0

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now_s

    def jump(self, by_s: float) -> None:
        """Move time forward."""
        self._now_s += by_s
        self.jumps += 1

    def under_way(self) -> list[str]:
        """What keeps time from jumping."""
        names = [name for name, is_busy in self.busy.items() if is_busy()]
        return names + (["executor"] if self._calls else [])

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        """As the loop's own, counted."""
        self._calls += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._call_done)
        return future

    async def shutdown_default_executor(self, *args: Any) -> None:
        """As the loop's own, counted: a thread waits for the others to end."""
        self._calls += 1
        try:
            await super().shutdown_default_executor(*args)
        finally:
            self._calls -= 1

    def _call_done(self, _future: Any) -> None:
        self._calls -= 1


def run_virtual(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run `main(loop)` to its end on a new virtual loop."""
    made: list[VirtualLoop] = []

    def factory() -> VirtualLoop:
        made.append(VirtualLoop())
        return made[0]

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.get_loop()
        return runner.run(main(made[0]))

"""Time enters here alone.

L0: stdlib only. Wall time is integer UTC microseconds (`Instant`); durations run on `mono()`.
"""

from __future__ import annotations

import asyncio
import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NewType, Protocol

Instant = NewType("Instant", int)
"""UTC microseconds since 1970-01-01T00:00:00Z."""

SECOND_US = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What everything that needs time is given."""

    def now(self) -> Instant:
        """Wall time, UTC microseconds."""
        ...

    def mono(self) -> float:
        """Seconds that never jump; only differences mean anything."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Return after `delay_s` seconds of `mono()`."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        """Wall time, UTC microseconds."""
        return Instant(time.time_ns() // 1000)

    mono = staticmethod(time.monotonic)

    async def sleep(self, delay_s: float) -> None:
        """Sleep on the running loop."""
        await asyncio.sleep(delay_s)


class SteadyClock:
    """Wall time that does not jump: set once, then moved on by `mono()` alone, until it is set.

    What runs by it, a time to live say, takes no notice of somebody who sets the machine's clock;
    whoever calls `follow()` decides what that means.
    """

    def __init__(self, wall: Clock) -> None:
        self._wall = wall
        self.mono = wall.mono  # itself: it is asked dozens of times a segment
        self._now = wall.now()
        self._at_s = wall.mono()

    def now(self) -> Instant:
        """What the wall showed when it was last followed, and what has passed since."""
        return Instant(self._now + round((self.mono() - self._at_s) * SECOND_US))

    async def sleep(self, delay_s: float) -> None:
        """As the wall's."""
        await self._wall.sleep(delay_s)

    @property
    def behind_us(self) -> int:
        """How far the wall is ahead."""
        return self._wall.now() - self.now()

    def follow(self) -> int:
        """Show what the wall shows; by how much that is later than before, in microseconds."""
        moved = self.behind_us
        self._now, self._at_s = self._wall.now(), self._wall.mono()
        return moved


class LoopClock:
    """Wall and monotonic time derived from one event loop: with a loop that jumps, time jumps."""

    def __init__(self, loop_time: Callable[[], float], start: Instant) -> None:
        self._loop_time = loop_time
        self._origin_s = loop_time()
        self._start = start

    def now(self) -> Instant:
        """`start` plus what the loop's time has moved since."""
        return Instant(self._start + round((self._loop_time() - self._origin_s) * SECOND_US))

    def mono(self) -> float:
        """The loop's own time in seconds."""
        return self._loop_time()

    async def sleep(self, delay_s: float) -> None:
        """Sleep on the running loop."""
        await asyncio.sleep(delay_s)


def rfc3339(instant: Instant) -> str:
    """`2026-01-02T03:04:05.678Z`, milliseconds, UTC."""
    # Whole microseconds, no float on the way: a rounded-up second would show a time that never was.
    second, us = divmod(instant, SECOND_US)
    return f"{_second(second)}.{us // 1000:03d}Z"


@lru_cache(maxsize=64)  # most are of now
def _second(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat().removesuffix("+00:00")


def parse_rfc3339(text: str) -> Instant:
    """The instant of an RFC 3339 time with zone; ValueError on anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone, such as 2026-01-02T03:04:05Z")
    delta = moment - _EPOCH
    return Instant((delta.days * 86_400 + delta.seconds) * SECOND_US + delta.microseconds)


TIME_ERROR = 5  # of adjtimex(2): the clock is not synchronised
_TIMEX_OCTETS = 256  # struct timex is 208 on 64 bits; all zero it asks and sets nothing


def synchronised() -> bool:
    """False while the kernel knows that nobody has set the clock by another one since the boot.

    True also where it does not tell, as in some containers.
    """
    try:
        state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_OCTETS))
    except (OSError, AttributeError):
        return True
    return state != TIME_ERROR


def since_boot_s() -> float:
    """Seconds since the machine was started, those asleep too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)

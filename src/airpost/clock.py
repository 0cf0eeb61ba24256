"""Time enters here alone.

L0: stdlib only. Wall time is integer UTC microseconds (`Instant`); durations run on `mono()`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
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

    def mono(self) -> float:
        """CLOCK_MONOTONIC in seconds."""
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Sleep on the running loop."""
        await asyncio.sleep(delay_s)


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
    moment = datetime.fromtimestamp(instant // SECOND_US, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{instant % SECOND_US // 1000:03d}Z"


def parse_rfc3339(text: str) -> Instant:
    """The instant of an RFC 3339 time with zone; ValueError on anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone, such as 2026-01-02T03:04:05Z")
    delta = moment - _EPOCH
    return Instant((delta.days * 86_400 + delta.seconds) * SECOND_US + delta.microseconds)

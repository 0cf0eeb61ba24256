"""When to try again: one event by the schedule, an endpoint that is down by its own.

Pure: no clock, no asyncio.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

JITTER = 0.1  # of a wait, more: endpoints that failed together do not come back together
SILENT = 2  # tries in a row without any answer: it is down
REFUSING = 4  # different subjects it has refused in a row: it is down
PROBE_FIRST_S = 5.0
PROBE_LONGEST_S = 300.0
THROTTLE_S = 5.0  # where it asks for a pause and does not say how long
_THROTTLED = frozenset((429, 502, 503, 504))


class Schedule:
    """The waits between the tries of one event."""

    def __init__(self, waits_s: Sequence[float], rng: Random) -> None:
        self._waits_s = tuple(waits_s)
        self._rng = rng
        self.whole_s = sum(self._waits_s)

    def wait_s(self, tries: int) -> float:
        """How long to wait after so many tries."""
        wait_s = self._waits_s[min(tries, len(self._waits_s)) - 1]
        return wait_s * (1 + JITTER * self._rng.random())

    def over(self, tries: int, failed_s: float) -> bool:
        """True where an event is to be given up: tried so often, and for so long.

        Time alone does not count: the service may have been away for most of it.
        """
        return failed_s >= self.whole_s and tries > len(self._waits_s)


class Health:
    """Whether an endpoint is up. One that is down is asked by one event, now and then."""

    def __init__(self) -> None:
        self.down = False
        self.until_s = 0.0  # nothing is sent before; by the monotonic clock
        self._silent = 0
        self._refused: set[str] = set()
        self._probe_s = PROBE_FIRST_S

    def succeeded(self) -> bool:
        """It has taken one; True where it was down."""
        was, self.down = self.down, False
        self._silent = 0
        self._refused.clear()
        self._probe_s = PROBE_FIRST_S
        return was

    def failed(
        self, order: str, status: int | None, retry_after_s: float | None, now_s: float
    ) -> bool:
        """It has not; True where it is down since now."""
        pause_s = retry_after_s
        if pause_s is None:
            pause_s = THROTTLE_S if status in _THROTTLED else 0.0
        was = self.down
        if status is None:
            self._silent += 1
        else:
            self._silent = 0
            self._refused.add(order)
        self.down = was or self._silent >= SILENT or len(self._refused) >= REFUSING
        if self.down:
            if was:
                self._probe_s = min(PROBE_LONGEST_S, self._probe_s * 2)
            pause_s = max(pause_s, self._probe_s)
        self.until_s = max(self.until_s, now_s + pause_s)
        return self.down and not was

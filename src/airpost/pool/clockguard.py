"""Watches the machine's clock: what it is set by, and whether it is to be trusted yet.

May import store.api, L0. airpost goes by a clock of its own that does not jump. Here it is made to
follow the machine's; what runs by time that passes moves along, and a jump is an event. A machine
without a clock that runs on battery starts in the past: while the clock is before the newest event
of the store, or was set by nobody since the boot, nothing expires and no schedule fires.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from airpost.clock import SECOND_US, Instant, SteadyClock, rfc3339, since_boot_s, synchronised
from airpost.errors import StoreUnavailable
from airpost.outage import Outage

log = logging.getLogger("airpost.clock")

LOOK_S = 5.0
JUMP_S = 5.0  # less is what keeping a clock right does, and is followed without a word
DEFAULT_WAIT_S = 600.0


class Newest(Protocol):
    """The newest event and message of a store."""

    @property
    def event_at(self) -> Instant | None:
        """None where there is no event."""
        ...

    @property
    def message_seq(self) -> int:
        """0 where there is no message."""
        ...


class Timing(Protocol):
    """What the store does about time."""

    async def newest(self) -> Newest:
        """What is there now."""
        ...

    async def moved(self, by_us: int, before: Instant, after_seq: int, words: str) -> None:
        """The clock was set when it showed `before`. StoreUnavailable."""
        ...


class GuardedStore(Protocol):
    """The store as the guard knows it."""

    clock_trusted: bool

    @property
    def timing(self) -> Timing:
        """What it does about time."""
        ...


class ClockGuard:
    """`before_open()`, `start()` once the store is open, then `run()` for ever.

    `changed` is told of every jump.
    """

    def __init__(
        self,
        clock: SteadyClock,
        store: GuardedStore,
        changed: Callable[[], None],
        *,
        wait_s: float = DEFAULT_WAIT_S,
        synchronised: Callable[[], bool] = synchronised,
        since_boot_s: Callable[[], float] = since_boot_s,
    ) -> None:
        self._clock = clock
        self._store = store
        self._changed = changed
        self._wait_s = wait_s
        self._synchronised = synchronised
        self._since_boot_s = since_boot_s
        self._newest_at = Instant(0)
        self._begun_after = 0  # messages after that were accepted in this run
        self._doubted_s: float | None = None  # since when, by `mono()`
        self._unwritten: list[tuple[int, Instant, int, str]] = []
        self._outage = Outage(log, "clock.not_moved", "clock.moved")

    def before_open(self) -> None:
        """Let the store know whether anybody has set the clock, should it have been put back."""
        self._clock.follow()
        self._store.clock_trusted = not self._set_by_nobody()

    async def start(self) -> None:
        """Look at the clock for the first time."""
        self._clock.follow()
        self._store.clock_trusted = True  # until this looks at it with what the store tells
        found = await self._store.timing.newest()
        self._newest_at = found.event_at or Instant(0)
        self._begun_after = found.message_seq
        self._judge()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._clock.sleep(LOOK_S)
            self._look()
            await self._write()

    def _look(self) -> None:
        before = self._clock.now()
        trusted = self._store.clock_trusted
        by_us = self._clock.follow()
        if abs(by_us) > JUMP_S * SECOND_US:
            way = "forward" if by_us > 0 else "back"
            words = f"set {way} by {abs(by_us) / SECOND_US:.0f} s, to {rfc3339(self._clock.now())}"
            log.warning("clock.set %s", words)
            # Before the clock was right what older runs left had the right times already.
            after = 0 if trusted else self._begun_after
            whole_us = round(by_us / SECOND_US) * SECOND_US
            self._unwritten.append((whole_us, before, after, f"the clock was {words}"))
            self._newest_at = max(self._newest_at, before) if trusted else self._newest_at
        self._judge()

    async def _write(self) -> None:
        while self._unwritten:
            try:
                await self._store.timing.moved(*self._unwritten[0])
            except StoreUnavailable as error:
                self._outage.failed(error.reason)
                return
            self._outage.over()
            del self._unwritten[0]
            self._changed()

    def _judge(self) -> None:
        """Whether it is to be trusted; `wait_s` after the first doubt it is, whatever it shows."""
        why = self._doubt()
        now_s = self._clock.mono()
        if why is None:
            self._doubted_s = None
        elif self._doubted_s is None:
            self._doubted_s = now_s
        trusted = self._doubted_s is None or now_s - self._doubted_s >= self._wait_s
        if trusted is self._store.clock_trusted:
            return
        self._store.clock_trusted = trusted
        if trusted:
            log.info("clock.trusted %s", why or "set")
        else:
            log.warning("clock.doubted %s: nothing expires, no schedule fires for at most %.0f s",
                        why, self._wait_s)  # fmt: skip
        self._changed()

    def _doubt(self) -> str | None:
        if self._clock.now() < self._newest_at:
            return f"it is before the newest event of the store, {rfc3339(self._newest_at)}"
        if self._set_by_nobody():
            return "it was set by nobody since the machine was started"
        return None

    def _set_by_nobody(self) -> bool:
        return self._since_boot_s() < self._wait_s and not self._synchronised()

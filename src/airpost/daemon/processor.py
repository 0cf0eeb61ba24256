"""Keeps a service that has little to do on one processor, whose caches hold what it needs.

Stdlib and L0. The kernel moves whom it wakes to where he is woken from, and then what a segment
needs comes from memory anew: with eight modems at 200 ms a fifth of all the processor time. All
threads share one interpreter, so with little to do one processor is enough for them. With much to
do, or with others at work on that one, the kernel chooses again. What an administrator allows
(`CPUAffinity=`, `taskset`) is what there is to choose from.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from airpost.clock import Clock

log = logging.getLogger("airpost.processor")

LOOK_S = 1.0
STAYS_BELOW = 0.3  # of one processor
LEAVES_ABOVE = 0.5
WAITED_MOST = 0.05  # of the time, ready to run: then somebody else is at work there
APART_S = 60.0  # after that, until it stays somewhere again

_PROCESSOR = 36  # in /proc/self/stat, behind the name (proc(5), field 39)
_WAITED_NS = 1  # in /proc/self/schedstat


class Host(Protocol):
    """What the kernel tells of this process, and is told."""

    def allowed(self) -> frozenset[int]:
        """The processors it may run on."""
        ...

    def every(self) -> frozenset[int]:
        """All that this machine has."""
        ...

    def here(self) -> int:
        """The one its loop runs on."""
        ...

    def used_s(self) -> float:
        """Processor time of all its threads."""
        ...

    def waited_s(self) -> float:
        """How long its loop was ready to run, and did not; OSError."""
        ...

    def confine(self, processors: AbstractSet[int]) -> None:
        """Have all threads run there alone, and those they begin; OSError."""
        ...


class Linux:
    """This process. /proc is memory: nothing here waits for a disk."""

    def allowed(self) -> frozenset[int]:
        """Of the main thread."""
        return frozenset(os.sched_getaffinity(0))

    def every(self) -> frozenset[int]:
        """The kernel leaves out what is not there, or not for this process."""
        return frozenset(range(os.cpu_count() or 1))

    def here(self) -> int:
        """By the last turn of the main thread."""
        told = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace")
        return int(told.rpartition(")")[2].split()[_PROCESSOR])

    def used_s(self) -> float:
        """Since the start."""
        return time.process_time()

    def waited_s(self) -> float:
        """Of the main thread, since the start; OSError where the kernel does not count it."""
        return int(Path("/proc/self/schedstat").read_text().split()[_WAITED_NS]) / 1e9

    def confine(self, processors: AbstractSet[int]) -> None:
        """What has ended meanwhile is left out."""
        for thread in threading.enumerate():
            if thread.native_id is not None:
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(thread.native_id, processors)


class Processor:
    """Where the service runs, while `run()` does."""

    def __init__(self, clock: Clock, host: Host | None = None) -> None:
        self._clock = clock
        self._host = host or Linux()
        self._allowed = self._host.allowed()
        self._one: AbstractSet[int] = frozenset()
        self._again_at = clock.mono()
        self.stays = False  # on one

    async def run(self) -> None:
        """Look once a second, until cancelled; returns where there is nothing to choose."""
        if len(self._allowed) < 2:
            return
        host = self._host
        try:
            used_s, waited_s = host.used_s(), host.waited_s()
            while True:
                await self._clock.sleep(LOOK_S)
                used_before_s, used_s = used_s, host.used_s()
                waited_before_s, waited_s = waited_s, host.waited_s()
                self._look(used_s - used_before_s, waited_s - waited_before_s)
        except OSError as error:  # a sandbox that does not let it
            log.info("processor.as_the_kernel_likes %s", error)
        finally:
            if self.stays:
                with suppress(OSError):
                    self._leave()

    def _look(self, used_s: float, waited_s: float) -> None:
        crowded = waited_s > WAITED_MOST * LOOK_S
        if crowded:
            self._again_at = self._clock.mono() + APART_S
        if self.stays:
            if crowded or used_s > LEAVES_ABOVE * LOOK_S:
                self._leave()
        elif used_s < STAYS_BELOW * LOOK_S and self._clock.mono() >= self._again_at:
            self._stay()

    def _stay(self) -> None:
        allowed = self._host.allowed()  # as it is now: somebody may have changed it
        if len(allowed) < 2:
            return
        self._allowed, self._one = allowed, {self._host.here()}
        self.stays = True  # before it is: where that breaks off, it is left
        self._host.confine(self._one)
        log.debug("processor.stays on=%s", sorted(self._one))

    def _leave(self) -> None:
        if self._host.allowed() == self._one:  # else somebody has chosen meanwhile: so be it
            try:
                self._host.confine(self._allowed)
            except OSError:  # none of them is ours any more
                self._host.confine(self._host.every())
        self.stays = False
        log.debug("processor.free")

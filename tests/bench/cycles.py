"""A modem opened, set up and closed again and again: `python -m tests.bench.cycles --cycles 10000`.

In real time on a simulated modem in a process of its own. What this process holds afterwards is
compared with what it held after the first cycles; exit status 1 when anything has leaked.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import tempfile
import threading
import time
from asyncio import Future
from dataclasses import dataclass
from pathlib import Path

from airpost.clock import SystemClock
from airpost.model import Lane, ModemView, SimId
from airpost.modem.profile import load_profile
from airpost.modem.unit import Unit
from airpost.modem.unitsettings import UnitSettings
from airpost.outcome import Outcome
from airpost.received import RawPart, RawReport
from airpost.tasks import spawn
from tests.bench.machine import machine
from tests.system.processes import Sim

WARM = 500  # cycles until pools, caches and the allocator have what they need
STEPS = 10  # lines told on the way
GROWTH_MB = 2.0
READY_S = 30.0
PAGE = os.sysconf("SC_PAGE_SIZE")


class Behind:
    """What a unit has behind it; keeps nothing but whether it is ready."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self._memory: dict[str, str] = {}

    async def part(self, part: RawPart) -> None: ...

    async def report(self, report: RawReport) -> None: ...

    def report_later(self, report: RawReport) -> Future[None]:
        done: Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def unreadable(
        self, sim_id: SimId, lane: Lane, raw: bytes, field: str, offset: int, reason: str
    ) -> None: ...

    async def recall(self, key: str) -> str | None:
        return self._memory.get(key)

    async def remember(self, key: str, value: str) -> None:
        self._memory[key] = value

    def changed(self, view: ModemView) -> None:
        if view.ready:
            self.ready.set()

    def identified(self, lane: Lane, imei: str, sim_id: SimId) -> None: ...

    def late(self, lane: Lane, segment_id: int, mr: int | None, outcome: Outcome) -> None: ...

    def called(self, lane: Lane, number: str | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Held:
    """What the process holds."""

    descriptors: int
    tasks: int
    threads: int
    objects: int
    resident_mb: float

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return cls(
            descriptors=len(list(Path("/proc/self/fd").iterdir())) - 1,  # not that of the listing
            tasks=len(asyncio.all_tasks()),
            threads=threading.active_count(),
            objects=len(gc.get_objects()),
            resident_mb=pages * PAGE / 1e6,
        )

    def __str__(self) -> str:
        return (
            f"{self.descriptors} descriptors, {self.tasks} tasks, {self.threads} threads, "
            f"{self.objects} objects, {self.resident_mb:.2f} MB"
        )


async def cycle(port: str) -> None:
    """Open, set up until it could send, close."""
    behind = Behind()
    profile = load_profile()
    unit = Unit(
        UnitSettings(lane=Lane("gate-1"), port=port), lambda *_: profile,
        behind, behind, behind, SystemClock(),
    )  # fmt: skip
    running = spawn(unit.run(), name="unit")
    async with asyncio.timeout(READY_S):
        await behind.ready.wait()
    await unit.stop()
    await running


async def cycles(port: str, count: int) -> bool:
    """True when nothing has leaked."""
    for _ in range(WARM):
        await cycle(port)
    before, began_s = Held.now(), time.monotonic()
    print(f"after {WARM} cycles: {before}", flush=True)
    for at in range(1, count + 1):
        await cycle(port)
        if at % max(1, count // STEPS) == 0:
            print(f"{at:>6}: {Held.now()}", flush=True)
    after = Held.now()
    growth_mb = after.resident_mb - before.resident_mb
    per_s = count / (time.monotonic() - began_s)
    print(f"{count} cycles, {per_s:.0f} a second: {growth_mb:+.2f} MB, "
          f"{after.descriptors - before.descriptors:+d} descriptors, "
          f"{after.tasks - before.tasks:+d} tasks, {after.threads - before.threads:+d} threads, "
          f"{after.objects - before.objects:+d} objects")  # fmt: skip
    same = (after.descriptors, after.tasks) == (before.descriptors, before.tasks)
    return same and growth_mb <= GROWTH_MB


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=10_000)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="airpost-cycles-") as folder:
        sim = Sim(Path(folder) / "sim", 1)
        try:
            good = asyncio.run(cycles(sim.ports[0], options.cycles))
        finally:
            sim.close()
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()

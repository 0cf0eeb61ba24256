"""How long urgent messages wait beside bulk, in virtual time: `python -m tests.bench.urgent`.

Four modems of 3 s a segment, 10,000 bulk messages waiting, one modem reserved, otp and alarm at
random, 6 a minute, until there were so many. A wait is from the acceptance to the begin of the time
on the air.
Nothing in it depends on the speed of the machine, so the bar is judged: exit 1 below it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from airpost.clock import Clock
from airpost.model import Claimed, MessageClass
from airpost.pool.capacity import URGENT_SHARE, URGENT_WAIT_S, under_bulk_per_minute
from tests.bench.machine import machine
from tests.pool.rig import Rig, pooled
from tests.virtual import VirtualLoop, run_virtual

MODEMS, SERVICE_S, RATE_PER_MINUTE, BULK = 4, 3.0, 6.0, 10_000
SPREAD = 0.03  # of the service time, from modem to modem: no two end in step for ever
BATCH = 500


class Timed(list[Claimed]):
    """What a unit has sent, and when each began."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.begun: dict[str, float] = {}
        self._clock = clock

    def append(self, segment: Claimed) -> None:
        self.begun[segment.message_id] = self._clock.mono()
        super().append(segment)


async def waits(rig: Rig, count: int, seed: int) -> list[float]:
    """The waits of `count` urgent messages, in seconds."""
    for unit in rig.units:
        unit.sent = Timed(rig.clock)
    rng = Random(seed)
    for begin in range(0, BULK, BATCH):
        await asyncio.gather(
            *(rig.accept(class_=MessageClass.BULK, to=f"+49170{at:07}")
              for at in range(begin, begin + BATCH))
        )  # fmt: skip
    await asyncio.sleep(10 * SERVICE_S)
    asked: dict[str, float] = {}
    for at in range(count):
        await asyncio.sleep(rng.expovariate(RATE_PER_MINUTE / 60))
        class_ = rng.choice((MessageClass.OTP, MessageClass.ALARM))
        now = rig.clock.mono()
        asked[await rig.accept(class_=class_, to=f"+49151{at:07}")] = now
    await asyncio.sleep(20 * SERVICE_S)
    begun: dict[str, float] = {}
    for unit in rig.units:
        assert isinstance(unit.sent, Timed)
        begun |= unit.sent.begun
    return [begun[each] - asked[each] for each in asked]


def main() -> int:
    """Measure and print; 1 when the bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found: list[float] = []
    bulk = 0

    async def run(loop: VirtualLoop) -> None:
        nonlocal bulk
        times = [SERVICE_S * (1 + SPREAD * (at / (MODEMS - 1) - 0.5)) for at in range(MODEMS)]
        with tempfile.TemporaryDirectory(prefix="airpost-urgent-") as folder:
            async with pooled(loop, Path(folder), times) as rig:
                found.extend(await waits(rig, given.count, given.seed))
                bulk = sum(each.class_ is MessageClass.BULK for u in rig.units for each in u.sent)

    began = time.monotonic()
    run_virtual(run)
    found.sort()
    share = sum(each <= URGENT_WAIT_S for each in found) / len(found)
    promised = under_bulk_per_minute(MODEMS, SERVICE_S, 1)
    print(machine())
    print(f"urgent wait, {MODEMS} modems x {SERVICE_S:g} s, {BULK:,} bulk waiting, "
          f"{RATE_PER_MINUTE:g} urgent/min, 1 reserved, virtual time: {share:.1%} within "
          f"{URGENT_WAIT_S:g} s of {len(found):,}; p50 {found[len(found) // 2]:.2f} s, "
          f"p98.7 {found[int(len(found) * URGENT_SHARE)]:.2f} s, longest {found[-1]:.2f} s; "
          f"{bulk:,} bulk sent beside; promised up to {promised:.1f}/min "
          f"({time.monotonic() - began:.0f} s)")  # fmt: skip
    return 0 if share >= URGENT_SHARE else 1


if __name__ == "__main__":
    sys.exit(main())

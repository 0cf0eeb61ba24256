"""A receiver that is away for an hour under load, then back: `python -m tests.bench.webhooks`.

Four modems in virtual time, a message a second, told of to a webhook; the same once more without
one. Nothing depends on the speed of the machine, so the bar is judged: exit 1 where an event is
missing or out of order, or where sending was any slower.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.machine import machine
from tests.system.house import House, opened
from tests.system.receiver import receiver
from tests.system.test_events import TYPES, by_message, post, waits
from tests.virtual import VirtualLoop, run_virtual

MODEMS, BEFORE_S, EVERY_S = 4, 120.0, 1.0


@dataclass
class Found:
    waits_ms: list[int] = field(default_factory=list)
    messages: int = 0
    events: int = 0
    lost: int = 0
    disordered: int = 0
    repeated: int = 0
    tries_away: int = 0
    caught_up_s: float = 0.0


async def load(house: House, for_s: float, ids: list[str]) -> None:
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    for n in range(round(for_s / EVERY_S)):
        await asyncio.sleep(max(0.0, begun_s + n * EVERY_S - loop.time()))
        ids.append((await house.post(to=f"+4917{len(ids):08d}", text=f"{n}"))["id"])


async def hour(loop: VirtualLoop, folder: Path, away_s: float, *, told: bool) -> Found:
    found = Found()
    away = False

    def says(_body: object) -> int:
        found.tries_away += away
        return 503 if away else 204

    ids: list[str] = []
    async with (
        opened(loop, folder, MODEMS, air_s=2.0, report_delay_s=1.0) as house,
        receiver(says) as (address, taken),
    ):
        if told:
            await post(house, "/v1/webhooks", {"url": address, "types": TYPES})
        await load(house, BEFORE_S, ids)
        away = True
        await load(house, away_s, ids)
        away = False
        back_s = loop.time()
        await load(house, BEFORE_S, ids)
        await house.settled(ids[-MODEMS:])
        if told:
            await house.until(lambda: len(taken) >= 2 * len(ids))
            found.caught_up_s = loop.time() - back_s
        found.waits_ms = sorted(await waits(house, ids))
    messages = by_message(taken)
    found.messages, found.events = len(ids), len(taken)
    kinds = [[type_ for _, type_ in dict.fromkeys(messages.get(id_, []))] for id_ in ids]
    found.lost = sum(len(TYPES) - len(set(each)) for each in kinds)
    found.disordered = sum(each != TYPES for each in kinds if len(set(each)) == len(TYPES))
    found.repeated = len(taken) - len({each["id"] for each in taken})
    return found


def main() -> int:
    """Measure and print; 1 when the bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--away-s", type=float, default=3600)
    given = parser.parse_args()
    began_s = time.monotonic()
    runs: list[Found] = []
    for told in (False, True):
        with tempfile.TemporaryDirectory(prefix="airpost-webhooks-") as folder:
            runs.append(
                run_virtual(lambda loop: hour(loop, Path(folder), given.away_s, told=told))  # noqa: B023
            )
    without, found = runs
    print(machine())
    print(f"webhook away for {given.away_s:g} s, {MODEMS} modems, a message a second, virtual "
          f"time: {found.messages:,} messages, {found.events:,} events, {found.lost} lost, "
          f"{found.disordered} out of order, {found.repeated} repeated; {found.tries_away} tries "
          f"while away; everything there {found.caught_up_s:.0f} s after it was back; "
          f"acceptance to sent p50 {_at(found, 0.5)} ms, p99 {_at(found, 0.99)} ms, without a "
          f"webhook {_at(without, 0.5)} and {_at(without, 0.99)} ms "
          f"({time.monotonic() - began_s:.0f} s)")  # fmt: skip
    slower = max(_at(found, each) - _at(without, each) for each in (0.5, 0.99))
    return 1 if found.lost or found.disordered or slower > 1 else 0


def _at(found: Found, share: float) -> int:
    return found.waits_ms[int(share * (len(found.waits_ms) - 1))]


if __name__ == "__main__":
    sys.exit(main())

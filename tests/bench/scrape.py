"""What a monitor costs: `python -m tests.bench.scrape [--modems 64] [--waiting 100000]`.

The service sends from a full backlog over all modems, first unwatched, then while `/metrics` is
read again and again. Figures are printed, with the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from itertools import pairwise
from typing import Any

from tests.bench.machine import machine
from tests.bench.million import filled
from tests.bench.stand import Setup

AIR_S = 0.2  # of each part
SPREAD = 0.005
BEGINNING_S = 5.0


def gaps_s(told: list[dict[str, Any]], since_s: float, until_s: float) -> list[float]:
    """From each `OK` to the next Ctrl-Z within a stretch of time, in order of size."""
    found = []
    for modem in told:
        sends = [send for send in modem["sends"] if send[0] is not None and send[1] is not None]
        found += [b[0] - a[1] for a, b in pairwise(sends) if since_s <= a[1] and b[0] <= until_s]
    return sorted(found)


def tell(words: str, gaps: list[float], core: float) -> None:
    """One stretch."""
    p99 = gaps[int(0.99 * len(gaps))]
    print(
        f"{words}: {len(gaps)} gaps, median {statistics.median(gaps) * 1e3:.2f} ms, "
        f"p99 {p99 * 1e3:.2f} ms, longest {gaps[-1] * 1e3:.1f} ms; {core:.0%} of a core",
        flush=True,
    )


async def run(modems: int, waiting: int, seconds: float, every_s: float) -> None:
    """Both stretches."""
    setup = Setup(modems, AIR_S, SPREAD)
    await filled(setup.folder / "airpost.db", waiting + 1000, waiting)
    async with setup:
        await asyncio.sleep(BEGINNING_S)
        marks = [(time.monotonic(), setup.cpu_s())]
        await asyncio.sleep(seconds)
        marks.append((time.monotonic(), setup.cpu_s()))
        took, octets = [], 0
        while time.monotonic() < marks[1][0] + seconds:
            began_s = time.monotonic()
            async with setup.http.get("/metrics") as response:
                assert response.status == 200, await response.text()
                octets = len(await response.read())
            took.append(time.monotonic() - began_s)
            await asyncio.sleep(max(0.0, every_s - took[-1]))
        marks.append((time.monotonic(), setup.cpu_s()))
        await asyncio.sleep(1)
        told = setup.told()
    print(f"{modems} modems, {AIR_S * 1e3:g} ms on the air, {waiting} bulk waiting")
    names = ("unwatched", f"/metrics every {every_s:g} s")
    for words, (began, ended) in zip(names, pairwise(marks), strict=True):
        core = (ended[1] - began[1]) / (ended[0] - began[0])
        tell(words, gaps_s(told, began[0], ended[0]), core)
    print(
        f"/metrics: {octets} octets, n={len(took)}, median {statistics.median(took) * 1e3:.0f} ms, "
        f"longest {max(took) * 1e3:.0f} ms"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modems", type=int, default=64)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--every", type=float, default=10.0)
    asked = parser.parse_args()
    print(machine())
    asyncio.run(run(asked.modems, asked.waiting, asked.seconds, asked.every))


if __name__ == "__main__":
    main()

"""Messages that come in, many at once: `python -m tests.bench.inbound`.

Each modem gets so many a second, first while nothing is sent, then while every modem sends all the
time. What is measured is from the moment the network hands a message to the modem until it can be
read at `/v1/inbound`; every message must be there once. While every modem sends, what that does to
the gap from a modem's OK to the Ctrl-Z of its next segment is told too.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections import Counter
from itertools import pairwise
from typing import Any

from airpost.tasks import spawn, stop
from tests.bench.machine import machine
from tests.bench.stand import Setup

WAIT_S = 30.0  # for the last ones
PAGE = 500


async def received(setup: Setup, seen: dict[str, list[float]], total: int) -> None:
    """Read until all have come, or none for WAIT_S; when each was first seen, for each time."""
    cursor, newest_s = "", time.monotonic()
    while sum(map(len, seen.values())) < total and time.monotonic() - newest_s < WAIT_S:
        query = {"cursor": cursor, "limit": str(PAGE), "wait_s": "5"}
        async with setup.http.get("/v1/inbound", params=query) as response:
            page: dict[str, Any] = await response.json()
        now_s = time.monotonic()
        cursor = page["next"] or cursor
        for item in page["items"]:
            seen.setdefault(item["text"], []).append(now_s)
            newest_s = now_s


async def keep_sending(setup: Setup, modems: int) -> None:
    """Never an idle modem."""
    n = 0
    while True:
        await asyncio.gather(
            *(setup.post(f"+4917{n + at:08d}", report=False) for at in range(modems))
        )
        n += modems
        async with setup.http.get("/v1/messages?state=queued&limit=200") as response:
            waiting = len((await response.json())["items"])
        if waiting > 4 * modems:
            await asyncio.sleep(0.2)


def gaps_s(setup: Setup, since_s: float) -> list[float]:
    """OK to the next Ctrl-Z, of all modems, in order of length."""
    return sorted(
        after[0] - before[1]
        for modem in setup.told()
        for before, after in pairwise(modem["sends"])
        if before[1] is not None and after[0] is not None and before[1] >= since_s
    )


async def run(modems: int, per_s: float, seconds: float, air_s: float, *, busy: bool) -> None:
    async with Setup(modems, air_s) as setup:
        sending = spawn(keep_sending(setup, modems), name="sending") if busy else None
        await asyncio.sleep(2)
        before, begun_s = setup.cpu_s(), time.monotonic()
        total = modems * round(per_s * seconds)
        setup.modems.inbound(per_s, seconds)
        seen: dict[str, list[float]] = {}
        await received(setup, seen, total)
        used_s = setup.cpu_s() - before
        gaps = gaps_s(setup, begun_s)
        if sending is not None:
            await stop(sending)
        late = sorted(times[0] - float(text.split()[-1]) for text, times in seen.items())
        doubled = sum(len(times) - 1 for times in seen.values())
        by_modem = Counter(text.split()[0] for text in seen)
        p99 = late[min(len(late) - 1, int(0.99 * len(late)))] if late else float("nan")
        bar = f"one time on the air, {air_s * 1e3:.0f} ms" if busy else "20 ms"
        print(
            f"inbound, {modems} modems x {per_s:g}/s for {seconds:g} s, "
            f"{'while sending' if busy else 'idle'}: {total - len(seen)} lost, {doubled} doubled, "
            f"median {statistics.median(late) * 1e3 if late else float('nan'):.1f} ms "
            f"(bar: {bar}), p99 {p99 * 1e3:.1f} ms, max {late[-1] * 1e3 if late else 0:.0f} ms; "
            f"least {min(by_modem.values(), default=0)} of a modem; {used_s:.1f} s of processor",
            flush=True,
        )
        if gaps:
            print(
                f"OK to the next Ctrl-Z meanwhile: median {statistics.median(gaps) * 1e3:.1f} ms, "
                f"p99 {gaps[int(0.99 * len(gaps))] * 1e3:.1f} ms, max {gaps[-1] * 1e3:.0f} ms, "
                f"{len(gaps)} gaps; on the air {air_s / (air_s + statistics.mean(gaps)):.2%}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modems", type=int, default=8)
    parser.add_argument("--per-s", type=float, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--air-ms", type=float, default=200)
    options = parser.parse_args()
    print(machine(), flush=True)
    for busy in (False, True):
        asyncio.run(
            run(options.modems, options.per_s, options.seconds, options.air_ms / 1000, busy=busy)
        )


if __name__ == "__main__":
    main()

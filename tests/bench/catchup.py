"""What sending feels of a webhook that catches up on an hour: `python -m tests.bench.catchup`.

In real time. Eight modems at 200 ms have more to send than they can. First nobody is told; then a
webhook that refuses everything, until as many messages have gone as an hour has seconds; then it is
back and catches up, with all else going on; then it is level. Told is the gap of the modems between
two segments in each of the four, with what the service used of a core. Exit 1 where an event is
missing or out of order, or where the gap while it catches up is above the bar.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from itertools import pairwise
from typing import Any

from tests.bench.machine import machine
from tests.bench.stand import Setup
from tests.system.receiver import receiver

MODEMS, AIR_S = 8, 0.2
TYPES = ["message.sent", "message.delivered"]
GAP_MS = 20.0
MORE = '\n[webhooks]\nallow = ["127.0.0.1"]\n'
Json = dict[str, Any]


class Windows:
    """Spans of time with what the service used in each."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._at: list[tuple[str, float, float]] = []
        self.next("-")

    def next(self, name: str) -> None:
        """Begin one; the one before ends."""
        self._at.append((name, time.monotonic(), self._setup.cpu_s()))

    def say(self) -> dict[str, float]:
        """Print each; the p99 of the gap in it, in ms."""
        self.next("")
        found = {}
        told = self._setup.told()
        for (name, since_s, used_s), (_, until_s, more_s) in pairwise(self._at):
            if name == "-":
                continue
            lasted_s = until_s - since_s
            gaps_ms = sorted(
                (b[2] - a[1]) * 1000
                for modem in told for a, b in pairwise(modem["sends"])
                if since_s <= a[1] and b[2] < until_s
            )  # fmt: skip
            found[name] = _at(gaps_ms, 0.99)
            print(f"{name}: {lasted_s:.1f} s, {len(gaps_ms):,} gaps, p50 {_at(gaps_ms, 0.5):.1f}, "
                  f"p99 {_at(gaps_ms, 0.99):.1f}, longest {gaps_ms[-1]:.1f} ms; service "
                  f"{(more_s - used_s) / lasted_s:.0%} of a core")  # fmt: skip
        return found


async def measured(hour: int, seconds: float) -> bool:
    setup = Setup(MODEMS, AIR_S)
    setup.more = MORE
    away = True
    async with receiver(lambda _body: 503 if away else 204) as (address, taken), setup:
        os.nice(19)  # who is told is another machine
        to = [f"+4917{n:08d}" for n in range(hour + round(seconds * 5 * MODEMS * 4))]
        batch = await _call(setup, "/v1/batches", {"to": to, "text": "hello", "report": True})
        await asyncio.sleep(5)
        windows = Windows(setup)
        windows.next("nobody is told")
        await asyncio.sleep(seconds)
        windows.next("-")
        begun = _sent(setup)
        webhook = await _call(setup, "/v1/webhooks", {"url": f"{address}/", "types": TYPES})
        while _sent(setup) < begun + hour / 2:
            await asyncio.sleep(1)
        windows.next("it refuses")
        while _sent(setup) < begun + hour:
            await asyncio.sleep(1)
        windows.next("it catches up")
        away, back_s = False, time.monotonic()
        where = f"/v1/webhooks/{webhook['id']}"
        await _call(setup, f"{where}/resume", {})
        while await _left(setup, where) > MODEMS:
            await asyncio.sleep(0.5)
        took_s, caught = time.monotonic() - back_s, len(taken)
        windows.next("it is level")
        await asyncio.sleep(seconds)
        print(machine())
        p99_ms = windows.say()
        async with setup.http.delete(f"/v1/batches/{batch['id']}") as response:
            assert response.status == 200, await response.text()
        await asyncio.sleep(3)  # what is on the air, and its reports
        while await _left(setup, where):
            await asyncio.sleep(0.5)
        ids = [each["id"] for each in await _delivered(setup)
               if each["sent_at"] > webhook["created_at"]]  # fmt: skip
    by_message: dict[str, list[str]] = {}
    for each in taken:
        by_message.setdefault(each["data"]["id"], []).append(each["type"])
    lost = sum(each not in by_message for each in ids)
    wrong = sum(by_message.get(each, TYPES) != TYPES for each in ids)
    print(f"{caught:,} events in {took_s:.1f} s, {caught / took_s:.0f} a second; of {len(ids):,} "
          f"messages {lost} not told of and {wrong} out of order; "
          f"{len(taken) - len({each['id'] for each in taken})} events came again")  # fmt: skip
    return not lost and not wrong and p99_ms["it catches up"] <= GAP_MS


async def _call(setup: Setup, path: str, body: Json) -> Json:
    async with setup.http.post(path, json=body) as response:
        assert response.status < 300, await response.text()
        answer: Json = await response.json()
        return answer


async def _delivered(setup: Setup) -> list[Json]:
    """All that were, page after page."""
    found: list[Json] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"state": "delivered", "limit": 500, "cursor": cursor}
        async with setup.http.get("/v1/messages", params=query) as response:
            page = await response.json()
        found += page["items"]
        cursor = page["next"]
    return found


async def _left(setup: Setup, where: str) -> int:
    """Events that it has yet to take."""
    async with setup.http.get(where) as response:
        told = await response.json()
        left: int = told["waiting"] + told["behind"]
        return left


def _sent(setup: Setup) -> int:
    return sum(len(each["sends"]) for each in setup.told())


def _at(found: list[float], share: float) -> float:
    return found[int(share * (len(found) - 1))]


def main() -> int:
    """Measure and print; 1 when something is missing or slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hour", type=int, default=3600, help="messages while it is away")
    parser.add_argument("--seconds", type=float, default=20, help="of the first and the last span")
    given = parser.parse_args()
    return 0 if asyncio.run(measured(given.hour, given.seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())

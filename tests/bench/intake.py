"""What is handed in, as fast as it is taken: `python -m tests.bench.intake`.

`posts`: single messages over 64 connections, each answered after its commit; the modems are paused,
so nothing else is measured. The requests come from a process beside the service (`caller.py`) by
the Unix socket, without a key, with one, and with an Idempotency-Key each.

`batch`: many numbers and one text in one `POST /v1/batches`, while eight modems send: how many a
second, and what it does to the gap between two segments. `rows`: the same many as rows with values,
of a template. `flood`: as single messages.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import aiohttp

from tests.bench.machine import machine
from tests.bench.stand import Setup

BAR_PER_S = 4000
ROWS_PER_S = 5000
SPREAD = 0.005  # of the air time, as in slice.py


async def called(setup: Setup, *options: str) -> dict[str, Any]:
    """What `tests.bench.caller` saw."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.caller", str(setup.socket), *options,
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    found: dict[str, Any] = json.loads(out)
    return found


async def pause(setup: Setup) -> None:
    """No modem takes anything."""
    async with setup.http.get("/v1/modems") as response:
        modems = (await response.json())["items"]
    for each in modems:
        async with setup.http.post(f"/v1/modems/{each['name']}/pause") as response:
            assert response.status == 200, await response.text()


async def key_of(setup: Setup) -> str:
    asked = {"name": "bench", "owner": "bench", "scopes": ["send"]}
    async with setup.http.post("/v1/keys", json=asked) as response:
        return str((await response.json())["token"])


async def posts(seconds: float, connections: int, kinds: list[str]) -> None:
    """Single messages, and what the service needs for them."""
    async with Setup(2, 0.2) as setup:
        await pause(setup)
        options = {
            "plain": (),
            "key": ("--key", await key_of(setup)),
            "idempotent": ("--idempotent", "order"),
        }
        asked = ("--connections", str(connections), "--seconds", str(seconds))
        await called(setup, "--connections", str(connections), "--seconds", "1")
        for at, kind in enumerate(kinds, 1):
            before_s = setup.cpu_s()
            seen = await called(setup, "--first", str(at * 1_000_000), *asked, *options[kind])
            used_s = setup.cpu_s() - before_s
            print(
                f"POST /v1/messages, {connections} connections, {kind}: {seen['per_s']:.0f}/s "
                f"(bar: {BAR_PER_S}); median {seen['median_s'] * 1e3:.1f} ms, "
                f"p99 {seen['p99_s'] * 1e3:.1f} ms, max {seen['max_s'] * 1e3:.0f} ms; "
                f"{used_s / seen['count'] * 1e3:.3f} ms of processor a message, "
                f"{used_s / seen['wall_s']:.0%} of a core; the caller {seen['core']:.0%}; "
                f"answers {seen['statuses']}",
                flush=True,
            )


TEXT = "Your order 4711 is on its way"


def asked_of(what: str, count: int) -> bytes:
    """The body of a batch."""
    numbers = [f"+4917{n:08d}" for n in range(1_000_000, 1_000_000 + count)]
    if what == "batch":
        return json.dumps({"to": numbers, "text": TEXT, "class": "bulk"}).encode()
    rows = [
        {"to": number, "values": {"name": f"Ada {n}", "order": n, "day": "Tuesday"}}
        for n, number in enumerate(numbers)
    ]
    template = "Dear {{ name }}, your order {{ order }} is on its way and comes on {{ day }}."
    return json.dumps({"messages": rows, "template": template, "class": "bulk"}).encode()


async def sending(setup: Setup, modems: int) -> None:
    """Enough for each modem to be busy throughout."""
    await asyncio.gather(*(setup.post(f"+49160{n:07d}", report=False) for n in range(20 * modems)))
    await asyncio.sleep(2)


async def beside(what: str, count: int, modems: int = 8, air_s: float = 0.2) -> None:
    """Messages taken in while others are sent."""
    body = b"" if what == "flood" else asked_of(what, count)
    async with Setup(modems, air_s, SPREAD) as setup:
        await sending(setup, modems)
        before_s, began_s = setup.cpu_s(), time.monotonic()
        if what != "flood":
            timeout = aiohttp.ClientTimeout(total=600)
            kinds = {"Content-Type": "application/json", "Idempotency-Key": "b"}
            async with setup.http.post(
                "/v1/batches", data=body, headers=kinds, timeout=timeout
            ) as response:
                assert response.status == 202, await response.text()
                assert (await response.json())["accepted"] == count
        else:
            seen = await called(setup, "--first", "1000000", "--seconds", str(count / BAR_PER_S))
            count = seen["count"]
            assert set(seen["statuses"]) == {"202"}, seen["statuses"]
        took_s, used_s = time.monotonic() - began_s, setup.cpu_s() - before_s
        gaps_s = sorted(gaps_of(setup.told(), began_s, began_s + took_s))
    print(
        f"{what}, {len(body) / 1e6:.1f} MB: {count} messages in {took_s:.1f} s, "
        f"{count / took_s:.0f}/s (bar: "
        f"{BAR_PER_S if what == 'flood' else ROWS_PER_S}), {used_s / count * 1e3:.3f} ms of "
        f"processor each, sending included; meanwhile OK to the next Ctrl-Z, {modems} modems, "
        f"{air_s * 1e3:.0f} ms: n={len(gaps_s)}, median {gaps_s[len(gaps_s) // 2] * 1e3:.1f} ms, "
        f"p99 {gaps_s[int(0.99 * len(gaps_s))] * 1e3:.1f} ms (bar: 20), "
        f"max {gaps_s[-1] * 1e3:.0f} ms",
        flush=True,
    )


def gaps_of(told: list[dict[str, Any]], begin_s: float, end_s: float) -> Iterator[float]:
    """From each OK to the next Ctrl-Z, both within."""
    for modem in told:
        out = [send for send in modem["sends"] if send[0] is not None and send[1] is not None]
        for before, after in pairwise(out):
            if begin_s < before[1] and after[0] < end_s:
                yield after[0] - before[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["posts", "batch", "rows", "flood"])
    parser.add_argument("--count", type=int, default=100_000, help="of all but posts")
    parser.add_argument("--seconds", type=float, default=8, help="of each kind of posts")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--kinds", nargs="*", default=["plain", "key", "idempotent"])
    options = parser.parse_args()
    print(machine(), flush=True)
    if "posts" in options.what:
        asyncio.run(posts(options.seconds, options.connections, options.kinds))
    for what in ("batch", "rows", "flood"):
        if what in options.what:
            asyncio.run(beside(what, options.count))


if __name__ == "__main__":
    main()

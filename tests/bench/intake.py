"""What is handed in, as fast as it is taken: `python -m tests.bench.intake`.

`posts`: single messages over 64 connections, each answered after its commit; the modems are paused,
so nothing else is measured. The requests come from a process beside the service (`caller.py`) by
the Unix socket, without a key, with one, and with an Idempotency-Key each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from tests.bench.machine import machine
from tests.bench.stand import Setup

BAR_PER_S = 4000


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["posts"])
    parser.add_argument("--seconds", type=float, default=8, help="of each kind of posts")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--kinds", nargs="*", default=["plain", "key", "idempotent"])
    options = parser.parse_args()
    print(machine(), flush=True)
    if "posts" in options.what:
        asyncio.run(posts(options.seconds, options.connections, options.kinds))


if __name__ == "__main__":
    main()

"""From a request to a hook to `AT+CMGS` on an idle modem: `python -m tests.bench.hook`.

The modem in a process beside the service, and both beside the caller; one monotonic clock.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from tests.bench.machine import machine
from tests.bench.stand import Setup

TOKEN = "a-token-of-a-hook"
MEDIAN_MS, P99_MS = 15.0, 60.0
HOOK = """
[[hook]]
name = "pump"
to = ["+491701234567"]
text = "{{ pump }}: {{ pressure_bar|round(1) }} bar{% for each in states %} {{ each }}{% endfor %}"
dedup = "{{ pump }}-{{ n }}"
token_file = "token"
"""


async def measured(count: int, gap_s: float, by: str) -> list[float]:
    """Milliseconds of each."""
    setup = Setup(1, 0.02)
    setup.more = HOOK
    (setup.folder / "token").write_text(TOKEN)
    async with setup:
        begun: list[float] = []
        for n in range(count):
            await asyncio.sleep(gap_s)
            path = f"/hooks/{by}/pump/{TOKEN}"
            body = {"pump": "P2", "pressure_bar": 9.73, "n": n, "states": ["high", "stopped"]}
            begun.append(time.monotonic())
            async with setup.http.post(path, json=body) as response:
                assert response.status == 200, await response.text()
                await response.read()
        await asyncio.sleep(1)
        (told,) = setup.told()
    sends = [send[2] for send in told["sends"]]
    assert len(sends) == count, f"{len(sends)} of {count} went out"
    return sorted((at - from_) * 1000 for from_, at in zip(begun, sends, strict=True))


def main() -> int:
    """Measure and print; 1 when the bar is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--gap-s", type=float, default=0.2)
    given = parser.parse_args()
    found = asyncio.run(measured(given.count, given.gap_s, "generic"))
    median, p99 = found[len(found) // 2], found[int(0.99 * (len(found) - 1))]
    print(machine())
    print(f"hook to first AT+CMGS, idle modem, {len(found)} requests: median {median:.1f} ms, "
          f"p99 {p99:.1f} ms, longest {found[-1]:.1f} ms")  # fmt: skip
    return 0 if median <= MEDIAN_MS and p99 <= P99_MS else 1


if __name__ == "__main__":
    sys.exit(main())

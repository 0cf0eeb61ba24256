"""500 clients of the stream, one of which takes nothing: `python -m tests.bench.stream`.

Eight modems send for a while; told are how late events come to the others, what the service's
memory grows by, and the gap of the modems between two segments.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import sys
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from airpost.tasks import spawn
from tests.bench.machine import machine
from tests.bench.stand import PAGE, Setup, cpu_s

MODEMS, AIR_S = 8, 0.2
SAMPLED = 5  # clients whose events are looked at
MORE = """
[stream]
clients = 1200
stall_s = 5
"""
REQUEST = (b"GET /v1/stream?types=message.sent,message.delivered HTTP/1.1\r\n"
           b"Host: localhost\r\n\r\n")  # fmt: skip


class Client(asyncio.Protocol):
    """Takes everything and, where `late_ms` is given, notes how late each event is."""

    def __init__(self, late_ms: list[float] | None) -> None:
        self._late_ms = late_ms
        self._rest = b""
        self.events = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        self.events += data.count(b"\ndata: ")
        if self._late_ms is None:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data: "):
                told = json.loads(line[6:])["timestamp"]
                at = datetime.fromisoformat(told).timestamp()
                self._late_ms.append((now - at) * 1000)

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost = True


def resident(pid: int) -> float:
    """Megabytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6


async def measured(clients: int, seconds: float) -> None:
    setup = Setup(MODEMS, AIR_S)
    setup.more = MORE
    setup.http_more = f"max_connections = {clients + 200}\n"
    async with setup:
        loop = asyncio.get_running_loop()
        late_ms: list[float] = []
        all_ = []
        pid = setup.service.pid
        for n in range(clients - 1):
            made = Client(late_ms if n < SAMPLED else None)
            await loop.create_unix_connection(lambda made=made: made, str(setup.socket))
            all_.append(made)
            if n % 50 == 0:
                await asyncio.sleep(0.05)
        stalled = socket.socket(socket.AF_UNIX)
        stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stalled.connect(str(setup.socket))
        stalled.sendall(REQUEST)
        await asyncio.sleep(1.0)
        before_mb = most_mb = resident(pid)

        async def watch() -> None:
            nonlocal most_mb
            while True:
                most_mb = max(most_mb, resident(pid))
                await asyncio.sleep(0.2)

        watching = spawn(watch(), name="memory")
        used_s = cpu_s(pid)
        begun_s, n = time.monotonic(), 0
        while time.monotonic() - begun_s < seconds:
            for _ in range(20):
                await setup.post(f"+4917{n:08d}", f"{n}")
                n += 1
            await asyncio.sleep(20 / (MODEMS / (AIR_S + 0.01)) - 0.1)
        await asyncio.sleep(3)
        used_s = cpu_s(pid) - used_s
        watching.cancel()
        gaps = []
        for told in setup.told():
            sends = told["sends"]
            gaps += [b[2] - a[1] for a, b in pairwise(sends)]
        stalled.close()
    late_ms.sort()
    gaps_ms = sorted(each * 1000 for each in gaps)
    lost = sum(each.lost for each in all_[:-1])
    print(machine())
    memory = f"memory {before_mb:.0f} MB, at most {most_mb:.0f} MB"
    same = len({each.events for each in all_}) == 1
    print(f"{clients} clients of the stream, one stalled, {MODEMS} modems at {AIR_S:g} s, "
          f"{n:,} messages, {all_[0].events:,} events to each: late p50 {_at(late_ms, 0.5):.0f} "
          f"ms, p99 {_at(late_ms, 0.99):.0f} ms, most {late_ms[-1]:.0f} ms; {memory}; "
          f"gap p50 {_at(gaps_ms, 0.5):.1f} ms, p99 {_at(gaps_ms, 0.99):.1f} ms; "
          f"service {used_s / seconds:.0%} of a core; all got the same {same}, "
          f"{lost} cut")  # fmt: skip


def _at(found: list[float], share: float) -> float:
    return found[int(share * (len(found) - 1))]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30)
    given = parser.parse_args()
    asyncio.run(measured(given.clients, given.seconds))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""All at once: `python -m tests.bench.mixed`.

A thousand single messages a second are handed in, a hundred clients follow the stream, and eight
modems send; now and then somebody sends an alarm. Told are the gap of the modems between two
segments, and from the request of an alarm to its `AT+CMGS`. Callers and clients are processes of
their own.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing as mp
import selectors
import socket
import sys
import time
from datetime import datetime
from itertools import pairwise
from multiprocessing.connection import Connection
from typing import Any

from tests.bench.intake import SPREAD, called
from tests.bench.machine import machine
from tests.bench.stand import Setup

MODEMS, AIR_S, CLIENTS, PER_S = 8, 0.2, 100, 1000
ALARM_EVERY_S = 0.2
GAP_MS, ALARM_MS = 20.0, 100.0
REQUEST = b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
MORE = "[stream]\nclients = 200\n"


def _follow(pipe: Connection, path: str) -> None:
    """Clients of the stream that take everything; how many events came to the first."""
    waiting = selectors.DefaultSelector()
    for n in range(CLIENTS):
        one = socket.socket(socket.AF_UNIX)
        one.connect(path)
        one.sendall(REQUEST)
        one.setblocking(False)
        waiting.register(one, selectors.EVENT_READ, n)
    waiting.register(pipe, selectors.EVENT_READ, None)
    pipe.send("ready")
    events = [0] * CLIENTS
    while True:
        for key, _ in waiting.select():
            if key.data is None:
                pipe.send((min(events), max(events)))
                return
            assert isinstance(key.fileobj, socket.socket)
            events[key.data] += key.fileobj.recv(1 << 16).count(b"\ndata: ")


async def _alarms(setup: Setup, seconds: float) -> list[tuple[str, float]]:
    """Alarms, each with when its request began."""
    sent, begun_s = [], time.monotonic()
    while time.monotonic() - begun_s < seconds:
        asked_s = time.monotonic()
        asked = {"to": f"+4915{len(sent):08d}", "text": "pump 3 stands", "class": "alarm"}
        async with setup.http.post("/v1/messages", json=asked) as response:
            assert response.status == 202, await response.text()
            sent.append(((await response.json())["id"], asked_s))
        await asyncio.sleep(ALARM_EVERY_S)
    return sent


async def _begun_s(setup: Setup, message_id: str, told: list[dict[str, Any]]) -> float:
    """When `AT+CMGS` of a message was written: that of the send whose end is nearest to its own."""
    async with setup.http.get(f"/v1/messages/{message_id}") as response:
        (part,) = (await response.json())["parts"]
    ended = datetime.fromisoformat(part["sent_at"]).timestamp() - time.time() + time.monotonic()
    sends = told[int(part["modem"].removeprefix("gate-")) - 1]["sends"]
    nearest = min((each for each in sends if each[1]), key=lambda each: abs(each[1] - ended))
    assert abs(nearest[1] - ended) < AIR_S / 2
    return float(nearest[2])


def _at(values_s: list[float], share: float) -> float:
    return sorted(values_s)[int(share * (len(values_s) - 1))] * 1000


async def measured(seconds: float) -> bool:
    setup = Setup(MODEMS, AIR_S, SPREAD)
    setup.more = MORE
    setup.http_more = "max_connections = 400\n"
    async with setup:
        ours, theirs = mp.Pipe()
        clients = mp.get_context("spawn").Process(target=_follow, args=(theirs, str(setup.socket)))
        clients.start()
        await asyncio.to_thread(ours.recv)  # noqa: TID251 - no other work waits on this loop
        calling = asyncio.ensure_future(  # noqa: TID251 - held until it is awaited
            called(setup, "--connections", "64", "--seconds", str(seconds), "--per-s", str(PER_S))
        )
        await asyncio.sleep(2)
        used_s, from_s = setup.cpu_s(), time.monotonic()
        alarms = await _alarms(setup, seconds - 4)
        used_s, to_s = setup.cpu_s() - used_s, time.monotonic()
        seen = await calling
        await asyncio.sleep(1)
        told = setup.told()
        waits = [await _begun_s(setup, each, told) - asked_s for each, asked_s in alarms]
        ours.send("stop")
        least, most = ours.recv()
        clients.join(10)
    # The modem that carries no bulk waits for alarms: that is no gap.
    busy = sorted(told, key=lambda each: len(each["sends"]))[1:]
    gaps = [b[0] - a[1] for each in busy for a, b in pairwise(each["sends"])
            if b[0] and a[1] and from_s < b[0] < to_s]  # fmt: skip
    print(machine())
    print(f"{seen['per_s']:.0f} POSTs a second ({seen['statuses']}), {CLIENTS} clients of the "
          f"stream ({least:,} to {most:,} events each), {MODEMS} modems at {AIR_S:g} s: gap OK to "
          f"Ctrl-Z p50 {_at(gaps, 0.5):.1f}, p99 {_at(gaps, 0.99):.1f} ms (bar {GAP_MS:g}), most "
          f"{_at(gaps, 1):.0f} ms; {len(waits)} alarms, request to AT+CMGS p50 "
          f"{_at(waits, 0.5):.0f}, p99 {_at(waits, 0.99):.0f} ms (bar {ALARM_MS:g}), most "
          f"{_at(waits, 1):.0f} ms; service {used_s / (to_s - from_s):.0%} of a core")  # fmt: skip
    return _at(gaps, 0.99) <= GAP_MS and _at(waits, 0.99) <= ALARM_MS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args()
    return 0 if asyncio.run(measured(options.seconds)) else 1


if __name__ == "__main__":
    sys.exit(main())

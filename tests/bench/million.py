"""A store of a million messages: what a claim costs, and a start on it.

    python -m tests.bench.million [--stored 1000000] [--waiting 100000] [--dir D]

The rows are those of messages that the store itself has made, copied behind its back. A claim is
the look of a lane for its next segments, and the binding that comes before it; the start is
`airpost serve` as a process of its own, with a simulated modem, until the first segment is on the
air.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from airpost.clock import SystemClock
from airpost.model import MessageClass
from airpost.states import SegmentEvent
from airpost.store.api import Binding
from airpost.store.sqlite import SqliteStore
from tests.bench.machine import machine
from tests.bench.stand import PAGE, Modems
from tests.store.values import G1, SIM1, begin, end, new

CLOCK = SystemClock()
LOOKS = 300
# Column → what a copy has in its place; `n.i` is the number of the copy.
MESSAGE = {"id": "'c-' || n.i", "seq": "n.i", "number": "'+49' || (1600000000 + n.i)"}
SEGMENT = {"id": "n.i", "message_seq": "n.i", "transmission_id": "n.i"}
TRANSMISSION = {"id": "n.i", "message_seq": "n.i"}
ATTEMPT = {"id": "n.i", "segment_id": "n.i", "tail": "substr(1600000000 + n.i, -8)"}
EVENT = {"message_seq": "n.i"}


def copies(db: sqlite3.Connection, table: str, where: str, changes: dict[str, str],
           first: int, count: int) -> None:  # fmt: skip
    """`count` copies of the row of a table, numbered from `first` on."""
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    own = {"message": "seq", "event": "seq"}.get(table, "id")  # counted by the store otherwise
    columns = [name for name in columns if name in changes or name != own]
    shown = ", ".join(changes.get(name, f"t.{name}") for name in columns)
    numbers = "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
    insert = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {shown}"
    db.execute(f"{numbers} {insert} FROM n, {table} t WHERE {where}", (first, first + count - 1))


async def filled(path: Path, stored: int, waiting: int) -> None:
    """A store of so many messages, of which some wait and the rest are delivered."""
    store = SqliteStore(path, CLOCK, Random(1))
    await store.open(CLOCK.now())
    now = CLOCK.now()
    sent, waits = await store.accept([
        new("sent", to="+491511", at=now, want_report=False),
        new("waits", to="+491512", at=now, class_=MessageClass.BULK, want_report=False),
    ])  # fmt: skip
    await store.bind([Binding(message_seq=sent.seq, lane=G1, sim_id=SIM1, reason="bench")])
    (segment,) = await store.claim(G1, now, 1)
    await end(store, segment, await begin(store, segment, now), SegmentEvent.TAKEN, 1, now)
    await store.close()
    db = sqlite3.connect(path)
    begin_at = 1000
    for seq, first, count in ((sent.seq, begin_at, stored - waiting),
                              (waits.seq, begin_at + stored - waiting, waiting)):  # fmt: skip
        if not count:
            continue
        with db:
            copies(db, "message", f"t.seq = {seq}", MESSAGE, first, count)
            copies(db, "transmission", f"t.message_seq = {seq}", TRANSMISSION, first, count)
            copies(db, "segment", f"t.message_seq = {seq}", SEGMENT, first, count)
            copies(db, "event", f"t.message_seq = {seq} AND t.subject = 'message'", EVENT,
                   first, count)  # fmt: skip
            if seq == sent.seq:
                copies(db, "attempt", f"t.segment_id = {segment.segment_id}", ATTEMPT, first, count)
    db.close()


async def timed(work: Callable[[], Awaitable[object]]) -> float:
    """The median of LOOKS, in milliseconds."""
    taken = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3


async def claims(path: Path) -> dict[str, float]:
    """What looking for the next segments costs, in milliseconds."""
    store = SqliteStore(path, CLOCK, Random(1))
    await store.open(CLOCK.now())
    routes = ["default"]
    now = CLOCK.now()
    found = await store.backlog(now, 2, [G1], routes)
    await store.bind(
        [Binding(message_seq=each.seq, lane=G1, sim_id=SIM1, reason="bench") for each in found]
    )
    told = {
        "claim() of 16": await timed(lambda: store.claim(G1, CLOCK.now(), 16)),
        "backlog() of 32": await timed(lambda: store.backlog(CLOCK.now(), 32, [G1], routes)),
        "next_due()": await timed(lambda: store.next_due(CLOCK.now())),
    }
    await store.close()
    return told


async def started(folder: Path) -> tuple[float, float]:
    """Seconds from the start of the process to its first segment, and its memory then, in MB."""
    modems = Modems(folder, 1, 0.2)
    config = f'[store]\nurl = "sqlite:///airpost.db"\n[http]\nlisten = ["unix:{folder}/s"]\n'
    config += (
        f'[modems]\ndiscover = false\n[[modem]]\nname = "gate-1"\nport = "{modems.ports[0]}"\n'
    )
    (folder / "airpost.toml").write_text(config)
    began = time.monotonic()
    command = [sys.executable, "-m", "airpost.daemon.cli.main", "serve", "--config",
               str(folder / "airpost.toml")]  # fmt: skip
    with (folder / "log").open("wb") as log:
        service = subprocess.Popen(command, stderr=log)
    try:
        while not (sends := modems.told()[0]["sends"]) or not sends[0][0]:
            await asyncio.sleep(0.01)
        took_s = sends[0][0] - began
        pages = int(Path(f"/proc/{service.pid}/statm").read_text().split()[1])
    finally:
        service.terminate()
        service.wait(60)
        modems.close()
    return took_s, pages * PAGE / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--stored", type=int, default=1_000_000)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--dir", type=Path)
    given = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="airpost-million-", dir=given.dir) as name:
        few, many = Path(name) / "few", Path(name) / "many"
        costs = []
        for folder, stored in ((few, 1000), (many, given.stored)):
            folder.mkdir()
            waiting = min(given.waiting, stored // 10)
            asyncio.run(filled(folder / "airpost.db", stored, waiting))
            costs.append(asyncio.run(claims(folder / "airpost.db")))
        for what in costs[0]:
            one, other = (cost[what] for cost in costs)
            print(f"{what}: {one:.3f} ms of 1,000 stored, {other:.3f} ms of {given.stored:,}: "
                  f"{other / one:.2f} times", flush=True)  # fmt: skip
        took = [asyncio.run(started(many)) for _ in range(3)]
        print(f"start with {given.stored:,} stored, {given.waiting:,} waiting: first segment after "
              f"{', '.join(f'{s:.2f}' for s, _ in took)} s, {max(mb for _, mb in took):.0f} MB, "
              f"file {(many / 'airpost.db').stat().st_size / 1e6:,.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()

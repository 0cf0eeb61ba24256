"""How fast the store is on a disk: durable accepts, air round trips, claims, lists, a sweep's look.

    python -m tests.bench.store [--dir D] [--seconds 3] [--in-flight 200] [--backlog 100000]
                                [--rows 1000000]

Prints one table and the machine it ran on. `--dir` says which disk; the default is the current one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from airpost.clock import SystemClock
from airpost.model import MessageClass
from airpost.states import MessageState, SegmentEvent
from airpost.store.api import Binding, Intent, MessageFilter
from airpost.store.sqlite import SqliteStore
from tests.bench.machine import machine
from tests.store.values import G1, SIM1, new, settlement

CLOCK = SystemClock()


def fsync_ms(folder: Path) -> float:
    """The median of 50 appends of a page with fdatasync, in milliseconds."""
    taken = []
    with (folder / "probe").open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e3


def spread(taken: list[float]) -> str:
    """Median and 99th percentile in milliseconds."""
    taken.sort()
    half, most = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
    return f"p50 {half * 1e3:.2f} ms  p99 {most * 1e3:.2f} ms"


def row(name: str, value: str) -> None:
    print(f"{name:<44} {value}", flush=True)


async def accepts(store: SqliteStore, seconds: float, in_flight: int, parts: int) -> None:
    """One message a call, so many callers at once."""
    until = time.perf_counter() + seconds
    taken: list[float] = []

    async def caller(who: int) -> None:
        n = 0
        while (began := time.perf_counter()) < until:
            at = CLOCK.now()
            await store.accept([new(f"a{parts}-{who}-{n}", parts, at=at)])
            taken.append(time.perf_counter() - began)
            n += 1

    began = time.perf_counter()
    await asyncio.gather(*(caller(who) for who in range(in_flight)))
    rate = len(taken) / (time.perf_counter() - began)
    row(f"accept, {parts} part(s), {in_flight} in flight", f"{rate:,.0f}/s  {spread(taken)}")


async def timed(name: str, n: int, work: Callable[[int], Awaitable[object]]) -> None:
    taken = []
    for i in range(n):
        began = time.perf_counter()
        await work(i)
        taken.append(time.perf_counter() - began)
    row(name, spread(taken))


async def airs(store: SqliteStore, n: int) -> None:
    """Settle one and begin the next, one after the other as a lane does."""
    done = await store.accept(
        [new(f"air-{i}", class_=MessageClass.OTP, at=CLOCK.now()) for i in range(n)]
    )
    await store.bind([Binding(message_seq=d.seq, lane=G1, sim_id=SIM1, reason="b") for d in done])
    segments = await store.claim(G1, CLOCK.now(), n)
    last = None

    async def one(i: int) -> None:
        nonlocal last
        now = CLOCK.now()
        intent = Intent(
            segment_id=segments[i].segment_id, lane=G1, sim_id=SIM1, tpdu=bytes(150), begun_at=now
        )
        result = await store.air(last, intent)
        assert result.attempt_id is not None
        last = settlement(segments[i], result.attempt_id, SegmentEvent.TAKEN, i % 256, now)

    await timed("air(): settle and intent, sequential", n, one)
    await store.air(last, None)


async def backlog(store: SqliteStore, n: int) -> None:
    now = CLOCK.now()
    for at in range(0, n, 2000):
        await store.accept([new(f"b-{at + i}", at=now) for i in range(2000)])
    await timed(
        f"backlog() of 64, {n:,} waiting", 200, lambda _: store.backlog(now, 64, [G1], ["default"])
    )
    found = await store.backlog(now, 64, [G1], ["default"])
    await store.bind(
        [Binding(message_seq=w.seq, lane=G1, sim_id=SIM1, reason="b") for w in found[:2]]
    )
    await timed(f"claim() of 16, {n:,} waiting", 500, lambda _: store.claim(G1, CLOCK.now(), 16))
    await timed(f"next_due(), {n:,} waiting", 500, lambda _: store.next_due(CLOCK.now()))
    await timed(f"queue() of 50, {n:,} waiting", 20, lambda _: store.queue(G1, 50))


async def lists(store: SqliteStore, path: Path, rows: int) -> None:
    """Fill up to `rows` finished messages behind the store's back, then list."""
    db = sqlite3.connect(path, timeout=30)
    have = db.execute("SELECT count(*) FROM message").fetchone()[0]
    with db:
        columns = [
            c[1] for c in db.execute("PRAGMA table_info(message)") if c[1] not in ("seq", "id")
        ]
        shown = ", ".join(
            {"state": "'delivered'", "open": "0", "final": "1", "lane": "'gate-1'"}.get(c, c)
            for c in columns
        )
        names = ", ".join(columns)
        db.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            f"INSERT INTO message (id, {names}) SELECT 'l-' || n.i, {shown} FROM n, "
            "(SELECT * FROM message ORDER BY seq LIMIT 1)",
            (max(1, rows - have),),
        )
        db.execute(
            "INSERT INTO segment (message_seq, transmission_id, current, seq, state, final, pid, "
            "dcs, udh, udl, ud_body, expires_at) SELECT seq, 1, 1, 1, 'delivered', 1, 0, 0, x'', "
            "1, 1, expires_at FROM message WHERE id LIKE 'l-%'"
        )
    total = db.execute("SELECT count(*), max(seq) FROM message").fetchone()
    db.close()
    rng = Random(1)
    some = [rng.randrange(total[1]) for _ in range(100)]
    name = f"of {total[0]:,}"
    await timed(
        f"messages() page of 50 {name}", 100, lambda i: store.messages(MessageFilter(), some[i], 50)
    )
    failed = MessageFilter(state=MessageState.FAILED)
    alarms = MessageFilter(class_=MessageClass.ALARM)
    await timed(f"by state, none {name}", 5, lambda _: store.messages(failed, 0, 50))
    await timed(f"by class, none {name}", 5, lambda _: store.messages(alarms, 0, 50))
    await timed(f"claim() of 16 {name}", 300, lambda _: store.claim(G1, CLOCK.now(), 16))
    await timed(f"counts() {name}", 3, lambda _: store.counts())


async def run(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=options.dir, prefix="airpost-bench-") as name:
        folder = Path(name)
        row("fdatasync of a page, median", f"{fsync_ms(folder):.2f} ms")
        path = folder / "airpost.db"
        store = SqliteStore(path, CLOCK, Random(1))
        await store.open(CLOCK.now())
        await timed("accept, 1 part, one after the other", 1000,
                    lambda i: store.accept([new(f"s-{i}", at=CLOCK.now())]))  # fmt: skip
        await accepts(store, options.seconds, options.in_flight, 1)
        await accepts(store, options.seconds, options.in_flight, 3)
        await airs(store, 1000)
        await backlog(store, options.backlog)
        if options.rows:
            await lists(store, path, options.rows)
        await store.close()
        row("file", f"{path.stat().st_size / 2**20:,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--dir", type=Path, default=Path.cwd(), help="a folder on the disk to measure"
    )
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--in-flight", type=int, default=200)
    parser.add_argument("--backlog", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    print(machine())
    asyncio.run(run(options))


if __name__ == "__main__":
    main()

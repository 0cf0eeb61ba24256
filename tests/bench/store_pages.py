"""Which page size and auto_vacuum: what a message costs in time, in octets written and in the file.

    python -m tests.bench.store_pages [--dir D] [--messages 100000] [--batch 50]

Each line is a new file in a folder of `--dir`. Accepts come in batches of `--batch` a commit, turns
on the air one a commit, both durable. Octets are those of the write-ahead log, which is what a
flash card has to take; `free` is the time to give the pages of the deleted half back to the disk.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from airpost.clock import SystemClock
from airpost.states import SegmentEvent
from airpost.store import air, lists, migrations, outbound, queue
from airpost.store.api import Binding, Intent
from airpost.store.writer import Tx
from tests.bench.machine import machine
from tests.store.values import G1, SIM1, new, settlement

CLOCK = SystemClock()
PAGE_SIZES = (1024, 2048, 4096, 8192, 16384)
TURNS = 1000


class Bench:
    """One file with one page size."""

    def __init__(self, folder: Path, page_size: int, vacuum: str) -> None:
        migrations.PAGE_SIZE, migrations.AUTO_VACUUM = page_size, vacuum
        self.path = folder / f"{page_size}-{vacuum}.db"
        migrations.migrate(self.path)
        self.db = migrations.connect(self.path)
        self._rng = Random(1)

    def commit(self, work: Sequence[Callable[[Tx], Any]]) -> list[Any]:
        self.db.execute("BEGIN IMMEDIATE")
        done = []
        for each in work:
            self.db.execute("SAVEPOINT request")
            tx = Tx(self.db, self._rng)
            done.append(each(tx))
            tx.write_history()
            self.db.execute("RELEASE request")
        self.db.execute("COMMIT")
        return done

    def wal_octets(self) -> int:
        return Path(f"{self.path}-wal").stat().st_size

    def empty_wal(self) -> None:
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def accept(self, first: int, count: int, batch: int) -> list[int]:
        seqs = []
        for at in range(first, first + count, batch):
            made = [new(f"m{i}", at=CLOCK.now()) for i in range(at, at + batch)]
            work = [lambda tx, m=m: outbound.accept(tx, [m]) for m in made]  # type: ignore[misc]
            seqs += [done[0].seq for done in self.commit(work)]
        return seqs

    def turns(self, seqs: Sequence[int]) -> list[float]:
        bindings = [Binding(message_seq=s, lane=G1, sim_id=SIM1, reason="b") for s in seqs]
        self.commit([lambda tx: queue.bind(tx, bindings, CLOCK.now())])
        taken, last = [], None
        for each in queue.claim(self.db, G1, CLOCK.now(), len(seqs)):
            now = CLOCK.now()
            intent = Intent(
                segment_id=each.segment_id, lane=G1, sim_id=SIM1, tpdu=bytes(150), begun_at=now
            )
            began = time.perf_counter()
            (done,) = self.commit([lambda tx, last=last, i=intent: air.turn(tx, last, i)])  # type: ignore[misc]
            taken.append(time.perf_counter() - began)
            last = settlement(each, done.attempt_id, SegmentEvent.TAKEN, each.segment_id % 256, now)
        return taken

    def free(self) -> float:
        """Delete half of the bodies, then give pages back; seconds of the latter."""
        self.db.execute("DELETE FROM body WHERE id <= (SELECT max(id) / 2 FROM body)")
        began = time.perf_counter()
        # Not execute(): it stops after the first page, since the statement has no columns.
        self.db.executescript("PRAGMA incremental_vacuum")
        return time.perf_counter() - began


def line(folder: Path, page_size: int, vacuum: str, messages: int, batch: int) -> str:
    bench = Bench(folder, page_size, vacuum)
    began = time.perf_counter()
    seqs = bench.accept(0, messages, batch)
    rate = messages / (time.perf_counter() - began)
    bench.empty_wal()
    bench.db.execute("PRAGMA wal_autocheckpoint = 0")
    bench.accept(messages, 20 * batch, batch)
    per_accept = bench.wal_octets() / (20 * batch)
    bench.empty_wal()
    bench.db.execute("PRAGMA wal_autocheckpoint = 1000")
    middle = seqs[messages // 2 :][:TURNS]
    taken = bench.turns(middle)
    bench.empty_wal()
    bench.db.execute("PRAGMA wal_autocheckpoint = 0")
    few = bench.turns(seqs[:50])
    per_turn = bench.wal_octets() / len(few)
    bench.empty_wal()
    began = time.perf_counter()
    for _ in range(100):
        lists.by_seq(bench.db, seqs[100:150])
    page_ms = (time.perf_counter() - began) * 10
    size = bench.path.stat().st_size / (messages + 20 * batch)
    free_ms = bench.free() * 1e3
    bench.db.close()
    return (
        f"{page_size:>6} {vacuum:<12} {rate:>9,.0f} {per_accept:>9,.0f} "
        f"{statistics.median(taken) * 1e3:>9.2f} {per_turn:>9,.0f} {page_ms:>8.2f} {size:>9,.0f} "
        f"{free_ms:>8.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--dir", type=Path, default=Path.cwd(), help="a folder on the disk")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=50)
    options = parser.parse_args()
    print(machine())
    print(
        f"{'page':>6} {'vacuum':<12} {'accept/s':>9} {'octets':>9} {'turn ms':>9} {'octets':>9} "
        f"{'list ms':>8} {'octets':>9} {'free ms':>8}"
    )
    print(f"{'':>19} {'':>9} {'/accept':>9} {'':>9} {'/turn':>9} {'of 50':>8} {'/message':>9}")
    with tempfile.TemporaryDirectory(dir=options.dir, prefix="airpost-bench-") as name:
        for page_size in PAGE_SIZES:
            for vacuum in ("NONE", "INCREMENTAL"):
                print(line(Path(name), page_size, vacuum, options.messages, options.batch))


if __name__ == "__main__":
    main()

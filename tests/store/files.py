"""What tests do to the file of a store that is open, and look at in it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from airpost.store.writer import Tx

PROBE_S = 0.02


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():  # noqa: ASYNC110 the store has no event for it
            await asyncio.sleep(PROBE_S / 2)


def size_of(name: str) -> int:
    return Path(name).stat().st_size


def octets_of(path: Path) -> bytes:
    return path.read_bytes()


def overwrite(path: Path, octets: bytes) -> None:
    path.write_bytes(octets)


def checkpoint(tx: Tx) -> None:
    tx.db.execute("COMMIT")
    tx.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    tx.db.execute("PRAGMA shrink_memory")
    tx.db.execute("BEGIN IMMEDIATE")


def counted(tx: Tx) -> int:
    return int(tx.db.execute("SELECT count(*) FROM message").fetchone()[0])


def move(path: Path, to: Path) -> None:
    path.rename(to)

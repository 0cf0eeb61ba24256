"""The reader: sees whole commits, writes nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from airpost.errors import StoreUnavailable
from airpost.store.migrations import connect, migrate
from airpost.store.reader import Reader


@pytest_asyncio.fixture
async def reader(place: Path) -> AsyncIterator[Reader]:
    migrate(place / "with space?#.db")
    made = Reader(place / "with space?#.db")
    keeper = connect(place / "with space?#.db")
    await made.start()
    yield made
    await made.stop()
    keeper.close()


def tables(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM meta").fetchone()[0])


async def test_it_cannot_write(reader: Reader) -> None:
    with pytest.raises(Exception, match="read-only"):
        await reader.ask(lambda db: db.execute("DELETE FROM meta"), urgent=True)
    assert await reader.ask(tables, urgent=True) == 0


async def test_a_request_sees_one_state_and_the_next_the_next(reader: Reader, place: Path) -> None:
    other = connect(place / "with space?#.db")

    def twice(db: sqlite3.Connection) -> tuple[int, int]:
        before = tables(db)
        other.execute(f"INSERT INTO meta VALUES ('k{before}', 'v')")
        return before, tables(db)

    assert await reader.ask(twice, urgent=True) == (0, 0)
    assert await reader.ask(twice, urgent=True) == (1, 1)
    other.close()


async def test_lanes_go_before_lists(reader: Reader) -> None:
    order: list[str] = []
    asked = [reader.ask(lambda _: order.append("slow"), urgent=False) for _ in range(3)]
    asked += [reader.ask(lambda _: order.append("lane"), urgent=True)]
    await asyncio.gather(*asked)
    assert sorted(order) == ["lane", "slow", "slow", "slow"]
    assert order.index("lane") <= 1  # at most the one that was taken already goes before


async def test_an_error_takes_nobody_with_it(reader: Reader) -> None:
    bad = reader.ask(lambda db: db.execute("SELECT nothing"), urgent=True)
    good = reader.ask(tables, urgent=True)
    with pytest.raises(sqlite3.OperationalError, match="nothing"):
        await bad
    assert await good == 0


class Damaged:
    """A connection that cannot even end its transaction, as on some damaged files."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.in_transaction = True

    def execute(self, sql: str) -> None:
        if sql == "COMMIT":
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error

    def close(self) -> None:
        self._db.close()


async def test_a_damaged_file_is_said_and_ends_no_thread(reader: Reader) -> None:
    sound = reader._db
    assert sound is not None
    reader._db = Damaged(sound)  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable, match="the database is damaged"):
        await reader.ask(lambda _: 1, urgent=True)
    reader._db = sound
    assert reader.died is None
    assert await reader.ask(tables, urgent=True) == 0

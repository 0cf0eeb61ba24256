"""What shares a commit, what fails alone, and what a batch is bounded by."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from airpost.errors import StoreUnavailable
from airpost.store import writer as module
from airpost.store.ahead import Ahead, BegunMeanwhile
from airpost.store.api import Wake
from airpost.store.writer import MOST_TRIES, Tx, Writer, work_of


class Log:
    """What happened, in order, on both sides."""

    def __init__(self) -> None:
        self.sql: list[str] = []
        self.wakes: list[set[Wake]] = []
        self.failures: list[str] = []


@pytest.fixture
def log() -> Log:
    return Log()


@pytest_asyncio.fixture
async def writer(place: Path, log: Log) -> AsyncIterator[Writer]:
    def migrate() -> None:
        with sqlite3.connect(place / "a.db") as db:
            db.execute("CREATE TABLE IF NOT EXISTS t (a INTEGER NOT NULL UNIQUE)")
        db.close()

    made = Writer(
        place / "a.db", Random(1), ahead=Ahead(), catch_up=lambda tx, wanted: None, migrate=migrate,
        committed=log.wakes.append, failed=log.failures.append,
    )  # fmt: skip
    await made.start()
    await made.ask(lambda tx: tx.db.set_trace_callback(log.sql.append), urgent=True)
    log.sql.clear()
    yield made
    await made.stop()


def insert(tx: Tx, value: int, *wakes: Wake) -> int:
    tx.db.execute("INSERT INTO t VALUES (?)", (value,))
    tx.wakes.update(wakes)
    return value


async def held(writer: Writer, *works: Any) -> list[Any]:
    """Ask for all of them while the thread is busy, so that they form one batch."""
    busy, gate = threading.Event(), threading.Event()

    def block(_tx: Any) -> None:
        busy.set()
        gate.wait(60)

    blocker = writer.ask(block, urgent=True)
    while not busy.is_set():  # noqa: ASYNC110 - another thread sets it
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.01)  # its batch has run out of its time
    asked = [writer.ask(work, urgent=urgent) for work, urgent in works]
    gate.set()
    await blocker
    return list(await asyncio.gather(*asked, return_exceptions=True))


def begins(log: Log) -> list[str]:
    return [sql for sql in log.sql if sql.startswith(("BEGIN", "COMMIT", "ROLLBACK", "INSERT"))]


async def test_what_is_handed_in_shares_a_commit_what_is_on_the_air_has_its_own(
    writer: Writer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHARE_AFTER_S", 3600.0)
    done = await held(
        writer, (work_of(insert, 1), False), (work_of(insert, 2), True),
        (work_of(insert, 3), False), (work_of(insert, 4), True),
    )  # fmt: skip
    assert done == [1, 2, 3, 4]
    # The blocker's batch has run out of its time: what follows are the next two.
    assert begins(log)[-8:] == [
        "BEGIN IMMEDIATE", "INSERT INTO t VALUES (2)", "INSERT INTO t VALUES (1)",
        "INSERT INTO t VALUES (3)", "COMMIT",
        "BEGIN IMMEDIATE", "INSERT INTO t VALUES (4)", "COMMIT",
    ]  # fmt: skip


@pytest.mark.parametrize("fails", [False, True])
async def test_what_need_not_last_waits_alone_and_for_no_disk(
    writer: Writer, log: Log, *, fails: bool
) -> None:
    asked = [
        writer.ask(work_of(how_durable, fails), urgent=True, durable=False),
        writer.ask(work_of(insert, 2), urgent=True, waited=False),
    ]
    one, other = await asyncio.gather(*asked, return_exceptions=True)
    assert (isinstance(one, ValueError) if fails else one == 1, other) == (True, 2)
    assert durably(log) == [
        "PRAGMA synchronous = NORMAL", "INSERT INTO t VALUES (1)", "COMMIT",
        "PRAGMA synchronous = FULL", "INSERT INTO t VALUES (2)", "COMMIT",
    ]  # fmt: skip
    assert await writer.ask(lambda tx: tx.db.execute("PRAGMA synchronous").fetchone()[0],
                            urgent=True) == 2  # fmt: skip


@pytest.mark.parametrize("fails", [False, True])
async def test_what_need_not_last_goes_along_with_what_a_modem_waits_for(
    writer: Writer, log: Log, *, fails: bool
) -> None:
    order: list[str] = []
    asked = [
        writer.ask(work_of(how_durable, fails), urgent=True, durable=False, waited=False),
        writer.ask(work_of(insert, 2), urgent=True),  # which hands over both
    ]
    for name, each in zip(("it", "modem"), asked, strict=True):
        each.add_done_callback(lambda _, name=name: order.append(name))  # type: ignore[misc]
    one, other = await asyncio.gather(*asked, return_exceptions=True)
    assert (isinstance(one, ValueError) if fails else one == 2, other) == (True, 2)
    assert durably(log) == ["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", "COMMIT"]
    assert order == ["modem", "it"]  # whom it holds up hears of it first


def how_durable(tx: Tx, fails: bool) -> int:
    insert(tx, 1)
    if fails:
        raise ValueError("by the test")
    return int(tx.db.execute("PRAGMA synchronous").fetchone()[0])


def durably(log: Log) -> list[str]:
    return [sql for sql in log.sql if "synchronous =" in sql or sql.startswith(("INS", "COMM"))]


async def test_what_always_meets_something_begun_fails_alone(
    writer: Writer, caplog: pytest.LogCaptureFixture
) -> None:
    tries: list[int] = []

    def meets(_tx: Tx) -> None:
        tries.append(1)
        raise BegunMeanwhile("segment 1 has begun")

    with pytest.raises(StoreUnavailable, match="begun meanwhile"):
        await writer.ask(meets, urgent=True)
    assert len(tries) == MOST_TRIES
    assert "segment 1 has begun" in caplog.text
    assert await writer.ask(work_of(insert, 1), urgent=True) == 1


class Unwritable(sqlite3.OperationalError):
    sqlite_errorcode = sqlite3.SQLITE_IOERR


class Failing:
    """A connection that cannot be set back to wait for the disk, once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db, self.fails = db, 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)

    def execute(self, sql: str, *given: Any) -> Any:
        if sql == "PRAGMA synchronous = FULL" and self.fails:
            self.fails -= 1
            raise Unwritable("disk I/O error")
        return self.db.execute(sql, *given)


async def test_nothing_that_is_to_last_is_written_before_it_waits_for_the_disk_again(
    writer: Writer,
) -> None:
    assert writer._db is not None
    writer._db = Failing(writer._db)  # type: ignore[assignment]
    assert await writer.ask(work_of(insert, 1), urgent=True, durable=False) == 1
    with pytest.raises(StoreUnavailable):
        await writer.ask(work_of(insert, 2), urgent=True)

    def level(tx: Tx) -> int:
        return int(tx.db.execute("PRAGMA synchronous").fetchone()[0])

    assert await writer.ask(level, urgent=True) == 2
    assert writer.died is None


async def test_modems_that_wait_long_for_their_turn_share_a_commit(
    writer: Writer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHARE_AFTER_S", 0.0)
    monkeypatch.setattr(module, "BATCH_S", 3600.0)
    assert await held(writer, *((work_of(insert, n), True) for n in (1, 2, 3))) == [1, 2, 3]
    inserts = [f"INSERT INTO t VALUES ({n})" for n in (1, 2, 3)]
    assert begins(log)[-4:] == [*inserts, "COMMIT"]


async def test_nobody_on_the_air_waits_for_a_batch_of_others(
    writer: Writer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHARE_AFTER_S", 3600.0)
    monkeypatch.setattr(module, "BATCH_S", 3600.0)
    gate = threading.Event()
    first = writer.ask(lambda _: gate.wait(10), urgent=False)
    await asyncio.sleep(0.01)
    second = writer.ask(work_of(insert, 7), urgent=True)
    gate.set()
    await asyncio.gather(first, second)
    assert begins(log) == ["BEGIN IMMEDIATE", "INSERT INTO t VALUES (7)", "COMMIT"]


@pytest.mark.parametrize("urgent", [True, False])
async def test_a_request_that_fails_loses_its_own_rows_and_wakes(
    writer: Writer, log: Log, urgent: bool
) -> None:
    def bad(tx: Tx) -> None:
        insert(tx, 10, Wake.QUEUE)
        raise KeyError("bad")

    done = await held(
        writer, (work_of(insert, 1, Wake.EVENT), urgent), (bad, urgent),
        (work_of(insert, 1), urgent), (work_of(insert, 2), urgent),
    )  # fmt: skip
    assert done[0] == 1
    assert isinstance(done[1], KeyError)
    assert isinstance(done[2], sqlite3.IntegrityError)
    assert done[3] == 2
    rows = await writer.ask(lambda tx: tx.db.execute("SELECT a FROM t").fetchall(), urgent=True)
    assert rows == [(1,), (2,)]
    assert log.wakes == [{Wake.EVENT}]
    assert log.failures == []


async def test_a_batch_has_a_limit(
    writer: Writer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_REQUESTS", 2)
    monkeypatch.setattr(module, "BATCH_S", 60)
    await held(writer, *((work_of(insert, n), False) for n in range(5)))
    commits = [len(part.split("INSERT")) - 1 for part in "".join(begins(log)).split("COMMIT")]
    assert max(commits) <= 2
    assert sum(commits) == 5


async def test_a_batch_has_a_length_and_never_waits_for_more(
    writer: Writer, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    await held(writer, *((lambda _: gate.wait(0.02), True) for _ in range(3)))
    assert begins(log).count("COMMIT") == 4  # each is longer than BATCH_S
    monkeypatch.setattr(module, "BATCH_S", 3600)
    async with asyncio.timeout(60):
        for n in range(20):
            await writer.ask(work_of(insert, n), urgent=True)


async def test_a_transaction_that_sqlite_gave_up_fails_all_of_it(writer: Writer, log: Log) -> None:
    def full(tx: Tx) -> None:
        tx.db.execute("ROLLBACK")  # as SQLite does by itself when the disk is full
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    done = await held(
        writer, (work_of(insert, 1, Wake.QUEUE), False), (full, False), (work_of(insert, 2), False)
    )
    assert isinstance(done[0], StoreUnavailable)
    assert isinstance(done[1], StoreUnavailable)
    assert done[2] == 2  # the next batch
    assert log.wakes == []
    assert len(log.failures) == 1


async def test_probe_writes_something(writer: Writer) -> None:
    with pytest.raises(sqlite3.OperationalError, match="meta"):  # no such table in this file
        await writer.ask(writer.probe, urgent=True)

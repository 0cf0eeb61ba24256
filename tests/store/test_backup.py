"""A copy is one moment, however much is written meanwhile; only a sound one is put back."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from airpost.errors import ConfigError
from airpost.store.backup import restore
from airpost.store.sqlite import SqliteStore
from airpost.tasks import spawn
from tests.store.values import HOUR, NOW, FakeClock, after, new

LATER = after(HOUR)


@pytest_asyncio.fixture
async def sqlite(place: Path, clock: FakeClock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(place / "airpost.db", clock, Random(1))
    await store.open(NOW)
    yield store
    await store.close()


def left_over(place: Path, word: str) -> list[str]:
    return [path.name for path in place.iterdir() if word in path.name]


async def test_a_backup_is_one_moment_while_much_is_written(
    sqlite: SqliteStore, place: Path
) -> None:
    await sqlite.accept([new(f"m{n}", text="x" * 4000) for n in range(300)])
    making = spawn(sqlite.keeping.backup(place / "copy.db"), name="backup")
    count = 0
    while not making.done():
        await sqlite.accept([new(f"n{count}", text="y" * 4000)])
        count += 1
    made = await making
    assert count > 3
    assert (made.path, made.octets) == (place / "copy.db", (place / "copy.db").stat().st_size)
    assert (place / "copy.db").stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(place / "copy.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        old = db.execute("SELECT count(*) FROM message WHERE id GLOB 'm*'").fetchone()[0]
        fresh = [r[0] for r in db.execute("SELECT id FROM message WHERE id GLOB 'n*' ORDER BY seq")]
    assert old == 300
    assert fresh == [f"n{n}" for n in range(len(fresh))]
    assert not (place / "copy.db.partial").exists()


async def test_a_backup_that_cannot_be_made_leaves_nothing(
    sqlite: SqliteStore, place: Path
) -> None:
    for to, told in (
        (place / "airpost.db", "there already"),
        (place / "no" / "b.db", "No such"),
        (place / ("x" * 300), "too long"),
    ):
        with pytest.raises(ValueError, match=told):
            await sqlite.keeping.backup(to)
    assert left_over(place, "partial") == []


@pytest.mark.parametrize("wrong", ["none", "text", "foreign", "damaged"])
async def test_a_file_that_is_no_sound_store_is_not_put_back(
    sqlite: SqliteStore, place: Path, wrong: str
) -> None:
    await sqlite.accept([new(f"m{n}", text="x" * 2000) for n in range(50)])
    await sqlite.keeping.backup(place / "copy.db")
    await sqlite.close()
    before = (place / "airpost.db").read_bytes()
    source = place / "bad.db"
    if wrong == "text":
        source.write_text("not a database at all, but a long enough text" * 99)
    elif wrong == "foreign":
        with closing(sqlite3.connect(source)) as db:
            db.execute("CREATE TABLE t (a)")
    elif wrong == "damaged":
        octets = bytearray((place / "copy.db").read_bytes())
        octets[4096 * 20 : 4096 * 30] = b"\xff" * 40960
        source.write_bytes(octets)
    with pytest.raises(ConfigError, match="cannot be restored"):
        restore(source, place / "airpost.db", LATER, Random(3))
    assert (place / "airpost.db").read_bytes() == before
    assert left_over(place, "restoring") == []
    await sqlite.open(LATER)


async def test_a_store_in_use_is_not_replaced(sqlite: SqliteStore, place: Path) -> None:
    await sqlite.keeping.backup(place / "copy.db")
    with pytest.raises(ConfigError):
        restore(place / "copy.db", place / "airpost.db", LATER, Random(3))


async def test_what_was_put_back_is_written_while_somebody_reads(
    sqlite: SqliteStore, place: Path, clock: FakeClock
) -> None:
    await sqlite.keeping.backup(place / "copy.db")
    await sqlite.close()
    path = place / "airpost.db"
    restore(place / "copy.db", path, LATER, Random(3))
    store = SqliteStore(path, clock, Random(1))
    await store.open(LATER)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM message").fetchone()
        await store.accept([new("meanwhile")])
    await store.close()


async def test_no_journal_of_another_run_is_left_beside_it(
    sqlite: SqliteStore, place: Path
) -> None:
    await sqlite.keeping.backup(place / "copy.db")
    await sqlite.close()
    (place / "airpost.db-air").write_bytes(b"of the run before")
    _, old = restore(place / "copy.db", place / "airpost.db", LATER, Random(3))
    assert not (place / "airpost.db-air").exists()
    assert old is not None
    assert old.with_name(old.name + "-air").exists()
    await sqlite.open(LATER)

"""A file, or a log, that no start would find is not written to."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from airpost.errors import StoreUnavailable
from airpost.store.sqlite import SqliteStore
from tests.store.files import checkpoint, counted, move, octets_of, overwrite, size_of, until
from tests.store.values import new


def _take_away(path: Path, by: str) -> None:
    other = path.with_name("other.db")
    if by == "a copy":
        other.write_bytes(path.read_bytes())
        other.replace(path)
    else:
        path.unlink()


@pytest.mark.parametrize("by", ["a copy", "nobody"])
async def test_nothing_is_taken_into_a_file_that_no_start_would_read(
    plain: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture, by: str
) -> None:
    """Somebody has put a copy in its place, or removed it, while it was open."""
    await plain.accept([new("m")])
    _take_away(path, by)
    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        await plain.accept([new("late")])
    assert plain.died is not None
    assert "store.lost" in caplog.text


async def test_a_file_that_was_moved_away_is_taken_again_unless_it_was_changed_there(
    plain: SqliteStore, path: Path
) -> None:
    away = path.with_name("away.db")
    await plain.accept([new("m")])
    for changed in (False, True):
        move(path, away)
        with pytest.raises(StoreUnavailable, match="put that file back"):
            await plain._writer.ask(counted, urgent=True)
        assert plain.died is None
        if changed:
            _change(away)
        move(away, path)
        if not changed:
            await plain._probe()
            assert await plain._writer.ask(counted, urgent=True) == 1
    with pytest.raises(StoreUnavailable, match="changed while it was away"):
        await plain._probe()
    assert plain.died is not None


async def test_a_store_that_is_closed_while_its_file_is_away_is_whole_there(
    plain: SqliteStore, path: Path
) -> None:
    away = path.with_name("away.db")
    await plain.accept([new("m")])
    move(path, away)
    overwrite(path, b"another")
    with pytest.raises(StoreUnavailable, match="put that file back"):
        await plain.accept([new("n")])
    await plain.close()
    assert octets_of(path) == b"another"
    with sqlite3.connect(away) as db:
        assert [row[0] for row in db.execute("SELECT id FROM message")] == ["m"]
    db.close()


async def test_a_file_that_is_put_back_without_its_log_is_not_gone_on_with(
    plain: SqliteStore, path: Path
) -> None:
    """The log goes where it lies: the next start would not find what stands in it."""
    away = path.with_name("away.db")
    await plain.accept([new("m")])
    for beside in ("", "-wal"):
        move(path.with_name(path.name + beside), away.with_name(away.name + beside))
    with pytest.raises(StoreUnavailable, match="its log"):
        await plain.accept([new("n")])
    move(away, path)
    with pytest.raises(StoreUnavailable, match="its log"):
        await plain._probe()
    move(away.with_name("away.db-wal"), path.with_name(path.name + "-wal"))
    await until(lambda: plain.unavailable is None)
    assert await plain._writer.ask(counted, urgent=True) == 1


async def test_nothing_is_taken_into_a_log_that_no_start_would_read(
    plain: SqliteStore, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What stands in it goes into the file."""
    await plain.accept([new("m")])
    _take_away(path.with_name(path.name + "-wal"), "nobody")
    with pytest.raises(StoreUnavailable, match=r"log of the store .* was removed"):
        await plain.accept([new("n")])
    assert "store.lost" in caplog.text
    with sqlite3.connect(path) as db:
        assert [row[0] for row in db.execute("SELECT id FROM message")] == ["m"]
    db.close()


@pytest.mark.parametrize("with_log", [False, True])
async def test_a_file_that_another_has_opened_where_it_was_moved_is_not_written_to(
    plain: SqliteStore, path: Path, *, with_log: bool
) -> None:
    """Two logs would be written into one file; one that was moved along is its own."""
    away = path.with_name("away.db")
    await plain._writer.ask(checkpoint, urgent=True)
    await plain.accept([new("m")])  # stands in the log
    move(path, away)
    if with_log:
        for beside in ("-wal", "-shm"):
            move(path.with_name(path.name + beside), away.with_name(away.name + beside))
        with pytest.raises(StoreUnavailable, match="put that file back"):
            await plain.accept([new("n")])
        assert plain.died is None
        return
    with opened_by_another(away):
        before = octets_of(away)
        with pytest.raises(StoreUnavailable, match="opened or changed while it was away"):
            await plain.accept([new("n")])
        assert octets_of(away) == before


async def test_the_log_of_a_file_that_is_away_is_emptied_once_nobody_reads_it(
    plain: SqliteStore, path: Path
) -> None:
    """What stays in it would be read into whatever is put in that place."""
    with reading(path):
        await plain.accept([new("m")])
        move(path, path.with_name("away.db"))
        with pytest.raises(StoreUnavailable, match="put that file back"):
            await plain._writer.ask(counted, urgent=True)
        assert size_of(f"{path}-wal") > 0
    await until(lambda: size_of(f"{path}-wal") == 0)
    assert plain.died is None
    move(path.with_name("away.db"), path)
    await until(lambda: plain.unavailable is None)
    assert await plain._writer.ask(counted, urgent=True) == 1


async def test_while_nothing_can_be_looked_at_a_file_that_was_moved_away_stays_so(
    plain: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    away = path.with_name("away.db")
    await plain.accept([new("m")])
    move(path, away)
    with pytest.raises(StoreUnavailable, match="put that file back"):
        await plain._writer.ask(counted, urgent=True)
    with monkeypatch.context() as patch:
        patch.setattr("airpost.store.place._open_files", none_left)
        with pytest.raises(StoreUnavailable, match="put that file back"):
            await plain._writer.ask(counted, urgent=True)
        move(away, path)  # that it is the same one cannot be told
        with pytest.raises(StoreUnavailable, match="put that file back"):
            await plain._writer.ask(counted, urgent=True)
    await until(lambda: plain.unavailable is None)
    assert await plain._writer.ask(counted, urgent=True) == 1


@contextmanager
def opened_by_another(path: Path) -> Iterator[None]:
    """A process of its own reads the file."""
    code = f"""if True:
        import sqlite3
        db = sqlite3.connect({str(path)!r})
        db.execute("SELECT count(*) FROM message").fetchone()
        print("read", flush=True)
        input()
    """
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        yield
        other.communicate(b"\n")


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Somebody reads the store, as it is at the beginning."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("BEGIN")
    db.execute("SELECT count(*) FROM message").fetchone()
    yield
    db.close()


def _change(path: Path) -> None:
    """By another process: this one's own connections share more than the file."""
    sql = "DELETE FROM event; PRAGMA wal_checkpoint(TRUNCATE)"
    code = f"import sqlite3; sqlite3.connect({str(path)!r}).executescript({sql!r})"
    subprocess.run([sys.executable, "-c", code], check=True)
    later_ns = path.stat().st_mtime_ns + 10**9  # the file system's clock counts in steps
    os.utime(path, ns=(later_ns, later_ns))

"""Copies of a store: made while it works, and put back with what was waiting frozen.

May import L0 and sqlite3. `copy` runs in a thread of its own and holds one state of the store, so
that what is written meanwhile does not make it begin again. `restore` needs the store closed: what
was not final when the copy was made may have gone out since, so it is uncertain and held.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from airpost.audit import Entry
from airpost.clock import SECOND_US, Instant
from airpost.errors import ConfigError
from airpost.store.carry import carry_on
from airpost.store.faults import meaning
from airpost.store.frozen import Frozen, freeze
from airpost.store.keeping import BackedUp
from airpost.store.lock import StoreLock
from airpost.store.migrations import APPLICATION_ID, connect, migrate
from airpost.store.timing import newest
from airpost.store.writer import Tx

PAGES = 64  # copied at a time: 256 KiB
PAUSE_S = 0.002  # in between, so that modems and callers have the processor
BESIDE = ("", "-wal", "-shm", "-air")  # the files of a store


# -- making one ----------------------------------------------------------------------------------
def copy(source: Path, to: Path) -> BackedUp:
    """A copy of this moment at `to`; ValueError where that cannot be made."""
    begun_s = time.monotonic()
    try:
        if to.exists():
            raise ValueError(f"{to} is there already; name another file")
        partial = to.with_name(to.name + ".partial")
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        try:
            _copy_pages(source, partial)
            _to_disk(partial)
            partial.rename(to)
        finally:
            partial.unlink(missing_ok=True)
        _to_disk(to.parent)
    except OSError as error:
        raise ValueError(f"{to} cannot be written: {error.strerror}") from error
    except sqlite3.Error as error:
        raise ValueError(f"{to} cannot be made: {meaning(error)}") from error
    took_s = time.monotonic() - begun_s
    return BackedUp(path=to, octets=to.stat().st_size, took_s=took_s)


def _copy_pages(source: Path, to: Path) -> None:
    rest = threading.Event()
    with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as db:
        db.isolation_level = None
        # A read transaction that is open keeps this state; else each commit begins the copy anew.
        db.execute("BEGIN")
        db.execute("SELECT 1 FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(to, isolation_level=None)) as made:
            db.backup(made, pages=PAGES, progress=lambda *_: rest.wait(PAUSE_S) and None)
            made.execute("PRAGMA journal_mode = DELETE")  # one file, complete by itself


def _to_disk(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# -- putting one back ----------------------------------------------------------------------------
def restore(
    source: Path, path: Path, now: Instant, rng: Random, origin: str = "", *, sure: bool = True
) -> tuple[Frozen, Path | None]:
    """Make the store at `path` what `source` holds; what is frozen, and the old store.

    ConfigError when the store is in use or `source` is no sound store. The old one is kept; its
    audit log goes on, with a row that names `origin`, and what ended its keys' lives holds. `sure`:
    the machine's clock is not behind, as far as anybody can tell.
    """
    lock = StoreLock(path)
    lock.take()
    fresh = path.with_name(path.name + ".restoring")
    try:
        _remove(fresh)
        _check(source)
        copy(source, fresh)
        migrate(fresh)
        frozen = _freeze_in(fresh, now, rng, sure=sure and now >= _newest_in(path))
        told = Entry(
            at=now, action="db.restore", actor="local", origin=origin, subject=str(source),
            detail=frozen._asdict(),
        )  # fmt: skip
        carry_on(fresh, path, told, rng)
        old = _set_aside(path, now)
        fresh.rename(path)
        _to_disk(path.parent)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise ConfigError("", f"{source} cannot be restored: {error}") from error
    finally:
        _remove(fresh)
        lock.release()
    return frozen, old


def _check(source: Path) -> None:
    if not source.is_file():
        raise ValueError("there is no such file")
    with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as db:
        if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise ValueError("it is no store of airpost")
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise ValueError(f"it is damaged: {found}")


def _remove(path: Path) -> None:
    for end in BESIDE:
        path.with_name(path.name + end).unlink(missing_ok=True)


def _set_aside(path: Path, now: Instant) -> Path | None:
    """The files that are there under another name: a journal of the air must not stay."""
    if not path.exists():
        for end in BESIDE[1:]:
            path.with_name(path.name + end).unlink(missing_ok=True)
        return None
    stamp = datetime.fromtimestamp(now / SECOND_US, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    old = path.with_name(f"{path.name}.before-{stamp}")
    for end in reversed(BESIDE):
        beside = path.with_name(path.name + end)
        if beside.exists():
            beside.rename(old.with_name(old.name + end))
    return old


def _newest_in(path: Path) -> Instant:
    """The newest event of the store that is replaced; 0 where there is none that can be read."""
    if not path.is_file():
        return Instant(0)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return newest(db).event_at or Instant(0)
    except sqlite3.Error:
        return Instant(0)


def _freeze_in(path: Path, now: Instant, rng: Random, *, sure: bool) -> Frozen:
    with closing(connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        tx = Tx(db, rng)
        frozen = freeze(tx, now, "a backup was put back", sure=sure)
        tx.write_history()
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return frozen

"""Which errors of SQLite speak of the place and which of us."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from airpost.errors import ConfigError, StoreUnavailable
from airpost.store import faults
from airpost.store.faults import FULL, ROOM, damaged, meaning, reason_of, refused


def failed(code: int | None, cls: type[sqlite3.Error] = sqlite3.OperationalError) -> sqlite3.Error:
    error = cls("words of SQLite")
    if code is not None:
        error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_FULL, "the disk is full"),
        (sqlite3.SQLITE_IOERR_FSYNC, "cannot be read or written"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "read-only"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "another program"),
        (sqlite3.SQLITE_CORRUPT, "damaged"),
    ],
)
def test_the_place_is_at_fault(code: int, words: str) -> None:
    found = meaning(failed(code))
    assert str(found).endswith(ROOM) is (words == FULL)  # what to do
    assert ("db restore" in str(found)) is (words == "damaged")
    assert isinstance(found, StoreUnavailable)
    assert words in found.reason
    assert "words of SQLite" in found.reason


def test_what_a_check_has_found_is_one_line_with_what_to_do() -> None:
    found = damaged("*** in database main ***\nPage 91: btreeInitPage() returns error code 11")
    assert found.reason == (
        "the database is damaged (Page 91: btreeInitPage() returns error code 11); stop airpost, "
        "then `airpost db restore FILE` puts a copy back"
    )


@pytest.mark.parametrize(
    "error",
    [
        failed(sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.IntegrityError),
        failed(sqlite3.SQLITE_ERROR),
        failed(None, sqlite3.ProgrammingError),
        KeyError("m1"),
    ],
)
def test_a_mistake_of_ours_stays_what_it_is(error: BaseException) -> None:
    assert meaning(error) is error


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, FULL), (errno.EROFS, "read-only")])
def test_a_file_that_the_disk_refuses_may_be_had_later(number: int, words: str) -> None:
    error = refused(Path("/none/a.db"), OSError(number, "test"))
    assert isinstance(error, StoreUnavailable)
    assert words in error.reason


def test_a_file_in_no_folder_is_a_mistake() -> None:
    error = refused(Path("/none/a.db"), FileNotFoundError(errno.ENOENT, "No such file"))
    assert isinstance(error, ConfigError)
    assert "/none/a.db cannot be written: No such file" in str(error)


def test_without_room_the_reason_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = StoreUnavailable("the disk cannot be read or written (disk I/O error)")
    path = tmp_path / "a.db"
    monkeypatch.setattr(faults, "LEAST_ROOM", 0)
    assert reason_of(error, path) == error.reason
    assert reason_of(error, Path("/none/a.db")) == error.reason
    monkeypatch.setattr(faults, "LEAST_ROOM", 1 << 60)
    assert reason_of(error, path) == f"{FULL} ({error.reason}){ROOM}"
    told = StoreUnavailable(f"{FULL} (a.db)")
    assert reason_of(told, path) == told.reason


def test_a_disk_that_the_kernel_made_read_only_is_an_io_error_to_sqlite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    io_error = meaning(failed(sqlite3.SQLITE_IOERR_WRITE))
    hurt = meaning(failed(sqlite3.SQLITE_CORRUPT))
    assert isinstance(io_error, StoreUnavailable)
    assert isinstance(hurt, StoreUnavailable)
    assert reason_of(io_error, tmp_path / "a.db") == io_error.reason
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
    found = reason_of(io_error, tmp_path / "a.db")
    assert found.startswith("the disk is read-only (the disk cannot be read or written")
    assert "dmesg" in found
    assert reason_of(hurt, tmp_path / "a.db") == hurt.reason

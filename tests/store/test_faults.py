"""Which errors of SQLite speak of the place and which of us."""

from __future__ import annotations

import sqlite3

import pytest

from airpost.errors import StoreUnavailable
from airpost.store.faults import meaning


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
    assert isinstance(found, StoreUnavailable)
    assert words in found.reason
    assert "words of SQLite" in found.reason


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

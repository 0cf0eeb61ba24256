"""Where the file of an open store lies: moved, removed or replaced, it is written no more.

Stdlib, sqlite3 and L0. A file that is open goes by any name, or none; what is written to it then no
start would find. Its log, the file that ends in -wal, belongs to its name likewise.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from airpost.errors import StoreLost, StoreUnavailable
from airpost.store.faults import MOVED

REPLACED = (
    "the file of the store was removed or replaced while airpost had it open: what it writes would "
    "be lost at the next start; this one writes and sends nothing more"
)
LOGLESS = (
    "the log of the store (the file that ends in -wal) was removed or replaced while airpost had "
    "it open: what it writes would be lost at the next start; this one writes and sends nothing "
    "more"
)
CHANGED = (
    "the file of the store was opened or changed while it was away from its place; this one writes "
    "and sends nothing more"
)
Identity = tuple[int, int]  # st_dev, st_ino


class Place:
    """Of a file that has just been opened; StoreLost and StoreUnavailable come from `check()`."""

    def __init__(self, path: Path) -> None:
        self._file = path.resolve()  # by its own name, whatever links lead there
        self._log = self._file.with_name(f"{self._file.name}-wal")
        self._identity = _identity(self._file.stat())
        self._log_identity: Identity | None = None  # once it is there
        self._away: Identity | None = None  # how the file looked when it left its place

    def check(self, db: sqlite3.Connection) -> None:
        """Return where file and log have their names; `db` has it open, in a transaction.

        StoreUnavailable while they lie elsewhere: they may be put back. StoreLost where one lies
        nowhere, or the file was opened or changed meanwhile. Then the transaction is over, but
        where the file is back and was changed.
        """
        if self._log_identity is None:
            with suppress(OSError):
                self._log_identity = _identity(self._log.stat())
        found = log_found = None
        try:
            here = self._is_here()
            if not here or self._away is not None:
                found, log_found = _open_file(self._identity), _open_file(self._log_identity)
        except OSError as error:  # there are no more descriptors, say
            if self._away is None:
                return  # what cannot be looked at proves nothing
            raise StoreUnavailable(MOVED) from error
        if here:
            if found is not None and self._away not in (None, _mark(found)):
                raise StoreLost(CHANGED)
            self._away = None
            return
        db.execute("ROLLBACK")
        if found is None or found.st_nlink == 0:
            raise StoreLost(REPLACED)
        logless = log_found is None or log_found.st_nlink == 0
        if self._away is None:
            if self._is_opened_there():
                raise StoreLost(CHANGED)  # two logs of one file: neither may be written into it
            # Its log lies at the old place, where another file may be put: nothing stays in it.
            busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if not busy:  # else somebody reads what stands in it: at the next look
                self._away = _mark(_open_file(self._identity) or found)
        if logless:
            raise StoreLost(LOGLESS)
        raise StoreUnavailable(MOVED)

    def _is_here(self) -> bool:
        """Whether the file that is open here has its name still, and so has its log."""
        if not _has_its_name(self._file, self._identity):
            return False
        log_identity = self._log_identity
        return log_identity is None or _has_its_name(self._log, log_identity)

    def _is_opened_there(self) -> bool:
        """Whether another has the file open where it lies now, with a log that is not this one."""
        with suppress(OSError):  # what cannot be looked at proves nothing
            names = {name: _identity(found) for name, found in _open_files()}
            logs = (Path(f"{name}-wal") for name, found in names.items() if found == self._identity)
            return any(each.exists() and each not in names for each in logs)
        return False


def _open_files() -> Iterator[tuple[Path, os.stat_result]]:
    """The files this process has open, by the names they have now."""
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            yield each.readlink(), each.stat()


def _open_file(identity: Identity | None) -> os.stat_result | None:
    """One that is open here, wherever it lies."""
    return next((found for _, found in _open_files() if _identity(found) == identity), None)


def _has_its_name(path: Path, identity: Identity) -> bool:
    """Whether the file that is open here lies at `path`."""
    with suppress(FileNotFoundError):
        if _identity(path.stat()) == identity:
            return True
    return any(name == path for name, _ in _open_files())  # some number their files anew


def _identity(found: os.stat_result) -> Identity:
    return found.st_dev, found.st_ino


def _mark(found: os.stat_result) -> tuple[int, int]:
    return found.st_mtime_ns, found.st_size

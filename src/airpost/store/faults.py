"""What an error of SQLite means: a store that cannot write now, or a mistake of ours.

May import L0 and sqlite3. The first becomes StoreUnavailable with words for people, the second is
handed on as it is.
"""

from __future__ import annotations

import sqlite3

from airpost.errors import StoreUnavailable

DAMAGED = "the database is damaged"
# Primary result codes (sqlite.org/rescode.html) that speak of the place, not of the request.
_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
    sqlite3.SQLITE_READONLY: "the database is read-only",
    sqlite3.SQLITE_PERM: "the database may not be accessed",
    sqlite3.SQLITE_CANTOPEN: "the database cannot be opened",
    sqlite3.SQLITE_BUSY: "another program holds the database",
    sqlite3.SQLITE_LOCKED: "another program holds the database",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: "the file is not a database",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_NOLFS: "the file is too large for this disk",
    sqlite3.SQLITE_PROTOCOL: "the locks of the database do not work on this disk",
}


def meaning(error: BaseException) -> BaseException:
    """StoreUnavailable when the place is at fault, else `error` itself."""
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(error, sqlite3.Error) or code is None:
        return error
    words = _WORDS.get(code & 0xFF)  # the low octet is the primary code
    return error if words is None else StoreUnavailable(f"{words} ({error})")

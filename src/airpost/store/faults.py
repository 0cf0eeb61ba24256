"""What an error of SQLite or of the disk means: a store that cannot write now, or a mistake.

May import L0 and sqlite3. The first becomes StoreUnavailable with words for people; a mistake of
ours is handed on as it is, one of the configuration is a ConfigError.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from pathlib import Path

from airpost.errors import ConfigError, StoreUnavailable

FULL = "the disk is full"
READ_ONLY = "the disk is read-only"
WRITABLE = "; the kernel does that after errors: see `dmesg`; airpost goes on once it can write"
LEAST_ROOM = 64 << 10  # octets; with less not even the index of the log can be made
ROOM = "; make room where the store lies, then airpost goes on by itself"
DAMAGED = "the database is damaged"
NO_DATABASE = "the file is not a database"
MOVED = (
    "the file of the store was moved, or another was put in its place, while airpost had it open: "
    "put that file back, and its log (it ends in -wal) where that was moved too, and airpost goes "
    "on; or start airpost anew, with what lies there then"
)
COPY = "; stop airpost, then `airpost db restore FILE` puts a copy back"
# Primary result codes (sqlite.org/rescode.html) that speak of the place, not of the request.
_WORDS = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
    sqlite3.SQLITE_READONLY: "the database is read-only",
    sqlite3.SQLITE_PERM: "the database may not be accessed",
    sqlite3.SQLITE_CANTOPEN: "the database cannot be opened",
    sqlite3.SQLITE_BUSY: "another program holds the database",
    sqlite3.SQLITE_LOCKED: "another program holds the database",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: NO_DATABASE,
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_NOLFS: "the file is too large for this disk",
    sqlite3.SQLITE_PROTOCOL: "the locks of the database do not work on this disk",
}
IN_DOUBT = (DAMAGED, NO_DATABASE, MOVED)  # what the file holds then is to be looked at
_NEXT = {FULL: ROOM, DAMAGED: COPY, NO_DATABASE: COPY}  # what people can do about it


def meaning(error: BaseException) -> BaseException:
    """StoreUnavailable when the place is at fault, else `error` itself."""
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(error, sqlite3.Error) or code is None:
        return error
    words = _WORDS.get(code & 0xFF)  # the low octet is the primary code
    if words is None:
        return error
    return StoreUnavailable(f"{words} ({error}){_NEXT.get(words, '')}")


def damaged(found: str) -> StoreUnavailable:
    """What SQLite's own check has found, by its last line."""
    return StoreUnavailable(f"{DAMAGED} ({found.splitlines()[-1]}){COPY}")


def in_doubt(error: BaseException | None) -> bool:
    """Whether it says that the file may not hold what was committed."""
    return isinstance(error, StoreUnavailable) and error.reason.startswith(IN_DOUBT)


_OF_THE_DISK = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EROFS: READ_ONLY,
    errno.EIO: "the disk cannot be read or written",
}


def refused(path: Path, error: OSError) -> ConfigError | StoreUnavailable:
    """What it means that a file of the store cannot be made: the disk may be better in a while."""
    words = _OF_THE_DISK.get(error.errno or 0)
    if words is not None:
        return StoreUnavailable(f"{words} ({path})" + (ROOM if words is FULL else ""))
    return ConfigError("store.url", f"{path} cannot be written: {error.strerror}")


def reason_of(error: StoreUnavailable, path: Path) -> str:
    """Why the store at `path` cannot be had: to SQLite a full disk is often an I/O error, and so is
    one that the kernel has made read-only.
    """
    if error.reason.startswith((FULL, READ_ONLY, *IN_DOUBT)):
        return error.reason
    try:
        if os.statvfs(path.parent).f_flag & os.ST_RDONLY:
            return f"{READ_ONLY} ({error.reason}){WRITABLE}"
        no_room = shutil.disk_usage(path.parent).free < LEAST_ROOM
    except OSError:
        return error.reason
    return f"{FULL} ({error.reason}){ROOM}" if no_room else error.reason

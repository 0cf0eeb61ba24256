"""The schema and how a file gets to it.

May import L0, sqlite3 and sqlite_utils. A migration that was released is never edited: sqlite-utils
keeps names only, so tests/store/test_migrations.py holds a hash of what each one makes.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from airpost.errors import ConfigError
from airpost.model import Encoding, MessageClass, OnUncertain, Severity
from airpost.outcome import OutcomeClass, Scope
from airpost.states import MessageState, SegmentState
from airpost.store.faults import meaning, refused
from airpost.store.statements import text

APPLICATION_ID = 0x61_70_73_74  # "apst": file(1) and we know our own
# Measured by tests/bench/store_pages.py, 100,000 messages, 2 cores, fdatasync 0.3 ms; log octets
# are what a flash card takes for one segment's result and the next one's intent:
#   page   accepts/s   turn ms   log octets/turn   octets/message
#   1024      14,100      0.66            24,500              514
#   2048      13,000      0.65            41,000              500
#   4096      11,000      0.69            72,900              498
#   8192      12,600      0.74           134,700              497
#  16384      10,200      0.95           256,300              500
# Up to 8192 time does not decide (two runs of one size differ by more). Smaller pages write less,
# but several then share one 4096 octet block of the disk, and a block torn by a power loss would
# damage pages that the log does not hold. INCREMENTAL costs 1 to 5 % of the octets and saves the
# full VACUUM, which needs the size of the file again as free space.
PAGE_SIZE = 4096
AUTO_VACUUM = "INCREMENTAL"
CACHE_KIB = 8192
BUSY_S = 5.0  # another program, a backup say, may hold the file that long

_ENUMS: tuple[type[Enum], ...] = (
    SegmentState, MessageState, MessageClass, Encoding, OnUncertain, OutcomeClass, Scope,
    Severity,
)  # fmt: skip

# What a released schema allows besides: nothing wrote it, and a schema is not changed for that.
_ONCE_ALLOWED: Mapping[type[Enum], tuple[str, ...]] = {Scope: ("store",)}

_IN_ENUM = re.compile(r"(\w+) IN \{(\w+)\}")

migrations = Migrations("airpost")


def one_of(column: str, enum: type[Enum]) -> str:
    """The condition that a column holds a value of an enum, or one that was allowed once.

    Written out: for IN (...) SQLite 3.40 builds a table at each insert, 2.1 us a column; this costs
    nothing measurable.
    """
    values = (*(each.value for each in enum), *_ONCE_ALLOWED.get(enum, ()))
    return " OR ".join(f"{column} = '{value}'" for value in values)


def schema_1() -> str:
    """The statements of the first migration, `column IN {Enum}` written out."""
    return _written_out(text("schema_1"))


def _written_out(script: str) -> str:
    known = {enum.__name__: enum for enum in _ENUMS}
    return _IN_ENUM.sub(lambda found: one_of(found[1], known[found[2]]), script)


@migrations()
def m001_schema(db: Database) -> None:
    """All tables."""
    for statement in _statements(schema_1()):
        db.conn.execute(statement)


@migrations()
def m002_reference_use(db: Database) -> None:
    """Which transmission had a reference last."""
    for statement in _statements(text("schema_2")):
        db.conn.execute(statement)


@migrations()
def m006_limits(db: Database) -> None:
    """What limits hold, what has been counted for them, and recurring schedules."""
    for statement in _statements(text("schema_6")):
        db.conn.execute(statement)


@migrations()
def m004_severity(db: Database) -> None:
    """How grave an event is."""
    for statement in _statements(_written_out(text("schema_4"))):
        db.conn.execute(statement)


@migrations()
def m008_statistics(db: Database) -> None:
    """What statistics need, and what is left of rows that have gone."""
    for statement in _statements(text("schema_8")):
        db.conn.execute(statement)


@migrations()
def m003_prepared(db: Database) -> None:
    """What a lane may begin next."""
    for statement in _statements(text("schema_3")):
        db.conn.execute(statement)


@migrations()
def m007_order(db: Database) -> None:
    """Who goes first to a number, what has aged, and which SIM a message avoids."""
    for statement in _statements(text("schema_7")):
        db.conn.execute(statement)


@migrations()
def m005_routes(db: Database) -> None:
    """Why a message goes where it goes, and who is never texted."""
    for statement in _statements(text("schema_5")):
        db.conn.execute(statement)


@migrations()
def m009_sent_text(db: Database) -> None:
    """What goes out of a text that was transliterated."""
    for statement in _statements(text("schema_sent_text")):
        db.conn.execute(statement)


@migrations()
def m012_people(db: Database) -> None:
    """Contacts and groups."""
    for statement in _statements(text("schema_people")):
        db.conn.execute(statement)


@migrations()
def m010_audit(db: Database) -> None:
    """Who did what, what a key may do, and how much it has sent."""
    for statement in _statements(text("schema_audit")):
        db.conn.execute(statement)


@migrations()
def m013_batches(db: Database) -> None:
    """Messages that were handed in together."""
    for statement in _statements(text("schema_batches")):
        db.conn.execute(statement)


@migrations()
def m014_events(db: Database) -> None:
    """Who is told of events, and what comes in by hooks."""
    for statement in _statements(text("schema_events")):
        db.conn.execute(statement)


@migrations()
def m015_trying(db: Database) -> None:
    """How much longer a network that still tries is waited for."""
    for statement in _statements(text("schema_trying")):
        db.conn.execute(statement)


@migrations()
def m016_asked(db: Database) -> None:
    """Ports, flash and the like, as they were asked for."""
    for statement in _statements(text("schema_asked")):
        db.conn.execute(statement)


@migrations()
def m017_prepared_many(db: Database) -> None:
    """Several attempts prepared for a lane."""
    for statement in _statements(text("schema_prepared")):
        db.conn.execute(statement)


RELEASED = (
    m001_schema.__name__,
    m002_reference_use.__name__,
    m006_limits.__name__,
    m004_severity.__name__,
    m008_statistics.__name__,
    m003_prepared.__name__,
    m007_order.__name__,
    m005_routes.__name__,
    m009_sent_text.__name__,
    m012_people.__name__,
    m010_audit.__name__,
    m013_batches.__name__,
    m014_events.__name__,
    m015_trying.__name__,
    m016_asked.__name__,
    m017_prepared_many.__name__,
)


def _statements(script: str) -> list[str]:
    """The statements of a script one by one: executescript would commit the migration's own."""
    out: list[str] = []
    held = ""
    for line in script.splitlines(keepends=True):
        held += line
        if sqlite3.complete_statement(held):
            out.append(held)
            held = ""
    return out


def connect(path: Path) -> sqlite3.Connection:
    """A connection for the one thread that will use it; nothing is begun or committed by itself."""
    db = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    try:
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA secure_delete = FAST")  # what was erased is not left in the file
        db.execute("PRAGMA temp_store = MEMORY")  # savepoints keep pages there: else in a file
        db.execute(f"PRAGMA cache_size = {-CACHE_KIB}")
    except sqlite3.Error:
        db.close()
        raise
    return db


def migrate(path: Path) -> None:
    """Make the file where there is none, and bring it to this code's schema.

    ConfigError when it is a database of others, or one of a newer airpost; StoreUnavailable when
    the disk does not let us, or the file is damaged. Call under the lock.
    """
    _create(path)
    try:
        db = connect(path)
        try:
            _prepare(db, path)
            _apply(db, path)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise meaning(error) from error


def _apply(db: sqlite3.Connection, path: Path) -> None:
    wrapped = Database(db, execute_plugins=False)
    applied = [each.name for each in migrations.applied(wrapped)]
    foreign = [name for name in applied if name not in RELEASED]
    if foreign:
        words = f"{path} was written by a newer airpost ({', '.join(foreign)}); it is untouched"
        raise ConfigError("store.url", words)
    migrations.apply(wrapped)


def _create(path: Path) -> None:
    """An empty file that only its owner may read: it will hold what people write to each other."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise refused(path, error) from error


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """How the file is kept: what can be chosen only while it is empty, and the log.

    A copy has none, so that it is one file; without it whoever reads would stop whoever writes.
    ConfigError when it is somebody else's.
    """
    mark = db.execute("PRAGMA application_id").fetchone()[0]
    if mark == APPLICATION_ID:
        db.execute("PRAGMA journal_mode = WAL")
        return
    if mark or db.execute("SELECT 1 FROM sqlite_master").fetchone():
        raise ConfigError("store.url", f"{path} is a database of another program")
    db.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    db.execute(f"PRAGMA auto_vacuum = {AUTO_VACUUM}")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")

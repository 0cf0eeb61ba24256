"""The schema: frozen, strict, and the enums of the code."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from airpost.errors import ConfigError, StoreUnavailable
from airpost.model import Encoding, MessageClass, OnUncertain
from airpost.outcome import OutcomeClass, Scope
from airpost.states import MessageState, SegmentState
from airpost.store.migrations import (
    APPLICATION_ID,
    AUTO_VACUUM,
    PAGE_SIZE,
    RELEASED,
    connect,
    migrate,
    migrations,
    one_of,
    schema_1,
)

# What each released migration makes. A changed line here means that two stores of one name differ:
# write a further migration instead.
FROZEN = {
    "m001_schema": "3ef492883a8f9c33",
    "m002_reference_use": "4908def0bde68829",
    "m006_limits": "0fb83622e6a59b17",
    "m004_severity": "7c5b3bbc6f7806f2",
    "m008_statistics": "531ddf395fcd0a40",
    "m003_prepared": "d756a416248a5714",
    "m007_order": "1e00a9f3df9b5339",
    "m005_routes": "1d89a4549750cbdc",
    "m009_sent_text": "78c47d92ed861628",
    "m012_people": "b62ec2c067f5344e",
    "m010_audit": "ad2cd1303c735486",
    "m013_batches": "b1ff2cc7da808d4f",
    "m014_events": "db00002c516bdb83",
    "m015_trying": "859b81e73f6058ca",
    "m016_asked": "8148329212521271",
    "m017_prepared_many": "1b27e4713688bbaa",
}


@pytest.fixture
def path(place: Path) -> Path:
    return place / "airpost.db"


@pytest.fixture
def db(path: Path) -> Iterator[sqlite3.Connection]:
    migrate(path)
    made = connect(path)
    yield made
    made.close()


def tables(db: sqlite3.Connection) -> dict[str, str]:
    return dict(
        db.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
            "AND name NOT LIKE '\\_%' ESCAPE '\\'"
        ).fetchall()
    )


def made_by_all(db: sqlite3.Connection) -> str:
    """A digest of all tables and indexes."""
    parts = [
        sql
        for name, sql in db.execute("SELECT name, sql FROM sqlite_master ORDER BY name")
        if sql is not None and not name.startswith(("_sqlite", "sqlite", "idx__sqlite"))
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def test_released_migrations_are_frozen(db: sqlite3.Connection) -> None:
    wrapped = Database(db, execute_plugins=False)
    assert [each.name for each in migrations.applied(wrapped)] == list(FROZEN) == list(RELEASED)
    assert migrations.pending(wrapped) == []
    with sqlite3.connect(":memory:") as empty:
        for at, name in enumerate(RELEASED):
            after = RELEASED[at + 1] if at + 1 < len(RELEASED) else None
            migrations.apply(Database(empty, execute_plugins=False), stop_before=after)
            assert made_by_all(empty) == FROZEN[name]
    empty.close()


def test_the_history_of_an_earlier_schema_is_kept_and_nothing_to_look_at(path: Path) -> None:
    with sqlite3.connect(path) as earlier:
        wrapped = Database(earlier, execute_plugins=False)
        earlier.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrations.apply(wrapped, stop_before="m004_severity")
        earlier.execute("INSERT INTO event (at, subject, reason, actor) VALUES (1, 's', 'r', 'a')")
    earlier.close()
    migrate(path)
    db = connect(path)
    assert db.execute("SELECT reason, severity FROM event").fetchall() == [("r", None)]
    db.execute("UPDATE event SET severity = 'high'")
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        db.execute("UPDATE event SET severity = 'grave'")
    db.close()


def test_what_an_earlier_schema_had_prepared_stays_so(path: Path) -> None:
    row = ("gate-1", 7, 8, "sim", "12345678", 9, 10)
    with sqlite3.connect(path) as earlier:
        wrapped = Database(earlier, execute_plugins=False)
        earlier.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        migrations.apply(wrapped, stop_before="m017_prepared_many")
        earlier.execute("INSERT INTO prepared VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    earlier.close()
    migrate(path)
    db = connect(path)
    assert db.execute("SELECT * FROM prepared").fetchall() == [row]
    db.execute("INSERT INTO prepared VALUES (?, ?, ?, ?, ?, ?, ?)", ("gate-1", 11, *row[2:]))
    db.close()


def test_the_schema_of_the_design_is_there(db: sqlite3.Connection) -> None:
    assert set(tables(db)) >= {
        "message", "transmission", "segment", "attempt", "part", "inbound", "report", "event",
        "webhook", "delivery", "hook_event", "lane", "binding", "quarantine", "body", "meta",
        "api_key", "idempotency",
    }  # fmt: skip


def test_every_table_is_strict(db: sqlite3.Connection) -> None:
    loose = [
        name
        for name, sql in tables(db).items()
        if not sql.rstrip().endswith(("STRICT", "STRICT, WITHOUT ROWID"))
    ]
    assert loose == []


def test_content_is_in_body_alone(db: sqlite3.Connection) -> None:
    """Elsewhere a BLOB is a header, a stamp or a digest."""
    blobs = {
        f"{name}.{column}"
        for name, sql in tables(db).items()
        for column in re.findall(r"^\s+(\w+) BLOB", sql, re.MULTILINE)
    }
    assert blobs == {
        "body.bytes", "segment.udh", "part.udh", "part.scts", "part.fingerprint", "report.scts",
        "quarantine.fingerprint", "api_key.secret_hash", "audit.hash",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("table", "column", "enum"),
    [
        ("message", "state", MessageState),
        ("message", "class", MessageClass),
        ("message", "encoding", Encoding),
        ("message", "on_uncertain", OnUncertain),
        ("segment", "state", SegmentState),
        ("segment", "outcome_class", OutcomeClass),
        ("segment", "outcome_scope", Scope),
        ("attempt", "outcome_class", OutcomeClass),
        ("attempt", "outcome_scope", Scope),
        ("report", "outcome_class", OutcomeClass),
        ("report", "outcome_scope", Scope),
        ("inbound", "encoding", Encoding),
    ],
)
def test_a_column_takes_the_values_of_its_enum(
    db: sqlite3.Connection, table: str, column: str, enum: type
) -> None:
    found = re.search(rf"^\s+{column} TEXT.*CHECK \((.*)\)", tables(db)[table], re.MULTILINE)
    assert found is not None
    assert found[1] == one_of(column, enum)


def test_no_enum_is_left_unwritten() -> None:
    assert "{" not in schema_1()


def test_a_wrong_state_is_refused(db: sqlite3.Connection) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
        db.execute(
            "INSERT INTO segment (message_seq, transmission_id, current, seq, state, pid, dcs, udh,"
            " udl, ud_body, expires_at) VALUES (1, 1, 1, 1, 'gone', 0, 0, x'', 0, 1, 0)"
        )


def test_how_the_file_is_kept(db: sqlite3.Connection, path: Path) -> None:
    def pragma(name: str) -> object:
        return db.execute(f"PRAGMA {name}").fetchone()[0]

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2  # FULL
    assert pragma("foreign_keys") == 1
    assert pragma("busy_timeout") == 5000
    assert pragma("page_size") == PAGE_SIZE
    assert (AUTO_VACUUM, pragma("auto_vacuum")) == ("INCREMENTAL", 2)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_copy_without_a_log_has_one_again(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    migrate(path)
    with closing(connect(path)) as again:
        assert again.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_migrating_twice_changes_nothing(db: sqlite3.Connection, path: Path) -> None:
    before = made_by_all(db)
    migrate(path)
    assert made_by_all(db) == before


def test_a_newer_file_is_refused_and_untouched(db: sqlite3.Connection, path: Path) -> None:
    db.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
               "VALUES ('airpost', 'm099_future', 'then')")  # fmt: skip
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"newer airpost \(m099_future\)"):
        migrate(path)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (a)")
    other.close()
    with pytest.raises(ConfigError, match="another program"):
        migrate(path)


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"a letter to my aunt, not a database at all\n" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        migrate(path)


def test_a_folder_that_is_not_there_is_named(place: Path) -> None:
    with pytest.raises(ConfigError, match=r"none/airpost\.db cannot be written: No such file"):
        migrate(place / "none" / "airpost.db")


def test_a_file_that_is_held_is_no_mistake_of_the_config(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airpost.store.migrations.BUSY_S", 0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="another program"):
        migrate(path)
    other.close()
    migrate(path)

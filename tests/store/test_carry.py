"""A store that is put back goes on with the audit log, and shuts out whom the one before did."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from airpost.apikey import ApiKey
from airpost.audit import Anchor, Entry, Row, verify
from airpost.store.audit import append, prune, rows
from airpost.store.backup import copy, restore
from airpost.store.keys import add, find, revoke, rotate
from airpost.store.migrations import connect, migrate
from airpost.store.writer import Tx
from tests.store.values import NOW, after

DAY_S = 86_400


def key(id_: str) -> ApiKey:
    return ApiKey(
        id=id_, name=id_, owner="shop", scopes=frozenset({"send"}), created_at=NOW, revoked_at=None
    )


@pytest.fixture
def path(place: Path) -> Path:
    """A store with keys and rows, and a copy of it beside."""
    made = place / "airpost.db"
    migrate(made)
    with closing(connect(made)) as db:
        tx = Tx(db, Random(1))
        for n, id_ in enumerate(("stays", "ends", "turns")):
            add(tx, key(id_), bytes([n]) * 32)
        append(tx, [Entry(at=NOW, action=f"a{n}", actor="x") for n in range(4)])
    copy(made, place / "copy.db")
    return made


def later(path: Path) -> Anchor:
    """What happens after the copy was made."""
    with closing(connect(path)) as db:
        tx = Tx(db, Random(1))
        revoke(tx, "ends", after(1))
        rotate(tx, "turns", b"n" * 32, after(60))
        return append(tx, [Entry(at=after(2), action=f"b{n}", actor="x") for n in range(3)])


def log_of(path: Path) -> list[Row]:
    with closing(connect(path)) as db:
        return rows(db, 0, 99)


def test_the_log_goes_on_and_keys_stay_ended(path: Path, place: Path) -> None:
    anchor = later(path)
    restore(place / "copy.db", path, after(9), Random(1), "command line uid=0")
    found = log_of(path)
    assert [row.action for row in found][4:] == ["b0", "b1", "b2", "db.restore"]
    assert verify(found, [anchor]).faults == ()
    assert json.loads(found[-1].detail) == {
        "held": 0, "not_due": 0, "keys": "carried on", "log": "carried on",
    }  # fmt: skip
    assert found[-1].origin == "command line uid=0"
    with closing(connect(path)) as db:
        stays, ends = find(db, b"\x00" * 32), find(db, b"\x01" * 32)
        assert stays == key("stays")
        assert ends == replace(key("ends"), revoked_at=after(1))
        old, new = find(db, b"\x02" * 32), find(db, b"n" * 32)
        assert new == replace(key("turns"), old_until=after(60))
        assert old == replace(key("turns"), old_until=after(60), by_old=True)


def test_what_the_copy_has_may_have_gone_meanwhile(path: Path, place: Path) -> None:
    later(path)
    with closing(connect(path)) as db:
        append(Tx(db, Random(1)), [Entry(at=after(100 * DAY_S), action="c", actor="x")])
        assert prune(Tx(db, Random(1)), 10, after(101 * DAY_S)) == 7
    restore(place / "copy.db", path, after(102 * DAY_S), Random(1))
    found = log_of(path)
    assert [row.action for row in found] == ["c", "audit.prune", "db.restore"]
    assert verify(found).faults == ()


@pytest.mark.parametrize("what", ["damaged", "another", "older", "none"])
def test_what_cannot_be_taken_over_is_told_and_keeps_nothing_back(
    path: Path, place: Path, what: str
) -> None:
    if what == "damaged":
        octets = bytearray(path.read_bytes())
        octets[100:] = bytes(len(octets) - 100)
        path.write_bytes(octets)
    elif what == "none":
        path.unlink()
    else:
        path.unlink()
        if what == "older":
            with closing(sqlite3.connect(path)) as db:
                db.execute("CREATE TABLE message (a)")
        else:
            migrate(path)
            with closing(connect(path)) as db:
                append(Tx(db, Random(1)), [Entry(at=NOW, action="z", actor="x")] * 9)
    restore(place / "copy.db", path, after(9), Random(1))
    found = log_of(path)
    assert [row.action for row in found] == ["a0", "a1", "a2", "a3", "db.restore"]
    assert verify(found).faults == ()
    words = json.loads(found[-1].detail)["log"]
    assert {
        "damaged": "cannot be read", "another": "another one", "older": "no such table",
        "none": "none before",
    }[what] in words  # fmt: skip

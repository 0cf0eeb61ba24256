"""The audit log on disk: only added to, pruned from its beginning, and a count of each key."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from random import Random

import pytest

from airpost.audit import BEGUN, Anchor, Entry, verify
from airpost.clock import Instant
from airpost.store import audit
from airpost.store.api import Store
from airpost.store.audit import append, interrupt, prune, rows
from airpost.store.auditing import riding
from airpost.store.migrations import connect, migrate
from airpost.store.writer import Tx
from tests.store.values import NOW, after

DAY_S = 86_400


def entries(count: int, at: Instant = NOW) -> list[Entry]:
    return [Entry(at=at, action=f"a{n}", actor="key 1") for n in range(count)]


async def test_rows_follow_each_other(store: Store) -> None:
    assert await store.audit.head() == Anchor()
    first = await store.audit.append(entries(2))
    head = await store.audit.append(entries(1))
    found = await store.audit.rows(0, 10)
    assert [(row.n, row.action) for row in found] == [(1, "a0"), (2, "a1"), (3, "a0")]
    assert verify(found, [first, head]).faults == ()
    assert await store.audit.rows(1, 1) == found[1:2]
    assert await store.audit.head() == head


@pytest.fixture
def tx(place: Path) -> Tx:
    migrate(place / "airpost.db")
    return Tx(connect(place / "airpost.db"), Random(1))


def test_sqlite_itself_refuses_edits(tx: Tx) -> None:
    append(tx, entries(3))
    for wrong in ("UPDATE audit SET actor = 'x'", "DELETE FROM audit WHERE n = 2"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            tx.db.execute(wrong)
    tx.db.close()


def test_the_oldest_go_and_the_rest_is_still_sound(tx: Tx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "PRUNE_ROWS", 4)
    append(tx, entries(6))
    middle = append(tx, entries(3, after(50 * DAY_S)))
    assert prune(tx, None, after(999 * DAY_S)) == 0
    # Ten days kept: the oldest waits until it is a month older, then whatever is due goes.
    assert prune(tx, 10, after(39 * DAY_S)) == 0
    assert prune(tx, 10, after(41 * DAY_S)) == 4
    assert prune(tx, 10, after(41 * DAY_S)) == 2
    assert prune(tx, 10, after(41 * DAY_S)) == 0
    found = verify(rows(tx.db, 0, 99), [middle])
    assert (found.faults, found.begins, found.rows, found.anchors) == ((), 7, 5, 1)
    told = [row for row in rows(tx.db, 0, 99) if row.action == "audit.prune"]
    assert '"rows":4' in told[0].detail
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        tx.db.execute("DELETE FROM audit WHERE n = 7")
    tx.db.close()


def test_what_is_no_text_is_shown_and_found(tx: Tx) -> None:
    append(tx, entries(2))
    tx.db.execute("DROP TRIGGER audit_stays")
    tx.db.execute("UPDATE audit SET actor = CAST(x'ff' AS TEXT) WHERE n = 1")
    assert verify(rows(tx.db, 0, 9)).faults
    tx.db.close()


async def test_a_row_rides_with_the_first_write_that_changes_something(store: Store) -> None:
    (entry,) = entries(1)
    with riding(entry) as ride:
        assert not await store.blocklist.unblock("+491")  # changes nothing
        assert await store.audit.head() == Anchor()
        ride.counted = "failed"
        await store.blocklist.block(["+491"], None, "key 1", NOW)
        await store.blocklist.block(["+492"], None, "key 1", NOW)
    await store.blocklist.block(["+493"], None, "key 1", NOW)
    (row,) = await store.audit.rows(0, 9)
    assert (ride.anchor, row.detail) == (Anchor(1, row.hash), '{"failed":0}')


async def test_what_fails_takes_its_row_with_it(store: Store) -> None:
    (entry,) = entries(1)
    with riding(entry) as ride, pytest.raises(sqlite3.IntegrityError):
        await store.blocklist.block(["+491", None], None, "key 1", NOW)  # type: ignore[list-item]
    assert (ride.anchor, await store.audit.head()) == (None, Anchor())
    assert await store.blocklist.blocked("+491") is None


def test_what_was_begun_ends_at_the_next_start_and_only_once(tx: Tx) -> None:
    def begun(subject: str) -> Entry:
        return Entry(at=NOW, action="modem.at", actor="key 1", subject=subject, result=BEGUN)

    append(tx, [begun("a"), begun("b"), Entry(at=NOW, action="modem.at", actor="key 1", ends=1)])
    assert [interrupt(tx, NOW), interrupt(tx, NOW)] == [1, 0]
    (*_, row) = found = rows(tx.db, 0, 9)
    assert (row.subject, row.result, row.detail) == ("b", "interrupted", '{"begun":2}')
    assert verify(found).faults == ()
    start = Entry(at=NOW, action="service.start", actor="airpost")
    append(tx, [start, begun("c"), start, begun("d")])
    assert interrupt(tx, NOW) == 2
    append(tx, [start, start, start])
    for column in ("detail", "subject"):  # somebody has written what is none: a start goes on
        tx.db.execute("DROP TRIGGER IF EXISTS audit_stays")
        tx.db.execute(f"UPDATE audit SET result = 'begun', {column} = CAST(x'ff' AS TEXT)")
    assert interrupt(tx, NOW) > 0
    tx.db.close()

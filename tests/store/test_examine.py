"""The check finds damage, what refers to nothing, and states that are not what parts make them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from airpost.store.examine import check
from airpost.store.sqlite import SqliteStore
from tests.store.values import NOW, FakeClock, bound, new


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        ("SELECT 1", ()),
        ("UPDATE message SET state = 'sent'", ("message a is sent, its parts make it queued",)),
        ("DELETE FROM body WHERE kind = 'ud'", ("1 parts that wait and have no content",)),
        ("DELETE FROM body WHERE kind = 'text'",
         ("1 texts that are referred to and not there",)),
        ("UPDATE segment SET current = 0", ("1 messages without parts",)),
        ("UPDATE segment SET message_seq = 99",
         ("a row of segment refers to none of message", "1 messages without parts")),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told(
    place: Path, clock: FakeClock, harm: str, told: tuple[str, ...]
) -> None:
    store = SqliteStore(place / "airpost.db", clock, Random(1))
    await store.open(NOW)
    await bound(store, new("a"))
    with closing(sqlite3.connect(place / "airpost.db")) as db, db:
        db.execute(harm)
    found = await store.keeping.check()
    assert found.faults == told
    assert found.octets > 0
    assert found.messages == 1
    await store.close()


async def test_damage_is_told_first(place: Path, clock: FakeClock) -> None:
    path = place / "airpost.db"
    store = SqliteStore(path, clock, Random(1))
    await store.open(NOW)
    await bound(store, *(new(f"m{n}", text="x" * 2000) for n in range(50)))
    await store.close()
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 4096)
        file.write(b"\xff" * 4096)
    with closing(sqlite3.connect(path)) as db:
        found = check(db)
    assert found.faults
    assert all(each.startswith("the file is damaged") for each in found.faults)

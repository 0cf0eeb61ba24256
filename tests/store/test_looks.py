"""The look that a commit of new messages makes for whoever comes after it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from airpost.errors import StoreUnavailable
from airpost.model import Waiting
from airpost.store import looks
from airpost.store.sqlite import SqliteStore
from tests.store.values import G1, NOW, new


class Reads:
    """What the reader's thread was asked."""

    def __init__(self, store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        ask = store._reader.ask

        def counted(work: Callable[[Any], Any], **how: Any) -> Any:
            self.count += 1
            return ask(work, **how)

        monkeypatch.setattr(store._reader, "ask", counted)


@pytest.fixture(autouse=True)
def _slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "QUICK_S", 60.0)


@pytest.fixture
def reads(plain: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(plain, monkeypatch)


async def look(store: SqliteStore, *, newest: bool = False, n: int = 9) -> list[str]:
    return [each.id for each in await store.backlog(NOW, n, [G1], ["default"], newest=newest)]


async def test_where_nothing_waited_the_commit_has_looked(plain: SqliteStore, reads: Reads) -> None:
    assert await look(plain, newest=True) == []
    await plain.accept([new("a")])
    before = reads.count
    assert await look(plain) == ["a"]
    assert reads.count == before
    assert await look(plain) == ["a"]  # what it saw is told once
    assert reads.count == before + 1


async def test_who_wants_the_newest_or_something_else_looks_himself(
    plain: SqliteStore, reads: Reads
) -> None:
    for given in ({"newest": True}, {"n": 8}):
        await plain.accept([])
        await look(plain, newest=True)
        before = reads.count
        await look(plain, **given)  # type: ignore[arg-type]
        assert reads.count == before + 1


async def test_what_the_writer_did_since_makes_it_old(plain: SqliteStore, reads: Reads) -> None:
    await look(plain, newest=True)
    await plain.accept([new("a")])
    await plain.note("modem gate-1", None, "remark", "a test", NOW)
    before = reads.count
    assert await look(plain) == ["a"]
    assert reads.count == before + 1


async def test_where_something_waits_no_commit_looks(
    plain: SqliteStore, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    await look(plain, newest=True)
    made: list[object] = []
    into = looks.Look.into

    def counted(self: looks.Look, *given: Any) -> list[Waiting]:
        made.append(self)
        return into(self, *given)

    monkeypatch.setattr(looks.Look, "into", counted)
    await plain.accept([new("a")])
    await plain.accept([new("b")])
    assert len(made) == 1
    assert await look(plain) == ["a"]  # of one number the first
    assert len(made) == 2


async def test_a_look_that_takes_long_is_no_commits(
    plain: SqliteStore, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "QUICK_S", -1.0)
    await look(plain, newest=True)
    await plain.accept([new("a")])
    before = reads.count
    assert await look(plain) == ["a"]
    assert reads.count == before + 1


async def test_a_look_that_is_our_mistake_does_not_end_the_writer(
    plain: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await look(plain, newest=True)
    monkeypatch.setattr(looks.Look, "into", lambda *_: 1 / 0)
    await plain.accept([new("a")])
    monkeypatch.undo()
    assert await look(plain) == ["a"]


@pytest.mark.parametrize("ends", [False, True])
async def test_a_look_that_fails_loses_no_message(
    plain: SqliteStore, monkeypatch: pytest.MonkeyPatch, *, ends: bool
) -> None:
    """SQLite may end the transaction: then nobody is told that it was stored."""
    await look(plain, newest=True)

    def fails(_look: looks.Look, db: sqlite3.Connection, _now: object) -> list[Waiting]:
        if ends:
            db.execute("ROLLBACK")
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(looks.Look, "into", fails)
        if ends:
            with pytest.raises(StoreUnavailable):
                await plain.accept([new("a")])
        else:
            await plain.accept([new("a")])
    assert (await plain.message("a", None) is None) is ends  # type: ignore[arg-type]

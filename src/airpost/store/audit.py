"""The audit log in SQLite: rows are added, and go only with all that is older.

May import L0 and its neighbours. Appending and pruning run in the writer's thread.
"""

from __future__ import annotations

import json
import sqlite3
from asyncio import Future
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from airpost.audit import BEGUN, INTERRUPTED, PRUNED, Anchor, Entry, Row, sealed
from airpost.clock import SECOND_US, Instant, rfc3339
from airpost.store.auditing import KeyUse, Riding, rider
from airpost.store.keyuse import KeyUses
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("audit")
PAGE = 1000
PRUNE_ROWS = 1000  # at a time
SLACK_D = 30  # rows go about once a month, not one by one: each removal is a row itself
DAY_MS = 86_400_000
_MS_US = SECOND_US // 1000


class AuditLog:
    """See `auditing.AuditLog`; `write` and `read` run a function in the store's threads."""

    def __init__(
        self,
        write: Callable[..., Awaitable[Any]],
        read: Callable[..., Awaitable[Any]],
        uses: KeyUses,
    ) -> None:
        self._write = write
        self._read = read
        self._uses = uses

    async def append(self, entries: Sequence[Entry]) -> Anchor:
        """Add rows; the newest one."""
        found: Anchor = await self._write(append, entries, urgent=False)
        return found

    async def head(self) -> Anchor:
        """The newest row."""
        found: Anchor = await self._read(head, urgent=False)
        return found

    async def rows(self, after: int, limit: int) -> list[Row]:
        """Rows behind a number."""
        found: list[Row] = await self._read(rows, after, limit, urgent=False)
        return found

    async def uses(self, key_id: str, since: Instant) -> list[KeyUse]:
        """What was counted of a key."""
        return await self._uses.of(key_id, since)


# -- with the change it is about -----------------------------------------------------------------
def asked(ask: Callable[..., Future[Any]], work: Callable[[Tx], Any], **how: float) -> Future[Any]:
    """Ask for `work`, and for the row that rides with it, if there is one."""
    ride = rider()
    return ask(work, **how) if ride is None else _asked_together(ask, work, ride, **how)


def _asked_together(
    ask: Callable[..., Future[Any]], work: Callable[[Tx], Any], ride: Riding, **how: float
) -> Future[Any]:
    entry, counted = ride.entry, ride.counted
    written: list[Anchor] = []

    def both(tx: Tx) -> Any:
        before = tx.db.total_changes
        result = work(tx)
        if tx.db.total_changes != before or tx.history:
            told = entry
            if counted is not None:
                told = replace(entry, detail={**entry.detail, counted: int(result)})
            written.append(append(tx, (told,)))
        return result

    def landed(done: Future[Any]) -> None:
        if written and not done.cancelled() and done.exception() is None:
            ride.anchor = written[-1]

    future = ask(both, **how)
    future.add_done_callback(landed)  # before whoever waits for it goes on
    return future


def interrupt(tx: Tx, now: Instant) -> int:
    """A row for each that was begun and has no end, of the runs before; how many there are."""
    begun: dict[int, tuple[str, str]] = {}
    for n, action, subject, result, detail in _readable(tx.db, "begun_or_ended"):
        if result == BEGUN:
            begun[n] = (action, subject)
        else:
            begun.pop(_ended(detail), None)
    append(
        tx,
        [
            Entry(at=now, action=action, actor="airpost", subject=subject, result=INTERRUPTED,
                  ends=n)
            for n, (action, subject) in begun.items()
        ],
    )  # fmt: skip
    return len(begun)


def _ended(detail: str) -> int:
    try:
        return int(json.loads(detail)[BEGUN])
    except (ValueError, KeyError, TypeError):
        return 0  # airpost has not written that


def head(db: sqlite3.Connection) -> Anchor:
    """The newest row."""
    found = db.execute(_SQL["head"]).fetchone()
    return Anchor() if found is None else Anchor(*found)


def append(tx: Tx, entries: Sequence[Entry]) -> Anchor:
    """Add rows; the newest one."""
    at = head(tx.db)
    for entry in entries:
        row = sealed(entry, at)
        _insert(tx.db, row)
        at = Anchor(row.n, row.hash)
    return at


def _insert(db: sqlite3.Connection, row: Row) -> None:
    db.execute(
        _SQL["append"],
        (row.n, row.at_ms, row.actor, row.origin, row.action, row.subject, row.result, row.count,
         row.detail, row.hash),
    )  # fmt: skip


def rows(db: sqlite3.Connection, after: int, limit: int) -> list[Row]:
    """Rows behind a number, oldest first, readable also where somebody wrote what is no text."""
    return [_row(each) for each in _readable(db, "rows", after, limit)]


def _readable(db: sqlite3.Connection, statement: str, *given: int) -> list[tuple[Any, ...]]:
    usual, db.text_factory = db.text_factory, lambda octets: octets.decode("utf-8", "replace")
    try:
        return db.execute(_SQL[statement], given).fetchall()
    finally:
        db.text_factory = usual


def file_rows(path: Path, last: int | None) -> Iterator[Row]:
    """All rows of a store that is not open, or the `last`; ValueError where there is no log."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            after = 0 if last is None else max(0, head(db).n - last)
            while some := rows(db, after, PAGE):
                yield from some
                after = some[-1].n
    except sqlite3.Error as error:
        raise ValueError(f"the audit log in {path} cannot be read: {error}") from error


def _row(each: Sequence[Any]) -> Row:
    n, at_ms, action, actor, origin, subject, result, count, detail, hash_ = each
    return Row(
        n=n, at_ms=at_ms, action=action, actor=actor, origin=origin, subject=subject,
        result=result, count=count, detail=detail, hash=hash_,
    )  # fmt: skip


def prune(tx: Tx, keep_d: float | None, now: Instant) -> int:
    """Remove rows that are `keep_d` days old, all up to one; how many, some at a time.

    A row tells of it, with the hash the rest follows. Nothing goes before the oldest is SLACK_D
    older than that.
    """
    oldest = tx.db.execute(_SQL["oldest"]).fetchone()
    if keep_d is None or oldest is None:
        return 0
    first, first_ms = oldest
    before_ms = now // _MS_US - round(keep_d * DAY_MS)
    if first_ms >= before_ms - SLACK_D * DAY_MS:
        return 0
    until, hash_, until_ms = tx.db.execute(
        _SQL["last_before"], (first + PRUNE_ROWS, before_ms)
    ).fetchone()
    told = {
        "until": until,
        "hash": hash_.hex(),
        "rows": until - first + 1,
        "from": rfc3339(Instant(first_ms * _MS_US)),
        "to": rfc3339(Instant(until_ms * _MS_US)),
    }
    append(tx, [Entry(at=now, action=PRUNED, actor="airpost", detail=told)])
    tx.db.execute(_SQL["base"], (until,))
    return tx.db.execute(_SQL["drop"], (until,)).rowcount

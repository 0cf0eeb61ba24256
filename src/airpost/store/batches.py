"""Batches on disk: begun before their first row, ended after their last.

May import L0 and its neighbours. What is long is done in stretches, so that what is on the air goes
in between.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from airpost.clock import SECOND_US, Clock, Instant
from airpost.errors import DuplicateRequest
from airpost.model import MessageId
from airpost.states import MessageState
from airpost.store.api import Page
from airpost.store.batching import Batch, BatchCounts, NewBatch
from airpost.store.moves import add_body
from airpost.store.numbers import tail_of
from airpost.store.outbound import cancel, scope_of
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("batches")
STRETCH = 5_000  # messages looked at in one go
PIECE = 20  # messages cancelled in one request


class Batches:
    """Batches of one store, for the loop. All that writes raises StoreUnavailable."""

    def __init__(
        self,
        write: Callable[..., Awaitable[Any]],
        read: Callable[..., Awaitable[Any]],
        clock: Clock,
    ) -> None:
        self._write = write
        self._read = read
        self._clock = clock

    async def begin(self, new: NewBatch) -> Batch:
        """Keep a new batch, or find the one its key has; DuplicateRequest `mismatch`."""
        done: Batch = await self._write(begin, new, urgent=False)
        return done

    async def rows(self, batch: Batch) -> set[tuple[int, str]]:
        """What of it is stored, by row and number: a group in a row is many numbers."""
        found: set[tuple[int, str]] = set()
        after: int | None = 0
        while after is not None:
            some, after = await self._read(rows, batch.seq, after, urgent=False)
            found |= some
        return found

    async def end(self, batch: Batch, accepted: int, rejected: int, why: bytes) -> None:
        """All rows are decided."""
        given = (batch.seq, accepted, rejected, why, self._clock.now())
        await self._write(end, *given, urgent=False)

    async def find(self, batch_id: str, owner: str | None) -> Batch | None:
        """One of an owner's (None: of anybody's)."""
        found: Batch | None = await self._read(find, batch_id, owner)
        return found

    async def page(self, owner: str | None, after: int, limit: int) -> Page[Batch]:
        """An owner's (None: everybody's) in the order they were made."""
        found: list[Batch] = await self._read(page, owner, after, limit + 1, urgent=False)
        more = found[limit - 1].seq if len(found) > limit else None
        return Page(items=tuple(found[:limit]), next=more)

    async def why(self, batch: Batch) -> bytes:
        """The JSON list of what was not taken."""
        found: bytes = await self._read(why, batch.seq, urgent=False)
        return found

    async def counts(self, batch: Batch) -> BatchCounts:
        """What has become of its messages."""
        states: Counter[MessageState] = Counter()
        pending = 0
        after: int | None = 0
        while after is not None:
            some, open_, after = await self._read(counts, batch.seq, after, urgent=False)
            states.update(some)
            pending += open_
        return BatchCounts(states=states, pending=pending)

    async def mark_cancelled(self, batch: Batch) -> None:
        """No further row of it is taken."""
        await self._write(mark_cancelled, batch.seq, self._clock.now())

    async def cancel(self, batch: Batch, actor: str) -> tuple[int, int]:
        """Cancel what has not begun: (how many were, how many could not be)."""
        cancelled = kept = 0
        after: int | None = 0
        while after is not None:
            given = (batch.seq, after, actor, self._clock.now())
            some, left, after = await self._write(cancel_some, *given, urgent=False)
            cancelled, kept = cancelled + some, kept + left
        return cancelled, kept


def begin(tx: Tx, new: NewBatch) -> Batch:
    """The new batch, or the one its key stands for."""
    scope = scope_of(new.owner, new.key_id)
    if new.key is not None:
        kept = tx.db.execute(_SQL["kept"], (scope, new.key)).fetchone()
        if kept is not None:
            if kept[0] != new.fingerprint:
                raise DuplicateRequest("mismatch")
            found = find(tx.db, json.loads(kept[1])["batch"], new.owner)
            if found is not None:
                return found
    tags = json.dumps(new.tags, ensure_ascii=False)
    row = (new.id, new.owner, new.key_id, new.size, new.created_at, new.sender_ref, tags)
    tx.db.execute(_SQL["add"], row)
    if new.key is not None:
        answer = add_body(tx, "answer", json.dumps({"batch": new.id}).encode())
        until = new.created_at + new.kept_s * SECOND_US
        tx.db.execute(_SQL["keep"], (scope, new.key, new.fingerprint, answer, until))
    done = find(tx.db, new.id, new.owner)
    assert done is not None
    return done


def rows(db: sqlite3.Connection, seq: int, after: int) -> tuple[set[tuple[int, str]], int | None]:
    """Row and number of a stretch of messages, and where the next one begins; None at the end."""
    found = db.execute(_SQL["rows"], (seq, after, STRETCH)).fetchall()
    return {(row, number) for _, row, number in found}, found[-1][0] if len(
        found
    ) == STRETCH else None


def end(tx: Tx, seq: int, accepted: int, rejected: int, why: bytes, now: Instant) -> None:
    """Write what has become of the request."""
    body = add_body(tx, "rejected", why) if rejected else None
    tx.db.execute(_SQL["end"], (now, accepted, rejected, body, seq))


def find(db: sqlite3.Connection, batch_id: str, owner: str | None) -> Batch | None:
    """A batch by its id."""
    found = db.execute(_SQL["find"], (batch_id, owner)).fetchone()
    return None if found is None else _batch(found)


def page(db: sqlite3.Connection, owner: str | None, after: int, limit: int) -> list[Batch]:
    """Batches after a number."""
    name = "page" if owner is None else "page_of"
    given = {"owner": owner, "after": after, "limit": limit}
    return [_batch(row) for row in db.execute(_SQL[name], given)]


def why(db: sqlite3.Connection, seq: int) -> bytes:
    """What was not taken, as JSON."""
    found = db.execute(_SQL["why"], (seq,)).fetchone()
    return b"[]" if found is None else bytes(found[0])


def counts(
    db: sqlite3.Connection, seq: int, after: int
) -> tuple[dict[MessageState, int], int, int | None]:
    """The states of a stretch of messages, how many are not final, and where the next begins."""
    found = db.execute(_SQL["states"], (seq, after, STRETCH)).fetchall()
    states = Counter(MessageState(state) for _, state, _ in found)
    pending = sum(not final for _, _, final in found)
    return states, pending, found[-1][0] if len(found) == STRETCH else None


def mark_cancelled(tx: Tx, seq: int, now: Instant) -> None:
    """Write that nobody wants the rest."""
    tx.db.execute(_SQL["mark_cancelled"], (now, seq))


def cancel_some(
    tx: Tx, seq: int, after: int, actor: str, now: Instant
) -> tuple[int, int, int | None]:
    """Cancel some messages: (how many were, how many could not be, where to go on)."""
    found = tx.db.execute(_SQL["waiting"], (seq, after, PIECE)).fetchall()
    done = sum(cancel(tx, MessageId(each), None, actor, now).cancelled for _, each in found)
    return done, len(found) - done, found[-1][0] if len(found) == PIECE else None


def forget(tx: Tx, number: str) -> None:
    """Take a number out of what was not taken."""
    tail = tail_of(number) or number
    for seq, body in tx.db.execute(_SQL["why_with"], (tail[-2:],)).fetchall():
        told = json.loads(body)
        for each in told:
            if (tail_of(each["to"] or "") or each["to"]) == tail:
                each["to"] = None
        tx.db.execute(_SQL["why_anew"], (json.dumps(told, ensure_ascii=False).encode(), seq))


def _batch(row: tuple[Any, ...]) -> Batch:
    return Batch(
        seq=row[0],
        id=row[1],
        owner=row[2],
        key_id=row[3],
        size=row[4],
        created_at=row[5],
        taken_at=row[6],
        cancelled_at=row[7],
        accepted=row[8],
        rejected=row[9],
        sender_ref=row[10],
        tags=tuple(json.loads(row[11])),
    )

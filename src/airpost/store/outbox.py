"""The event log as it is read by others, and who is told of it: see `publishing.Outbox`.

May import L0 and its neighbours. What reads runs in a reader's thread, what writes behind what is
on the air; nothing of it is done in the commit of an event.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from airpost.clock import Instant
from airpost.model import Encoding, MessageClass, Severity
from airpost.received import Inbound
from airpost.store.api import Page
from airpost.store.moves import add_body
from airpost.store.publishing import (
    Delivery,
    Endpoint,
    EndpointKind,
    EndpointState,
    LogEvent,
    MessageFacts,
    Progress,
    Stretch,
)
from airpost.store.reader import Reader
from airpost.store.rows import Row, inbound_of
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("outbox")
T = TypeVar("T")


class Outbox:
    """Beside the store at `path`, with the store's way to write something that is not urgent.

    It has a reader of its own: events are told also while somebody counts a million messages. All
    of it raises StoreUnavailable.
    """

    def __init__(self, path: Path, write: Callable[..., Awaitable[Any]]) -> None:
        self._write = partial(write, urgent=False)
        self._reader = Reader(path, "store events")

    async def start(self) -> None:
        """Open; the file is there already."""
        await self._reader.start()

    def closed(self, reason: str) -> None:
        """The store could not be opened: why nothing can be asked."""
        self._reader.closed = reason

    async def stop(self) -> None:
        """Close."""
        await self._reader.stop()

    @property
    def pending(self) -> int:
        """Requests taken and not yet answered."""
        return self._reader.pending

    @property
    def died(self) -> str | None:
        """Why the log can never be read again in this process."""
        return self._reader.died

    async def _read(self, function: Callable[..., T], *given: Any) -> T:
        done: T = await self._reader.ask(lambda db: function(db, *given), urgent=False)
        return done

    async def head(self) -> int:
        """The newest event."""
        return await self._read(head)

    async def log(self, after: int, most: int) -> Stretch:
        """A stretch of the log."""
        return await self._read(log, after, most)

    async def some(self, seqs: Sequence[int]) -> list[LogEvent]:
        """These events."""
        return await self._read(some, seqs)

    async def first_since(self, at: Instant) -> int:
        """The place before the first event since `at`."""
        return await self._read(first_since, at)

    async def add(self, endpoint: Endpoint, most: int) -> Endpoint:
        """Keep a new endpoint."""
        found: Endpoint = await self._write(add, endpoint, most)
        return found

    async def endpoints(self) -> list[Endpoint]:
        """All endpoints."""
        return await self._read(endpoints)

    async def remove(self, n: int) -> None:
        """Drop an endpoint."""
        await self._write(remove, n)

    async def set_state(self, n: int, state: EndpointState, reason: str | None) -> None:
        """Whether it is told."""
        await self._write(set_state, n, state, reason)

    async def set_secret(self, n: int, secret: str, previous_until: Instant) -> None:
        """A new secret."""
        await self._write(set_secret, n, secret, previous_until)

    async def progress(self, done: Sequence[Progress]) -> None:
        """Where endpoints have got to."""
        await self._write(progress, done)

    async def deliveries(
        self, n: int, after: int, limit: int, *, dead: bool | None = None
    ) -> Page[Delivery]:
        """A page of what failed."""
        found = await self._read(deliveries, n, after, limit + 1, dead)
        more = found[limit - 1].seq if len(found) > limit else None
        return Page(items=tuple(found[:limit]), next=more)

    async def revive(self, n: int, seqs: Sequence[int] | None, now: Instant) -> list[Delivery]:
        """Deliver these, or what is dead, again."""
        found: list[Delivery] = await self._write(revive, n, seqs, now)
        return found

    async def rewind(self, n: int, place: int) -> None:
        """Deliver everything after a place again."""
        await self._write(rewind, n, place)

    async def forget_dead(self, before: Instant) -> int:
        """Drop what is dead for long."""
        return int(await self._write(forget_dead, before))


# -- in the reader's thread ----------------------------------------------------------------------
def head(db: sqlite3.Connection) -> int:
    """See `Outbox.head`."""
    found: int = db.execute(_SQL["head"]).fetchone()[0]
    return found


def log(db: sqlite3.Connection, after: int, most: int) -> Stretch:
    """See `Outbox.log`."""
    until = db.execute(_SQL["last_of"], (after, most)).fetchone()[0]
    if until is None:
        return Stretch(events=(), until=after)
    rows = db.execute(_SQL["log"], (after, until)).fetchall()
    return Stretch(events=tuple(_events(db, rows)), until=until)


def some(db: sqlite3.Connection, seqs: Sequence[int]) -> list[LogEvent]:
    """See `Outbox.some`."""
    return _events(db, db.execute(_SQL["some"], (json.dumps(seqs),)).fetchall())


def _events(db: sqlite3.Connection, rows: Sequence[Row]) -> list[LogEvent]:
    asked = [row[7] for row in rows if row[7] is not None]
    inbound: dict[int, Inbound] = {}
    if asked:
        for row in db.execute(_SQL["inbound"], (json.dumps(asked),)):
            inbound[row[0]] = inbound_of(row)
    return [_event(row, inbound.get(row[7])) for row in rows]


def _event(row: Row, inbound: Inbound | None) -> LogEvent:
    message = None
    if row[8] is not None:
        message = MessageFacts(
            id=row[8],
            owner=row[9],
            to=row[10],
            class_=MessageClass(row[11]),
            encoding=Encoding(row[12]),
            parts=row[13],
            modem=row[14],
            created_at=row[15],
            sent_at=row[16],
            delivered_at=row[17],
            final=bool(row[18]),
            possible_duplicates=row[19],
            sender_ref=row[20],
            tags=() if row[21] == "[]" else tuple(json.loads(row[21])),
        )
    return LogEvent(
        seq=row[0],
        at=row[1],
        subject=row[2],
        from_=row[3],
        to=row[4],
        reason=row[5],
        severity=row[6] or Severity.INFO.value,
        message=message,
        inbound=inbound,
    )


def first_since(db: sqlite3.Connection, at: Instant) -> int:
    """By halves: events are in the order of their commits, and so, but for moments, of time."""
    low, high = 0, head(db)
    while low < high:
        middle = (low + high) // 2
        found = db.execute(_SQL["at"], (middle + 1,)).fetchone()
        if found is None or found[1] >= at:
            high = middle
        else:
            low = found[0]
    return low


def endpoints(db: sqlite3.Connection) -> list[Endpoint]:
    """See `Outbox.endpoints`."""
    return [_endpoint(row) for row in db.execute(_SQL["endpoints"])]


def _endpoint(row: Row) -> Endpoint:
    return Endpoint(
        n=row[0],
        id=row[1],
        kind=EndpointKind(row[2]),
        owner=row[3],
        sees=row[4],
        inbound=bool(row[5]),
        target=row[6],
        types=tuple(json.loads(row[7])),
        note=row[8],
        state=EndpointState(row[9]),
        reason=row[10],
        place=row[11],
        delivered=row[12],
        missed=row[13],
        created_at=row[14],
        secret=None if row[15] is None else row[15].decode(),
        previous=None if row[16] is None else row[16].decode(),
        previous_until=row[17],
    )


def deliveries(
    db: sqlite3.Connection, n: int, after: int, limit: int, dead: bool | None = None
) -> list[Delivery]:
    """See `Outbox.deliveries`."""
    asked = (n, after, None if dead is None else int(dead), limit)
    return [
        Delivery(
            seq=row[0],
            dead=bool(row[1]),
            tries=row[2],
            first_at=row[3],
            last_at=row[4],
            next_at=row[5],
            status=row[6],
            error=row[7],
        )
        for row in db.execute(_SQL["deliveries"], asked)
    ]


# -- in the writer's thread ----------------------------------------------------------------------
def add(tx: Tx, endpoint: Endpoint, most: int) -> Endpoint:
    """See `Outbox.add`."""
    count = tx.db.execute(_SQL["count"], (endpoint.owner,)).fetchone()[0]
    if count >= most:
        raise ValueError(f"{endpoint.owner} has {count} already")
    secret = None if endpoint.secret is None else add_body(tx, "secret", endpoint.secret.encode())
    found = tx.db.execute(
        _SQL["add"],
        (endpoint.id, endpoint.kind.value, endpoint.owner, endpoint.sees, endpoint.inbound,
         endpoint.target, json.dumps(endpoint.types), endpoint.note, secret, endpoint.state.value,
         endpoint.created_at),
    ).fetchone()  # fmt: skip
    return replace(endpoint, n=found[0], place=found[1])


def remove(tx: Tx, n: int) -> None:
    """See `Outbox.remove`."""
    for name in ("drop_secrets", "drop_deliveries", "drop"):
        tx.db.execute(_SQL[name], (n,))


def set_state(tx: Tx, n: int, state: EndpointState, reason: str | None) -> None:
    """See `Outbox.set_state`."""
    tx.db.execute(_SQL["set_state"], (state.value, reason, n))


def set_secret(tx: Tx, n: int, secret: str, previous_until: Instant) -> None:
    """See `Outbox.set_secret`."""
    tx.db.execute(_SQL["drop_previous"], (n,))
    body = add_body(tx, "secret", secret.encode())
    tx.db.execute(_SQL["set_secret"], (previous_until, body, n))


def progress(tx: Tx, done: Sequence[Progress]) -> None:
    """See `Outbox.progress`."""
    for each in done:
        row = (each.place, each.delivered, each.missed, each.n)
        if tx.db.execute(_SQL["progress"], row).rowcount == 0:
            continue  # it was removed meanwhile
        for kept in each.keep:
            tx.db.execute(
                _SQL["keep"],
                (each.n, kept.seq, kept.dead, kept.tries, kept.first_at, kept.last_at,
                 kept.next_at, kept.status, kept.error),
            )  # fmt: skip
        for seq in each.done:
            tx.db.execute(_SQL["done"], (each.n, seq))


def revive(tx: Tx, n: int, seqs: Sequence[int] | None, now: Instant) -> list[Delivery]:
    """See `Outbox.revive`."""
    if seqs is None:
        tx.db.execute(_SQL["revive_dead"], (now, n))
    else:
        for seq in seqs:
            tx.db.execute(_SQL["revive"], (n, seq, now))
    return deliveries(tx.db, n, 0, -1, dead=False)


def rewind(tx: Tx, n: int, place: int) -> None:
    """See `Outbox.rewind`."""
    tx.db.execute(_SQL["rewind"], (place, n))
    tx.db.execute(_SQL["drop_after"], (n, place))


def forget_dead(tx: Tx, before: Instant) -> int:
    """See `Outbox.forget_dead`."""
    return tx.db.execute(_SQL["forget_dead"], (before,)).rowcount


def needed(db: sqlite3.Connection) -> int | None:
    """The newest event that no endpoint needs, nor any older one; None: none is needed."""
    found: int | None = db.execute(_SQL["needed"]).fetchone()[0]
    return found

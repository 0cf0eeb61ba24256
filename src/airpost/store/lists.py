"""What people and programs read: messages, their history, events, received messages, counts.

May import L0 and sqlite3. A list of messages looks at a stretch of
STRETCH numbers at a time and is asked again: a rare match among a million messages takes as long as
it takes, but nobody waits for it.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from airpost.model import Event, Lane, Message, MessageId, PartView
from airpost.received import Inbound
from airpost.store.api import MessageFilter, Page, QueueView
from airpost.store.queue import waiting_for
from airpost.store.routing import Served
from airpost.store.rows import event_of, inbound_of, message_of, part_of
from airpost.store.statements import load

T = TypeVar("T", Event, Inbound)
_SQL = load("lists")
STRETCH = 20_000
# Conditions on `message m`, so named that the text of a query depends on which are there alone.
_CONDITIONS = {
    "owner": "m.owner = :owner",
    "state": "m.state = :state",
    "to": "m.number = :to",
    "class_": "m.class = :class_",
    "modem": "m.lane = :modem",
    "since": "m.created_at >= :since",
    "before": "m.created_at < :before",
    "sender_ref": "m.sender_ref = :sender_ref",
    "key_id": "m.key_id = :key_id",
    # A part is in doubt, and others are still to come: the message is `sending`.
    "uncertain": "(m.state = 'uncertain' OR m.possible_duplicates > 0 OR m.state = 'sending'"
    " AND EXISTS (SELECT 1 FROM segment s WHERE s.message_seq = m.seq"
    " AND s.current = 1 AND s.state = 'uncertain'))",
    "batch": "m.batch_seq = (SELECT seq FROM batch WHERE id = :batch)",
    "tag": "EXISTS (SELECT 1 FROM tag t WHERE t.tag = :tag AND t.message_seq = m.seq)",
}


class Lists:
    """See `api.Store`; `read` runs a function in the reader's thread."""

    def __init__(self, read: Callable[..., Awaitable[Any]]) -> None:
        self._read = read

    async def message(self, message_id: MessageId, owner: str | None) -> Message | None:
        """One message."""
        found: Message | None = await self._read(message, message_id, owner)
        return found

    async def messages(self, where: MessageFilter, after: int, limit: int) -> Page[Message]:
        """A page of messages; one more than asked for tells whether there is another page."""
        found: list[Message] = []
        begin: int | None = after
        while begin is not None and len(found) <= limit:
            asked = limit + 1 - len(found)
            more, begin = await self._read(messages, where, begin, asked, urgent=False)
            found += more
        following = found[limit - 1].seq if len(found) > limit else None
        return Page(items=tuple(found[:limit]), next=following)

    async def message_events(self, message_id: MessageId) -> list[Event]:
        """The history of a message."""
        found: list[Event] = await self._read(message_events, message_id, urgent=False)
        return found

    async def events(self, after: int, limit: int) -> Page[Event]:
        """A page of events."""
        found: Page[Event] = await self._read(events, after, limit, urgent=False)
        return found

    async def inbound(self, owner: str | None, after: int, limit: int) -> Page[Inbound]:
        """A page of received messages."""
        found: Page[Inbound] = await self._read(inbound, owner, after, limit, urgent=False)
        return found

    async def queue(self, lane: Lane | None, limit: int, routes: Served = None) -> QueueView:
        """What waits for a lane, or for any."""
        found: QueueView = await self._read(queue_view, lane, limit, routes, urgent=False)
        return found

    async def counts(self) -> dict[str, int]:
        """How many of what."""
        found = Counter(await self._read(counts, urgent=False))
        for table, prefix in (("message", ""), ("segment", "segment.")):
            begin: int | None = 0
            while begin is not None:
                some, begin = await self._read(state_counts, table, begin, urgent=False)
                found.update({prefix + state: count for state, count in some.items()})
        return dict(found)


# -- in the reader's thread ----------------------------------------------------------------------
def by_seq(db: sqlite3.Connection, seqs: Sequence[int]) -> list[Message]:
    """These messages, in this order."""
    asked = (json.dumps(seqs),)
    parts: defaultdict[int, list[PartView]] = defaultdict(list)
    for row in db.execute(_SQL["parts"], asked):
        parts[row[0]].append(part_of(row))
    found = {row[0]: message_of(row, parts[row[0]]) for row in db.execute(_SQL["messages"], asked)}
    return [found[seq] for seq in seqs]


def message(db: sqlite3.Connection, message_id: MessageId, owner: str | None) -> Message | None:
    """One message of an owner (None: of anybody)."""
    found = db.execute(_SQL["seq_of"], (message_id, owner)).fetchone()
    return None if found is None else by_seq(db, [found[0]])[0]


def _values(where: MessageFilter) -> dict[str, Any]:
    asked = {
        "owner": where.owner,
        "state": None if where.state is None else where.state.value,
        "to": where.to,
        "class_": None if where.class_ is None else where.class_.value,
        "modem": where.modem,
        "since": where.since,
        "before": where.until,
        "sender_ref": where.sender_ref,
        "key_id": where.key_id,
        "batch": where.batch,
        "tag": where.tag,
        "uncertain": where.uncertain or None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def messages(
    db: sqlite3.Connection, where: MessageFilter, after: int, limit: int
) -> tuple[list[Message], int | None]:
    """Up to `limit` messages of a stretch, and where the next one begins; None at the end.

    With `newest` the stretch lies before `after`, and 0 is behind the last.
    """
    last = db.execute(_SQL["last_message"]).fetchone()[0] or 0
    values = _values(where)
    if where.newest:
        name, until = "find_newest", max(0, (after or last + 1) - STRETCH)
        after, following = after or last + 1, until or None
    else:
        name, until = "find", after + STRETCH
        following = until if until < last else None
    query = _SQL[name].replace("TRUE", " AND ".join(["TRUE", *(_CONDITIONS[n] for n in values)]))
    values |= {"after": after, "until": until, "limit": limit}
    seqs = [row[0] for row in db.execute(query, values)]
    return by_seq(db, seqs) if seqs else [], following


def message_events(db: sqlite3.Connection, message_id: MessageId) -> list[Event]:
    """The history of one message."""
    return [event_of(row) for row in db.execute(_SQL["message_events"], (message_id,))]


def events(db: sqlite3.Connection, after: int, limit: int) -> Page[Event]:
    """A page of events."""
    rows = db.execute(_SQL["events"], (after, limit + 1)).fetchall()
    return _page([event_of(row) for row in rows], limit)


def inbound(db: sqlite3.Connection, owner: str | None, after: int, limit: int) -> Page[Inbound]:
    """A page of received messages."""
    if owner is None:
        rows = db.execute(_SQL["inbound"], (after, limit + 1)).fetchall()
    else:
        rows = db.execute(_SQL["inbound_of"], (after, owner, limit + 1)).fetchall()
    return _page([inbound_of(row) for row in rows], limit)


def _page(found: list[T], limit: int) -> Page[T]:
    """One more than the limit was asked for, to know whether there is more."""
    more = found[limit - 1].seq if len(found) > limit else None
    return Page(items=tuple(found[:limit]), next=more)


def counts(db: sqlite3.Connection) -> dict[str, int]:
    """What has no states: `report.unmatched` and `quarantined`."""
    return {
        "report.unmatched": db.execute(_SQL["unmatched"]).fetchone()[0],
        "quarantined": db.execute(_SQL["quarantined"]).fetchone()[0],
    }


def waiting(db: sqlite3.Connection) -> int:
    """How many messages have a part that is yet to go out and may go now."""
    count: int = db.execute(_SQL["waiting"]).fetchone()[0]
    return count


def state_counts(
    db: sqlite3.Connection, table: str, after: int
) -> tuple[dict[str, int], int | None]:
    """A stretch of `message` or `segment` by state, and where to go on; None at the end."""
    last = db.execute(_SQL[f"last_{table}"]).fetchone()[0] or 0
    until = after + STRETCH
    found = dict(db.execute(_SQL[f"{table}_states"], (after, until)).fetchall())
    return found, until if until < last else None


def queue_view(
    db: sqlite3.Connection, lane: Lane | None, limit: int, routes: Served = None
) -> QueueView:
    """What waits for a lane that serves these routes, or for any."""
    bound, free, total = waiting_for(db, lane, limit, routes)
    return QueueView(
        bound=tuple(by_seq(db, bound)), backlog=tuple(by_seq(db, free)), backlog_total=total
    )


def kept_answer(db: sqlite3.Connection, owner: str, key: str) -> tuple[str, int, bytes] | None:
    """(fingerprint, status, body) of the request that had this key."""
    found: tuple[str, int, bytes] | None = db.execute(_SQL["kept_answer"], (owner, key)).fetchone()
    return found

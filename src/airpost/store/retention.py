"""What is past its time goes: content first, records later, the numbers of the funnel never.

May import L0. `due` runs in a reader and finds; the rest runs in the writer's thread and works for
BUDGET_S, so that a modem whose segment ends meanwhile waits no longer than that and a commit. A
content that is erased is referred to by number 0 from then on: numbers of the last ones come again.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from airpost.clock import SECOND_US, Instant
from airpost.model import MessageClass
from airpost.store.funnel import HOUR_US, roll_up
from airpost.store.keeping import Retention
from airpost.store.keyuse import MINUTE_US
from airpost.store.outbox import needed
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("retention")
DAY_US = 86_400 * SECOND_US
STRETCH = 20_000  # numbers looked through at a time
BUDGET_S = 0.002  # of work in the writer's thread at a time
TOGETHER = 4  # messages counted by one statement
ROWS = 50  # of small things at a time
FREE_PAGES = 64  # given back to the disk at a time
RATES_KEPT_D = 60
BATCH_KEPT_S = 72 * 3600  # as long as an Idempotency-Key may be kept, and then with its messages
_BARE = ("erase_message", "bare_reports", "bare_attempts", "bare_segments", "bare_message")
_DROP = ("erase_message", "drop_reports", "drop_attempts", "drop_segments", "drop_transmissions",
         "drop_tags", "drop_events", "drop_message")  # fmt: skip
_BARE_INBOUND = ("erase_inbound", "bare_parts", "bare_inbound")
_DROP_INBOUND = ("erase_inbound", "drop_parts", "drop_inbound")


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Numbers of what is past its time in a stretch, by what is to be done with it."""

    message_bodies: tuple[int, ...]
    message_records: tuple[int, ...]
    inbound_bodies: tuple[int, ...]
    inbound_records: tuple[int, ...]


def ends(db: sqlite3.Connection) -> int:
    """The highest number there is of anything that is looked through."""
    messages, inbound = db.execute(_SQL["ends"]).fetchone()
    return max(int(messages), int(inbound))


def due(db: sqlite3.Connection, retention: Retention, now: Instant, after: int) -> Due:
    """What is past its time with numbers above `after`, STRETCH of them."""
    span = {"after": after, "until": after + STRETCH, "needed": needed(db)}
    bodies = {each.value: _before(now, retention.of(each).bodies_d) for each in MessageClass}
    records = {each.value: _before(now, retention.of(each).records_d) for each in MessageClass}
    inbound = retention.inbound
    gone = _seqs(db, "message_records", span | records)
    gone_in = _seqs(db, "inbound_records", span | {"before": _before(now, inbound.records_d)})
    bare = _seqs(db, "message_bodies", span | bodies)
    bare_in = _seqs(db, "inbound_bodies", span | {"before": _before(now, inbound.bodies_d)})
    return Due(
        message_bodies=tuple(seq for seq in bare if seq not in set(gone)),
        message_records=gone,
        inbound_bodies=tuple(seq for seq in bare_in if seq not in set(gone_in)),
        inbound_records=gone_in,
    )


def _before(now: Instant, days: float | None) -> int:
    """What is made before that is past its time."""
    return -1 if days is None else now - round(days * DAY_US)


def _seqs(db: sqlite3.Connection, name: str, given: Mapping[str, int | None]) -> tuple[int, ...]:
    return tuple(row[0] for row in db.execute(_SQL[name], given))


# -- a stretch of work ---------------------------------------------------------------------------
def erase_messages(tx: Tx, seqs: Sequence[int]) -> int:
    """Erase the content of messages; of how many there was time for."""
    return _each(seqs, lambda seq: _run(tx, _BARE, seq))


def drop_messages(tx: Tx, seqs: Sequence[int]) -> int:
    """Count messages for the funnel and remove them; how many there was time for."""
    tx.db.execute(_SQL["last_attempt"])  # no number comes twice, and the air journal may know it
    until = time.monotonic() + BUDGET_S
    for at in range(0, len(seqs), TOGETHER):
        some = seqs[at : at + TOGETHER]
        roll_up(tx, some)
        for seq in some:
            _run(tx, _DROP, seq)
        if time.monotonic() >= until:
            return at + len(some)
    return len(seqs)


def erase_inbound(tx: Tx, seqs: Sequence[int]) -> int:
    """Erase the content of received messages; of how many there was time for."""
    return _each(seqs, lambda seq: _run(tx, _BARE_INBOUND, seq))


def drop_inbound(tx: Tx, seqs: Sequence[int]) -> int:
    """Remove received messages; how many there was time for."""
    return _each(seqs, lambda seq: _run(tx, _DROP_INBOUND, seq))


def _run(tx: Tx, names: Sequence[str], seq: int) -> None:
    for name in names:
        tx.db.execute(_SQL[name], (seq,))


def _each(seqs: Sequence[int], work: Callable[[int], None]) -> int:
    until = time.monotonic() + BUDGET_S
    for done, seq in enumerate(seqs, 1):
        work(seq)
        if time.monotonic() >= until:
            return done
    return len(seqs)


def drop_small(tx: Tx, retention: Retention, now: Instant) -> int:
    """What has no message: events, reports that match nothing, what could not be read; how many."""
    kept = retention.inbound.records_d
    events = (_before(now, retention.events_d), ROWS, needed(tx.db))
    count = tx.db.execute(_SQL["old_events"], events).rowcount
    for old, drop in (("old_reports", "drop_report"), ("old_quarantine", "drop_quarantine")):
        for id_, body in tx.db.execute(_SQL[old], (_before(now, kept), ROWS)).fetchall():
            tx.db.execute(_SQL["drop_body"], (body,))
            tx.db.execute(_SQL[drop], (id_,))
            count += 1
    gone = (now - BATCH_KEPT_S * SECOND_US, ROWS)
    for seq, body in tx.db.execute(_SQL["old_batches"], gone).fetchall():
        tx.db.execute(_SQL["drop_body"], (body,))
        tx.db.execute(_SQL["drop_batch"], (seq,))
        count += 1
    bodies = _before(now, retention.inbound.bodies_d)
    for seq, body in tx.db.execute(_SQL["old_hook_bodies"], (bodies, ROWS)).fetchall():
        tx.db.execute(_SQL["drop_body"], (body,))
        tx.db.execute(_SQL["bare_hook"], (seq,))
        count += 1
    count += tx.db.execute(_SQL["drop_hooks"], (_before(now, kept), ROWS)).rowcount
    hour = _before(now, retention.statistics_d) // HOUR_US
    count += tx.db.execute(_SQL["old_rollup"], (hour,)).rowcount
    tx.db.execute(_SQL["old_rates"], (_before(now, RATES_KEPT_D) // HOUR_US,))
    tx.db.execute(_SQL["old_uses"], (_before(now, retention.events_d) // MINUTE_US,))
    return count


def give_back(tx: Tx) -> int:
    """Give free pages back to the disk; octets, 0 when there are none left."""
    free: int = tx.db.execute(_SQL["free_pages"]).fetchone()[0]
    if free == 0:
        return 0
    until = time.monotonic() + BUDGET_S
    for _ in range(min(free, FREE_PAGES)):
        tx.db.execute("PRAGMA incremental_vacuum(1)")  # the module steps once at each call
        if time.monotonic() >= until:
            break
    left: int = tx.db.execute(_SQL["free_pages"]).fetchone()[0]
    size: int = tx.db.execute(_SQL["page_size"]).fetchone()[0]
    return (free - left) * size

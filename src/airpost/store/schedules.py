"""Recurring schedules on disk, and their firings.

May import L0 and its neighbours. A firing writes its message and moves the schedule on in one
commit, guarded by the instant it is for: one message an instant, whatever ends in between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from airpost.clock import Instant
from airpost.errors import InvalidRequest
from airpost.model import NewMessage
from airpost.schedule import Schedule, missed, zone_of
from airpost.store.api import Page
from airpost.store.moves import OURSELVES, add_body, add_event
from airpost.store.outbound import accept
from airpost.store.people import TooMany
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("schedules")
DUE_AT_ONCE = 50


class Schedules:
    """Schedules of one store, for the loop. All that writes raises StoreUnavailable."""

    def __init__(
        self, write: Callable[..., Awaitable[Any]], read: Callable[..., Awaitable[Any]]
    ) -> None:
        self._write = write
        self._read = read

    async def add(self, schedule: Schedule, most: int) -> None:
        """Keep a new one; TooMany when its owner has `most` already."""
        await self._write(add, schedule, most)

    async def find(self, schedule_id: str, owner: str | None) -> Schedule | None:
        """One of an owner's (None: of anybody's)."""
        found: Schedule | None = await self._read(find, schedule_id, owner)
        return found

    async def page(self, owner: str | None, after: int, limit: int) -> Page[Schedule]:
        """An owner's (None: everybody's) in the order they were made."""
        found: list[Schedule] = await self._read(page, owner, after, limit + 1)
        more = found[limit - 1].seq if len(found) > limit else None
        return Page(items=tuple(found[:limit]), next=more)

    async def delete(self, schedule_id: str, owner: str | None, actor: str, now: Instant) -> bool:
        """True when there was such a schedule; messages it has made stay."""
        return bool(await self._write(delete, schedule_id, owner, actor, now))

    async def due(self, now: Instant) -> list[Schedule]:
        """Some of those whose instant has come, the oldest first."""
        found: list[Schedule] = await self._read(due, now)
        return found

    async def next_at(self) -> Instant | None:
        """When the next one fires, past instants too."""
        found: Instant | None = await self._read(next_at)
        return found

    async def fire(
        self,
        schedule: Schedule,
        message: NewMessage | None,
        *,
        at: Instant,
        next_at: Instant,
        skipped: int,
        problem: str | None,
        now: Instant,
    ) -> bool:
        """The firing for the instant `at`, and what is next; `message` None: there is none.

        False, and nothing is written, where the schedule is gone or was moved on already.
        """
        done = await self._write(fire, schedule, message, at, next_at, skipped, problem, now)
        return bool(done)


# -- in the writer's thread ----------------------------------------------------------------------
def add(tx: Tx, schedule: Schedule, most: int) -> None:
    """See `Schedules.add`."""
    if tx.db.execute(_SQL["count"], (schedule.owner,)).fetchone()[0] >= most:
        raise TooMany(most)
    body = add_body(tx, "request", schedule.request.encode())
    tx.db.execute(
        _SQL["add"],
        (schedule.id, schedule.owner, schedule.key_id, schedule.cron, schedule.zone,
         body, schedule.late_s, schedule.created_at, schedule.next_at),
    )  # fmt: skip
    _tell(tx, schedule.id, f"made: {schedule.cron}, {schedule.zone}", schedule.created_at,
          schedule.owner)  # fmt: skip


def delete(tx: Tx, schedule_id: str, owner: str | None, actor: str, now: Instant) -> bool:
    """See `Schedules.delete`."""
    found = tx.db.execute(_SQL["delete"], (schedule_id, owner)).fetchone()
    if found is None:
        return False
    tx.db.execute(_SQL["delete_body"], found)
    _tell(tx, schedule_id, "deleted", now, actor)
    return True


def fire(
    tx: Tx,
    schedule: Schedule,
    message: NewMessage | None,
    at: Instant,
    next_at: Instant,
    skipped: int,
    problem: str | None,
    now: Instant,
) -> bool:
    """See `Schedules.fire`."""
    made = message is not None
    row = (
        next_at, at if made else None, None if message is None else message.id, int(made),
        skipped, problem, schedule.id, schedule.next_at,
    )  # fmt: skip
    if tx.db.execute(_SQL["advance"], row).rowcount != 1:
        return False
    if message is not None:
        (done,) = accept(tx, [message])
        if isinstance(done, InvalidRequest):
            raise done
    if skipped:
        _tell(tx, schedule.id, f"{skipped} firings were missed and are skipped", now, OURSELVES)
    if problem is not None:
        _tell(tx, schedule.id, f"came to nothing: {problem}", now, OURSELVES)
    return True


def pass_over(tx: Tx, now: Instant) -> int:
    """What is due is skipped, because it may have fired elsewhere; how many schedules."""
    count = 0
    while found := due(tx.db, now):
        for each in found:
            at, older, following = missed(each.cron, zone_of(each.zone), each.next_at, now)
            fire(tx, each, None, at, following, older + 1, None, now)
        count += len(found)
    return count


def forget(tx: Tx, number: str) -> int:
    """Delete the schedules that send to a number, with what they say; how many."""
    found = tx.db.execute(_SQL["naming"], (number,)).fetchall()
    for seq, body in found:
        tx.db.execute(_SQL["delete_body"], (body,))
        tx.db.execute(_SQL["drop"], (seq,))
    return len(found)


def _tell(tx: Tx, schedule_id: str, words: str, at: Instant, actor: str) -> None:
    add_event(tx, at, f"schedule {schedule_id}", None, None, reason=words, actor=actor)


# -- in the reader's thread ----------------------------------------------------------------------
def find(db: sqlite3.Connection, schedule_id: str, owner: str | None) -> Schedule | None:
    """See `Schedules.find`."""
    row = db.execute(_SQL["find"], (schedule_id, owner)).fetchone()
    return None if row is None else _schedule(row)


def page(db: sqlite3.Connection, owner: str | None, after: int, limit: int) -> list[Schedule]:
    """A stretch of them."""
    return [_schedule(row) for row in db.execute(_SQL["page"], (owner, after, limit))]


def due(db: sqlite3.Connection, now: Instant) -> list[Schedule]:
    """See `Schedules.due`."""
    return [_schedule(row) for row in db.execute(_SQL["due"], (now, DUE_AT_ONCE))]


def next_at(db: sqlite3.Connection) -> Instant | None:
    """See `Schedules.next_at`."""
    found: Instant | None = db.execute(_SQL["next"]).fetchone()[0]
    return found


def _schedule(row: tuple[Any, ...]) -> Schedule:
    return Schedule(
        id=row[0],
        seq=row[1],
        owner=row[2],
        key_id=row[3],
        cron=row[4],
        zone=row[5],
        request=row[6].decode(),
        late_s=row[7],
        created_at=row[8],
        next_at=row[9],
        last_at=row[10],
        last_message=row[11],
        fired=row[12],
        skipped=row[13],
        problem=row[14],
    )

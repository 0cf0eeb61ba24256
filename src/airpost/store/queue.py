"""The queue: the shared backlog, what is bound to a lane, and what a lane may send next.

May import L0. Reading runs in the reader's thread, binding and releasing in the writer's.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import Any

from airpost.clock import SECOND_US, Instant
from airpost.model import Claimed, Lane, MessageClass, OnUncertain, SegmentBody, SimId, Waiting
from airpost.states import SegmentState
from airpost.store.ahead import hold_message
from airpost.store.api import CANNOT_SEND, CLAIM_SEGMENTS, Binding, Wake
from airpost.store.choices import BOUND_TO, choice_of, failed_on, last_sim
from airpost.store.moves import MAY_BE_OUT, OURSELVES, SegmentRow, add_event, current_rows
from airpost.store.outbound import outlet_of
from airpost.store.routing import Served
from airpost.store.statements import load
from airpost.store.transmissions import begin_again
from airpost.store.turns import turn_of
from airpost.store.writer import Tx

_SQL = load("queue")
LOOK_ROWS = 5_000  # of the backlog in one look: a long run to one number gives nobody else the look


# -- reading -------------------------------------------------------------------------------------
def backlog(
    db: sqlite3.Connection,
    now: Instant,
    n: int,
    lanes: Sequence[Lane],
    routes: Sequence[str],
    lowest: MessageClass = MessageClass.BULK,
    sims: int = 0,
    begins: int = 0,
    scheduled: bool = True,
) -> list[Waiting]:
    """The next `n` due unbound messages that one of `lanes` or `routes` may carry.

    None of a class below `lowest`; `last_sim` is looked up for the first `sims`, `segments`
    for the first `begins`. Each outlet has
    its own stretch of the index: what waits for an absent one is never looked at. First attempts
    keep their order: of a number, class and outlet only the first comes, and while the one before
    it is bound, it may follow there alone.
    """
    outlets = [outlet_of(lane, None) for lane in lanes]
    outlets += [outlet_of(None, route) for route in routes]
    found: list[Waiting] = []
    waiting: set[tuple[str, ...]] = set()  # whose first is here, or may not go yet
    with ExitStack() as open_:
        streams = []
        for outlet, name in _streams(db, outlets, now, scheduled):
            rows = db.execute(_SQL[name], (outlet, now, lowest.rank))
            open_.callback(rows.close)  # an unread row would hold the log from being emptied
            streams.append(rows)
        for row in islice(heapq.merge(*streams, key=itemgetter(7, 0)), LOOK_ROWS):
            tried, whose = row[13], (row[2], row[3], row[12])
            follows: Lane | None = None
            if not tried:
                if whose in waiting:
                    continue
                waiting.add(whose)
                may = True
                if row[16]:  # somebody is before it
                    may, follows = turn_of(db, row[2], row[3], row[0], row[12])
                if not may:
                    continue
            last = last_sim(db, row[2]) if len(found) < sims else None
            tried_by = failed_on(db, row[0]) if tried else frozenset[SimId]()
            parts = segments_of(db, row[0], now) if len(found) < begins else ()
            found.append(_waiting(row, follows, last, tried_by, parts))
            if len(found) == n:
                break
    return found


def _streams(
    db: sqlite3.Connection, outlets: Sequence[str], now: Instant, scheduled: bool
) -> list[tuple[str, str]]:
    """(outlet, statement) of what can have something: most lanes are asked for by nobody."""
    asked = list(dict.fromkeys(outlets))
    found = db.execute(_SQL["occupied"], (json.dumps(asked),)).fetchall()
    streams = [(outlet, "backlog") for (outlet,) in found]
    if scheduled and db.execute(_SQL["scheduled"], (now,)).fetchone() is not None:
        streams += [(outlet, "backlog_scheduled") for outlet in asked]
    return streams


def _waiting(
    row: tuple[Any, ...],
    follows: Lane | None,
    last: SimId | None,
    failed: frozenset[SimId],
    segments: tuple[Claimed, ...],
) -> Waiting:
    return Waiting(
        seq=row[0],
        id=row[1],
        to=row[2],
        class_=MessageClass(row[3]),
        parts=row[4],
        lane=row[5],
        route=row[6],
        key_id=row[8],
        charged=row[9] is not None,
        avoid_sim=row[10],
        follows=follows,
        aged=row[7] < MessageClass(row[3]).rank,
        carrier=row[14],
        groups_failed=row[15],
        last_sim=last,
        failed_on=failed,
        segments=segments,
    )


def claim(db: sqlite3.Connection, lane: Lane, now: Instant, n: int) -> list[Claimed]:
    """The next `n` due queued segments of a lane."""
    return [_claimed(row) for row in db.execute(_SQL["claim"], (lane, now, n))]


def segments_of(db: sqlite3.Connection, message_seq: int, now: Instant) -> tuple[Claimed, ...]:
    """What a lane would claim of a message that was bound to it."""
    rows = db.execute(_SQL["claim_of"], (message_seq, now, CLAIM_SEGMENTS))
    return tuple(_claimed(row) for row in rows)


@lru_cache(maxsize=1024)  # each is claimed again and again until it goes
def _claimed(row: tuple[Any, ...]) -> Claimed:
    return Claimed(
        segment_id=row[0],
        message_seq=row[1],
        message_id=row[2],
        to=row[3],
        class_=MessageClass(row[4]),
        seq=row[5],
        of=row[6],
        body=SegmentBody(pid=row[7], dcs=row[8], udh=row[9], ud=row[10], udl=row[11]),
        concat_ref=row[12],
        attempts=row[13],
        resends=row[14],
        want_report=bool(row[15]),
        waiting_since=Instant(max(row[16], row[17] or 0)),
        expires_at=row[18],
        avoid_sim=row[19],
        aged=row[20] < MessageClass(row[4]).rank,
    )


def waiting_for(
    db: sqlite3.Connection, lane: Lane | None, limit: int, routes: Served = None
) -> tuple[list[int], list[int], int]:
    """Numbers of the messages bound to a lane, of those that could go there, and how many could.

    `routes` are those the lane serves; None: it may be any. Without a lane: none, and all that is
    bound to no lane.
    """
    bound = [row[0] for row in db.execute(_SQL["bound_seqs"], (lane, limit))]
    outlets = [name for (name,) in db.execute(_SQL["outlets"]).fetchall()]
    if lane is not None:
        its = {outlet_of(lane, None), *(outlet_of(None, each) for each in routes or ())}
        outlets = [name for name in outlets
                   if name in its or (routes is None and name.startswith("route "))]  # fmt: skip
    ordered = [db.execute(_SQL["backlog_seqs"], (name, limit)).fetchall() for name in outlets]
    free = [seq for _, seq in heapq.merge(*ordered)]
    total = sum(db.execute(_SQL["backlog_size"], (name,)).fetchone()[0] for name in outlets)
    return bound, free[:limit], total


# -- binding -------------------------------------------------------------------------------------
def bind(tx: Tx, bindings: Sequence[Binding], now: Instant) -> int:
    """Bind what is still unbound and open; how many were."""
    count = 0
    for each in bindings:
        if each.follows and not _may_follow(tx, each):
            continue
        failover_us = None if each.failover_s is None else round(each.failover_s * SECOND_US)
        trying_us = None if failover_us is None else round(each.trying_s * SECOND_US)
        columns = (each.lane, each.sim_id, each.charged_at, choice_of(tx, each, now), each.group,
                   failover_us, trying_us)  # fmt: skip
        found = tx.db.execute(_SQL["bind"], (*columns, each.message_seq)).fetchone()
        if found is None:
            continue
        count += 1
        _remark(tx, each.message_seq, found[0], f"{BOUND_TO} {each.lane}: {each.reason}", now)
    return count


def _may_follow(tx: Tx, binding: Binding) -> bool:
    """False where what is before it was given back after this was decided."""
    found = tx.db.execute(_SQL["whose"], (binding.message_seq,)).fetchone()
    if found is None:
        return False
    may, lane = turn_of(tx.db, *found)
    return may and lane in (None, binding.lane)


def _remark(tx: Tx, message_seq: int, state: str, reason: str, now: Instant) -> None:
    """An event of a message whose state stays."""
    add_event(
        tx, now, "message", state, state,
        reason=reason, actor=OURSELVES, message_seq=message_seq,
    )  # fmt: skip


def release(
    tx: Tx, lane: Lane, now: Instant, resume_s: float, why: str = CANNOT_SEND,
    begun_only: bool = False,
) -> int:  # fmt: skip
    """Give a lane's messages back, and tell `why` of it; how many were."""
    count = 0
    for (seq,) in tx.db.execute(_SQL["to_release"], (lane,)).fetchall():
        rows = current_rows(tx, seq)
        if not has_begun(rows):
            if begun_only:
                continue
            unbind(tx, seq, f"{lane} {why}", now)
            count += 1
        elif may_begin_again(tx, rows, now, resume_s):
            begin_again(
                tx, rows, now,
                reason=f"{lane} {why}", resends=0, unbind=True,
            )  # fmt: skip
            count += 1
    return count


def release_strays(tx: Tx, lanes: Collection[Lane], now: Instant, resume_s: float) -> int:
    """As `release`, of every lane that is none of `lanes`."""
    found = [Lane(lane) for (lane,) in tx.db.execute(_SQL["bound_lanes"]).fetchall()]
    return sum(release(tx, lane, now, resume_s) for lane in found if lane not in lanes)


def has_begun(rows: Sequence[SegmentRow]) -> bool:
    """True when a part has gone out, may have, or is on the air."""
    return any(row.state is not SegmentState.QUEUED for row in rows)


def may_begin_again(tx: Tx, rows: Sequence[SegmentRow], now: Instant, resume_s: float) -> bool:
    """True where parts are out for longer than `resume_s`, and others are queued.

    Not while one is on the air, nor with one in doubt that is held or may yet be settled.
    """
    states = {row.state for row in rows}
    if (
        SegmentState.QUEUED not in states
        or SegmentState.SENDING in states
        or not states & MAY_BE_OUT
    ):
        return False
    doubtful = any(row.state is SegmentState.UNCERTAIN for row in rows)
    if doubtful and rows[0].on_uncertain is OnUncertain.HOLD:
        return False  # a person decides
    newest, grace_until = tx.db.execute(_SQL["newest_attempt"], (rows[0].message_seq,)).fetchone()
    if doubtful and grace_until is not None and grace_until > now:
        return False  # a late answer may settle it
    return newest is None or now - newest > resume_s * SECOND_US


def unbind(tx: Tx, message_seq: int, reason: str, now: Instant) -> None:
    """Back to the backlog as it is."""
    hold_message(tx, message_seq)
    (state,) = tx.db.execute(_SQL["unbind"], (message_seq,)).fetchone()
    _remark(tx, message_seq, state, f"given back to the backlog: {reason}", now)
    tx.wakes.add(Wake.QUEUE)


def unbind_all(tx: Tx, now: Instant) -> int:
    """Give back every bound message that has not begun; how many were."""
    count = 0
    for (seq,) in tx.db.execute(_SQL["bound_anywhere"]).fetchall():
        if not has_begun(current_rows(tx, seq)):
            unbind(tx, seq, "airpost was started anew", now)
            count += 1
    return count

"""Which modem and SIM a lane is, events that concern no message, and values to find again.

May import L0. Reading runs in the reader's thread, writing in the writer's.
"""

from __future__ import annotations

import sqlite3

from airpost.clock import Instant
from airpost.model import Severity
from airpost.store.api import LaneBinding
from airpost.store.moves import OURSELVES, add_event
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("lanes")
_KEPT = "kept "  # before the keys of others: `meta` holds values of the store's own too


def bind_lane(tx: Tx, binding: LaneBinding) -> None:
    """Remember a binding where it is another than before."""
    before = tx.db.execute(_SQL["newest"], (binding.lane,)).fetchone()
    if before == (binding.imei, binding.sim_id):
        return
    row = (binding.lane, binding.imei, binding.sim_id, binding.since)
    tx.db.execute(_SQL["set"], row)
    tx.db.execute(_SQL["add_binding"], row)
    if before is None:
        words = "seen for the first time"
    else:
        words = "another modem" if before[0] != binding.imei else "another SIM"
    add_event(
        tx, binding.since, f"modem {binding.lane}", None, None,
        reason=words, actor=f"modem {binding.lane}",
    )  # fmt: skip


def lane_bindings(db: sqlite3.Connection) -> list[LaneBinding]:
    """The newest binding of every lane, by name."""
    return [
        LaneBinding(lane=row[0], imei=row[1], sim_id=row[2], since=row[3])
        for row in db.execute(_SQL["all"])
    ]


def note(
    tx: Tx,
    subject: str,
    from_: str | None,
    to: str | None,
    reason: str,
    now: Instant,
    severity: Severity,
) -> None:
    """An event about a modem or the service."""
    add_event(tx, now, subject, from_, to, reason=reason, actor=OURSELVES, severity=severity)


def recall(db: sqlite3.Connection, key: str) -> str | None:
    """What was remembered under a key."""
    found = db.execute(_SQL["recall"], (_KEPT + key,)).fetchone()
    return None if found is None else str(found[0])


def remember(tx: Tx, key: str, value: str) -> None:
    """Keep a value under a key."""
    tx.db.execute(_SQL["remember"], (_KEPT + key, value))

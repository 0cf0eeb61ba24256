"""The delivery funnel: what became of all that was asked for, from rows and from rolled-up counts.

May import L0. One query makes every number (docs/FUNNEL.md has its text). It reads facts of two
kinds: of messages in the store, and of those whose rows have gone, which `roll_up` has counted by
the same statement in the transaction that removed them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from airpost.clock import SECOND_US, Instant
from airpost.model import SimId
from airpost.store.keeping import By, FunnelRow, Refused
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("funnel")
HOUR_US = 3600 * SECOND_US
_IN_TIME = "m.created_at >= :since AND m.created_at < :until"
_THESE = "m.seq IN (SELECT value FROM json_each(?))"
_FACTS = _SQL["funnel"].split(",\nstep (", 1)[0].replace(_IN_TIME, _THESE)
_ADD = "ON CONFLICT DO UPDATE SET count = rollup.count + excluded.count"
_ROLL_UP = f"{_FACTS}\nINSERT INTO rollup SELECT * FROM live WHERE TRUE {_ADD}"  # noqa: S608 ours


def query() -> str:
    """The query, which takes :by, :since and :until."""
    return _SQL["funnel"]


def funnel(
    db: sqlite3.Connection, by: By | None, since: Instant, until: Instant
) -> list[FunnelRow]:
    """All stages of all parts, in order."""
    given = {"by": None if by is None else by.value, "since": since, "until": until}
    return [
        FunnelRow(
            part=row[0],
            stage=row[1],
            reason=row[2],
            count=row[3],
            of_previous_pct=row[4],
            of_requested_pct=row[5],
            p50_ms=row[6],
            p95_ms=row[7],
            p98_7_ms=row[8],
            p99_ms=row[9],
        )
        for row in db.execute(query(), given)
    ]


def roll_up(tx: Tx, seqs: Sequence[int]) -> None:
    """Count the facts of messages whose rows go in this transaction."""
    tx.db.execute(_ROLL_UP, (json.dumps(seqs),))


def count_refused(tx: Tx, refused: Mapping[Refused, int], now: Instant) -> None:
    """Add refused requests to this hour's counts."""
    hour = now // HOUR_US
    for each, count in refused.items():
        for stage, reason in (("requested", ""), ("rejected", each.reason)):
            given = (hour, each.class_, each.key_id, stage, reason, count)
            tx.db.execute(_SQL["count"], given)


def note_operator(tx: Tx, sim_id: SimId, operator: str, now: Instant) -> None:
    """Remember the network of a SIM where it is another than before."""
    found = tx.db.execute(_SQL["operator"], (sim_id,)).fetchone()
    if found is None or found[0] != operator:
        tx.db.execute(_SQL["note_operator"], (sim_id, now, operator))

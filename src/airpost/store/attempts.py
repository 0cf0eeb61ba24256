"""Attempts: each time a segment is written to a modem, and what its segment waits for afterwards.

May import L0. Run in the writer's thread.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from airpost.clock import SECOND_US, Instant
from airpost.outcome import Outcome
from airpost.store.moves import SegmentRow, outcome_columns
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("attempts")
REPORT_WAIT_S = 72 * 3600  # no report after that: sent, final, unconfirmed
UNCERTAIN_WAIT_S = 24 * 3600  # after the message's own time: a report may still settle it till then


class AttemptRow(NamedTuple):
    """One attempt."""

    id: int
    segment_id: int
    n: int
    lane: str
    sim_id: str
    tail: str
    mr: int | None
    begun_at: Instant
    ended_at: Instant | None
    outcome_class: str | None  # a value of OutcomeClass; None while it is on the air


def attempt_of(values: tuple[Any, ...]) -> AttemptRow:
    """A row of the columns id … outcome_class, in the order of the class."""
    return AttemptRow(
        id=values[0],
        segment_id=values[1],
        n=values[2],
        lane=values[3],
        sim_id=values[4],
        tail=values[5],
        mr=values[6],
        begun_at=values[7],
        ended_at=values[8],
        outcome_class=values[9],
    )


def end_attempt(tx: Tx, attempt_id: int, at: Instant, mr: int | None, outcome: Outcome) -> None:
    """Write what became of an attempt."""
    columns = outcome_columns(outcome).values()
    tx.db.execute(_SQL["end"], (at, mr, *columns, attempt_id))


def end_open(tx: Tx, attempt_id: int, at: Instant, mr: int | None, outcome: Outcome) -> bool:
    """As `end_attempt`; False, and nothing is written, where it has ended."""
    columns = outcome_columns(outcome).values()
    return tx.db.execute(_SQL["end_open"], (at, mr, *columns, attempt_id)).rowcount > 0


def sent_columns(row: SegmentRow, at: Instant, sent_at: Instant) -> dict[str, Any]:
    """What a segment that the network took at `sent_at` waits for, as of `at`."""
    return {
        "sent_at": row.sent_at if row.sent_at is not None else sent_at,
        "grace_until": None,
        "deadline_at": at + REPORT_WAIT_S * SECOND_US if row.want_report else None,
    }


def unknown_columns(row: SegmentRow, at: Instant, grace_until: Instant | None) -> dict[str, Any]:
    """What a segment of unknown fate waits for: the end of its grace, then a report."""
    return {
        "grace_until": grace_until,
        "deadline_at": max(row.expires_at, at) + UNCERTAIN_WAIT_S * SECOND_US,
    }

"""What a start finds from the run before.

May import L0. What was on the air when the process ended may have gone out: it is uncertain, never
queued. What had not begun goes back to the backlog: its modem may be another now.
"""

from __future__ import annotations

from airpost.clock import SECOND_US, Instant
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.policy import CLASS_POLICY
from airpost.states import SegmentEvent
from airpost.store.api import Recovered
from airpost.store.attempts import AttemptRow, attempt_of, end_attempt, unknown_columns
from airpost.store.moves import OURSELVES, fold_message, move, outcome_columns, segment_row
from airpost.store.queue import unbind_all
from airpost.store.reports import apply_waiting
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("recovery")
INTERRUPTED = Outcome(
    cls=OutcomeClass.UNKNOWN,
    scope=Scope.MODEM,
    code="restart",
    text="airpost ended while this was on the air",
)


def recover(tx: Tx, now: Instant) -> Recovered:
    """`sending` becomes `uncertain`, a report that waited is applied, the rest is given back."""
    found = [row[0] for row in tx.db.execute(_SQL["on_air"])]
    attempts = [each for segment_id in found for each in _interrupt(tx, segment_id, now)]
    for attempt in attempts:
        apply_waiting(tx, attempt)
    return Recovered(uncertain=len(found), unbound=unbind_all(tx, now))


def _interrupt(tx: Tx, segment_id: int, now: Instant) -> list[AttemptRow]:
    """Its open attempts, ended now."""
    row = segment_row(tx, segment_id)
    assert row is not None
    ended = [attempt_of(each) for each in tx.db.execute(_SQL["open_attempts"], (segment_id,))]
    for attempt in ended:
        end_attempt(tx, attempt.id, now, attempt.mr, INTERRUPTED)
    grace_until = Instant(now + round(CLASS_POLICY[row.class_].grace_s * SECOND_US))
    columns = {**outcome_columns(INTERRUPTED), **unknown_columns(row, now, grace_until)}
    move(tx, row, SegmentEvent.UNKNOWN, now, INTERRUPTED.text, OURSELVES, **columns)
    if row.current:
        fold_message(tx, row.message_seq, now, OURSELVES)
    return ended

"""What a start finds from the run before.

May import L0. What was on the air when the process ended may have gone out: it is uncertain, never
queued, unless the air journal tells its result. What was prepared has begun where the journal says
so, and where the journal is no proof; else it is queued. What had not begun goes back to the
backlog: its modem may be another now.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from airpost.clock import SECOND_US, Instant
from airpost.outcome import SENT, Outcome, OutcomeClass, Scope
from airpost.policy import QueuePolicy
from airpost.states import SegmentEvent, SegmentState
from airpost.store import ahead, audit
from airpost.store.air import follow, write_begun
from airpost.store.api import Recovered, Settlement
from airpost.store.attempts import AttemptRow, attempt_of, end_attempt, unknown_columns
from airpost.store.journal import Told
from airpost.store.moves import OURSELVES, fold_message, move, outcome_columns, segment_row
from airpost.store.queue import unbind_all
from airpost.store.reports import apply_waiting
from airpost.store.statements import load
from airpost.store.writer import Tx

log = logging.getLogger("airpost.store")
_SQL = load("recovery")
_WANTED, _KEPT = "air journal", "air journal kept"  # the one to be made, the one that is there
# Rows of the history that may be lost with the power, and were shown: their numbers stay theirs.
LOST_EVENTS = 10_000
LEFT_OPEN = 100_000  # of the newest attempts: more than begin while one is on the air
INTERRUPTED = Outcome(
    cls=OutcomeClass.UNKNOWN,
    scope=Scope.MODEM,
    code="restart",
    text="airpost ended while this was on the air",
)
UNPROVED = replace(
    INTERRUPTED, text="about to go out when airpost ended; nothing proves that it had not begun"
)


def recover(tx: Tx, now: Instant, policy: QueuePolicy, told: Told) -> Recovered:
    """`sending` becomes `sent` or `uncertain`; what has not begun is given back."""
    if not told.whole:
        tx.db.execute(_SQL["skip_events"], (LOST_EVENTS,))
    audit.interrupt(tx, now)
    unproved = _take_up_prepared(tx, now, told)
    for segment_id in _on_air(tx):
        _ended(tx, segment_id, told)
    found = _on_air(tx)  # by a result a report that waited may have found what it is of
    attempts = []
    for segment_id in found:
        outcome = UNPROVED if segment_id in unproved else INTERRUPTED
        attempts += _interrupt(tx, segment_id, now, policy, outcome)
    attempts += _end_resends(tx, now, told)
    for attempt in attempts:
        apply_waiting(tx, attempt)
    if unproved:
        log.warning(
            "store.unproved parts=%d the air journal is no proof after a start of the machine, or "
            "where it is missing, torn or another's: what was about to go out may have; see "
            "`airpost messages --uncertain`, each goes on as its on_uncertain says",
            len(unproved.intersection(found)),
        )
    return Recovered(uncertain=len(found), unbound=unbind_all(tx, now))


def _on_air(tx: Tx) -> list[int]:
    return [row[0] for row in tx.db.execute(_SQL["on_air"])]


def journal_of(tx: Tx) -> bytes:
    """The number of the journal that belongs to this store; none, where that is not known."""
    return _journal(tx, _WANTED)


def put_back(tx: Tx, told: Told) -> bool:
    """True where the store is of an earlier time than the journal beside it, or is a mere copy.

    Then what waits in it may have gone out since. A journal is on disk under its folder's name
    before the store says so, and its number is in the store before that; an attempt is in the store
    before the journal tells of it. So neither the end of the process nor that of the machine looks
    like this, nor a folder that was moved.
    """
    kept = _journal(tx, _KEPT)
    if kept and told.nonce is not None and told.nonce not in (kept, _journal(tx, _WANTED)):
        return True
    return max((*told.begun, *told.ended), default=0) > ahead.last_attempt(tx)


def use_journal(tx: Tx, nonce: bytes, found: bytes | None) -> None:
    """From this commit on it is another one; until that is on disk, what was `found`."""
    _set_journal(tx, _WANTED, nonce)
    _set_journal(tx, _KEPT, found or b"")


def keep_journal(tx: Tx, nonce: bytes) -> None:
    """The journal with this number is on disk."""
    _set_journal(tx, _KEPT, nonce)


def _journal(tx: Tx, key: str) -> bytes:
    found = tx.db.execute(_SQL["journal"], (key,)).fetchone()
    return b"" if found is None else bytes.fromhex(found[0])


def _set_journal(tx: Tx, key: str, nonce: bytes) -> None:
    tx.db.execute(_SQL["set_journal"], (key, nonce.hex()))


def _take_up_prepared(tx: Tx, now: Instant, told: Told) -> set[int]:
    """What was prepared begins now in the store where it may have begun on the air.

    The segments of which nothing tells that they have.
    """
    unproved = set()
    for row in ahead.all_rows(tx):
        segment = segment_row(tx, row.segment_id)
        ahead.taken_out(tx, row.lane, row.attempt_id)
        # What was taken from its lane since cannot have begun there; its row may still stand.
        has = row.attempt_id in told.begun
        may_have = has or (not told.whole and segment is not None and segment.lane == row.lane)
        if segment is None or segment.state is not SegmentState.QUEUED or not may_have:
            ahead.forget_octets(tx, row)
        else:
            write_begun(tx, row, min(told.begun.get(row.attempt_id, row.prepared_at), now))
            if not has:
                unproved.add(row.segment_id)
    return unproved


def _ended(tx: Tx, segment_id: int, told: Told) -> bool:
    """Settle it where its result is told."""
    for attempt_id, *_ in tx.db.execute(_SQL["open_attempts"], (segment_id,)).fetchall():
        if attempt_id not in told.ended:
            continue
        mr, at = told.ended[attempt_id]
        done = Settlement(
            segment_id=segment_id, attempt_id=attempt_id, event=SegmentEvent.TAKEN, outcome=SENT,
            mr=mr, ended_at=at,
        )  # fmt: skip
        follow(tx, [done], ())
        return True
    return False


def _end_resends(tx: Tx, now: Instant, told: Told) -> list[AttemptRow]:
    """What was on the air while its segment was settled already, by a report of its first sending.

    No result will come: left open, it would be taken for on the air for ever.
    """
    ended = []
    found = tx.db.execute(_SQL["left_open"], (LEFT_OPEN,)).fetchall()
    for attempt in map(attempt_of, found):
        if not _ended(tx, attempt.segment_id, told):
            end_attempt(tx, attempt.id, now, attempt.mr, INTERRUPTED)
            ended.append(attempt)
    return ended


def _interrupt(
    tx: Tx, segment_id: int, now: Instant, policy: QueuePolicy, outcome: Outcome
) -> list[AttemptRow]:
    """Its open attempts, ended now."""
    row = segment_row(tx, segment_id)
    assert row is not None
    ended = [attempt_of(each) for each in tx.db.execute(_SQL["open_attempts"], (segment_id,))]
    for attempt in ended:
        end_attempt(tx, attempt.id, now, attempt.mr, outcome)
    grace_until = Instant(now + round(policy.classes[row.class_].grace_s * SECOND_US))
    columns = {**outcome_columns(outcome), **unknown_columns(row, now, grace_until)}
    move(tx, row, SegmentEvent.UNKNOWN, now, outcome.text, OURSELVES, **columns)
    if row.current:
        fold_message(tx, row.message_seq, now, OURSELVES)
    return ended

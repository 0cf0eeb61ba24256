"""Delivery reports: kept, given to the attempt they belong to, and applied to its segment.

May import L0. Run in the writer's thread. Whose a report is `matching` says. One that is nobody's
is kept and listed; where it came before the result of its attempt, that result applies it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from airpost.clock import SECOND_US, Instant
from airpost.model import MessageId
from airpost.outcome import OutcomeClass
from airpost.received import RawReport
from airpost.states import SegmentEvent, SegmentState
from airpost.store.api import ReportStored, Wake
from airpost.store.attempts import REPORT_WAIT_S, AttemptRow, sent_columns
from airpost.store.choices import still_tried
from airpost.store.matching import Evidence, Said, decide
from airpost.store.moves import (
    SegmentRow,
    add_body,
    add_event,
    fold_moved,
    move,
    outcome_columns,
    remark,
    segment_row,
)
from airpost.store.numbers import tail_of
from airpost.store.statements import load
from airpost.store.transmissions import arrived_after_all
from airpost.store.writer import Tx

_SQL = load("reports")
NOBODYS = ReportStored(message_id=None, state=None)


class Kept(NamedTuple):
    """A report, as it is kept."""

    lane: str
    mr: int
    delivered: int | None
    expired: int
    outcome_class: str
    outcome_scope: str
    outcome_code: str
    outcome_text: str
    done_at: int | None
    received_at: Instant
    scts: bytes

    def said(self, sim_id: str, tail: str) -> Said:
        """What it says of its attempt, of a SIM and a number."""
        final = self.delivered is not None
        return Said(sim_id, tail, self.mr, self.scts, final, self.received_at)


def record(tx: Tx, report: RawReport) -> ReportStored:
    """Keep a report and apply it; one that came before changes nothing."""
    tail = tail_of(report.to)
    # Else it would be given to an earlier attempt, for want of its own.
    tx.catch_up(lambda row: (row.sim_id, row.tail) == (report.sim_id, tail))
    same = (report.sim_id, report.mr, tail, report.scts, report.status, report.done_at or 0)
    known = tx.db.execute(_SQL["same"], same).fetchone()
    if known is not None:
        return _stored_before(tx, known[1])
    raw = add_body(tx, "pdu", report.raw)
    outcome = outcome_columns(report.outcome)
    kept = Kept(
        lane=report.lane, mr=report.mr, delivered=report.delivered, expired=report.expired,
        **outcome, done_at=report.done_at, received_at=report.received_at, scts=report.scts,
    )  # fmt: skip
    said = kept.said(report.sim_id, tail)
    evidence = Evidence(tx, said)
    if evidence.without_reference:  # what else the SIM has sent decides whether it is theirs
        tx.catch_up(lambda row: row.sim_id == report.sim_id)
        evidence = Evidence(tx, said)
    _, attempt = decide(evidence)
    tx.db.execute(
        _SQL["add"],
        (report.sim_id, report.lane, report.mr, report.to, tail, report.scts, report.status,
         report.delivered, report.expired, *outcome.values(), report.done_at, report.received_at,
         raw, None if attempt is None else attempt.id),
    )  # fmt: skip
    if attempt is not None:
        return _apply(tx, kept, attempt)
    tx.recall.unmatched(report.sim_id, tail)
    on_air = tx.db.execute(_SQL["on_air"], (report.sim_id, tail)).fetchone() is not None
    words = "came before the result of what is on the air" if on_air else "matches nothing sent"
    add_event(
        tx, report.received_at, f"modem {report.lane}", None, None,
        reason=f"a delivery report with reference {report.mr} {words}",
        actor=f"modem {report.lane}",
    )  # fmt: skip
    return NOBODYS


def _stored_before(tx: Tx, attempt_id: int | None) -> ReportStored:
    if attempt_id is None:
        return NOBODYS
    message_id, state = tx.db.execute(_SQL["message_id"], (attempt_id,)).fetchone()
    return ReportStored(message_id=MessageId(message_id), state=SegmentState(state))


def apply_waiting(tx: Tx, attempt: AttemptRow) -> bool:
    """Apply reports that came before the result of their attempt; False when there are none."""
    if tx.ahead.of_this_run(attempt.id) and not tx.recall.may_wait(attempt.sim_id, attempt.tail):
        return False
    since = attempt.begun_at
    found = tx.db.execute(_SQL["unmatched"], (attempt.sim_id, attempt.tail, since)).fetchall()
    for report_id, *values in found:
        kept = Kept(*values)
        _, belongs = decide(Evidence(tx, kept.said(attempt.sim_id, attempt.tail)))
        if belongs is not None:
            tx.db.execute(_SQL["match"], (belongs.id, report_id))
            _apply(tx, kept, belongs)
    return bool(found)


# -- what it says --------------------------------------------------------------------------------
def _apply(tx: Tx, kept: Kept, attempt: AttemptRow) -> ReportStored:
    delivered = kept.delivered
    at = max(kept.received_at, attempt.ended_at or kept.received_at)  # it may overtake the result
    row = segment_row(tx, attempt.segment_id)
    assert row is not None
    if attempt.mr is None:
        tx.db.execute(_SQL["set_reference"], (kept.mr, attempt.id))
    actor = f"modem {kept.lane}"
    event = _event(tx, row, attempt, delivered, bool(kept.expired))
    words = kept.outcome_text
    if delivered is None and row.current and (most_s := still_tried(tx, row.message_seq)):
        words += f"; another group of modems is tried after {most_s} s"
    if event is None:
        if delivered is None:  # the service centre still tries: so it is waited for that long again
            tx.db.execute(_SQL["extend"], (at + REPORT_WAIT_S * SECOND_US, row.id))
        remark(tx, row, at, words, actor)
        return ReportStored(message_id=row.message_id, state=row.state)
    columns: dict[str, Any] = {
        "not_before": None,
        "lane": attempt.lane,  # the reference is of this modem, whichever has sent it since
        "mr": kept.mr if attempt.mr is None else attempt.mr,
    }
    if event is SegmentEvent.LATE:
        columns |= sent_columns(row, at, attempt.begun_at)
    else:
        columns |= {
            "outcome_class": kept.outcome_class,
            "outcome_scope": kept.outcome_scope,
            "outcome_code": kept.outcome_code,
            "outcome_text": kept.outcome_text,
            "reported_at": kept.received_at,
            "delivered_at": _delivered_at(attempt, kept) if delivered else None,
            "sent_at": row.sent_at if row.sent_at is not None else attempt.begun_at,
        }
    moved = move(tx, row, event, at, words, actor, **columns)
    fold_moved(tx, row, moved, at, actor)
    if not row.current and event is SegmentEvent.REPORT_DELIVERED:
        arrived_after_all(tx, row, at)
    if row.state is not SegmentState.SENT or event is not SegmentEvent.REPORT_DELIVERED:
        tx.wakes.add(Wake.QUEUE)  # what has arrived as it should holds nobody up
    return ReportStored(message_id=row.message_id, state=moved.state)


def _event(
    tx: Tx, row: SegmentRow, attempt: AttemptRow, delivered: int | None, expired: bool
) -> SegmentEvent | None:
    """What a report of `attempt` does to its segment; None when it is only remarked."""
    if delivered is None:
        # Still trying: so the network has it. That settles what was unknown, and stops a resend.
        waits = row.state in (SegmentState.UNCERTAIN, SegmentState.QUEUED)
        return SegmentEvent.LATE if waits else None
    if delivered:
        return SegmentEvent.REPORT_DELIVERED
    if attempt.n < row.attempts:
        return None  # a later attempt is or was under way: this one's failure decides nothing
    if tx.db.execute(_SQL["delivered_otherwise"], (row.id, attempt.id)).fetchone():
        return None  # another copy arrived
    return SegmentEvent.REPORT_EXPIRED if expired else SegmentEvent.REPORT_FAILED


def _delivered_at(attempt: AttemptRow, kept: Kept) -> int:
    """The service centre's time where it can be true, else when we heard of it."""
    if kept.done_at is None:
        return kept.received_at
    # It tells whole seconds: of the one in which the network took it, it is the beginning.
    taken = attempt.ended_at if attempt.outcome_class == OutcomeClass.OK.value else None
    return min(max(kept.done_at, taken or attempt.begun_at), kept.received_at)

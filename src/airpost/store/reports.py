"""Delivery reports: which attempt one belongs to, and what it says about the segment.

May import L0 and codec.times. Run in the writer's thread.

A report belongs to an attempt on its SIM with its reference to its number, at most 72 h old or
still waited for, because the service centre has told meanwhile that it still tries: of several
(references come again after 256, and after each restart of a modem) to the one that was on the air
when the service centre took the message, to the newest where the centre's clock fits none. If there
is none, it may belong to an attempt whose reference nobody told us, because its fate is unknown or
because the modem said OK and nothing more: to the only one to that number since the last known
reference of the SIM, unless neither this count nor the time can be its own; if there are several,
to the one that can have the reference it bears (the last known one plus the PDUs since, modulo 256,
where one that was refused or is in doubt may have had none), and of several of these to the only
one that was on the air when the service centre took the message. An attempt that is still on the
air counts among the several: its report may overtake `+CMGS`, and then waits for it, because that
tells the reference for certain. It does not wait where the report tells as much: it is final, the
modem counts its references, this one is the attempt's by that count, nothing else to that number is
open or has it, and the service centre took the message while it was on the air. An older attempt
without reference, with known ones behind it, takes a report only if it can have its reference.
Everything else is kept, listed and never applied.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from airpost.clock import SECOND_US, Instant
from airpost.codec.times import TimeStamp
from airpost.model import MessageId, RawReport
from airpost.states import SegmentEvent, SegmentState
from airpost.store.api import ReportStored, Wake
from airpost.store.attempts import REPORT_WAIT_S, AttemptRow, attempt_of, sent_columns
from airpost.store.choices import still_tried
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
MATCH_S = 72 * 3600  # a reference comes again after 256 messages: what is older is not meant
CLOSE_S = 10  # the same, where nothing but the time tells several apart
LONGER_S = 250  # that a modem was at a message which nobody waited for any more
FIT_S = 120  # by which the service centre's clock may be off where a reference came twice
_REFERENCES = 256
_NEWEST = (1 << 63) - 1  # above every id


class Told(NamedTuple):
    """What a report says, as it is kept."""

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


def record(tx: Tx, report: RawReport) -> ReportStored:
    """Keep a report and apply it; one that came before changes nothing."""
    tail = tail_of(report.to)
    # Else it would be given to an earlier attempt, for want of its own.
    tx.catch_up(lambda row: (row.sim_id, row.tail) == (report.sim_id, tail))
    same = (report.sim_id, report.mr, tail, report.scts, report.status, report.done_at or 0)
    known = tx.db.execute(_SQL["same"], same).fetchone()
    if known is not None:
        return _stored(tx, known[1])
    raw = add_body(tx, "pdu", report.raw)
    at = report.received_at
    candidates = _without_reference(tx, report.sim_id, tail, at)
    if candidates:  # what else the SIM has sent decides whether it is theirs
        tx.catch_up(lambda row: row.sim_id == report.sim_id)
        candidates = _without_reference(tx, report.sim_id, tail, at)
    said = report.mr, report.scts, report.delivered is not None
    attempt = _find(tx, report.sim_id, tail, *said, at, candidates)
    outcome = outcome_columns(report.outcome)
    tx.db.execute(
        _SQL["add"],
        (report.sim_id, report.lane, report.mr, report.to, tail, report.scts, report.status,
         report.delivered, report.expired, *outcome.values(), report.done_at, report.received_at,
         raw, None if attempt is None else attempt.id),
    )  # fmt: skip
    if attempt is not None:
        told = Told(
            lane=report.lane, mr=report.mr, delivered=report.delivered, expired=report.expired,
            **outcome, done_at=report.done_at, received_at=report.received_at, scts=report.scts,
        )  # fmt: skip
        _apply(tx, told, attempt)
    else:
        tx.recall.unmatched(report.sim_id, tail)
        on_air = tx.db.execute(_SQL["on_air"], (report.sim_id, tail)).fetchone() is not None
        words = "came before the result of what is on the air" if on_air else "matches nothing sent"
        add_event(
            tx, report.received_at, f"modem {report.lane}", None, None,
            reason=f"a delivery report with reference {report.mr} {words}",
            actor=f"modem {report.lane}",
        )  # fmt: skip
    return _stored(tx, None if attempt is None else attempt.id)


def _stored(tx: Tx, attempt_id: int | None) -> ReportStored:
    if attempt_id is None:
        return ReportStored(message_id=None, state=None)
    message_id, state = tx.db.execute(_SQL["message_id"], (attempt_id,)).fetchone()
    return ReportStored(message_id=MessageId(message_id), state=SegmentState(state))


def apply_waiting(tx: Tx, attempt: AttemptRow) -> bool:
    """Apply reports that came before the result of their attempt; False when there are none."""
    if tx.ahead.of_this_run(attempt.id) and not tx.recall.may_wait(attempt.sim_id, attempt.tail):
        return False
    since = attempt.begun_at
    found = tx.db.execute(_SQL["unmatched"], (attempt.sim_id, attempt.tail, since)).fetchall()
    for report_id, *values in found:
        told = Told(*values)
        at, sim_id, tail = told.received_at, attempt.sim_id, attempt.tail
        candidates = _without_reference(tx, sim_id, tail, at)
        said = told.mr, told.scts, told.delivered is not None
        belongs = _find(tx, sim_id, tail, *said, at, candidates)
        if belongs is not None:
            tx.db.execute(_SQL["match"], (belongs.id, report_id))
            _apply(tx, told, belongs)
    return bool(found)


# -- the rule ------------------------------------------------------------------------------------
def _find(
    tx: Tx, sim_id: str, tail: str, mr: int, scts: bytes, final: bool, received_at: Instant,
    candidates: list[AttemptRow],
) -> AttemptRow | None:  # fmt: skip
    since = received_at - MATCH_S * SECOND_US
    known = tx.db.execute(_SQL["with_reference"], (sim_id, tail, mr, since, received_at)).fetchall()
    bearing = [each for each in candidates if each.ended_at is None and _can_bear(tx, each, mr)]
    bearing = [*reversed(bearing), *map(attempt_of, known)]
    if bearing:
        meant = _meant(tx, bearing, scts)
        if meant.ended_at is not None or meant.mr is not None:
            return meant  # ended, or told by a report before
        # On the air: its result will tell, unless that is certain already.
        alone = final and len(bearing) == len(candidates) == 1
        return meant if alone and _told_by_count(tx, meant, mr, scts) else None
    last = _last_known(tx, sim_id, _NEWEST)
    recent = [each for each in candidates if last is None or each.id > last[0]]
    taken_at = TimeStamp(scts).instant_us
    if len(recent) != 1 or _speaks_against(tx, recent[0], mr, taken_at):
        recent = [each for each in recent or candidates if _can_bear(tx, each, mr)]
    if len(recent) > 1 and taken_at is not None:
        recent = [each for each in recent if _away(tx, each, taken_at) <= CLOSE_S * SECOND_US]
    return recent[0] if len(recent) == 1 and recent[0].ended_at is not None else None


def _without_reference(tx: Tx, sim_id: str, tail: str, received_at: Instant) -> list[AttemptRow]:
    """Attempts to a number whose reference nobody told us, and which may have gone out."""
    since = received_at - MATCH_S * SECOND_US
    found = tx.db.execute(_SQL["without_reference"], (sim_id, tail, since)).fetchall()
    return [attempt_of(each) for each in found]


def _meant(tx: Tx, bearing: list[AttemptRow], scts: bytes) -> AttemptRow:
    """The one of several attempts with a reference, newest first, that was on the air at `scts`."""
    taken_at = TimeStamp(scts).instant_us
    if len(bearing) == 1 or taken_at is None:
        return bearing[0]
    nearest = min(bearing, key=lambda each: _away(tx, each, taken_at))
    return nearest if _away(tx, nearest, taken_at) <= FIT_S * SECOND_US else bearing[0]


def _away(tx: Tx, attempt: AttemptRow, at: int) -> int:
    """Microseconds from `at` to the time an attempt was on the air.

    One whose answer was not waited for any longer may have been so until the SIM's next began.
    """
    ended_at = attempt.ended_at
    if ended_at is not None and attempt.outcome_class == "unknown" and at > ended_at:
        found = tx.db.execute(_SQL["next_begun"], (attempt.sim_id, attempt.id)).fetchone()
        latest = Instant(ended_at + LONGER_S * SECOND_US)
        ended_at = latest if found is None else Instant(max(ended_at, min(found[0], latest)))
    after = 0 if ended_at is None else at - ended_at
    return max(attempt.begun_at - at, after, 0)


def _last_known(tx: Tx, sim_id: str, before_id: int) -> tuple[int, int] | None:
    """(attempt, reference) of the newest attempt on a SIM whose reference is known."""
    found = tx.db.execute(_SQL["known_before"], (sim_id, before_id)).fetchone()
    return None if found is None else (found[0], found[1])


def _can_bear(tx: Tx, attempt: AttemptRow, mr: int) -> bool:
    """True where the attempt can have had this reference: one for each PDU that was taken."""
    known = _last_known(tx, attempt.sim_id, attempt.id)
    if known is None:
        return False
    between = (attempt.sim_id, known[0], attempt.id)
    most, taken = tx.db.execute(_SQL["pdus_between"], between).fetchone()
    return (mr - known[1]) % _REFERENCES in range(taken + 1, most + 2)


def _speaks_against(tx: Tx, attempt: AttemptRow, mr: int, taken_at: int | None) -> bool:
    """True where neither count nor time allow that a report is this attempt's.

    By the count alone it may be: a modem that starts anew begins that again.
    """
    if taken_at is None or _away(tx, attempt, taken_at) <= CLOSE_S * SECOND_US:
        return False
    known = _last_known(tx, attempt.sim_id, attempt.id)
    return known is not None and not _can_bear(tx, attempt, mr)


def _told_by_count(tx: Tx, attempt: AttemptRow, mr: int, scts: bytes) -> bool:
    """True where a reference is that of an attempt on the air as surely as its `+CMGS` would say.

    The last two that are known follow each other, this one follows them, and nothing in between has
    an unknown one; the service centre took the message while it was on the air.
    """
    taken_at = TimeStamp(scts).instant_us
    if taken_at is None or _away(tx, attempt, taken_at) > CLOSE_S * SECOND_US:
        return False
    last = _last_known(tx, attempt.sim_id, attempt.id)
    before = None if last is None else _last_known(tx, attempt.sim_id, last[0])
    return (
        last is not None
        and before is not None
        and _follows(tx, attempt.sim_id, before, last)
        and _follows(tx, attempt.sim_id, last, (attempt.id, mr))
    )


def _follows(tx: Tx, sim_id: str, first: tuple[int, int], then: tuple[int, int]) -> bool:
    most, taken = tx.db.execute(_SQL["pdus_between"], (sim_id, first[0], then[0])).fetchone()
    return bool(most == taken and (then[1] - first[1]) % _REFERENCES == taken + 1)


# -- what it says --------------------------------------------------------------------------------
def _apply(tx: Tx, told: Told, attempt: AttemptRow) -> None:
    delivered = told.delivered
    at = max(told.received_at, attempt.ended_at or told.received_at)  # it may overtake the result
    row = segment_row(tx, attempt.segment_id)
    assert row is not None
    if attempt.mr is None:
        tx.db.execute(_SQL["set_reference"], (told.mr, attempt.id))
    actor = f"modem {told.lane}"
    event = _event(tx, row, attempt, delivered, bool(told.expired))
    words = told.outcome_text
    if delivered is None and row.current and (most_s := still_tried(tx, row.message_seq)):
        words += f"; another group of modems is tried after {most_s} s"
    if event is None:
        if delivered is None:  # the service centre still tries: so it is waited for that long again
            tx.db.execute(_SQL["extend"], (at + REPORT_WAIT_S * SECOND_US, row.id))
        remark(tx, row, at, words, actor)
        return
    columns: dict[str, Any] = {
        "not_before": None,
        "mr": told.mr if attempt.mr is None else attempt.mr,
    }
    if event is SegmentEvent.LATE:
        columns |= sent_columns(row, at, attempt.begun_at)
    else:
        columns |= {
            "outcome_class": told.outcome_class,
            "outcome_scope": told.outcome_scope,
            "outcome_code": told.outcome_code,
            "outcome_text": told.outcome_text,
            "reported_at": told.received_at,
            "delivered_at": _delivered_at(attempt, told) if delivered else None,
            "sent_at": row.sent_at if row.sent_at is not None else attempt.begun_at,
        }
    moved = move(tx, row, event, at, words, actor, **columns)
    fold_moved(tx, row, moved, at, actor)
    if not row.current and event is SegmentEvent.REPORT_DELIVERED:
        arrived_after_all(tx, row, at)
    if row.state is not SegmentState.SENT or event is not SegmentEvent.REPORT_DELIVERED:
        tx.wakes.add(Wake.QUEUE)  # what has arrived as it should holds nobody up


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


def _delivered_at(attempt: AttemptRow, told: Told) -> int:
    """The service centre's time where it can be true, else when we heard of it."""
    if told.done_at is None:
        return told.received_at
    # It tells whole seconds: of the one in which the network took it, it is the beginning.
    taken = attempt.ended_at if attempt.outcome_class == "ok" else None
    return min(max(told.done_at, taken or attempt.begun_at), told.received_at)

"""What happens on the air: an intent begins an attempt, a settlement ends it.

May import L0. Run in the writer's thread, before anything that is handed in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from airpost.clock import Instant
from airpost.errors import StaleTransition
from airpost.model import Lane, SimId
from airpost.outcome import Outcome, OutcomeClass
from airpost.states import MessageState, SegmentEvent, SegmentState, sources
from airpost.store import ahead, reports
from airpost.store.ahead import PreparedRow
from airpost.store.api import AirResult, Begun, Intent, Prepared, Settlement, Wake
from airpost.store.attempts import (
    AttemptRow,
    attempt_of,
    end_attempt,
    end_open,
    sent_columns,
    unknown_columns,
)
from airpost.store.moves import (
    OURSELVES,
    SegmentRow,
    add_body,
    current_rows,
    fold_moved,
    move,
    outcome_columns,
    passing,
    remark,
    segment_of,
    segment_row,
)
from airpost.store.numbers import tail_of
from airpost.store.statements import load
from airpost.store.transmissions import begin_again
from airpost.store.writer import Tx

log = logging.getLogger("airpost.store")
_SQL = load("air")

_ENDINGS = {SegmentEvent.TAKEN, SegmentEvent.TRANSIENT, SegmentEvent.PERMANENT,
            SegmentEvent.UNKNOWN}  # fmt: skip
_REPORTED = {SegmentState.DELIVERED, SegmentState.FAILED, SegmentState.EXPIRED}
_LATE_REFUSALS = {SegmentEvent.LATE_TRANSIENT, SegmentEvent.LATE_PERMANENT}
_LATE = {SegmentEvent.LATE, *_LATE_REFUSALS}


def turn(tx: Tx, done: Settlement | None, intent: Intent | None) -> AirResult:
    """The result of one segment and the beginning of the next, in one commit."""
    state = None if done is None else _settle(tx, done)
    _handed_in(tx, () if done is None else (done,))
    attempt_id = None if intent is None else begin(tx, intent)
    return AirResult(attempt_id=attempt_id, state=state)


def follow(
    tx: Tx, facts: Sequence[Settlement | Begun], intents: Sequence[Intent]
) -> list[Prepared]:
    """What has happened on the air, in order, and what may begin next, in that order."""
    _write(tx, facts)
    _handed_in(tx, facts)
    return [made for intent in intents if (made := prepare(tx, intent)) is not None]


def catch_up(tx: Tx, wanted: Callable[[PreparedRow], bool] | None) -> None:
    """What has happened on the air and was not handed in yet; see `Tx.catch_up`."""
    happened = tx.ahead.happened()
    if wanted is None:  # no results: what follows from one may meet what has begun after it
        for fact in chain(*happened.values()):
            if isinstance(fact, Begun):
                begun(tx, fact)
        return
    tx.recall.told.intersection_update(_ends([*chain(*happened.values())]))
    for lane, facts in happened.items():
        rows = ahead.of_lane(tx, lane)  # without what is written to have begun
        last = 0
        for n, fact in enumerate(facts, 1):
            row = rows.get(fact.attempt_id)
            if row is None or wanted(row):
                last = n
        _write(tx, facts[:last])
        tx.recall.told.update(_ends(facts[:last]))


def _handed_in(tx: Tx, facts: Sequence[Settlement | Begun]) -> None:
    tx.recall.told.difference_update(_ends(facts))


def _ends(facts: Sequence[Settlement | Begun]) -> list[int]:
    return [each.attempt_id for each in facts if isinstance(each, Settlement)]


def _write(tx: Tx, facts: Sequence[Settlement | Begun]) -> None:
    rest = list(reversed(facts))
    while rest:
        fact = rest.pop()
        if not isinstance(fact, Begun):
            _settle(tx, fact)
        elif rest and _taken(tx, fact, rest[-1]):
            rest.pop()
        else:
            begun(tx, fact)


def _settle(tx: Tx, done: Settlement) -> SegmentState | None:
    """End an attempt, apply what reports waited for that; the segment's state.

    None where there is nothing left to settle.
    """
    if done.attempt_id in tx.recall.told:
        return None
    settled = settle(tx, done)
    if settled is None:
        return None
    attempt, state = settled
    if reports.apply_waiting(tx, attempt) and (row := segment_row(tx, attempt.segment_id)):
        return row.state
    return state


# -- intent --------------------------------------------------------------------------------------
def begin(tx: Tx, intent: Intent) -> int | None:
    """Begin an attempt; None when the segment may not be sent by this lane now.

    What was prepared for the lane is withdrawn.
    """
    ahead.withdraw(tx, intent.lane)
    row = _sendable(tx, intent)
    if row is None:
        return None
    if _other_sim(tx, row, intent.sim_id):
        _begin_whole(tx, row, intent)
        return None
    attempt_id = tx.ahead.next_attempt(tx)
    body = add_body(tx, "tpdu", intent.tpdu)
    at = intent.begun_at
    _begin(tx, row, attempt_id, intent.lane, intent.sim_id, tail_of(row.number), body, at)
    return attempt_id


def prepare(tx: Tx, intent: Intent) -> Prepared | None:
    """As `begin`, but its segment stays queued until the attempt begins.

    What was prepared before may still begin before it.
    """
    ahead.withdraw_segment(tx, intent.lane, intent.segment_id)
    row = _sendable(tx, intent)
    if row is None or _other_sim(tx, row, intent.sim_id):
        return None
    attempt_id = tx.ahead.next_attempt(tx)
    body = add_body(tx, "tpdu", intent.tpdu)
    tail = tail_of(row.number)
    ahead.add(
        tx,
        PreparedRow(intent.lane, attempt_id, row.id, intent.sim_id, tail, body, intent.begun_at),
    )
    prepared = Prepared(
        segment_id=row.id, message_seq=row.message_seq, attempt_id=attempt_id,
        lane=intent.lane, sim_id=intent.sim_id, tpdu=intent.tpdu,
    )  # fmt: skip
    tx.ahead.offer(prepared)
    return prepared


def begun(tx: Tx, fact: Begun) -> None:
    """What was prepared has begun; nothing when that is written already."""
    found = ahead.taken_out(tx, fact.lane, fact.attempt_id)
    if found is not None:
        ahead.withdraw(tx, fact.lane, before=fact.attempt_id)  # it has overtaken that
        write_begun(tx, found, fact.begun_at)


def _taken(tx: Tx, fact: Begun, done: Begun | Settlement) -> bool:
    """As `begun` and `settle`, where one part goes out without ado: each row is written once.

    False, and nothing is done, where there is more to it.
    """
    if not isinstance(done, Settlement) or done.event is not SegmentEvent.TAKEN:
        return False
    found = ahead.of_lane(tx, fact.lane).get(fact.attempt_id)
    if found is None or done.attempt_id != fact.attempt_id:
        return False
    row = segment_row(tx, found.segment_id)
    if row is None or row.state is not SegmentState.QUEUED or not _is_plain(row):
        return False
    ahead.taken_out(tx, fact.lane, fact.attempt_id)
    ahead.withdraw(tx, fact.lane, before=fact.attempt_id)
    at, ended_at, n, actor = fact.begun_at, done.ended_at, row.attempts + 1, f"modem {fact.lane}"
    told = outcome_columns(done.outcome)
    tx.db.execute(_SQL["taken"], (
        fact.attempt_id, row.id, n, found.lane, found.sim_id, found.tail, found.tpdu_body, at,
        ended_at, done.mr, *told.values(),
    ))  # fmt: skip
    sending = passing(tx, row, SegmentEvent.INTENT, at, f"attempt {n}", actor)
    moved = move(
        tx, sending, SegmentEvent.TAKEN, ended_at, done.outcome.text, actor,
        stored=SegmentEvent.INTENT, attempts=n, lane=found.lane, mr=done.mr, not_before=None,
        **told, **sent_columns(row, ended_at, ended_at),
    )  # fmt: skip
    fold_moved(tx, sending, moved, ended_at, actor)
    attempt = AttemptRow(
        fact.attempt_id, row.id, n, found.lane, found.sim_id, found.tail, done.mr, at, ended_at,
        done.outcome.cls.value,
    )  # fmt: skip
    reports.apply_waiting(tx, attempt)
    return True


def _is_plain(row: SegmentRow) -> bool:
    """True for a message of one part that was never sent in a way that may have arrived."""
    return row.parts == 1 and row.current and row.resends == 0


def write_begun(tx: Tx, found: PreparedRow, at: Instant) -> None:
    """The attempt of what was prepared, and is no more; its segment is sending."""
    row = segment_row(tx, found.segment_id)
    if row is None:
        return
    lane, sim_id = Lane(found.lane), SimId(found.sim_id)
    _begin(tx, row, found.attempt_id, lane, sim_id, found.tail, found.tpdu_body, at)


def _sendable(tx: Tx, intent: Intent) -> SegmentRow | None:
    row = segment_row(tx, intent.segment_id)
    if row is None or row.state is not SegmentState.QUEUED:
        return None
    if row.lane != intent.lane or row.expires_at <= intent.begun_at:
        return None  # given back and bound elsewhere, or its time is over
    return row


def _begin(
    tx: Tx, row: SegmentRow, attempt_id: int, lane: Lane, sim_id: SimId, tail: str, body: int,
    at: Instant,
) -> None:  # fmt: skip
    n = row.attempts + 1
    tx.db.execute(_SQL["begin"], (attempt_id, row.id, n, lane, sim_id, tail, body, at))
    if row.state is not SegmentState.QUEUED:  # it went out all the same
        log.error("store.begun_while segment=%d state=%s", row.id, row.state.value)
        return
    actor = f"modem {lane}"
    moved = move(
        tx, row, SegmentEvent.INTENT, at, f"attempt {n}", actor,
        attempts=n, lane=lane, mr=None, not_before=None,
    )  # fmt: skip
    fold_moved(tx, row, moved, at, actor)
    if _is_plain(row):
        attempt = AttemptRow(attempt_id, row.id, n, lane, sim_id, tail, None, at, None, None)
        began = row._replace(
            state=moved.state, attempts=n, message_state=MessageState.SENDING, lane=lane
        )
        tx.recall.begun(attempt, began)


def _other_sim(tx: Tx, row: SegmentRow, sim_id: SimId) -> bool:
    """True when a part went out, or may have, by another SIM."""
    if row.parts == 1:
        return False
    return tx.db.execute(_SQL["elsewhere"], (row.message_seq, sim_id)).fetchone() is not None


def _begin_whole(tx: Tx, row: SegmentRow, intent: Intent) -> None:
    """Its parts would not be joined on the handset: it begins again, unless one is on the air."""
    rows = current_rows(tx, row.message_seq)
    if any(each.state is SegmentState.SENDING for each in rows):
        return
    begin_again(
        tx, rows, intent.begun_at,
        reason=f"a part is out, or may be, by another SIM than that of {intent.lane}",
        resends=max(each.resends for each in rows), unbind=False,
    )  # fmt: skip


# -- settlement ----------------------------------------------------------------------------------
def settle(tx: Tx, done: Settlement) -> tuple[AttemptRow, SegmentState] | None:
    """End an attempt and move its segment; the attempt and the segment's state as they are now.

    None, and a line in the log, when there is nothing left to settle.
    """
    known = tx.recall.ended(done.attempt_id, done.segment_id)
    taken = done.event is SegmentEvent.TAKEN
    told = done.ended_at, done.mr, done.outcome
    if known is None or not taken or not end_open(tx, done.attempt_id, *told):
        known = _attempt(tx, done)
        if known is None:
            return None
        end_attempt(tx, done.attempt_id, *told)
    attempt, row = known
    event = done.event
    if event in _ENDINGS and event is not SegmentEvent.TAKEN and _taken_before(tx, row, attempt):
        event = SegmentEvent.TAKEN  # the resend came to nothing, but the first sending went out
    if event in _LATE_REFUSALS and not _decides(tx, row, attempt):
        return _ended(attempt, done), _remarked(tx, row, done)
    try:
        state = _moved(tx, row, event, done)
    except StaleTransition:  # it is not as it was when its attempt began
        row = segment_row(tx, row.id) or row
        state = _moved(tx, row, event, done)
    return _ended(attempt, done), state


def _ended(attempt: AttemptRow, done: Settlement) -> AttemptRow:
    cls = done.outcome.cls.value
    return attempt._replace(mr=done.mr, ended_at=done.ended_at, outcome_class=cls)


def _decides(tx: Tx, row: SegmentRow, attempt: AttemptRow) -> bool:
    """True where a late refusal of an attempt tells what became of its segment.

    Not where it is on its way once more, or may have gone out by another attempt.
    """
    if not row.current or row.final or row.state is not SegmentState.UNCERTAIN:
        return False
    return tx.db.execute(_SQL["open_otherwise"], (row.id, attempt.id)).fetchone() is None


def _remarked(tx: Tx, row: SegmentRow, done: Settlement) -> SegmentState:
    """The segment stays as it is."""
    words = f"an attempt has been refused, as is known now: {done.outcome.text}"
    remark(tx, row, done.ended_at, words, f"modem {row.lane}" if row.lane else OURSELVES)
    return row.state


def _attempt(tx: Tx, done: Settlement) -> tuple[AttemptRow, SegmentRow] | None:
    """What is settled, as it stands; None, and a line in the log, where it has an end."""
    which = done.attempt_id, done.segment_id
    found = tx.db.execute(_SQL["attempt"], which).fetchone()
    if found is None:  # its beginning was handed in with a commit that failed
        tx.catch_up()
        found = tx.db.execute(_SQL["attempt"], which).fetchone()
    if found is None:
        _refused(done, "no such attempt")
        return None
    attempt = attempt_of(found[:10])
    if done.event in _LATE:
        if attempt.outcome_class != OutcomeClass.UNKNOWN.value:
            _refused(done, "its fate is known")
            return None
        if done.event in _LATE_REFUSALS and tx.db.execute(_SQL["reported"], which[:1]).fetchone():
            _refused(done, "a report tells that the network had it")
            return None
    elif done.event not in _ENDINGS or attempt.ended_at is not None:
        if attempt.ended_at != done.ended_at:  # else it was written when it had to be known early
            _refused(done, "it has ended")
        return None
    return attempt, segment_of(found[10:])


def _moved(tx: Tx, row: SegmentRow, event: SegmentEvent, done: Settlement) -> SegmentState:
    if row.state in sources(event):
        return _move(tx, row, event, done)
    log.log(
        logging.INFO if row.state in _REPORTED else logging.WARNING,
        "store.settlement_too_late segment=%d state=%s event=%s",
        row.id, row.state.value, event.value,
    )  # fmt: skip
    return row.state


def _refused(done: Settlement, why: str) -> None:
    log.warning(
        "store.settlement_refused segment=%d attempt=%d event=%s: %s",
        done.segment_id, done.attempt_id, done.event.value, why,
    )  # fmt: skip


def _taken_before(tx: Tx, row: SegmentRow, attempt: AttemptRow) -> bool:
    if row.resends == 0:
        return False
    return tx.db.execute(_SQL["taken_before"], (row.id, attempt.id)).fetchone() is not None


def _move(tx: Tx, row: SegmentRow, event: SegmentEvent, done: Settlement) -> SegmentState:
    columns: dict[str, Any] = {**outcome_columns(done.outcome), "not_before": None}
    if event in (SegmentEvent.TAKEN, SegmentEvent.LATE):
        columns |= sent_columns(row, done.ended_at, done.ended_at)
        columns["mr"] = done.mr
    elif event is SegmentEvent.TRANSIENT:
        columns["not_before"] = done.retry_at
    elif event is SegmentEvent.LATE_TRANSIENT:
        columns |= {"not_before": done.retry_at, "grace_until": None, "deadline_at": None}
    elif event is SegmentEvent.UNKNOWN:
        columns |= unknown_columns(row, done.ended_at, done.grace_until)
    actor = f"modem {row.lane}" if row.lane else OURSELVES
    moved = move(tx, row, event, done.ended_at, done.outcome.text, actor, **columns)
    fold_moved(tx, row, moved, done.ended_at, actor)
    if event is not SegmentEvent.TAKEN:
        tx.wakes.add(Wake.QUEUE)
    return moved.state


def refuse(tx: Tx, segment_id: int, outcome: Outcome, now: Instant) -> None:
    """A queued segment that can never be sent: it fails, and the rest of its message with it."""
    row = segment_row(tx, segment_id)
    if row is None or row.state is not SegmentState.QUEUED:
        return
    columns = {**outcome_columns(outcome), "not_before": None}
    moved = move(tx, row, SegmentEvent.PERMANENT, now, outcome.text, OURSELVES, **columns)
    fold_moved(tx, row, moved, now, OURSELVES)
    tx.wakes.add(Wake.QUEUE)

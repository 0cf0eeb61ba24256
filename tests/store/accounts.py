"""What must be true of a store once all that happened on the air is in it.

Each function gives what is wrong, in words; nothing where all is well.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from airpost.states import MessageState, SegmentEvent, SegmentState, fold
from tests.store.byhand import ByHandStore
from tests.store.model_lane import Sending

Rows = list[tuple[object, ...]]
_CLASS = {
    SegmentEvent.TAKEN: "ok",
    SegmentEvent.LATE: "ok",
    SegmentEvent.TRANSIENT: "transient",
    SegmentEvent.PERMANENT: "permanent",
    SegmentEvent.UNKNOWN: "unknown",
}

_CUT = ("unknown", "ok")  # nobody heard of its end, or that an answer came late


def attempts(db: sqlite3.Connection, began: Sequence[Sending], unheard: int) -> Iterator[str]:
    """All that began is one attempt with its end, numbered in the order it began.

    `unheard`: the highest number of which the process may have ended before it heard.
    """
    found = {
        row[0]: row[1:]
        for row in db.execute(
            "SELECT id, lane, sim_id, segment_id, begun_at, outcome_class, mr FROM attempt"
        )
    }
    newest: dict[str, int] = {}
    for each in began:
        told = (each.lane, each.sim_id, each.segment.segment_id, each.begun_at)
        if each.attempt_id <= newest.get(each.lane, 0):
            yield f"attempt {each.attempt_id} of {each.lane} began after a higher one"
        newest[each.lane] = max(newest.get(each.lane, 0), each.attempt_id)
        row = found.pop(each.attempt_id, None)
        if row is None:
            yield f"attempt {each.attempt_id} began and is not there"
            continue
        if row[:4] != told:
            yield f"attempt {each.attempt_id} is {row[:4]}, not {told}"
        ends = None if each.event is None else _CLASS[each.event]
        if row[4] != ends and not (each.cut and row[4] in _CUT):
            yield f"attempt {each.attempt_id} ended {row[4]}, not {ends}"
        if each.told_mr is not None and row[5] != each.told_mr:
            yield f"attempt {each.attempt_id} has reference {row[5]}, not {each.told_mr}"
    for attempt_id, row in found.items():
        if attempt_id > unheard or row[4] != "unknown":
            yield f"attempt {attempt_id} began nowhere: {row}"


def numbers(db: sqlite3.Connection) -> Iterator[str]:
    """The attempts of a segment are counted."""
    of: dict[int, list[int]] = defaultdict(list)
    for segment_id, n in db.execute("SELECT segment_id, n FROM attempt ORDER BY n"):
        of[segment_id].append(n)
    for segment_id, count in db.execute("SELECT id, attempts FROM segment"):
        if of[segment_id] != list(range(1, count + 1)):
            yield f"segment {segment_id} counts {count} attempts, not {of[segment_id]}"


def folds(db: sqlite3.Connection) -> Iterator[str]:
    """A message is what its segments make of it."""
    for seq, state, going_on in db.execute("SELECT seq, state, open FROM message").fetchall():
        parts = [
            SegmentState(row[0])
            for row in db.execute(
                "SELECT state FROM segment WHERE message_seq = ? AND current = 1", (seq,)
            )
        ]
        is_ = fold(parts, waiting=state == MessageState.ACCEPTED.value).value
        came = is_ == "cancelled" and set(parts) != {SegmentState.CANCELLED}  # what had failed
        if is_ != state and not (came and state in ("failed", "expired")):
            yield f"message {seq} is {state}, its parts make it {is_}"
        if bool(going_on) != bool({SegmentState.QUEUED, SegmentState.SENDING} & {*parts}):
            yield f"message {seq} is open={going_on} with {parts}"


def lanes(db: sqlite3.Connection) -> Iterator[str]:
    """What is on the air is there by the lane its message is bound to."""
    sending = db.execute(
        "SELECT s.id, m.lane, a.lane FROM segment s JOIN message m ON m.seq = s.message_seq"
        " LEFT JOIN attempt a ON a.segment_id = s.id AND a.ended_at IS NULL"
        " WHERE s.state = 'sending' AND s.current = 1"
    )
    for segment_id, bound, on in sending:
        if on is None or bound != on:
            yield f"segment {segment_id} of {bound} is sending by {on}"


def duplicates(db: sqlite3.Connection) -> Iterator[str]:
    """What may have gone out more than once is counted so often."""
    outs: Counter[tuple[int, int]] = Counter()
    for seq, part in db.execute(
        "SELECT s.message_seq, s.seq FROM attempt a JOIN segment s ON s.id = a.segment_id"
        " WHERE a.outcome_class IN ('ok', 'unknown')"
    ):
        outs[seq, part] += 1
    counted = dict(db.execute("SELECT seq, possible_duplicates FROM message").fetchall())
    for (seq, part), n in outs.items():
        if n - 1 > counted[seq]:
            yield f"part {part} of message {seq} went out {n} times, {counted[seq]} counted"


def cancelled(db: sqlite3.Connection, seqs: Sequence[int]) -> Iterator[str]:
    """What was cancelled never goes out."""
    for seq in seqs:
        for attempt_id, ends in db.execute(
            "SELECT a.id, a.outcome_class FROM attempt a JOIN segment s ON s.id = a.segment_id"
            " WHERE s.message_seq = ? AND ifnull(a.outcome_class, '') <> 'transient'", (seq,)
        ):  # fmt: skip
            yield f"message {seq} was cancelled and went out as attempt {attempt_id}: {ends}"


def credits(  # noqa: A001
    db: sqlite3.Connection, reported: Sequence[Sending]
) -> Iterator[str]:
    """A report of what the modem told the reference of is credited to it."""
    for each in reported:
        if each.told_mr is None or each.event is not SegmentEvent.TAKEN:
            continue  # in doubt, it may have been another's for all that was known
        found = db.execute(
            "SELECT DISTINCT attempt_id FROM report WHERE sim_id = ? AND mr = ?",
            (each.sim_id, each.mr),
        ).fetchall()
        if found != [(each.attempt_id,)]:
            yield f"a report of attempt {each.attempt_id} is credited to {found}"


def prepared(hand: ByHandStore, *, quiet: bool) -> Iterator[str]:
    """What is prepared is so on disk, for the loop and as the writer recalls it."""
    db, ahead = hand.look, hand.ahead
    rows = {
        row[1]: row
        for row in db.execute("SELECT lane, attempt_id, segment_id FROM prepared ORDER BY 2")
    }
    offered = {each.attempt_id for each in ahead._offered.values()}
    begun = {each.attempt_id for each in ahead._begun.values()}
    for lane, known in hand.writer._recall.prepared.items():
        if list(known) != [at for at, row in rows.items() if row[0] == lane]:
            yield f"{lane} recalls {list(known)} of {list(rows)}"
    if not rows.keys() <= offered | begun:
        yield f"prepared and for nobody: {sorted(rows.keys() - offered - begun)}"
    if not offered <= rows.keys():
        yield f"offered and not prepared: {sorted(offered - rows.keys())}"
    if quiet:
        if ahead._happened or ahead._begun:
            yield f"not forgotten: {ahead._happened} {ahead._begun}"
        if hand.writer._recall.told:
            yield f"remembered as written early: {hand.writer._recall.told}"
        stale = db.execute(
            "SELECT p.attempt_id FROM prepared p LEFT JOIN segment s ON s.id = p.segment_id"
            " LEFT JOIN message m ON m.seq = s.message_seq WHERE s.id IS NULL"
            " OR s.state <> 'queued' OR m.lane IS NOT p.lane"
        ).fetchall()
        if stale:
            yield f"prepared and may not begin: {stale}"

"""What lanes may begin next without a commit, and who decides that one does.

May import L0. Attempts are prepared on disk while another segment is on the air; when that one has
ended, the loop begins the next with a record in the air journal, and the row that says so follows.
Until then the segment is queued, and the writer may have other plans for it: whoever takes it first
wins. A lane's attempts are numbered in the order in which they begin: what is overtaken is
withdrawn.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Collection
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from airpost.clock import Instant
from airpost.model import Lane
from airpost.store.api import MOST_PREPARED, Begun, Prepared, Settlement
from airpost.store.statements import load

if TYPE_CHECKING:
    from airpost.store.writer import Tx

_SQL = load("ahead")


class BegunMeanwhile(Exception):
    """What a request found queued is on the air: what has begun goes first, then it once more."""


class PreparedRow(NamedTuple):
    """A row of `prepared`."""

    lane: str
    attempt_id: int
    segment_id: int
    sim_id: str
    tail: str
    tpdu_body: int
    prepared_at: Instant


class Ahead:
    """What is prepared, by segment; the loop begins, the writer's thread offers and withdraws."""

    def __init__(self) -> None:
        self._lock = Lock()  # never held longer than a look into a few of them, and a pwrite
        self._offered: dict[int, Prepared] = {}
        self._begun: dict[int, Begun] = {}
        self._happened: dict[int, tuple[Lane, Begun | Settlement]] = {}  # by id(), in order
        # What the transaction has changed of `_offered`: segment, and what was offered before.
        self._changed: list[tuple[int, Prepared | None]] = []
        self._last_attempt: int | None = None
        self._before: int | None = None  # the last one of the run before

    # -- on the loop -----------------------------------------------------------------------------
    def stands(self, prepared: Prepared) -> bool:
        """True while it may begin."""
        return self._offered.get(prepared.segment_id) is prepared

    def begin(
        self, prepared: Prepared, at: Instant, keep: Callable[[Lane, int, Instant], None]
    ) -> Begun | None:
        """It begins now, unless it may not any more, or `keep` raises: OSError.

        The writer hears of nothing that is not kept, so what it writes down as begun has begun.
        """
        with self._lock:
            if self._offered.get(prepared.segment_id) is not prepared:
                return None
            del self._offered[prepared.segment_id]
            begun = Begun(
                segment_id=prepared.segment_id, message_seq=prepared.message_seq,
                attempt_id=prepared.attempt_id, lane=prepared.lane, begun_at=at,
            )  # fmt: skip
            keep(begun.lane, begun.attempt_id, at)
            self._begun[prepared.segment_id] = begun
            self._happened[id(begun)] = begun.lane, begun
            return begun

    def ended(self, lane: Lane, taken: Settlement) -> None:
        """The network has taken what began on a lane."""
        with self._lock:
            self._happened[id(taken)] = lane, taken

    def forget_when(self, asked: Future[Any], facts: Collection[Begun | Settlement]) -> None:
        """Once what was `asked` has written them they need not be known here."""

        def written(done: Future[Any]) -> None:
            if not done.cancelled() and done.exception() is None:
                self.forget(facts)

        if facts:
            asked.add_done_callback(written)

    def forget(self, facts: Collection[Begun | Settlement]) -> None:
        """They are on disk."""
        with self._lock:
            for fact in facts:
                self._happened.pop(id(fact), None)
                if isinstance(fact, Begun) and self._begun.get(fact.segment_id) is fact:
                    del self._begun[fact.segment_id]

    # -- in the writer's thread ------------------------------------------------------------------
    def offer(self, prepared: Prepared) -> None:
        """It may begin once its commit is known."""
        with self._lock:
            self._changed.append((prepared.segment_id, self._offered.get(prepared.segment_id)))
            self._offered[prepared.segment_id] = prepared

    def take(self, segment_id: int, attempt_id: int | None = None) -> Prepared | Begun | None:
        """Take it from the loop: what was taken, or what the loop has taken first.

        None too where that is another attempt than the one that is asked for.
        """
        with self._lock:
            known = self._offered.get(segment_id) or self._begun.get(segment_id)
            if known is None or attempt_id not in (None, known.attempt_id):
                return None
            if isinstance(known, Prepared):
                self._changed.append((segment_id, known))
                del self._offered[segment_id]
            return known

    @property
    def changes(self) -> int:
        """How many there were since the last commit: where a savepoint begins."""
        return len(self._changed)

    def undo(self, since: int = 0) -> None:
        """A rollback: what was offered is no more, and what was taken may begin as before."""
        with self._lock:
            while len(self._changed) > since:
                segment_id, before = self._changed.pop()
                if before is None:
                    self._offered.pop(segment_id, None)
                else:
                    self._offered[segment_id] = before

    def committed(self) -> None:
        """What was offered and taken is on disk."""
        self._changed.clear()

    def happened(self) -> dict[Lane, list[Begun | Settlement]]:
        """What began after it was prepared, and what was taken, of each lane in its order, as far
        as it may not be in the store yet.
        """
        found: dict[Lane, list[Begun | Settlement]] = {}
        with self._lock:
            for lane, fact in self._happened.values():
                found.setdefault(lane, []).append(fact)
        return found

    def of_message(self, message_seq: int) -> list[int]:
        """Segments of a message that are offered or have just begun."""
        with self._lock:
            known: list[Prepared | Begun] = [*self._offered.values(), *self._begun.values()]
            return [each.segment_id for each in known if each.message_seq == message_seq]

    def next_attempt(self, tx: Tx) -> int:
        """A number no attempt has, and none that was ever prepared since the store was opened."""
        if self._last_attempt is None:
            self._before = self._last_attempt = last_attempt(tx)
        self._last_attempt += 1
        return self._last_attempt

    def of_this_run(self, attempt_id: int) -> bool:
        """True for a number that was given since the store was opened."""
        return self._before is not None and attempt_id > self._before


def last_attempt(tx: Tx) -> int:
    """The highest number of an attempt, begun, prepared or gone with its message."""
    return int(tx.db.execute(_SQL["last_attempt"]).fetchone()[0])


def of_lane(tx: Tx, lane: str) -> dict[int, PreparedRow]:
    """What is prepared for a lane, by attempt and in the order of their numbers."""
    known = tx.recall.prepared
    if lane not in known:
        rows = (PreparedRow(*found) for found in tx.db.execute(_SQL["of_lane"], (lane,)))
        known[lane] = {row.attempt_id: row for row in rows}
    return known[lane]


def all_rows(tx: Tx) -> list[PreparedRow]:
    """Everything that is prepared, in order."""
    return [PreparedRow(*found) for found in tx.db.execute(_SQL["all"])]


def add(tx: Tx, row: PreparedRow) -> None:
    """Write a row. Where the lane has MOST_PREPARED of them the first is withdrawn for it."""
    rows = of_lane(tx, row.lane)
    if len(rows) >= MOST_PREPARED:
        _withdraw(tx, next(iter(rows.values())))
    tx.db.execute(_SQL["add"], row)
    rows[row.attempt_id] = row


def taken_out(tx: Tx, lane: str, attempt_id: int) -> PreparedRow | None:
    """Delete a row; what it was. Its octets stay, for the attempt."""
    row = of_lane(tx, lane).pop(attempt_id, None)
    if row is None:
        return None
    gone = tx.db.execute(_SQL["take_out"], (lane, attempt_id)).rowcount
    return row if gone else None


def forget_octets(tx: Tx, row: PreparedRow) -> None:
    """No attempt will have the octets of a row that was taken out."""
    tx.db.execute(_SQL["drop_body"], (row.tpdu_body,))


def hold(tx: Tx, segment_id: int) -> None:
    """From now on the loop cannot begin the segment; BegunMeanwhile when it has.

    To be called before a queued segment is moved, and before its message leaves its lane.
    """
    _hold(tx, tx.ahead.take(segment_id))


def _hold(tx: Tx, taken: Prepared | Begun | None) -> None:
    if taken is None:
        return
    row = taken_out(tx, taken.lane, taken.attempt_id)
    if row is None:
        return  # written already
    if isinstance(taken, Begun):
        # Its row comes back with the savepoint.
        raise BegunMeanwhile(f"segment {taken.segment_id} has begun")
    forget_octets(tx, row)


def hold_message(tx: Tx, message_seq: int) -> None:
    """As `hold`, for every segment of a message."""
    for segment_id in tx.ahead.of_message(message_seq):
        hold(tx, segment_id)


def withdraw(tx: Tx, lane: str, before: int | None = None) -> None:
    """Nothing is prepared for the lane any more, under a number below `before` (None: any)."""
    for row in list(of_lane(tx, lane).values()):
        if before is None or row.attempt_id < before:
            _withdraw(tx, row)


def withdraw_segment(tx: Tx, lane: str, segment_id: int) -> None:
    """Nothing is prepared for the segment any more, by that lane."""
    for row in list(of_lane(tx, lane).values()):
        if row.segment_id == segment_id:
            _withdraw(tx, row)


def _withdraw(tx: Tx, row: PreparedRow) -> None:
    # Not another attempt: what is left of a segment that went elsewhere holds nobody up.
    _hold(tx, tx.ahead.take(row.segment_id, row.attempt_id))
    if taken_out(tx, row.lane, row.attempt_id):  # offered by nobody: a rollback took it back
        forget_octets(tx, row)


def withdraw_all(tx: Tx) -> None:
    """Nothing is prepared for any lane any more: the store is about to be closed."""
    for lane in {row.lane for row in all_rows(tx)}:
        withdraw(tx, lane)

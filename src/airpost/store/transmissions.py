"""Transmissions: each time a message begins, with the reference its parts are joined by.

May import L0. A message that has to leave its SIM after a part has gone out, or whose part is
missing for too long, begins again whole: the handset joins parts by sender and reference. The older
transmission no longer makes the message's state, but still takes reports.
"""

from __future__ import annotations

from collections.abc import Sequence

from airpost.clock import SECOND_US, Instant
from airpost.model import NewMessage
from airpost.states import SegmentEvent, SegmentState
from airpost.store.api import Wake
from airpost.store.many import insert
from airpost.store.moves import (
    MAY_BE_OUT,
    OURSELVES,
    SegmentRow,
    add_event,
    current_rows,
    fold_message,
    move,
)
from airpost.store.numbers import tail_of
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("transmissions")
HANDSET_KEEPS_S = 7 * 86_400  # parts of a set that never becomes whole
REFERENCES_LOOKED_AT = 256
BEGINS_AGAIN = "begins again whole"
DUPLICATE = "it may arrive twice"  # why it is listed


def add_transmissions(tx: Tx, seqs: Sequence[int], new: Sequence[NewMessage]) -> list[int]:
    """The first transmissions of messages; their ids. Only what has parts needs a reference."""
    pairs = list(zip(seqs, new, strict=True))
    single = [(seq, each) for seq, each in pairs if len(each.segments) == 1]
    made = iter(insert(
        tx.db, _SQL["add_first"],
        [(seq, each.concat_bits, each.created_at) for seq, each in single],
    ))  # fmt: skip
    return [
        next(made)
        if len(each.segments) == 1
        else add_transmission(
            tx, seq, each.to, each.concat_bits, len(each.segments), "accepted", each.created_at
        )
        for seq, each in pairs
    ]


def add_transmission(
    tx: Tx, message_seq: int, number: str, bits: int, parts: int, reason: str, at: Instant
) -> int:
    """A new transmission with the recipient's next reference, 0 for a single part; its id."""
    recipient = tail_of(number) or number
    ref = 0 if parts == 1 else _next_reference(tx, recipient, bits, at)
    made = tx.db.execute(_SQL["add"], (message_seq, bits, ref, reason, at)).lastrowid
    assert made is not None
    if parts > 1:
        tx.db.execute(_SQL["keep_reference"], (recipient, bits, ref))
        tx.db.execute(_SQL["use_reference"], (recipient, bits, ref, made))
    return made


def _next_reference(tx: Tx, recipient: str, bits: int, at: Instant) -> int:
    """Counted per recipient, so that a reference comes again as late as it can.

    One whose last message may lie incomplete on the handset is passed over, where another is free.
    """
    found = tx.db.execute(_SQL["last_reference"], (recipient, bits)).fetchone()
    # The first is drawn: a store that was lost shall not begin where it began before.
    ref = first = tx.rng.getrandbits(bits) if found is None else (found[0] + 1) % (1 << bits)
    since = at - HANDSET_KEEPS_S * SECOND_US
    for _ in range(REFERENCES_LOOKED_AT):
        if tx.db.execute(_SQL["incomplete"], (recipient, bits, ref, since)).fetchone() is None:
            return ref
        ref = (ref + 1) % (1 << bits)
    return first


def begin_again(
    tx: Tx,
    rows: list[SegmentRow],
    at: Instant,
    *,
    reason: str,
    resends: int,
    unbind: bool,
) -> None:
    """A new transmission for the message of `rows`, none of which may be sending.

    It counts as a possible duplicate, unless nothing may be out or a part is queued once more: that
    was counted when it was, and goes out as part of the whole now. What is queued is cancelled.
    """
    seq, transmission_id = rows[0].message_seq, rows[0].transmission_id
    counted = tx.db.execute(_SQL["once_more"], (seq, transmission_id)).fetchone() is not None
    for row in rows:
        if row.state is SegmentState.QUEUED:
            move(tx, row, SegmentEvent.CANCEL, at, reason, OURSELVES, not_before=None)
    bits, number, parts = tx.db.execute(_SQL["bits"], (seq,)).fetchone()
    made = add_transmission(tx, seq, number, bits, parts, reason, at)
    tx.db.execute(_SQL["retire"], (seq,))
    tx.db.execute(_SQL["copy_segments"], (made, resends, seq, transmission_id))
    if not counted and any(row.state in MAY_BE_OUT for row in rows):
        count_duplicate(tx, seq, at)
    if unbind:
        tx.db.execute(_SQL["unbind"], (seq,))
    add_event(
        tx, at, "message", None, None,
        reason=f"{BEGINS_AGAIN}: {reason}", actor=OURSELVES, message_seq=seq,
    )  # fmt: skip
    fold_message(tx, seq, at, OURSELVES)
    tx.wakes.add(Wake.QUEUE)


def arrived_after_all(tx: Tx, row: SegmentRow, at: Instant) -> None:
    """A part of an older transmission has arrived: when all of it has, it is the message's again.

    Unless the newer one has begun: then the handset may have both, and the newer one tells.
    """
    newer = current_rows(tx, row.message_seq)
    begun = any(each.state is not SegmentState.QUEUED or each.attempts for each in newer)
    which = (row.message_seq, row.transmission_id)
    states = {state for (state,) in tx.db.execute(_SQL["all_of"], which)}
    if begun or states != {SegmentState.DELIVERED.value}:
        return
    for each in newer:
        words = "it has arrived by its earlier sending"
        move(tx, each, SegmentEvent.CANCEL, at, words, OURSELVES, not_before=None)
    tx.db.execute(_SQL["retire"], (row.message_seq,))
    tx.db.execute(_SQL["current_again"], which)
    fold_message(tx, row.message_seq, at, OURSELVES)
    tx.wakes.add(Wake.QUEUE)


def count_duplicate(tx: Tx, message_seq: int, at: Instant) -> None:
    """A part goes out once more that may have arrived."""
    tx.db.execute(_SQL["count_duplicate"], (message_seq,))
    add_event(
        tx, at, "message", None, None,
        reason=DUPLICATE, actor=OURSELVES, message_seq=message_seq,
    )  # fmt: skip

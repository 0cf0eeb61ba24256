"""`forget`: a number and what was said to and by it are erased; the counts stay.

May import L0. `traces` runs in a reader and finds; the rest runs in the writer's thread, some at a
time. What is still under way stays, because it must be known whether it went out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from airpost.clock import Instant
from airpost.store import batches, contacts, schedules
from airpost.store.faults import meaning
from airpost.store.moves import add_event
from airpost.store.numbers import tail_of
from airpost.store.retention import erase_inbound, erase_messages
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("erasure")
FORGOTTEN = "forgotten"  # stands where the number stood


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """Numbers of what names a number; `answers`: (owner, key, body), `hooks`: (seq, body)."""

    messages: tuple[int, ...]
    inbound: tuple[int, ...]
    answers: tuple[tuple[str, str, int], ...]
    hooks: tuple[tuple[int, int], ...]
    under_way: int


def traces(db: sqlite3.Connection, number: str) -> Traces:
    """What names a number."""
    return Traces(
        messages=tuple(row[0] for row in db.execute(_SQL["messages"], (number,))),
        inbound=tuple(row[0] for row in db.execute(_SQL["inbound"], (number,))),
        answers=tuple(db.execute(_SQL["answers"], (number,)).fetchall()),
        hooks=tuple(db.execute(_SQL["hooks"], (tail_of(number) or number,)).fetchall()),
        under_way=db.execute(_SQL["under_way"], (number,)).fetchone()[0],
    )


def forget_messages(tx: Tx, seqs: Sequence[int]) -> int:
    """Erase what messages say and to whom; of how many there was time for."""
    _overwrite(tx)
    done = erase_messages(tx, seqs)
    for seq in seqs[:done]:
        tx.db.execute(_SQL["rename_message"], (FORGOTTEN, seq))
        tx.db.execute(_SQL["rename_reports"], (FORGOTTEN, seq))
        tx.db.execute(_SQL["bare_tails"], (seq,))
        tx.db.execute(_SQL["drop_tags"], (seq,))
    return done


def forget_inbound(tx: Tx, seqs: Sequence[int]) -> int:
    """Erase what received messages say and from whom; of how many there was time for."""
    _overwrite(tx)
    done = erase_inbound(tx, seqs)
    for seq in seqs[:done]:
        tx.db.execute(_SQL["rename_inbound"], (FORGOTTEN, seq))
        tx.db.execute(_SQL["rename_parts"], (FORGOTTEN, seq))
    return done


def _overwrite(tx: Tx) -> None:
    """What goes is written over in the file too."""
    tx.db.execute("PRAGMA secure_delete = ON").fetchall()


def empty_log(path: Path) -> bool:
    """Begin the write-ahead log anew, its file empty; False while somebody reads it.

    It waits for the disk, in a thread of its own. StoreUnavailable.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        try:
            busy: int = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:
            raise meaning(error) from error
    return not busy


def forget_rest(tx: Tx, number: str, found: Traces, actor: str, now: Instant) -> None:
    """What is left: waiting parts, stray reports, calls, answers, contacts, what came by hooks."""
    _overwrite(tx)
    for seq, body in found.hooks:
        tx.db.execute(_SQL["body"], (body,))
        tx.db.execute(_SQL["bare_hook"], (seq,))
    for owner, key, body in found.answers:
        tx.db.execute(_SQL["body"], (body,))
        tx.db.execute(_SQL["drop_answer"], (owner, key))
    for name in ("waiting_bodies", "drop_waiting", "stray_bodies", "drop_stray"):
        tx.db.execute(_SQL[name], (number,))
    schedules.forget(tx, number)
    contacts.forget(tx, number)
    batches.forget(tx, number)
    tx.db.execute(_SQL["rename_calls"], (FORGOTTEN, number))
    recipient = tail_of(number) or number
    tx.db.execute(_SQL["drop_references"], (recipient,))
    tx.db.execute(_SQL["drop_reference_uses"], (recipient,))
    add_event(tx, now, "service", None, FORGOTTEN, reason="a number was erased", actor=actor)
    tx.db.execute("PRAGMA secure_delete = FAST").fetchall()

"""Copies of a store: made while it works, and put back with what was waiting frozen.

May import L0 and sqlite3. `copy` runs in a thread of its own and holds one state of the store, so
that what is written meanwhile does not make it begin again. `restore` needs the store closed: what
was not final when the copy was made may have gone out since, so it is uncertain and held.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from airpost.audit import Entry
from airpost.clock import SECOND_US, Instant
from airpost.errors import ConfigError
from airpost.model import MessageId
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store import schedules
from airpost.store.api import Wake
from airpost.store.attempts import UNCERTAIN_WAIT_S, attempt_of, end_attempt, sent_columns
from airpost.store.carry import carry_on
from airpost.store.faults import meaning
from airpost.store.keeping import BackedUp
from airpost.store.lock import StoreLock
from airpost.store.migrations import APPLICATION_ID, connect, migrate
from airpost.store.moves import (
    OURSELVES,
    SegmentRow,
    add_event,
    current_rows,
    fold_message,
    move,
    outcome_columns,
)
from airpost.store.recovery import INTERRUPTED
from airpost.store.statements import load
from airpost.store.transmissions import begin_again, count_duplicate
from airpost.store.writer import Tx

_SQL = load("backup")
PAGES = 64  # copied at a time: 256 KiB
PAUSE_S = 0.002  # in between, so that modems and callers have the processor
ROWS = 200  # released in one commit
RESTORED = "restored"  # the reason of what a restore has frozen
BESIDE = ("", "-wal", "-shm", "-air")  # the files of a store


# -- making one ----------------------------------------------------------------------------------
def copy(source: Path, to: Path) -> BackedUp:
    """A copy of this moment at `to`; ValueError where that cannot be made."""
    begun_s = time.monotonic()
    try:
        if to.exists():
            raise ValueError(f"{to} is there already; name another file")
        partial = to.with_name(to.name + ".partial")
        os.close(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
        try:
            _copy_pages(source, partial)
            _to_disk(partial)
            partial.rename(to)
        finally:
            partial.unlink(missing_ok=True)
        _to_disk(to.parent)
    except OSError as error:
        raise ValueError(f"{to} cannot be written: {error.strerror}") from error
    except sqlite3.Error as error:
        raise ValueError(f"{to} cannot be made: {meaning(error)}") from error
    took_s = time.monotonic() - begun_s
    return BackedUp(path=to, octets=to.stat().st_size, took_s=took_s)


def _copy_pages(source: Path, to: Path) -> None:
    rest = threading.Event()
    with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as db:
        db.isolation_level = None
        # A read transaction that is open keeps this state; else each commit begins the copy anew.
        db.execute("BEGIN")
        db.execute("SELECT 1 FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(to, isolation_level=None)) as made:
            db.backup(made, pages=PAGES, progress=lambda *_: rest.wait(PAUSE_S) and None)
            made.execute("PRAGMA journal_mode = DELETE")  # one file, complete by itself


def _to_disk(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


# -- putting one back ----------------------------------------------------------------------------
def restore(
    source: Path, path: Path, now: Instant, rng: Random, origin: str = ""
) -> tuple[int, Path | None]:
    """Make the store at `path` what `source` holds; how many messages are frozen, the old store.

    ConfigError when the store is in use or `source` is no sound store. The old one is kept; its
    audit log goes on, with a row that names `origin`, and what ended its keys' lives holds.
    """
    lock = StoreLock(path)
    lock.take()
    fresh = path.with_name(path.name + ".restoring")
    try:
        _remove(fresh)
        _check(source)
        copy(source, fresh)
        migrate(fresh)
        count = _freeze_in(fresh, now, rng)
        told = Entry(
            at=now, action="db.restore", actor="local", origin=origin, subject=str(source),
            detail={"held": count},
        )  # fmt: skip
        carry_on(fresh, path, told, rng)
        old = _set_aside(path, now)
        fresh.rename(path)
        _to_disk(path.parent)
    except (OSError, ValueError, sqlite3.Error) as error:
        raise ConfigError("", f"{source} cannot be restored: {error}") from error
    finally:
        _remove(fresh)
        lock.release()
    return count, old


def _check(source: Path) -> None:
    if not source.is_file():
        raise ValueError("there is no such file")
    with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as db:
        if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise ValueError("it is no store of airpost")
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise ValueError(f"it is damaged: {found}")


def _remove(path: Path) -> None:
    for end in BESIDE:
        path.with_name(path.name + end).unlink(missing_ok=True)


def _set_aside(path: Path, now: Instant) -> Path | None:
    """The files that are there under another name: a journal of the air must not stay."""
    if not path.exists():
        for end in BESIDE[1:]:
            path.with_name(path.name + end).unlink(missing_ok=True)
        return None
    stamp = datetime.fromtimestamp(now / SECOND_US, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    old = path.with_name(f"{path.name}.before-{stamp}")
    for end in reversed(BESIDE):
        beside = path.with_name(path.name + end)
        if beside.exists():
            beside.rename(old.with_name(old.name + end))
    return old


def _freeze_in(path: Path, now: Instant, rng: Random) -> int:
    with closing(connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        tx = Tx(db, rng)
        count = freeze(tx, now, "a backup was put back")
        tx.write_history()
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return count


def freeze(tx: Tx, now: Instant, why: str) -> int:
    """Whatever is not final becomes uncertain and is held; how many messages."""
    seqs = [row[0] for row in tx.db.execute(_SQL["not_final"])]
    for seq in seqs:
        for row in current_rows(tx, seq):
            if not row.final:
                _freeze_part(tx, row, now)
        tx.db.execute(_SQL["hold"], (seq,))
        fold_message(tx, seq, now, OURSELVES)
    tx.db.execute(_SQL["no_journal"])
    schedules.pass_over(tx, now)
    words = f"{why}: {len(seqs)} messages were waiting and are held"
    add_event(tx, now, "service", None, RESTORED, reason=words, actor=OURSELVES)
    tx.write_history()
    return len(seqs)


def _freeze_part(tx: Tx, row: SegmentRow, now: Instant) -> None:
    for each in tx.db.execute(_SQL["open_attempts"], (row.id,)).fetchall():
        attempt = attempt_of(each)
        end_attempt(tx, attempt.id, now, attempt.mr, INTERRUPTED)
    columns: dict[str, Any] = {
        "not_before": None,
        "grace_until": None,
        "deadline_at": max(row.expires_at, now) + UNCERTAIN_WAIT_S * SECOND_US,
    }
    if row.state is SegmentState.SENDING:
        columns |= outcome_columns(INTERRUPTED)
    move(tx, row, SegmentEvent.RESTORED, now, RESTORED, OURSELVES, **columns)


# -- letting it go on ----------------------------------------------------------------------------
def release(tx: Tx, ids: Sequence[MessageId], actor: str, now: Instant) -> int:
    """Let some of what is frozen go on, of these messages or of all; how many, 0 at the end.

    What the network had taken by then is sent and waits for its report. The rest goes out, once
    more perhaps: that is counted. A message that was out in part begins again whole.
    """
    if ids:
        seqs = [row[0] for id_ in ids for row in tx.db.execute(_SQL["frozen_one"], (RESTORED, id_))]
    else:
        seqs = [row[0] for row in tx.db.execute(_SQL["frozen_some"], (RESTORED, ROWS))]
    for seq in seqs:
        _release_one(tx, seq, actor, now)
    tx.wakes.add(Wake.DECIDED)
    return len(seqs)


def _release_one(tx: Tx, seq: int, actor: str, now: Instant) -> None:
    rows = current_rows(tx, seq)
    held = [row for row in rows if row.state is SegmentState.UNCERTAIN]
    out = [row for row in held if row.sent_at is not None]
    for row in out:
        columns = sent_columns(row, now, row.sent_at or now)
        words = "it was sent before the backup was made"
        move(tx, row, SegmentEvent.SETTLED_SENT, now, words, actor, **columns)
    if len(out) == len(held):
        fold_message(tx, seq, now, actor)
        return
    words = f"released by {actor} after a restore"
    if len(held) < len(rows) or out:
        begin_again(tx, current_rows(tx, seq), now, reason=words, resends=1, unbind=True)
        return
    for row in held:
        move(
            tx, row, SegmentEvent.RESEND, now, words, actor,
            deadline_at=None, resends=row.resends + 1,
        )  # fmt: skip
    tx.db.execute(_SQL["unbind"], (seq,))
    count_duplicate(tx, seq, now)
    if tx.db.execute(_SQL["wait_again"], (seq, now)).rowcount:
        add_event(
            tx, now, "message", MessageState.UNCERTAIN.value, MessageState.ACCEPTED.value,
            reason=words, actor=actor, message_seq=seq,
        )  # fmt: skip
    fold_message(tx, seq, now, actor)

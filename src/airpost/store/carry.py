"""What a store that is put back takes over from the one it replaces: the audit log, and keys' ends.

May import L0 and its neighbours. An older copy must not make the log shorter than its anchors tell,
nor let in whoever was shut out since.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

from airpost.audit import Entry
from airpost.store import audit
from airpost.store.migrations import connect
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("carry")
CARRIED = "carried on"


def carry_on(fresh: Path, before: Path, told: Entry, rng: Random) -> None:
    """Take over what can be read in `before`, and add `told`, about the restore, to the log.

    Nothing that is wrong with `before` keeps `fresh` from being used: the row says so.
    """
    with closing(connect(fresh)) as db:
        log, keys = "there was none before", "there were none before"
        if before.exists():
            log = _from(db, before, _carry_log)
            keys = _from(db, before, _carry_keys)
        entry = replace(told, detail={**told.detail, "log": log, "keys": keys})
        db.execute("BEGIN IMMEDIATE")
        audit.append(Tx(db, rng), [entry])
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _from(db: sqlite3.Connection, before: Path, work: Callable[[sqlite3.Connection], str]) -> str:
    """Do `work` with `before` attached; what came of it, in words."""
    try:
        db.execute("ATTACH ? AS before", (str(before),))
    except sqlite3.Error as error:
        return f"the store before cannot be read: {error}"
    try:
        db.execute("BEGIN IMMEDIATE")
        done = work(db)
        db.execute("COMMIT")
    except sqlite3.Error as error:
        done = f"not carried on: {error}"
        if db.in_transaction:
            db.execute("ROLLBACK")
    finally:
        db.execute("DETACH before")
    return done


def _carry_log(db: sqlite3.Connection) -> str:
    head = audit.head(db)
    first = db.execute(_SQL["first"]).fetchone()[0]
    if first is None:
        return "the store before has none"
    if head.n >= first:
        found = db.execute(_SQL["hash"], (head.n,)).fetchone()
        if found is None or found[0] != head.hash:
            return "the log of the store before is another one"
    elif head.n:  # what the copy has went there meanwhile
        db.execute(_SQL["all_may_go"], (head.n,))
        db.execute(_SQL["all_go"])
    db.execute(_SQL["rows"])
    db.execute(_SQL["base"])
    return CARRIED


def _carry_keys(db: sqlite3.Connection) -> str:
    db.execute(_SQL["revoked"])
    db.execute(_SQL["no_old_secrets"])
    db.execute(_SQL["secrets"])
    return CARRIED

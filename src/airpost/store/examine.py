"""`check`: is the file sound, and does it say what it may say?

May import L0 and sqlite3. Runs in a reader.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import groupby
from pathlib import Path

from airpost.states import GIVEN_UP, MessageState, SegmentState, fold
from airpost.store.keeping import Checked
from airpost.store.statements import load

_SQL = load("examine")
MOST = 20  # faults told of each kind
_COUNTED = {
    "bare": "messages without parts",
    "unsendable": "parts that wait and have no content",
    "textless": "texts that are referred to and not there",
}


def check(db: sqlite3.Connection) -> Checked:
    """Everything that is wrong; a file that is damaged is looked at no further."""
    try:
        return _look(db)
    except sqlite3.DatabaseError as error:
        return Checked(faults=(f"the file is damaged: {error}",), octets=0, messages=0)


def damage(db: sqlite3.Connection) -> str | None:
    """Whether tables and indexes fit together, as they lie on the disk and not as they were read
    before.
    """
    db.execute("PRAGMA shrink_memory")
    found: str = db.execute("PRAGMA integrity_check(1)").fetchone()[0]
    return None if found == "ok" else found


def check_file(path: Path) -> Checked:
    """As `check`, of a store that nobody has opened; it may be too damaged to open it."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return check(db)
    except sqlite3.Error as error:
        return Checked(faults=(f"{path}: {error}",), octets=0, messages=0)


def _look(db: sqlite3.Connection) -> Checked:
    octets: int = db.execute(_SQL["size"]).fetchone()[0]
    hurt = [row[0] for row in db.execute(f"PRAGMA integrity_check({MOST})")]
    if hurt != ["ok"]:
        told = tuple(f"the file is damaged: {each}" for each in hurt)
        return Checked(faults=told, octets=octets, messages=0)
    faults = [
        f"a row of {table} refers to none of {other}"
        for table, _, other, _ in db.execute("PRAGMA foreign_key_check").fetchmany(MOST)
    ]
    for name, words in _COUNTED.items():
        count = db.execute(_SQL[name]).fetchone()[0]
        if count:
            faults.append(f"{count} {words}")
    faults += _wrong_states(db)[:MOST]
    messages: int = db.execute(_SQL["messages"]).fetchone()[0]
    return Checked(faults=tuple(faults), octets=octets, messages=messages)


def _wrong_states(db: sqlite3.Connection) -> list[str]:
    """Messages whose state is not what their parts make of it."""
    wrong = []
    for (id_, state), rows in groupby(db.execute(_SQL["states"]), key=lambda row: row[:2]):
        parts = [SegmentState(row[2]) for row in rows]
        waiting = state == MessageState.ACCEPTED.value
        made = fold(parts, waiting=waiting).value
        # Of what failed, and came after all, only what was given up is left.
        came = made == MessageState.CANCELLED.value and set(parts) != {SegmentState.CANCELLED}
        if made != state and not (came and MessageState(state) in GIVEN_UP):
            wrong.append(f"message {id_} is {state}, its parts make it {made}")
    return wrong

"""One statement for many rows.

Stdlib only. Each step of a statement gives the interpreter's lock away and has to get it back from
a loop that is busy: for a single row that takes longer than the row itself.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

ROWS = 16  # of one statement; each number of rows is a text of its own, which is prepared once
_VALUES = re.compile(r"VALUES\s+(\([^()]*\))")

Rows = Sequence[Sequence[Any]]


@cache
def _several(statement: str, rows: int) -> str:
    """A statement with VALUES (…) for one row, for so many."""
    return _VALUES.sub(lambda found: f"VALUES {', '.join([found[1]] * rows)}", statement)


def _executed(db: sqlite3.Connection, statement: str, rows: Rows) -> Iterator[sqlite3.Cursor]:
    for at in range(0, len(rows), ROWS):
        some = rows[at : at + ROWS]
        yield db.execute(_several(statement, len(some)), list(chain.from_iterable(some)))


def insert(db: sqlite3.Connection, statement: str, rows: Rows) -> list[int]:
    """Insert rows in order; their rowids, where the table has some.

    SQLite gives each the number behind the largest there is: those of one statement have no gaps.
    """
    made: list[int] = []
    for done in _executed(db, statement, rows):
        assert done.lastrowid is not None
        made.extend(range(done.lastrowid - done.rowcount + 1, done.lastrowid + 1))
    return made


def select(db: sqlite3.Connection, statement: str, rows: Rows) -> Iterator[tuple[Any, ...]]:
    """What is found for any of the rows of VALUES."""
    return chain.from_iterable(_executed(db, statement, rows))

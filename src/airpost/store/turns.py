"""Whose turn it is: messages to one number go in order within a class and an outlet.

May import L0 and its neighbours. Runs in the reader's thread.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from airpost.model import Lane, MessageId
from airpost.states import MessageState
from airpost.store.routing import Before, Turn
from airpost.store.statements import load

_SQL = load("turns")


def turn_of(
    db: sqlite3.Connection, number: str, class_: str, seq: int, outlet: str
) -> tuple[bool, Lane | None]:
    """Whether a message that was never tried may go, and the lane where alone it may."""
    before = _before(db, number, class_, seq, outlet)
    if before is None:
        return True, None
    lane, ordered, over = before[:3]
    if over and not ordered:
        return True, None
    return (not ordered and lane is not None), lane


def turn(db: sqlite3.Connection, message_id: MessageId) -> Turn:
    """See `routing.Choices.turn`."""
    row = db.execute(_SQL["waiting"], (message_id,)).fetchone()
    if row is None:
        return Turn()
    seq, number, class_, outlet, lane, tried, next_try = row
    before = None if tried or lane is not None else _before(db, number, class_, seq, outlet)
    if before is None:
        return Turn(next_try=next_try)
    _, ordered, over, id_, state, owner = before
    if over and not ordered:
        return Turn(next_try=next_try)
    first = Before(id=id_, owner=owner, state=MessageState(state), ordered=bool(ordered))
    return Turn(next_try=next_try, before=first)


def _before(
    db: sqlite3.Connection, number: str, class_: str, seq: int, outlet: str
) -> tuple[Any, ...] | None:
    """Of the message before it: lane, ordered, if its first attempt is over, id, state, owner."""
    found: tuple[Any, ...] | None = db.execute(
        _SQL["before"], (number, class_, seq, outlet)
    ).fetchone()
    return found

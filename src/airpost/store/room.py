"""How much waits, by class and key, and whether there is room for more.

May import L0 and sqlite3. Counted by the writer's own connection, in its memory; asked once for
what is stored by one request. What is accepted is never dropped for want of room: it is refused
before.
"""

from __future__ import annotations

import sqlite3
from collections import Counter

from airpost.errors import QueueFull
from airpost.model import NewMessage
from airpost.policy import QueuePolicy
from airpost.store.statements import load

_SQL = load("room")


def install(db: sqlite3.Connection) -> None:
    """Count what waits, and from now on what comes and goes; once for a connection."""
    for name in ("table", "count", "comes", "again", "over", "gone"):
        db.execute(_SQL[name])


def waiting(db: sqlite3.Connection) -> Counter[tuple[str, str]]:
    """What waits by class and id of the key, "" for none."""
    return Counter({(class_, key): n for class_, key, n in db.execute(_SQL["waits"])})


class Room:
    """What a request may still add; read when the first message asks."""

    def __init__(self, db: sqlite3.Connection, policy: QueuePolicy) -> None:
        self._db = db
        self._policy = policy
        self._classes: Counter[str] | None = None
        self._keys: Counter[str] = Counter()

    def check(self, new: NewMessage) -> None:
        """QueueFull where there is none for it."""
        if self._classes is None:
            self._classes = Counter()
            for (class_, key), n in waiting(self._db).items():
                self._classes[class_] += n
                self._keys[key] += n
        class_ = new.class_.value
        most = self._policy.classes[new.class_].max_waiting
        if self._classes[class_] >= most:
            raise QueueFull("class", class_, most, f"classes.{class_}.max_waiting")
        most = self._policy.max_waiting_key
        if new.key_id is not None and self._keys[new.key_id] >= most:
            raise QueueFull("key", new.key_id, most, "queue.max_waiting_key")

    def add(self, new: NewMessage) -> None:
        """It is stored."""
        if self._classes is not None:
            self._classes[new.class_.value] += 1
            self._keys[new.key_id or ""] += 1

"""The reader: one read-only connection in a thread of its own.

May import L0 and sqlite3. What a lane waits for goes before lists, and lists ask for a bounded
stretch at a time, so that nobody's list holds up a modem.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from airpost.store.faults import in_doubt, meaning
from airpost.store.migrations import BUSY_S
from airpost.store.thread import Request, StoreThread

BATCH_REQUESTS = 16


class Reader(StoreThread):
    """The thread. Each request sees one state of the store, never one in the middle of a commit."""

    def __init__(self, path: Path, name: str = "store reader") -> None:
        super().__init__(name)
        self._path = path
        self._db: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the connection; the file is there already."""
        self._db = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S,
            isolation_level=None, check_same_thread=False, cached_statements=512,
        )  # fmt: skip

    def close(self) -> None:
        """Close it."""
        if self._db is not None:
            self._db.close()

    def serve(self) -> None:
        """Do what waits, a few at a time."""
        self._do(self.taken[0])
        while len(self.taken) < BATCH_REQUESTS and (more := self.mail.take(wait=False)) is not None:
            self.taken.append(more)
            self._do(more)

    def _do(self, request: Request) -> None:
        db = self._db
        assert db is not None
        try:
            db.execute("BEGIN")
            request.result = request.work(db)
        except BaseException as error:  # noqa: BLE001 whoever asked gets it
            request.error = meaning(error)
        finally:
            try:
                if db.in_transaction:
                    db.execute("COMMIT")
            except sqlite3.Error as error:  # a damaged file is no end of the thread
                request.error = request.error or meaning(error)
                with suppress(sqlite3.Error):
                    db.execute("ROLLBACK")
            if in_doubt(request.error):
                with suppress(sqlite3.Error):  # the file may be put right: it is read anew
                    db.execute("PRAGMA shrink_memory")

"""The writer: one connection, one thread, one commit for much that waits.

May import L0 and sqlite3. What comes from the air goes before what is handed in, each in a commit
of its own; what is handed in shares one. Each request has its own savepoint, so that one that fails
takes nothing else with it; nobody is answered before the COMMIT that holds his rows is on disk.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from airpost.errors import StoreLost, StoreUnavailable
from airpost.histogram import Histogram
from airpost.store.ahead import Ahead, BegunMeanwhile, PreparedRow
from airpost.store.api import Wake
from airpost.store.faults import damaged, in_doubt, meaning, reason_of
from airpost.store.migrations import connect
from airpost.store.place import Place
from airpost.store.recall import Recall
from airpost.store.statements import load
from airpost.store.thread import Request, StoreThread

log = logging.getLogger("airpost.store")
_SQL = load("writer")
BATCH_REQUESTS = 500
MOST_TRIES = 1000  # of one request, behind what begins meanwhile
NO_END = (
    "what has begun meanwhile could not be written: an error of airpost, see `store.no_end` in its "
    "log; start it anew if this goes on"
)
LOST = (
    "another airpost has taken the store, so its lock was lost (the file that ends in .lock was "
    "removed or replaced), or a copy of another run was written over it; this one writes and sends "
    "nothing more"
)
OLDER = (
    "an older copy was written over the file of the store while airpost had it open: what it holds "
    "may have gone out since; this one writes and sends nothing more"
)
HISTORY_ROWS = 16  # written by one statement
SHARE_AFTER_S = 0.005  # of waiting: three or four commits of others
BATCH_S = 0.005  # a batch takes in nothing more after that; it is never a wait for more
COMMIT_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0)
WAL_LIMIT_OCTETS = 64 << 20  # what the log file shrinks to after a burst


@cache
def _insert(rows: int) -> str:
    """One statement for several rows: each step of one gives the interpreter's lock away."""
    head, values = _SQL["history"].split("VALUES")
    return f"{head}VALUES {', '.join([values] * rows)}"


CatchUp = Callable[["Tx", Callable[[PreparedRow], bool] | None], None]


class Tx:
    """What a request works with: the connection, and what follows its own work.

    `history` takes event rows, which are written together when the work is done, `newest` is the
    number of the last; `wakes` says whom the commit wakes; `ahead` is what the loop may begin
    meanwhile, `recall` what need not be read.
    """

    __slots__ = ("_catch_up", "ahead", "db", "history", "newest", "recall", "rng", "wakes")

    def __init__(
        self,
        db: sqlite3.Connection,
        rng: Random,
        ahead: Ahead | None = None,
        recall: Recall | None = None,
        catch_up: CatchUp | None = None,
    ) -> None:
        self.db = db
        self._catch_up = catch_up
        self.rng = rng
        self.ahead = ahead or Ahead()
        self.recall = recall or Recall()
        self.wakes: set[Wake] = set()
        self.history: list[tuple[Any, ...]] = []
        self.newest: int | None = None

    def catch_up(self, wanted: Callable[[PreparedRow], bool] | None = None) -> None:
        """Write what has happened on the air and is not written: of each lane in its order, and no
        more than up to the last that is `wanted`. None: all that has begun, and no results.
        """
        assert self._catch_up is not None
        self._catch_up(self, wanted)

    def write_history(self) -> None:
        """Write the rows of `history`."""
        rows = self.history
        for at in range(0, len(rows), HISTORY_ROWS):
            some = rows[at : at + HISTORY_ROWS]
            values = [value for row in some for value in row]
            self.newest = self.db.execute(_insert(len(some)), values).lastrowid
        rows.clear()


class Writer(StoreThread):
    """The thread. `migrate` is called in it, `committed` and `failed` on the loop; so is, in it,
    `put_back` where the file holds less than was committed. `look` is called in it behind what was
    handed in and came alone; `seen` on the loop at each answer, with what that gave, or None.
    """

    def __init__(
        self,
        path: Path,
        rng: Random,
        *,
        ahead: Ahead,
        catch_up: CatchUp,
        migrate: Callable[[], None],
        committed: Callable[[set[Wake]], None],
        failed: Callable[[str], None],
        put_back: Callable[[], None] = lambda: None,
        look: Callable[[sqlite3.Connection], Any] = lambda _: None,
        seen: Callable[[Any], None] = lambda _: None,
    ) -> None:
        super().__init__("store writer")
        self.commits = Histogram(COMMIT_S)  # seconds each took
        self.owner = b""  # the number of this run in the store; empty: none was written yet
        self.in_doubt = False  # whether the file still holds what was committed
        self._path = path
        self._place: Place | None = None
        self._newest: int | None = None  # event that is committed, as far as it is known
        self._older = False
        self._rng = rng
        self._ahead = ahead
        self._recall = Recall()
        self._catch_up = catch_up
        self._migrate = migrate
        self._committed = committed
        self._failed = failed
        self._put_back = put_back
        self._look = look
        self._seen = seen
        self._db: sqlite3.Connection | None = None
        self._durable = True  # as the connection is set: its commits wait for the disk

    def open(self) -> None:
        """Bring the file to this code's schema, then open the connection."""
        self.owner, self._newest = b"", None
        self.in_doubt = self._older = False
        self._migrate()
        self._db = connect(self._path)
        self._place = Place(self._path)
        self._db.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_OCTETS}")

    def close(self) -> None:
        """Close it; the last connection of a file empties its log."""
        if self._db is not None:
            self._db.close()

    def serve(self) -> None:
        """One batch: begin, requests while there are any and time is left, commit.

        StoreLost, and nothing is written, where the store is another run's by now, or its file is
        another for good.
        """
        db = self._db
        durable = self.taken[0].durable or self.mail.holds_up  # then both in one commit
        assert db is not None
        fault: BaseException | None = None
        try:
            if self.in_doubt:
                db.execute("PRAGMA shrink_memory")  # what was read of it before says nothing
            if durable is not self._durable:
                db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            db.execute("BEGIN IMMEDIATE")
            self._check_owner(db)
            newest = self._fill(db)
            if self._older:
                self._end_older(db)
            # SQLite ends the whole transaction itself after some errors, a full disk for one.
            if db.in_transaction:
                began_s = time.monotonic()
                db.execute("COMMIT")
                self._ahead.committed()
                self.commits.observe(time.monotonic() - began_s)
                self._newest = newest or self._newest
            else:
                fault = next((each.error for each in self.taken if each.error is not None), None)
        except (sqlite3.Error, StoreUnavailable) as error:
            fault = meaning(error)
        if fault is not None:
            self._give_up(db, fault)
        if any(in_doubt(each.error) for each in self.taken):
            self.in_doubt = True

    def _check_owner(self, db: sqlite3.Connection) -> None:
        """The lock is a file that people can remove; the number in the store is not."""
        if not self.owner:
            return
        if self._owner_in(db) != (self.owner.hex(),):
            db.execute("ROLLBACK")  # the other one waits for it
            raise StoreLost(LOST)
        assert self._place is not None
        try:
            self._place.check(db)
        except StoreLost:
            if db.in_transaction:  # it is back, and was changed while it was away
                if self._is_older(db):
                    self._end_older(db)
                db.execute("ROLLBACK")
            raise
        if self._newest is None:
            self._newest = self._newest_event(db)

    @staticmethod
    def _owner_in(db: sqlite3.Connection) -> tuple[str] | None:
        """The number of the run whose the file is; StoreUnavailable where it is no store."""
        try:
            found: tuple[str] | None = db.execute(_SQL["owner"]).fetchone()
        except sqlite3.Error as error:
            if meaning(error) is not error:
                raise
            raise damaged(str(error)) from error  # a sound file of somebody else's: no such table
        return found

    @staticmethod
    def _newest_event(db: sqlite3.Connection) -> int:
        found = db.execute(_SQL["newest_event"]).fetchone()
        return 0 if found is None else int(found[0])

    def look_through(self, tx: Tx) -> None:
        """StoreUnavailable while the file is not sound; the run ends where it holds less than was
        committed.
        """
        found = tx.db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise damaged(found)
        self._older = self._is_older(tx.db)

    def _is_older(self, db: sqlite3.Connection) -> bool:
        return self._newest is not None and self._newest_event(db) < self._newest

    def _end_older(self, db: sqlite3.Connection) -> NoReturn:
        db.execute("ROLLBACK")
        self._put_back()
        raise StoreLost(OLDER)

    def probe(self, tx: Tx) -> None:
        """Write and commit something of no meaning: does the disk take it?

        Where the file is in doubt it was looked through before.
        """
        self.in_doubt = False
        tx.db.execute(_SQL["probe"])

    def _fill(self, db: sqlite3.Connection) -> int | None:
        """Do what waits; the number of the last event that was written."""
        until = time.monotonic() + BATCH_S
        first = self.taken[0]
        newest = self._do(db, first, alone=True)
        if not self._durable:
            return newest  # alone, its commit does not wait for the disk
        # One request a batch that holds up a modem: those whose messages end together would, by
        # sharing their commits, all wait for the last of them, and end together for ever. Where
        # they wait long for their turn, though, what one commit saves is more than that costs.
        late = time.monotonic() - first.asked_s > SHARE_AFTER_S
        waited = first.durable and first.urgent and first.waited and not late
        while db.in_transaction and len(self.taken) < BATCH_REQUESTS and time.monotonic() < until:
            more = self.mail.take(wait=False, urgent=not waited)
            if more is None:
                break
            waited = waited or (more.urgent and more.waited and not late)
            self.taken.append(more)
            newest = self._do(db, more) or newest
        if len(self.taken) == 1 and not first.urgent and db.in_transaction:
            first.looked = self._look(db)
        return newest

    def _do(self, db: sqlite3.Connection, request: Request, *, alone: bool = False) -> int | None:
        """The work of a request; the number of its last event.

        The first of a batch needs no savepoint in its transaction.
        """
        for behind in range(MOST_TRIES):  # what the loop has begun meanwhile
            tx = Tx(db, self._rng, self._ahead, self._recall, self._catch_up)
            before = self._ahead.changes
            if not alone:
                db.execute("SAVEPOINT request")
            try:
                if behind:
                    tx.catch_up()
                request.result = request.work(tx)
                tx.write_history()
            except BaseException as error:  # whoever asked gets it
                self._recall.forget()
                self._ahead.undo(before)
                if db.in_transaction:
                    db.execute("ROLLBACK" if alone else "ROLLBACK TO request")
                    db.execute("BEGIN IMMEDIATE" if alone else "RELEASE request")
                    if isinstance(error, BegunMeanwhile) and behind + 1 < MOST_TRIES:
                        continue
                if isinstance(error, BegunMeanwhile):  # a bug; one request, not the store for ever
                    log.exception("store.no_end")
                    error = StoreUnavailable(NO_END)
                request.error = meaning(error)
                return None
            if not alone:
                db.execute("RELEASE request")
            request.wakes = tx.wakes
            return tx.newest
        return None

    def _give_up(self, db: sqlite3.Connection, fault: BaseException) -> None:
        """Nothing of the batch is on disk: everybody in it hears why."""
        self._recall.forget()
        self._ahead.undo()
        with suppress(sqlite3.Error):  # a damaged file: nothing was committed, all the same
            if db.in_transaction:
                db.execute("ROLLBACK")
        for request in self.taken:
            request.error = fault
            request.wakes = frozenset()

    def resolve(self, done: Sequence[Request]) -> None:
        """Answer, then tell of the commit, or of a store that cannot write."""
        super().resolve(done)
        alone = done[0] if len(done) == 1 else None
        self._seen(None if alone is None or alone.error is not None else alone.looked)
        wakes: set[Wake] = set()
        for request in done:
            wakes |= request.wakes
        fault = next((r.error for r in done if isinstance(r.error, StoreUnavailable)), None)
        if fault is not None:
            self._failed(reason_of(fault, self._path))
        if wakes:
            self._committed(wakes)


def work_of(function: Callable[..., Any], *given: Any) -> Callable[[Tx], Any]:
    """`function(tx, *given)` as a request."""
    return lambda tx: function(tx, *given)

"""The writer: one connection, one thread, one commit for much that waits.

May import L0 and sqlite3. What comes from the air goes before what is handed in, each in a commit
of its own; what is handed in shares one. Each request has its own savepoint, so that one that fails
takes nothing else with it; nobody is answered before the COMMIT that holds his rows is on disk.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NoReturn

from airpost.errors import StoreLost, StoreUnavailable
from airpost.histogram import Histogram
from airpost.store.ahead import Ahead, BegunMeanwhile, PreparedRow
from airpost.store.api import Wake
from airpost.store.faults import MOVED, damaged, in_doubt, meaning, reason_of
from airpost.store.migrations import connect
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
REPLACED = (
    "the file of the store was removed or replaced while airpost had it open: what it writes would "
    "be lost at the next start; this one writes and sends nothing more"
)
LOGLESS = (
    "the log of the store (the file that ends in -wal) was removed or replaced while airpost had "
    "it open: what it writes would be lost at the next start; this one writes and sends nothing "
    "more"
)
OLDER = (
    "an older copy was written over the file of the store while airpost had it open: what it holds "
    "may have gone out since; this one writes and sends nothing more"
)
CHANGED = (
    "the file of the store was opened or changed while it was away from its place; this one writes "
    "and sends nothing more"
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
    `put_back` where the file holds less than was committed.
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
    ) -> None:
        super().__init__("store writer")
        self.commits = Histogram(COMMIT_S)  # seconds each took
        self.owner = b""  # the number of this run in the store; empty: none was written yet
        self.in_doubt = False  # whether the file still holds what was committed
        self._path = path
        self._file = path  # by its own name, whatever links lead there
        self._log_file = path
        self._identity = (0, 0)
        self._log_identity: tuple[int, int] | None = None  # of its log, once that is open
        self._away: tuple[int, int] | None = None  # the file as it was when it left its place
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
        self._db: sqlite3.Connection | None = None
        self._durable = True  # as the connection is set: its commits wait for the disk

    def open(self) -> None:
        """Bring the file to this code's schema, then open the connection."""
        self.owner, self._newest = b"", None
        self._away, self.in_doubt, self._older = None, False, False
        self._log_identity = None
        self._migrate()
        self._db = connect(self._path)
        self._file = self._path.resolve()
        self._log_file = self._file.with_name(f"{self._file.name}-wal")
        self._identity = _identity(self._file.stat())
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
        db, durable = self._db, self.taken[0].durable
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
        if self._log_identity is None:
            with suppress(OSError):
                self._log_identity = _identity(self._log_file.stat())
        self._check_place(db)
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

    def _check_place(self, db: sqlite3.Connection) -> None:
        """Nothing is written to a file, or a log, that no start would find.

        StoreUnavailable while it lies elsewhere: it may be put back. StoreLost where it lies
        nowhere, or was opened or changed there.
        """
        found = log_found = None
        try:
            here = self._is_here()
            if not here or self._away is not None:
                found, log_found = _open_file(self._identity), _open_file(self._log_identity)
        except OSError as error:  # there are no more descriptors, say
            if self._away is None:
                return  # what cannot be looked at proves nothing
            raise StoreUnavailable(MOVED) from error
        if here:
            if found is not None and self._away not in (None, _mark(found)):
                if self._is_older(db):
                    self._end_older(db)
                db.execute("ROLLBACK")
                raise StoreLost(CHANGED)
            self._away = None
            return
        db.execute("ROLLBACK")
        if found is None or found.st_nlink == 0:
            raise StoreLost(REPLACED)
        logless = log_found is None or log_found.st_nlink == 0
        if self._away is None:
            if self._is_opened_there():
                raise StoreLost(CHANGED)  # two logs of one file: neither may be written into it
            # Its log lies at the old place, where another file may be put: nothing stays in it.
            busy = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if not busy:  # else somebody reads what stands in it: at the next look
                self._away = _mark(_open_file(self._identity) or found)
        if logless:
            raise StoreLost(LOGLESS)
        raise StoreUnavailable(MOVED)

    def _is_here(self) -> bool:
        """Whether the file that is open here has its name still, and so has its log."""
        if not _has_its_name(self._file, self._identity):
            return False
        log_identity = self._log_identity
        return log_identity is None or _has_its_name(self._log_file, log_identity)

    def _is_opened_there(self) -> bool:
        """Whether another has the file open where it lies now, with a log that is not this one."""
        with suppress(OSError):  # what cannot be looked at proves nothing
            names = {name: _identity(found) for name, found in _open_files()}
            logs = (Path(f"{name}-wal") for name, found in names.items() if found == self._identity)
            return any(each.exists() and each not in names for each in logs)
        return False

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
        if not first.durable:
            return newest  # alone, its commit does not wait for the disk
        # One request a batch that holds up a modem: those whose messages end together would, by
        # sharing their commits, all wait for the last of them, and end together for ever. Where
        # they wait long for their turn, though, what one commit saves is more than that costs.
        late = time.monotonic() - first.asked_s > SHARE_AFTER_S
        waited = first.urgent and first.waited and not late
        while db.in_transaction and len(self.taken) < BATCH_REQUESTS and time.monotonic() < until:
            more = self.mail.take(wait=False, urgent=not waited)
            if more is None:
                break
            waited = waited or (more.urgent and more.waited and not late)
            self.taken.append(more)
            newest = self._do(db, more) or newest
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
        wakes: set[Wake] = set()
        for request in done:
            wakes |= request.wakes
        fault = next((r.error for r in done if isinstance(r.error, StoreUnavailable)), None)
        if fault is not None:
            self._failed(reason_of(fault, self._path))
        if wakes:
            self._committed(wakes)


def _open_files() -> Iterator[tuple[Path, os.stat_result]]:
    """The files this process has open, by the names they have now."""
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            yield each.readlink(), each.stat()


def _open_file(identity: tuple[int, int] | None) -> os.stat_result | None:
    """One that is open here, wherever it lies."""
    return next((found for _, found in _open_files() if _identity(found) == identity), None)


def _has_its_name(path: Path, identity: tuple[int, int]) -> bool:
    """Whether the file that is open here lies at `path`."""
    with suppress(FileNotFoundError):
        if _identity(path.stat()) == identity:
            return True
    return any(name == path for name, _ in _open_files())  # some number their files anew


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _mark(found: os.stat_result) -> tuple[int, int]:
    return found.st_mtime_ns, found.st_size


def work_of(function: Callable[..., Any], *given: Any) -> Callable[[Tx], Any]:
    """`function(tx, *given)` as a request."""
    return lambda tx: function(tx, *given)

"""A store whose threads are served by hand: the loop's moves fall where a test wants them.

Nothing runs by itself: `serve` does one batch as the writer's thread does, and what it answers
reaches whoever asked when `answer` is called. A read is answered at once, of what is committed.
`meanwhile` is called inside a request, before each look at what the loop may begin.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from airpost.clock import Instant
from airpost.model import Claimed, Lane
from airpost.store import air, queue, thread, writer
from airpost.store.ahead import Ahead
from airpost.store.api import Begun, Prepared, Settlement
from airpost.store.journal import AirJournal, new_nonce
from airpost.store.migrations import migrate
from airpost.store.reader import Reader
from airpost.store.sqlite import SqliteStore
from airpost.store.thread import Request
from airpost.store.writer import Tx, Writer, work_of
from tests.store.values import FakeClock

MOST_TRIES = 50  # of one request; the loop begins fewer than that while it is done
Meanwhile = Callable[[], None]


class Answer:
    """A future without a loop: who waits for it goes on when it is set."""

    def __init__(self) -> None:
        self._done = False
        self._result: Any = None
        self._error: BaseException | None = None
        self._then: list[Callable[[Any], None]] = []

    def __await__(self) -> Generator[Any, None, Any]:
        if not self._done:
            yield self
        return self.result()

    def add_done_callback(self, then: Callable[[Any], None]) -> None:
        if self._done:
            then(self)
        else:
            self._then.append(then)

    def set_result(self, result: Any) -> None:
        self._set(result, None)

    def set_exception(self, error: BaseException) -> None:
        self._set(None, error)

    def _set(self, result: Any, error: BaseException | None) -> None:
        self._done, self._result, self._error = True, result, error
        then, self._then = self._then, []
        for each in then:
            each(self)

    def done(self) -> bool:
        return self._done

    def cancelled(self) -> bool:
        return False

    def exception(self) -> BaseException | None:
        return self._error

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._result


def errand(work: Coroutine[Any, Any, Any]) -> Answer:
    """Run a coroutine on its answers; its own answer."""
    answer = Answer()

    def go_on(_: object = None) -> None:
        try:
            waits: Answer = work.send(None)
        except StopIteration as end:
            answer.set_result(end.value)
        except Exception as error:  # noqa: BLE001 whoever asked gets it
            answer.set_exception(error)
        else:
            waits.add_done_callback(go_on)

    go_on()
    return answer


class Met(Ahead):
    """What is ahead, while the loop goes on."""

    def __init__(self, meanwhile: Meanwhile) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def take(self, *which: Any) -> Prepared | Begun | None:
        self._meanwhile()
        return super().take(*which)

    def happened(self) -> dict[Any, list[Begun | Settlement]]:
        self._meanwhile()
        return super().happened()

    def of_message(self, message_seq: int) -> list[int]:
        self._meanwhile()
        return super().of_message(message_seq)

    def offer(self, prepared: Prepared) -> None:
        super().offer(prepared)
        self._meanwhile()


class Disk:
    """A connection whose disk is full, or does not answer, when a test wants it."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self.fails_after: int | None = None  # rows written, or the next COMMIT before that
        self.ends_all = False  # SQLite takes the whole transaction back itself

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
        if self.fails_after is not None and sql.startswith(
            ("INSERT", "UPDATE", "DELETE", "COMMIT")
        ):
            self.fails_after -= 1
            if self.fails_after < 0 or sql == "COMMIT":
                self.fails_after = None
                if self.ends_all and self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorcode = sqlite3.SQLITE_IOERR
                raise error
        return self._db.execute(sql, *given)


class ByHandWriter(Writer):
    """The writer without its thread."""

    disk: Disk

    def open(self) -> None:
        super().open()
        self.disk = Disk(self._db)  # type: ignore[arg-type]
        self._db = self.disk  # type: ignore[assignment]
        self.mail = thread.Mailbox()
        self.tries = self.most_tries = 0

    def ask(self, work: Callable[[Any], Any], **how: Any) -> Any:
        how.pop("within_s", None)  # it goes with what comes next: the order is the same
        request = Request(work, Answer(), **how)  # type: ignore[arg-type]
        self.mail.put(request)
        return request.future

    def _do(self, db: Any, request: Request, *, alone: bool = False) -> None:
        self.tries = 1
        super()._do(db, request, alone=alone)
        self.most_tries = max(self.most_tries, self.tries)

    def met(self, tx: Tx, wanted: Any) -> None:
        """As `air.catch_up`: where it is for all that has begun, it is another try."""
        if wanted is None:
            self.tries += 1
            if self.tries > MOST_TRIES:
                raise AssertionError(f"what has begun was met {self.tries} times")
        air.catch_up(tx, wanted)


class ByHandReader(Reader):
    """The reader without its thread."""

    def ask(self, work: Callable[[Any], Any], **_: Any) -> Any:
        request = Request(work, Answer(), urgent=True)  # type: ignore[arg-type]
        self._do(request)
        self.resolve([request])
        return request.future


class Ticking:
    """Seconds that pass by chance at each look, in place of the machine's."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._now_s = 0.0

    def monotonic(self) -> float:
        self._now_s += self._rng.random() * 0.002
        return self._now_s


class ByHandStore:
    """A store at `path`; `boot`: which start of the machine it is."""

    def __init__(
        self, path: Path, clock: FakeClock, rng: Random, meanwhile: Meanwhile, boot: bytes
    ) -> None:
        self.store = store = SqliteStore(path, clock, Random(rng.random()))
        self.ahead = store._ahead = Met(self._meet)
        self.writer = store._writer = ByHandWriter(
            path, Random(rng.random()), ahead=self.ahead,
            catch_up=lambda *given: self.writer.met(*given), migrate=lambda: migrate(path),
            committed=lambda _: None, failed=lambda _: None,
        )  # fmt: skip
        self.reader = store._reader = ByHandReader(path)
        self.journal = store._journal = AirJournal(path, boot=boot)
        self._ticking = Ticking(rng)
        self._meanwhile = meanwhile
        self._serving = self.opened = False
        self._done: deque[list[Request]] = deque()

    def open(self, now: Instant) -> None:
        self.writer.open()
        nonce = new_nonce()
        for work in (work_of(self.store._recover, now, nonce),
                     work_of(self.store._begin_journal, nonce)):  # fmt: skip
            asked = self.writer.ask(work, urgent=True)
            self.serve()
            self.answer()
            asked.result()
        self.reader.open()
        assert self.reader._db is not None
        self.look = self.reader._db
        self._now = self.store._clock.now
        self.opened = True

    def claim(self, lane: Lane) -> list[Claimed]:
        """What a lane may send next, of what is committed."""
        return queue.claim(self.look, lane, self._now(), 16)

    def _meet(self) -> None:
        if self._serving and self.opened:
            self._meanwhile()

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return sum(self.writer.mail.waiting)

    @property
    def answers(self) -> int:
        """Batches whose answers are on their way to the loop."""
        return len(self._done)

    def serve(self) -> bool:
        """One batch; False where nothing waits."""
        request = self.writer.mail.take(wait=False)
        if request is None:
            return False
        self.writer.taken = [request]
        self._serving = True
        with patch.object(writer, "time", self._ticking):
            self.writer.serve()
        self._serving = False
        self._done.append(self.writer.taken)
        return True

    def answer(self) -> None:
        """The next batch's answers reach the loop."""
        if self._done:
            self.writer.resolve(self._done.popleft())

    def kill(self) -> None:
        """As kill -9: what was asked is not done, what was answered is not heard."""
        self.writer.close()
        self.reader.close()
        self.journal.close()

"""A thread that owns one connection, and the way to it and back.

Stdlib and L0. Requests go in by two queues, the urgent one always first; answers come back to the
loop by one call for a batch. There is no lock around a connection: only its thread touches it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

from airpost.errors import StoreLost, StoreUnavailable
from airpost.store.api import Wake

log = logging.getLogger("airpost.store")


class Request:
    """One piece of work and, once it is done, what came of it."""

    __slots__ = (
        "asked_s", "durable", "error", "future", "looked", "result", "urgent", "waited", "wakes",
        "work",
    )  # fmt: skip

    def __init__(
        self,
        work: Callable[[Any], Any],
        future: asyncio.Future[Any],
        *,
        urgent: bool,
        waited: bool = True,
        durable: bool = True,
    ) -> None:
        self.asked_s = time.monotonic()
        self.work = work
        self.urgent = urgent
        self.waited = waited
        self.durable = durable
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.wakes: frozenset[Wake] | set[Wake] = frozenset()
        self.looked: Any = None  # what a look behind it has found


class Mailbox:
    """Two queues with one end: what is urgent is taken before anything else.

    Many may put, one thread takes. The deques need no lock; the bell only wakes who waits, and
    may ring for what is taken already: whoever is about to wait says so before he looks once more.
    """

    def __init__(self) -> None:
        self._urgent: deque[Request] = deque()
        self._other: deque[Request] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._waits = False
        self._closed = False

    def put(self, request: Request) -> None:
        """Add a request; from the loop."""
        (self._urgent if request.urgent else self._other).append(request)
        if self._waits:
            self._waits = False
            self._bell.put(None)

    @property
    def waiting(self) -> tuple[int, int]:
        """How many urgent requests are in it now, and how many others."""
        return len(self._urgent), len(self._other)

    @property
    def holds_up(self) -> bool:
        """A modem waits for the request that is taken next; asked by the thread that takes."""
        return bool(self._urgent) and self._urgent[0].waited and self._urgent[0].durable

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._bell.put(None)

    def take(self, *, wait: bool, urgent: bool = True) -> Request | None:
        """The next request, no urgent one unless `urgent`.

        None when there is none now or, with `wait`, never will be.
        """
        while True:
            if urgent and self._urgent:
                return self._urgent.popleft()
            if self._other:
                return self._other.popleft()
            if self._closed or not wait:
                return None
            if self._waits:
                self._bell.get()
            self._waits = True


class StoreThread:
    """The thread. Subclasses open and close the connection and serve a batch."""

    def __init__(self, name: str) -> None:
        self._pending = 0  # changed on the loop only, so it is exact there
        self.mail = Mailbox()
        self.died: str | None = None  # why, when a bug or another process has ended it
        self.closed = "the store is not open"  # why nothing can be asked; "" while it can
        self.taken: list[Request] = []  # what the thread is at
        self._asked: list[Request] = []  # what it is about to be handed
        self._handing: asyncio.TimerHandle | asyncio.Handle | None = None
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._end: Request | None = None

    @property
    def pending(self) -> int:
        """Requests that were taken and are not answered; what has time counts once it goes over."""
        waits = isinstance(self._handing, asyncio.TimerHandle)
        return self._pending - (len(self._asked) if waits else 0)

    async def start(self) -> None:
        """Start the thread and open the connection; raises what opening raised."""
        self._loop = asyncio.get_running_loop()
        self.mail = Mailbox()
        opened = self._request(lambda _: None)
        # A daemon thread: a process that ends without close() shall not hang in it.
        self._thread = threading.Thread(
            target=self._run, args=(opened,), name=self._name, daemon=True
        )
        self._thread.start()
        try:
            await opened.future
        except BaseException:
            await self.stop()
            raise
        self.closed = ""

    def ask(
        self,
        work: Callable[[Any], Any],
        *,
        urgent: bool,
        waited: bool = True,
        within_s: float = 0.0,
        durable: bool = True,
    ) -> asyncio.Future[Any]:
        """Have `work` done in the thread; `waited`: a modem stands still until it is.

        Else it is handed over at the end of the turn of the loop, with what else is asked for in
        it: that wakes the thread once. What has time goes with what comes next, at the latest
        `within_s`. The order stays. What is not `durable` may be lost with the power before the
        next commit of what is. StoreUnavailable when it is not open.
        """
        if self.closed:
            raise StoreUnavailable(self.closed)
        request = self._request(work, urgent=urgent, waited=waited, durable=durable)
        self._asked.append(request)
        assert self._loop is not None
        if waited:
            self._hand_over()
        elif within_s:
            self._hand_over_by(self._loop.time() + within_s)
        elif self._handing is None or isinstance(self._handing, asyncio.TimerHandle):
            self._stop_handing()
            self._handing = self._loop.call_soon(self._hand_over)
        return request.future

    def _hand_over_by(self, when_s: float) -> None:
        handing = self._handing
        if handing is None or (
            isinstance(handing, asyncio.TimerHandle) and handing.when() > when_s
        ):
            self._stop_handing()
            assert self._loop is not None
            self._handing = self._loop.call_at(when_s, self._hand_over)

    def _hand_over(self) -> None:
        self._stop_handing()
        asked, self._asked = self._asked, []
        for request in asked:
            self.mail.put(request)

    def _stop_handing(self) -> None:
        if self._handing is not None:
            self._handing.cancel()
            self._handing = None

    async def stop(self) -> None:
        """Finish what was asked, close the connection, end the thread."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self.closed = self.closed or "the store is closed"
        self._end = self._request(lambda _: None)
        self._hand_over()
        self.mail.close()
        await self._end.future
        thread.join()  # it has nothing left to do

    def _request(self, work: Callable[[Any], Any], *, urgent: bool = True, **how: bool) -> Request:
        assert self._loop is not None
        self._pending += 1
        return Request(work, self._loop.create_future(), urgent=urgent, **how)

    def answer(self, done: Sequence[Request]) -> None:
        """Hand results to the loop; from the thread."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self.resolve, done)
        except RuntimeError:
            pass  # the loop is gone, and with it whoever asked

    def resolve(self, done: Sequence[Request]) -> None:
        """Give each its result; on the loop."""
        self._pending -= len(done)
        # Its PDU goes before the turn of whoever had something bound along with it.
        for request in sorted(done, key=lambda each: not each.durable):
            if request.future.done():
                continue  # whoever asked was cancelled; the work is done all the same
            if request.error is not None:
                request.future.set_exception(request.error)
            else:
                request.future.set_result(request.result)

    def _run(self, opened: Request) -> None:
        try:
            self.open()
        except BaseException as error:  # noqa: BLE001 whoever called start() gets it
            opened.error = error
        self.answer([opened])
        if opened.error is None:
            self._serve_all()
            self.close()
        else:
            self.mail.take(wait=True)  # None, once start() has called stop()
        if self._end is not None:
            self.answer([self._end])

    def _serve_all(self) -> None:
        """Until the mailbox is closed. What ends it before leaves nobody waiting for ever."""
        try:
            while (request := self.mail.take(wait=True)) is not None:
                self.taken = [request]
                self.serve()
                self.answer(self.taken)
        except StoreLost as error:
            log.critical("store.lost %s", error)
            self._end_with(str(error))
        except BaseException as error:
            log.critical("store.thread_died thread=%s", self._name, exc_info=error)
            self._end_with(f"the {self._name} has failed ({error!r}); airpost must be started anew")

    def _end_with(self, reason: str) -> None:
        self.died = self.closed = reason
        self._refuse(self.taken)
        while (request := self.mail.take(wait=True)) is not None:
            self._refuse([request])

    def _refuse(self, requests: Sequence[Request]) -> None:
        for request in requests:
            request.error = StoreUnavailable(self.closed)
        self.answer(requests)

    def open(self) -> None:
        """Open the connection; in the thread."""
        raise NotImplementedError

    def close(self) -> None:
        """Close it; in the thread."""
        raise NotImplementedError

    def serve(self) -> None:
        """Do what is `taken`, and take and do more where that is good; in the thread."""
        raise NotImplementedError

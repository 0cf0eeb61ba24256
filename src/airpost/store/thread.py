"""A thread that owns one connection, and the way to it and back.

Stdlib and L0. Requests go in by two queues, the urgent one always first; answers come back to the
loop by one call for a batch. There is no lock around a connection: only its thread touches it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from airpost.errors import StoreUnavailable
from airpost.store.api import Wake


class Request:
    """One piece of work and, once it is done, what came of it."""

    __slots__ = ("error", "future", "result", "wakes", "work")

    def __init__(self, work: Callable[[Any], Any], future: asyncio.Future[Any]) -> None:
        self.work = work
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.wakes: frozenset[Wake] | set[Wake] = frozenset()


class Mailbox:
    """Two queues with one end: what is urgent is taken before anything else."""

    def __init__(self) -> None:
        self._urgent: deque[Request] = deque()
        self._other: deque[Request] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, request: Request, *, urgent: bool) -> None:
        """Add a request; from the loop."""
        with self._changed:
            (self._urgent if urgent else self._other).append(request)
            self._changed.notify()

    def close(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self, *, wait: bool) -> Request | None:
        """The next request. None when there is none now or, with `wait`, never will be."""
        with self._changed:
            while True:
                if self._urgent:
                    return self._urgent.popleft()
                if self._other:
                    return self._other.popleft()
                if self._closed or not wait:
                    return None
                self._changed.wait()


class StoreThread:
    """The thread. Subclasses open and close the connection and serve a batch."""

    def __init__(self, name: str) -> None:
        self.pending = 0  # changed on the loop only, so it is exact there
        self.mail = Mailbox()
        self.closed = "the store is not open"  # why nothing can be asked; "" while it can
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._end: Request | None = None

    async def start(self) -> None:
        """Start the thread and open the connection; raises what opening raised."""
        self._loop = asyncio.get_running_loop()
        self.mail = Mailbox()
        opened = self._request(lambda _: None)
        self._thread = threading.Thread(target=self._run, args=(opened,), name=self._name)
        self._thread.daemon = True  # a process that dies without close() shall not hang in it
        self._thread.start()
        await opened.future
        self.closed = ""

    def ask(self, work: Callable[[Any], Any], *, urgent: bool) -> asyncio.Future[Any]:
        """Have `work` done in the thread. StoreUnavailable when it is not open."""
        if self.closed:
            raise StoreUnavailable(self.closed)
        request = self._request(work)
        self.mail.put(request, urgent=urgent)
        return request.future

    async def stop(self) -> None:
        """Finish what was asked, close the connection, end the thread."""
        if self.closed or self._thread is None:
            return
        self.closed = "the store is closed"
        self._end = self._request(lambda _: None)
        self.mail.close()
        await self._end.future
        self._thread.join()  # it has nothing left to do

    def _request(self, work: Callable[[Any], Any]) -> Request:
        assert self._loop is not None
        self.pending += 1
        return Request(work, self._loop.create_future())

    def answer(self, done: Sequence[Request]) -> None:
        """Hand results to the loop; from the thread."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self.resolve, done)
        except RuntimeError:
            pass  # the loop is gone, and with it whoever asked

    def resolve(self, done: Sequence[Request]) -> None:
        """Give each its result; on the loop."""
        self.pending -= len(done)
        for request in done:
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
            return
        self.answer([opened])
        while (request := self.mail.take(wait=True)) is not None:
            self.serve(request)
        self.close()
        if self._end is not None:
            self.answer([self._end])

    def open(self) -> None:
        """Open the connection; in the thread."""
        raise NotImplementedError

    def close(self) -> None:
        """Close it; in the thread."""
        raise NotImplementedError

    def serve(self, first: Request) -> None:
        """Do `first` and what else waits, then answer; in the thread, raising nothing."""
        raise NotImplementedError

"""The way of messages into the store: singly, with others that come together, and in rows.

May import L0 and its neighbours. Together are the messages of one turn of the loop, so nobody waits
for others to come; they are one request of the writer, and what is refused or fails of them takes
nothing else with it.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from airpost.errors import StoreUnavailable
from airpost.model import NewMessage
from airpost.policy import QueuePolicy
from airpost.store import outbound
from airpost.store.api import Accepted

ROWS = 50  # messages in one request, about two milliseconds; what is on the air goes in between

_Waiting = tuple[NewMessage, "Future[Accepted]"]


class Intake:
    """`ask` has a function run in the writer's thread, as `SqliteStore._ask`.

    `accepted` is called with each message that is stored.
    """

    def __init__(
        self,
        ask: Callable[..., Future[Any]],
        accepted: Callable[[NewMessage], None] = lambda _: None,
        policy: QueuePolicy | None = None,
    ) -> None:
        self._ask = ask
        self._policy = policy
        self._accepted = accepted
        self._waiting: list[_Waiting] = []

    @property
    def pending(self) -> int:
        """Messages taken that the writer has not been asked for yet."""
        return len(self._waiting)

    async def accept(self, new: Sequence[NewMessage]) -> list[outbound.Row]:
        """Store messages, more than ROWS in pieces; see `api.Store`."""
        done: list[outbound.Row] = []
        for at in range(0, len(new), ROWS):
            some = new[at : at + ROWS]
            rows = await self._ask(outbound.accept, some, self._policy, urgent=False)
            self._count(some, rows)
            done += rows
        return done

    def hand_in(self, new: NewMessage) -> Future[Accepted]:
        """Store a message together with others; see `api.Store`."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._hand_over)
        future: Future[Accepted] = loop.create_future()
        self._waiting.append((new, future))
        return future

    def _hand_over(self) -> None:
        waiting, self._waiting = self._waiting, []
        for at in range(0, len(waiting), ROWS):
            self._store(waiting[at : at + ROWS])

    def _store(self, some: Sequence[_Waiting]) -> None:
        try:
            asked = self._ask(
                outbound.accept_each, [new for new, _ in some], self._policy, urgent=False
            )
        except StoreUnavailable as error:
            _answer(some, [error] * len(some))
        else:
            asked.add_done_callback(partial(self._stored, some))

    def _stored(self, some: Sequence[_Waiting], asked: Future[list[outbound.Done]]) -> None:
        error = asked.exception()
        if error is None:
            self._count([new for new, _ in some], asked.result())
            _answer(some, asked.result())
        elif isinstance(error, StoreUnavailable) or len(some) == 1:
            _answer(some, [error] * len(some))
        else:
            for each in some:  # nothing of them is stored, and one of them is why
                self._store([each])

    def _count(self, some: Sequence[NewMessage], done: Sequence[outbound.Done]) -> None:
        for new, each in zip(some, done, strict=True):
            if isinstance(each, Accepted):
                self._accepted(new)


def _answer(some: Sequence[_Waiting], done: Sequence[Accepted | BaseException]) -> None:
    for (_, future), each in zip(some, done, strict=True):
        if future.done():
            continue  # whoever asked was cancelled
        if isinstance(each, BaseException):
            future.set_exception(each)
        else:
            future.set_result(each)

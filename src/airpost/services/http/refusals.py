"""Requests that are not accepted, counted for the funnel: together, a second later.

May import L0 and the store's protocols. Counting costs a refusal nothing but an addition; while the
store cannot write, counts wait in memory.
"""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections import Counter

from aiohttp import web

from airpost.clock import Clock
from airpost.errors import AirpostError, StoreUnavailable
from airpost.model import MessageClass
from airpost.services.http.credentials import Caller
from airpost.services.http.handler import CallerHandler
from airpost.services.http.problems import refusal
from airpost.services.http.surplus import exact
from airpost.store.api import Store
from airpost.store.keeping import Refused
from airpost.tasks import spawn

log = logging.getLogger("airpost.http")
TOGETHER_S = 1.0  # what is refused within goes into one commit
AGAIN_S = 5.0  # between tries while the store cannot write
_CLASSES = frozenset(each.value for each in MessageClass)


class Refusals:
    """The counter of one application."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._counts: Counter[Refused] = Counter()
        self._writing: asyncio.Task[None] | None = None

    def count(self, class_: str, key_id: str | None, reason: str, count: int = 1) -> None:
        """Add refused messages; `reason` is the name of the problem they were answered with."""
        self._counts[Refused(class_, key_id or "", reason)] += count
        if self._writing is None:
            self._writing = spawn(self._write_soon(), name="refusals")

    async def _write_soon(self) -> None:
        try:
            await self._clock.sleep(TOGETHER_S)
            while not await self.write():
                await self._clock.sleep(AGAIN_S)
        finally:
            self._writing = None

    async def write(self) -> bool:
        """Write what was counted; False when it could not be."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return True
        try:
            await self._store.keeping.count_refused(counts, self._clock.now())
        except StoreUnavailable as error:
            log.warning("http.refusals_not_counted %s", error.reason)
            self._counts.update(counts)
            return False
        return True

    async def close(self) -> None:
        """The end: write what is left."""
        if self._writing is not None:
            self._writing.cancel()
        await self.write()


REFUSALS = web.AppKey("refusals", Refusals)


def counted(handler: CallerHandler) -> CallerHandler:
    """A call that asks for one message, with each refusal counted."""
    handler = exact(handler)

    @functools.wraps(handler)
    async def wrapped(request: web.Request, caller: Caller) -> web.StreamResponse:
        try:
            return await handler(request, caller)
        except AirpostError as error:
            reason = refusal(error).kind.name
            request.app[REFUSALS].count(await _class_of(request), caller.key_id, reason)
            raise

    return wrapped


async def _class_of(request: web.Request) -> str:
    """The class that was asked for, as far as it can be read; '' where it cannot."""
    if not request.content.is_eof():
        return ""  # nobody waits for the rest of a refused body
    try:
        given = json.loads(await request.read())
    except (ValueError, RecursionError, web.HTTPException):
        return ""
    asked = given.get("class", MessageClass.NORMAL.value) if isinstance(given, dict) else ""
    return asked if isinstance(asked, str) and asked in _CLASSES else ""

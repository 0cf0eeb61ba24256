"""Received messages, by page or by long poll.

May import L0 and the store's protocol. A wake is a hint: the store is asked again in any case.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from airpost.received import Inbound
from airpost.services.http.body import answer
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS, ENDED, HttpDeps
from airpost.services.http.operations import Example, operation
from airpost.services.http.render import inbound_json, list_json, read_cursor, write_cursor
from airpost.services.http.schemas import InboundQuery, read_query
from airpost.services.http.shapes.messages import InboundPage
from airpost.store.api import Page, Wake
from airpost.tasks import spawn

CURSOR_KIND = "i"
RECHECK_S = (
    15.0  # a wake may be lost; so long at most does a received message wait for the next look
)


@operation(
    "listInbound",
    "List received messages, or wait for them",
    query=InboundQuery,
    answers={200: InboundPage},
    example=Example(query={"limit": 10, "wait_s": 0}),
)
async def listing(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/inbound`: a page, oldest first; `next` always says where to go on."""
    deps = request.app[DEPS]
    asked = read_query(InboundQuery, request.query.items())
    after = read_cursor(CURSOR_KIND, asked.cursor)
    limit = min(asked.limit or deps.settings.page_limit, deps.settings.max_page)
    wait_s = min(asked.wait_s, deps.settings.max_wait_s)
    page = await _poll(deps, request.app[ENDED], caller.sees, after, limit, wait_s)
    last = page.items[-1].seq if page.items else after
    return answer(list_json(map(inbound_json, page.items), write_cursor(CURSOR_KIND, last)))


async def _poll(
    deps: HttpDeps, ended: asyncio.Event, owner: str | None, after: int, limit: int, wait_s: float
) -> Page[Inbound]:
    """The first page that is not empty, or the empty one when time or the service is over."""
    news = asyncio.Event()

    def woken(wake: Wake) -> None:
        if wake is Wake.INBOUND:
            news.set()

    until = deps.clock.mono() + wait_s
    unsubscribe = deps.store.subscribe(woken)  # before the first look: nothing falls in between
    try:
        while True:
            news.clear()
            page = await deps.store.inbound(owner, after, limit)
            left_s = until - deps.clock.mono()
            if page.items or left_s <= 0 or ended.is_set():
                return page
            await _either(news, ended, min(left_s, RECHECK_S))
    finally:
        unsubscribe()


async def _either(news: asyncio.Event, ended: asyncio.Event, limit_s: float) -> None:
    """Return when one of the two is set, or after `limit_s`."""
    waits = [spawn(event.wait(), name="inbound poll") for event in (news, ended)]
    try:
        await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waits:
            task.cancel()

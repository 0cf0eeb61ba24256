"""Modems and their queues, to look at.

May import L0, the store's protocol and the pool's facade.
"""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from airpost.model import Lane, Message, ModemView
from airpost.services.http.body import answer
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS
from airpost.services.http.problems import Refusal
from airpost.services.http.render import Json, list_json, message_json, modem_json
from airpost.services.http.schemas import QueueQuery, read_query


async def listing(request: web.Request, _caller: Caller) -> web.Response:
    """`GET /v1/modems`."""
    return answer(list_json(map(modem_json, request.app[DEPS].pool.modems())))


async def one(request: web.Request, _caller: Caller) -> web.Response:
    """`GET /v1/modems/{name}`."""
    return answer(modem_json(_find(request)))


async def queue(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/modems/{name}/queue`: what is bound to it, then what of the backlog waits.

    Messages of others are left out for a caller that may not see them; `backlog_total` counts them.
    """
    deps = request.app[DEPS]
    view = _find(request)
    asked = read_query(QueueQuery, request.query.items())
    limit = min(asked.limit or deps.settings.page_limit, deps.settings.max_page)
    found = await deps.store.queue(view.lane, limit)
    return answer(
        {
            "modem": view.lane,
            "bound": _shown(found.bound, caller.sees),
            "backlog": _shown(found.backlog, caller.sees),
            "backlog_total": found.backlog_total,
        }
    )


def _shown(messages: Iterable[Message], owner: str | None) -> list[Json]:
    return [message_json(each) for each in messages if owner is None or each.owner == owner]


def _find(request: web.Request) -> ModemView:
    view = request.app[DEPS].pool.modem(Lane(request.match_info["name"]))
    if view is None:
        raise Refusal("not-found", "no modem has this name")
    return view

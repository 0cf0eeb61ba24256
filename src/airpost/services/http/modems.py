"""Modems and their queues, to look at, and the self-test of a modem.

May import codec, L0, the store's protocol and the pool's facade.
"""

from __future__ import annotations

import logging

from aiohttp import web

from airpost.codec.address import dialable
from airpost.errors import CodecError, InvalidRequest, ModemError
from airpost.model import Lane, ModemView
from airpost.pool.facade import OWN
from airpost.services.http.audited import begins, changed
from airpost.services.http.body import answer, read_json
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS
from airpost.services.http.known import no_modem
from airpost.services.http.operations import Example, operation
from airpost.services.http.people import NAMING, number_of
from airpost.services.http.problems import Refusal
from airpost.services.http.queue import shown
from airpost.services.http.render import list_json, message_json, modem_json, promise_json
from airpost.services.http.schemas import QueueQuery, SelfTestIn, read_body, read_query
from airpost.services.http.shapes import messages
from airpost.services.http.shapes import modems as shapes
from airpost.services.http.surplus import WholeQuery
from airpost.tasks import shielded

log = logging.getLogger("airpost.http")


@operation(
    "listModems",
    "List the modems",
    query=WholeQuery,
    answers={200: shapes.Modems},
    example=Example(query={"limit": 500}),
)
async def listing(request: web.Request, _caller: Caller) -> web.Response:
    """`GET /v1/modems`; `urgent` is what they can promise now, for each route."""
    pool = request.app[DEPS].pool
    found = list_json(modem_json(each, pool.budget(each.lane)) for each in pool.modems())
    return answer({**found, "urgent": [promise_json(each) for each in pool.promises()]})


@operation(
    "getModem",
    "Read a modem",
    answers={200: shapes.Modem},
    example=Example(path={"name": "gate-1"}),
)
async def one(request: web.Request, _caller: Caller) -> web.Response:
    """`GET /v1/modems/{name}`."""
    view = _find(request)
    return answer(modem_json(view, request.app[DEPS].pool.budget(view.lane)))


@operation(
    "listModemQueue",
    "Show what waits for a modem",
    query=QueueQuery,
    answers={200: messages.ModemQueue},
    example=Example(path={"name": "gate-1"}, query={"limit": 10}),
)
async def queue(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/modems/{name}/queue`: what is bound to it, then what of the backlog could go there.

    Messages of others are left out for a caller that may not see them; `backlog_total` counts them.
    """
    deps = request.app[DEPS]
    view = _find(request)
    asked = read_query(QueueQuery, request.query.items())
    limit = min(asked.limit or deps.settings.page_limit, deps.settings.max_page)
    found = await deps.store.queue(view.lane, limit, view.routes)
    return answer(
        {
            "modem": view.lane,
            "bound": shown(deps, found.bound, caller.sees),
            "backlog": shown(deps, found.backlog, caller.sees),
            "backlog_total": found.backlog_total,
        }
    )


@operation(
    "testModem",
    "Begin a self-test",
    words="To `own`, another SIM of this service, where body and settings say nothing else.",
    body=SelfTestIn,
    body_optional=True,
    answers={202: messages.Message},
    problems=("number-not-dialable", "no-selftest", *NAMING),
    example=Example(path={"name": "gate-1"}, body={"to": "+491701234567"}),
)
async def selftest(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/modems/{name}/selftest`: 202 and the message, after its commit."""
    deps = request.app[DEPS]
    lane = _find(request).lane
    body = await read_json(request) if request.can_read_body else b"{}"
    to = read_body(SelfTestIn, body).to
    if to is not None and to != OWN:
        try:
            to = dialable(await number_of(deps, caller, "to", to))
        except CodecError as error:
            raise InvalidRequest("to", error.message, "number-not-dialable") from None
    await begins(request, lane)
    try:
        begun = await shielded(deps.pool.selftest(lane, to), name=f"selftest {lane}")
    except ModemError as error:
        raise Refusal("no-selftest", str(error)) from None
    changed(request, lane, message=begun)
    log.info("http.selftest modem=%s msg=%s actor=%s", lane, begun, caller.actor)
    message = await deps.store.message(begun, None)
    if message is None:
        raise Refusal("not-found", "the message of the self-test is gone")
    return answer(message_json(message), 202)


def _find(request: web.Request) -> ModemView:
    pool = request.app[DEPS].pool
    view = pool.modem(Lane(request.match_info["name"]))
    if view is None:
        raise Refusal("not-found", no_modem(pool))
    return view

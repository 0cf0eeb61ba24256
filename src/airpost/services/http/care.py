"""For whoever looks after the modems: a command to one of them, its wire, and the service itself.

May import L0, the store's protocol and the pool's facade. All of it is for admins. A command waits
for its turn between two messages; one that does more than ask needs `force`.
"""

from __future__ import annotations

import logging
from importlib import metadata

from aiohttp import web

from airpost.clock import rfc3339
from airpost.errors import (
    AtError,
    CommandFailed,
    InvalidRequest,
    LocalProtocolError,
    ModemError,
    PortError,
)
from airpost.model import Lane, WireLine
from airpost.services.http.audited import begins
from airpost.services.http.body import answer, read_json
from airpost.services.http.caution import command_head, objection, ussd_head, wants_text
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS
from airpost.services.http.known import no_modem
from airpost.services.http.operations import Example, operation
from airpost.services.http.problems import Refusal, stopping
from airpost.services.http.render import Json, list_json
from airpost.services.http.schemas import AskIn, ResetIn, UssdIn, read_body
from airpost.services.http.shapes import keeping
from airpost.services.http.shapes import modems as shapes
from airpost.services.http.surplus import WholeQuery

log = logging.getLogger("airpost.http")


@operation(
    "askModem",
    "Send one AT command to a modem, between two messages",
    body=AskIn,
    answers={200: shapes.CommandAnswer},
    problems=("unsafe-command", "modem-not-reachable"),
    example=Example(path={"name": "gate-1"}, body={"command": "AT+CSQ"}),
)
async def ask(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/modems/{name}/at`: `{modem, lines, error}`; `error` is the modem's, null for OK."""
    pool = request.app[DEPS].pool
    lane = _lane(request)
    given = read_body(AskIn, await read_json(request))
    if not given.command.strip().upper().startswith("AT"):
        raise InvalidRequest("command", "begins with AT")
    if wants_text(given.command):
        raise InvalidRequest("command", "asks for a text; messages are sent by POST /v1/messages")
    if not given.force and (why := objection(given.command)) is not None:
        raise Refusal("unsafe-command", f"{why}; `force` sends it all the same")
    log.info("http.asked modem=%s command=%s actor=%s force=%s", lane, command_head(given.command),
             caller.actor, given.force)  # fmt: skip
    await begins(request, lane, command=command_head(given.command), force=given.force)
    lines: tuple[str, ...] = ()
    error: Json | None = None
    try:
        lines = await pool.ask(lane, given.command)
    except LocalProtocolError as wrong:
        raise InvalidRequest("command", str(wrong)) from None
    except CommandFailed as failed:
        error = {"kind": failed.kind, "code": failed.code, "text": failed.text}
    except (ModemError, AtError, PortError) as failed:
        raise Refusal("modem-not-reachable", str(failed)) from None
    return answer({"modem": lane, "lines": list(lines), "error": error})


@operation(
    "runUssd",
    "Run a USSD code, such as that for the balance",
    body=UssdIn,
    answers={200: shapes.UssdAnswer},
    problems=("modem-not-reachable",),
    example=Example(path={"name": "gate-1"}, body={"code": "*100#"}),
)
async def ussd(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/modems/{name}/ussd`: `{modem, text}`, what the network said."""
    lane = _lane(request)
    given = read_body(UssdIn, await read_json(request))
    head = ussd_head(given.code)
    log.info("http.ussd modem=%s code=%s actor=%s", lane, head, caller.actor)
    await begins(request, lane, code=head)
    try:
        text = await request.app[DEPS].pool.ussd(lane, given.code)
    except (ModemError, AtError, PortError) as failed:
        raise Refusal("modem-not-reachable", str(failed)) from None
    return answer({"modem": lane, "text": text})


@operation(
    "resetModem",
    "Bring a modem back by a reset",
    body=ResetIn,
    answers={200: shapes.ResetDone},
    problems=("not-reset",),
    example=Example(path={"name": "gate-1"}, body={"how": "reopen"}),
)
async def reset(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/modems/{name}/reset`: `{modem, how, state, detail}` once it is back on its port."""
    deps = request.app[DEPS]
    pool, lane = deps.pool, _lane(request)
    given = read_body(ResetIn, await read_json(request))
    await begins(request, lane, how=given.how)
    log.warning("http.reset modem=%s how=%s actor=%s", lane, given.how, caller.actor)
    try:
        await pool.reset(lane, given.how)
    except ModemError as failed:
        if deps.stopping():  # nobody has seen what became of it
            raise stopping() from None
        raise Refusal("not-reset", str(failed)) from None
    view = pool.modem(lane)
    assert view is not None
    return answer(
        {"modem": lane, "how": given.how, "state": view.state.value, "detail": view.detail}
    )


@operation(
    "traceModem",
    "Show what last went over a modem's wire",
    query=WholeQuery,
    answers={200: shapes.Trace},
    example=Example(path={"name": "gate-1"}, query={"limit": 500}),
)
async def trace(request: web.Request, _caller: Caller) -> web.Response:
    """`GET /v1/modems/{name}/trace`: what last went over its wire, redacted, oldest first."""
    return answer(list_json(map(_wire_json, request.app[DEPS].pool.wire(_lane(request)))))


def _wire_json(line: WireLine) -> Json:
    return {"at": rfc3339(line.at), "way": line.way.value, "text": line.text}


@operation("getDoctor", "Show how the service itself is", answers={200: keeping.About})
async def about(request: web.Request, _caller: Caller) -> web.Response:
    """`GET /v1/doctor`: `{version, now, store: {unavailable, pending, counts}, recovery}`."""
    deps = request.app[DEPS]
    store = deps.store
    counts = {} if store.unavailable is not None else await store.counts()
    return answer(
        {
            "version": metadata.version("airpost"),
            "now": rfc3339(deps.clock.now()),
            "store": {
                "unavailable": store.unavailable,
                "pending": store.pending,
                "counts": counts,
            },
            "recovery": await deps.recovery(),
        }
    )


def _lane(request: web.Request) -> Lane:
    lane = Lane(request.match_info["name"])
    if request.app[DEPS].pool.modem(lane) is None:
        raise Refusal("not-found", no_modem(request.app[DEPS].pool))
    return lane

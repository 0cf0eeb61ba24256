"""Messages: send, list, read, history, cancel.

May import codec, L0, the store's protocol and the pool's facade. 202 is said after the commit only.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

from aiohttp import web

from airpost.clock import Instant
from airpost.errors import AirpostError, DuplicateRequest
from airpost.model import Idempotency, Lane, Message, MessageId
from airpost.numbering import plus_kept
from airpost.services.http.audited import of_owner
from airpost.services.http.body import answer, read_json
from airpost.services.http.compose import REFUSED_MESSAGES, check_limits, compose
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS, RUNNING, TURNS, HttpDeps
from airpost.services.http.explain import routing
from airpost.services.http.idempotency import HEADER, duplicate, fingerprint, read_key
from airpost.services.http.operations import Example, operation
from airpost.services.http.people import NAMING, dialled, dials
from airpost.services.http.problems import Refusal
from airpost.services.http.render import (
    accepted,
    dumps,
    event_json,
    list_json,
    listed_json,
    message_json,
    page_json,
    read_cursor,
)
from airpost.services.http.schemas import MessagesQuery, SendIn, read_body, read_query
from airpost.services.http.shapes import messages as shapes
from airpost.services.http.surplus import WholeQuery
from airpost.store.api import MessageFilter
from airpost.tasks import shielded

CURSOR_KIND, NEWEST_KIND = "m", "n"  # a place in one order is none in the other
CALL = "POST /v1/messages"
MESSAGE = "0199e7c0-6b1a-7c3e-9f51-3a2d4e5f6071"  # as it stands in examples


@operation(
    "createMessage",
    "Send a message",
    words="Answered after it is on disk. With `Idempotency-Key` a repeat gets the first answer.",
    body=SendIn,
    answers={202: shapes.Accepted},
    headers={HEADER: "1 to 255 printable characters; the answer is kept for a day"},
    problems=REFUSED_MESSAGES,
    example=Example(
        body={"to": "+491701234567", "text": "Boiler 2 is over 200 °C", "class": "alarm"},
        headers={HEADER: "boiler-2-4711"},
    ),
)
async def create(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/messages`: 202 and the message; with a key, the first answer again."""
    deps = request.app[DEPS]
    key = read_key(request.headers.getall(HEADER, []))
    given = read_body(SendIn, await read_json(request))
    mark = "" if key is None else fingerprint(CALL, given.canonical)
    try:
        with request.app[RUNNING].hold(caller.actor, key):
            await request.app[TURNS].mine()
            return await _take(await dialled(given, caller, deps), caller, deps, key, mark)
    except DuplicateRequest as error:
        if error.kind == "result":
            return _replayed(error.status, error.body)
        raise duplicate(error.kind) from None
    except AirpostError:
        # A repeat is answered all the same: what was right then need not be now.
        kept = None if key is None else await deps.store.idempotent(caller.actor, key)
        if kept is None:
            raise
        return _repeated(mark, *kept)


async def _take(
    given: SendIn, caller: Caller, deps: HttpDeps, key: str | None, mark: str
) -> web.Response:
    new = compose(given, caller, deps)
    await check_limits(new, deps)
    body = dumps(message_json(accepted(new)))
    if key is not None:
        new.idempotency = Idempotency(
            key=key, fingerprint=mark, status=202, body=body, kept_s=deps.settings.idempotency_s
        )
    await deps.store.hand_in(new)
    return _answered(202, body, {"Location": f"/v1/messages/{new.id}"})


def _repeated(mark: str, kept_mark: str, status: int, body: bytes) -> web.Response:
    if kept_mark != mark:
        raise duplicate("mismatch")
    return _replayed(status, body)


def _replayed(status: int, body: bytes) -> web.Response:
    place = f"/v1/messages/{json.loads(body)['id']}"
    return _answered(status, body, {"Location": place, "Idempotency-Replayed": "true"})


def _answered(status: int, body: bytes, headers: dict[str, str]) -> web.Response:
    headers["Content-Type"] = "application/json; charset=utf-8"
    return web.Response(status=status, body=body, headers=headers)


@operation(
    "listMessages",
    "List messages, oldest first, or with newest=true the newest first",
    query=MessagesQuery,
    answers={200: shapes.Messages},
    problems=("number-not-dialable", *NAMING),
    example=Example(query={"class": "alarm", "limit": 10}),
)
async def listing(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/messages`: a page, oldest first."""
    deps = request.app[DEPS]
    asked = read_query(MessagesQuery, request.query.items())
    to = None if asked.to is None else await dials(deps, caller, "to", plus_kept(asked.to))
    where = MessageFilter(
        owner=caller.sees,
        state=asked.state,
        to=to,
        class_=asked.class_,
        modem=None if asked.modem is None else Lane(asked.modem),
        tag=asked.tag,
        since=None if asked.since is None else Instant(asked.since),
        until=None if asked.until is None else Instant(asked.until),
        sender_ref=asked.sender_ref,
        key_id=asked.key,
        batch=asked.batch,
        uncertain=asked.uncertain,
        newest=asked.newest,
    )
    limit = min(asked.limit or deps.settings.page_limit, deps.settings.max_page)
    kind = NEWEST_KIND if asked.newest else CURSOR_KIND
    page = await deps.store.messages(where, read_cursor(kind, asked.cursor), limit)
    return answer(page_json(page, partial(listed_json, deps.pool), kind))


@operation(
    "getMessage",
    "Read a message",
    answers={200: shapes.Message},
    example=Example(path={"id": MESSAGE}, after=("createMessage", {"id": "/id"})),
)
async def one(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/messages/{id}`, with what it waits for and why it goes where it goes."""
    deps = request.app[DEPS]
    found = await _find(request, caller.sees)
    shown = message_json(replace(found, waits=deps.pool.waits(found)))
    return answer({**shown, "routing": await routing(deps, found)})


@operation(
    "listMessageEvents",
    "Read a message's history",
    query=WholeQuery,
    answers={200: shapes.Events},
    example=Example(
        path={"id": MESSAGE}, query={"limit": 500}, after=("createMessage", {"id": "/id"})
    ),
)
async def events(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/messages/{id}/events`: its history, oldest first, with what is the caller's own."""
    message = await _find(request, caller.sees)
    history = await request.app[DEPS].store.message_events(message.id)
    own = {"sender_ref": message.sender_ref, "tags": list(message.tags)}
    return answer(list_json({**event_json(each), **own} for each in history))


@operation(
    "cancelMessage",
    "Cancel a message that is not under way",
    answers={200: shapes.Message},
    problems=("not-cancellable",),
    example=Example(path={"id": MESSAGE}, after=("createMessage", {"id": "/id"})),
)
async def cancel(request: web.Request, caller: Caller) -> web.Response:
    """`DELETE /v1/messages/{id}`: 200 and the message, 409 once it is under way."""
    store = request.app[DEPS].store
    message_id, owner = await _whose(request, caller)
    async with of_owner(request, caller, owner, "message.cancel", message_id):
        try:
            result = await shielded(
                store.cancel(message_id, caller.cancels, caller.actor), name=f"cancel {message_id}"
            )
        except KeyError:
            raise _unknown() from None
        if not result.cancelled:
            raise Refusal("not-cancellable", result.reason, extra={"state": result.state.value})
    return answer(message_json(await _find(request, caller.cancels)))


async def _whose(request: web.Request, caller: Caller) -> tuple[MessageId, str]:
    """The message in the path and its owner; who cancels only their own need not be asked."""
    if caller.cancels is not None:
        return MessageId(request.match_info["id"]), caller.cancels
    found = await _find(request, None)
    return found.id, found.owner


async def _find(request: web.Request, owner: str | None) -> Message:
    message_id = MessageId(request.match_info["id"])
    found = await request.app[DEPS].store.message(message_id, owner)
    if found is None:
        raise _unknown()
    return found


def _unknown() -> Refusal:
    return Refusal("not-found", "there is no such message, or it belongs to somebody else")

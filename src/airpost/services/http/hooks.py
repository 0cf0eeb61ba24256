"""What comes in by hooks: from monitors, PLCs and cameras to messages, by templates.

May import codec, L0, the store's protocols and the pool's facade. The event and its messages are on
disk in one commit before it is answered, with 200: some senders take nothing else for a success.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from airpost.clock import SECOND_US, Instant
from airpost.codec.split import split
from airpost.errors import AirpostError, InvalidRequest
from airpost.model import NewMessage, uuid7
from airpost.services.hooks_in import CUT, Hook, Made, fields_of, payload_of
from airpost.services.http.audited import note_refusal
from airpost.services.http.body import answer, read_octets
from airpost.services.http.compose import check_limits, compose
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS, TURNS, HttpDeps
from airpost.services.http.hook_auth import admit
from airpost.services.http.operations import Example, operation
from airpost.services.http.people import recipients
from airpost.services.http.problems import Refusal
from airpost.services.http.render import Json
from airpost.services.http.schemas import MAX_NAME, SendIn
from airpost.services.http.shapes import events as shapes
from airpost.store.publishing import HookDone, HookEvent
from airpost.tasks import shielded

log = logging.getLogger("airpost.http")
SEPTETS = 160  # more characters no part has
_PROBLEMS = ("malformed-json", "unauthorized", "not-found", "body-too-large", "body-too-slow",
             "store-unavailable", "stopping")  # fmt: skip
_WORDS = """The hook's section of the configuration says who may call and what is sent. Its token
stands in `Authorization`, as a bearer or as a basic password, or in the path; with a secret the
body is signed instead. A template that fails sends the event as it came, a text that is too long
goes out cut, and `problem` tells so."""


@operation(
    "postHook",
    "Turn an event into messages",
    answers={200: shapes.Hooked},
    body=shapes.Anything,
    body_optional=True,
    problems=_PROBLEMS,
    security=({"hook": ()},),
    words=_WORDS,
    example=Example(
        path={"hook": "pump"},
        headers={"Authorization": "Bearer the-token-of-the-pump"},
        body={"pump": "P2", "pressure_bar": 9.7},
    ),
)
async def generic(request: web.Request) -> web.Response:
    """`POST /hooks/generic/{hook}`: any JSON; a form or a text too."""
    hook = _hook(request)
    raw = await read_octets(request)
    await _admit(request, hook, raw)
    return await _take(request, hook, payload_of(raw, request.content_type), raw)


@operation(
    "postHookByPath",
    "Turn an event into messages, with the token in the path",
    answers={200: shapes.Hooked},
    body=shapes.Anything,
    body_optional=True,
    problems=_PROBLEMS,
    security=({},),
    words="For senders that cannot set a header. The token is in no log.",
    example=Example(path={"hook": "pump", "token": "the-token-of-the-pump"}, body={"pump": "P2"}),
)
async def generic_by_path(request: web.Request) -> web.Response:
    """`POST /hooks/generic/{hook}/{token}`."""
    return await generic(request)


@operation(
    "getHook",
    "Turn the parameters of an address into messages",
    answers={200: shapes.Hooked},
    problems=_PROBLEMS,
    security=({"hook": ()},),
    words="For a PLC or a camera that can do nothing else; only where the hook has `get = true`.",
    example=Example(
        path={"hook": "pump"}, headers={"Authorization": "Bearer the-token-of-the-pump"}
    ),
)
async def get(request: web.Request) -> web.Response:
    """`GET /hooks/get/{hook}?…`."""
    hook = _hook(request)
    await _admit(request, hook, b"")  # a GET has no body to sign
    if not hook.settings.get:
        raise Refusal("not-found", "this hook takes no GET: `get = true` in its section changes it")
    fields = fields_of(request.rel_url.raw_query_string)  # query_string is decoded once already
    return await _take(request, hook, fields, request.query_string.encode())


@operation(
    "getHookByPath",
    "Turn the parameters of an address into messages, with the token in the path",
    answers={200: shapes.Hooked},
    problems=_PROBLEMS,
    security=({},),
    example=Example(path={"hook": "pump", "token": "the-token-of-the-pump"}),
)
async def get_by_path(request: web.Request) -> web.Response:
    """`GET /hooks/get/{hook}/{token}?…`."""
    return await get(request)


def _hook(request: web.Request) -> Hook:
    found = request.app[DEPS].hooks.get(request.match_info["hook"])
    if found is None:
        raise Refusal("not-found", "the configuration has no hook of this name")
    return found


async def _admit(request: web.Request, hook: Hook, raw: bytes) -> None:
    try:
        admit(request, hook.settings, raw)
    except AirpostError as error:
        note_refusal(request, None, error)
        hook.counts["refused"] += 1
        log.warning("hook.refused hook=%s from=%s", hook.settings.name, request.remote)
        raise


# -- from event to messages ----------------------------------------------------------------------
@dataclass(slots=True)
class _Rows:
    """What is to be stored, and what is not with why."""

    new: list[NewMessage] = field(default_factory=list)
    refused: list[tuple[str, InvalidRequest]] = field(default_factory=list)
    cut: str | None = None  # in words, where the text was


async def _take(request: web.Request, hook: Hook, payload: Any, raw: bytes) -> web.Response:
    deps = request.app[DEPS]
    await request.app[TURNS].mine()
    now = deps.clock.now()
    made = hook.made(payload, raw, now)
    rows = await _rows(hook, made, made.to, deps)
    if not rows.new and hook.settings.fallback:
        more = await _rows(hook, made, hook.settings.fallback, deps)
        rows = _Rows(more.new, rows.refused + more.refused, more.cut or rows.cut)
    event = HookEvent(
        id=uuid7(now, deps.rng),
        hook=hook.settings.name,
        source=request.remote,
        raw=raw,
        received_at=now,
        dedup=made.dedup,
        since=Instant(now - round(hook.settings.window_s * SECOND_US)),
        raw_sent=made.raw,
        problem="; ".join(filter(None, (made.problem, rows.cut))) or None,
    )
    done = await shielded(deps.store.hook_events.take(event, rows.new), name=f"hook {event.id}")
    hook.counts[_result(made, done)] += 1
    log.info(
        "hook.taken hook=%s messages=%d refused=%d%s",
        event.hook, len(done.messages), len(rows.refused) + len(done.refused),
        " raw" if made.raw else "",
    )  # fmt: skip
    return answer(_shown(event, rows, done))


def _result(made: Made, done: HookDone) -> str:
    if done.repeats is not None:
        return "repeated"
    if not done.messages:
        return "nothing"
    return "raw" if made.raw else "sent"


def _shown(event: HookEvent, rows: _Rows, done: HookDone) -> Json:
    stored = set(done.messages)
    lost = [new.to for new in rows.new if new.id not in stored] if done.repeats is None else []
    refused = [*rows.refused, *zip(lost, done.refused, strict=False)]
    return {
        "id": event.id,
        "messages": list(done.messages),
        "raw": event.raw_sent,
        "repeats": done.repeats,
        "refused": [
            {"to": to, "problem": {"field": error.field, "message": error.message}}
            for to, error in refused
        ],
        "problem": event.problem,
    }


async def _rows(hook: Hook, made: Made, to: Sequence[str], deps: HttpDeps) -> _Rows:
    """A message to each recipient; what cannot be costs no other."""
    settings = hook.settings
    caller = Caller(owner=settings.owner, actor=f"hook {settings.name}", scopes=frozenset())
    rows = _Rows()
    named, faults = await recipients(deps.store.people, caller.owner, to)
    rows.refused += [(to[at], fault) for at, fault in faults.items()]
    text: str | None = None
    for each in named:
        given = _asked(each.to, made, settings.name, settings.route)
        try:
            if text is None:
                text = short(made.text, settings.max_parts, deps)
                rows.cut = _told_cut(made.text, text, settings.max_parts, deps)
            new = compose(given.model_copy(update={"text": text}), caller, deps)
            await check_limits(new, deps)
        except InvalidRequest as error:
            rows.refused.append((each.to, error))
        except Refusal as error:
            rows.refused.append((each.to, InvalidRequest("to", error.detail)))
        else:
            rows.new.append(new)
    return rows


def _asked(to: str, made: Made, name: str, route: str | None) -> SendIn:
    tags = (f"hook:{name}"[:MAX_NAME],)
    given = {"to": to, "text": made.text, "class": made.class_, "tags": tags}
    if route is not None:
        given["route"] = route
    return SendIn.model_validate(given)


def _told_cut(text: str, sent: str, max_parts: int, deps: HttpDeps) -> str | None:
    if sent == text:
        return None
    most, where = max_parts, "max_parts of [[hook]]"
    if deps.settings.max_parts < max_parts:
        most, where = deps.settings.max_parts, "max_parts of [sms]"
    kept = len(sent) - len(CUT)
    return f"text: was cut to {kept} of {len(text)} characters; {where} allows {most} parts"


def short(text: str, max_parts: int, deps: HttpDeps) -> str:
    """The text, cut so that it needs no more parts: half an alarm is better than none."""
    most = min(max_parts, deps.settings.max_parts)
    cut = text if len(text) <= most * SEPTETS else text[: most * SEPTETS] + CUT
    while len(parts := split(cut, concat_bits=deps.settings.concat_bits).parts) > most:
        held = sum(len(part.text or "") for part in parts[:most])
        cut = cut[: held - len(CUT)].rstrip() + CUT
    return cut

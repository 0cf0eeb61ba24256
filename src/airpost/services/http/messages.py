"""Messages: send, list, read, history, cancel, and preview.

May import codec, L0, the store's protocol and the pool's facade. 202 is said after the commit only.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace

from aiohttp import web

from airpost.clock import SECOND_US, Instant, rfc3339
from airpost.codec.dcs import Alphabet
from airpost.codec.split import Split, split, split_data
from airpost.codec.udh import Ports
from airpost.errors import AirpostError, CodecError, DuplicateRequest, InvalidRequest
from airpost.model import (
    Encoding,
    Idempotency,
    Lane,
    Message,
    MessageId,
    NewMessage,
    SegmentBody,
    Waiting,
    uuid7,
)
from airpost.policy import Policies
from airpost.services.http.body import answer, read_json
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS, RUNNING, TURNS, HttpDeps
from airpost.services.http.explain import routing
from airpost.services.http.idempotency import HEADER, fingerprint, read_key
from airpost.services.http.operations import Example, operation
from airpost.services.http.problems import Refusal
from airpost.services.http.render import (
    accepted,
    dumps,
    event_json,
    list_json,
    message_json,
    page_json,
    preview_json,
    read_cursor,
)
from airpost.services.http.schemas import MessagesQuery, PreviewIn, SendIn, read_body, read_query
from airpost.services.http.shapes import messages as shapes
from airpost.store.api import MessageFilter
from airpost.tasks import shielded

CURSOR_KIND = "m"
CALL = "POST /v1/messages"
TTL_MAX_S = 63 * 7 * 86_400  # the longest TP-VP, TS 23.040 9.2.3.12.1
SEND_AT_MAX_S = 366 * 86_400
SEND_AT_SLACK_S = 60  # the way here takes time, and clocks differ: a moment ago means now
MESSAGE = "0199e7c0-6b1a-7c3e-9f51-3a2d4e5f6071"  # as it stands in examples
REFUSED_MESSAGES = (
    "number-not-dialable", "empty-text", "too-many-parts", "control-character", "not-encodable",
    "text-and-data", "modem-and-route", "unknown-modem", "unknown-route", "time-in-past",
    "time-out-of-range", "ttl-out-of-range", "blocked", "country-not-allowed", "premium-number",
    "idempotency-running", "idempotency-mismatch", "quiet-hours", "quota-exhausted",
    "rate-limited-local",
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_MOST_SEPTETS = 160  # of one part: more characters than this times the parts never fit

_ALPHABETS = {None: None, Encoding.GSM7: Alphabet.GSM7, Encoding.UCS2: Alphabet.UCS2}


# -- from request to NewMessage ------------------------------------------------------------------
def compose(given: SendIn, caller: Caller, deps: HttpDeps) -> NewMessage:
    """The message a request asks for; InvalidRequest naming the field that cannot be."""
    now = deps.clock.now()
    _check_modem(given, deps)
    admitted = deps.admission.admit(
        given.to, given.class_, given.tags, caller, route=given.route, modem=given.modem
    )
    done = _split(given, deps)
    not_before, expires_at = _times(given, now, deps.settings.classes)
    policy = deps.settings.classes[given.class_]
    return NewMessage(
        id=MessageId(uuid7(now, deps.rng)),
        owner=caller.owner,
        key_id=caller.key_id,
        to=admitted.to,
        class_=given.class_,
        encoding=Encoding.DATA if done.alphabet is Alphabet.DATA else Encoding(done.alphabet.value),
        text=given.text,
        data=given.data,
        segments=tuple(
            SegmentBody(pid=part.pid, dcs=part.dcs, udh=part.udh, ud=part.ud, udl=part.udl)
            for part in done.parts
        ),
        concat_bits=deps.settings.concat_bits,
        want_report=policy.report if given.report is None else given.report,
        created_at=now,
        not_before=not_before,
        expires_at=expires_at,
        on_uncertain=given.on_uncertain or policy.on_uncertain,
        ordered=given.ordered,
        lane=None if given.modem is None else Lane(given.modem),
        route=admitted.route,
        carrier=admitted.carrier,
        sender_ref=given.sender_ref,
        tags=given.tags,
    )


def _split(given: SendIn, deps: HttpDeps) -> Split:
    if given.text is not None and given.data is not None:
        raise InvalidRequest("data", "cannot stand beside text", "text-and-data")
    if given.data is not None:
        return _split_data(given, given.data, deps)
    if given.text is None:
        raise InvalidRequest("text", "is missing, and so is data", "missing-field")
    if given.port is not None:
        raise InvalidRequest("port", "belongs to data, not to text")
    return split_text(given.text, given, deps)


def _split_data(given: SendIn, data: bytes, deps: HttpDeps) -> Split:
    if not data:
        raise InvalidRequest("data", "is empty", "empty-text")
    if given.encoding not in (None, Encoding.DATA):
        raise InvalidRequest("encoding", "belongs to text, not to data")
    if given.languages:
        raise InvalidRequest("languages", "belong to text, not to data")
    ports = None if given.port is None else Ports(bits=16, dst=given.port, src=0)
    bits = deps.settings.concat_bits
    try:
        done = split_data(data, ports=ports, concat_bits=bits, cls=0 if given.flash else None)
    except CodecError as error:
        raise _too_many("data", error.message, deps) from None
    return _few_enough("data", done, deps)


def split_text(text: str, given: SendIn | PreviewIn, deps: HttpDeps) -> Split:
    """The parts of a text; InvalidRequest when it cannot be sent like that."""
    encoding = given.encoding
    if not text:
        raise InvalidRequest("text", "is empty", "empty-text")
    if encoding is Encoding.DATA:
        raise InvalidRequest("encoding", "of a text is gsm7 or ucs2")
    _check_characters(text)
    most = deps.settings.max_parts
    # Before the split: what cannot fit by far is not worth cutting up.
    if len(text) > most * _MOST_SEPTETS:
        raise _too_many("text", f"needs more than {most} parts", deps)
    try:
        done = split(
            text,
            concat_bits=deps.settings.concat_bits,
            alphabet=_ALPHABETS[encoding],
            national=tuple(language.number for language in given.languages),
            cls=0 if given.flash else None,
        )
    except CodecError as error:
        if "parts" in error.message:
            raise _too_many("text", error.message, deps) from None
        words = f"{error.message} (character {error.offset + 1})"
        raise InvalidRequest("text", words, "not-encodable") from None
    return _few_enough("text", done, deps)


def _few_enough(field: str, done: Split, deps: HttpDeps) -> Split:
    if len(done.parts) > deps.settings.max_parts:
        raise _too_many(field, f"needs {len(done.parts)} parts", deps)
    return done


def _too_many(field: str, words: str, deps: HttpDeps) -> InvalidRequest:
    words += f"; max_parts of [sms] allows {deps.settings.max_parts}"
    return InvalidRequest(field, words, "too-many-parts", "sms.max_parts")


def _check_characters(text: str) -> None:
    found = _CONTROL.search(text)
    if found is not None:
        words = f"character {found.start() + 1} is the control character U+{ord(found[0]):04X}"
        raise InvalidRequest("text", words, "control-character")


def _check_modem(given: SendIn, deps: HttpDeps) -> None:
    if given.modem is not None and given.route is not None:
        raise InvalidRequest("route", "cannot stand beside modem", "modem-and-route")
    if given.modem is not None and deps.pool.modem(Lane(given.modem)) is None:
        raise InvalidRequest("modem", "no modem has this name", "unknown-modem")
    if given.route is None or deps.admission.describes(given.route):
        return
    if given.route not in deps.pool.routes():
        raise InvalidRequest("route", "no modem serves this route", "unknown-route")


def _times(given: SendIn, now: Instant, classes: Policies) -> tuple[Instant | None, Instant]:
    """(not_before, expires_at); a time to live counts from when the message may go."""
    not_before: Instant | None = None
    if given.send_at is not None:
        if given.send_at < now - SEND_AT_SLACK_S * SECOND_US:
            raise InvalidRequest("send_at", "is in the past", "time-in-past")
        if given.send_at > now + SEND_AT_MAX_S * SECOND_US:
            raise InvalidRequest("send_at", "is more than a year away", "time-out-of-range")
        not_before = Instant(given.send_at) if given.send_at > now else None
    begin = not_before or now
    if given.expires_at is not None:
        if given.ttl_s is not None:
            raise InvalidRequest("ttl_s", "cannot stand beside expires_at")
        if given.expires_at <= now:
            raise InvalidRequest("expires_at", "is in the past", "time-in-past")
        if given.expires_at <= begin:
            raise InvalidRequest("expires_at", "is not after send_at", "time-out-of-range")
        if given.expires_at > begin + TTL_MAX_S * SECOND_US:
            raise InvalidRequest("expires_at", "is more than 63 weeks away", "time-out-of-range")
        return not_before, Instant(given.expires_at)
    ttl_s = classes[given.class_].validity_s if given.ttl_s is None else given.ttl_s
    if not 1 <= ttl_s <= TTL_MAX_S:
        words = f"must be between 1 and {TTL_MAX_S} seconds"
        raise InvalidRequest("ttl_s", words, "ttl-out-of-range")
    return not_before, Instant(begin + ttl_s * SECOND_US)


async def _check_limits(new: NewMessage, deps: HttpDeps) -> None:
    """Refuse what a limit with `reject` is known to stand against now."""
    due = new.not_before or new.created_at
    coming = Waiting(
        seq=0,
        id=new.id,
        to=new.to,
        class_=new.class_,
        parts=len(new.segments),
        lane=new.lane,
        route=new.route,
        key_id=new.key_id,
        carrier=new.carrier,
    )
    found = await deps.pool.refuses(coming, due)
    if found is not None:
        wait_s = max(1, -(-(found.until - deps.clock.now()) // SECOND_US))
        raise Refusal(
            found.reason.replace("_", "-"),
            f"refused by a limit: {found.words}",
            headers={"Retry-After": str(wait_s)},
            extra={"until": rfc3339(found.until)},
        )


# -- calls ---------------------------------------------------------------------------------------
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
        with request.app[RUNNING].hold(caller.owner, key):
            await request.app[TURNS].mine()
            return await _take(given, caller, deps, key, mark)
    except DuplicateRequest as error:
        if error.kind == "result":
            return _replayed(error.status, error.body)
        raise _duplicate(error.kind) from None
    except AirpostError:
        # A repeat is answered all the same: what was right then need not be now.
        kept = None if key is None else await deps.store.idempotent(caller.owner, key)
        if kept is None:
            raise
        return _repeated(mark, *kept)


async def _take(
    given: SendIn, caller: Caller, deps: HttpDeps, key: str | None, mark: str
) -> web.Response:
    new = compose(given, caller, deps)
    await _check_limits(new, deps)
    body = dumps(message_json(accepted(new)))
    if key is not None:
        kept_answer = Idempotency(key=key, fingerprint=mark, status=202, body=body)
        new = replace(new, idempotency=kept_answer)
    await deps.store.hand_in(new)
    return _answered(202, body, {"Location": f"/v1/messages/{new.id}"})


def _repeated(mark: str, kept_mark: str, status: int, body: bytes) -> web.Response:
    if kept_mark != mark:
        raise _duplicate("mismatch")
    return _replayed(status, body)


def _duplicate(kind: str) -> Refusal:
    if kind == "mismatch":
        return Refusal(
            "idempotency-mismatch",
            "this Idempotency-Key was used for a request with another body",
            errors=[(HEADER, "was used for another request")],
        )
    return Refusal(
        "idempotency-running",
        "the first request with this Idempotency-Key has no answer yet",
        errors=[(HEADER, "is in use by a request that still runs")],
        headers={"Retry-After": "1"},
    )


def _replayed(status: int, body: bytes) -> web.Response:
    place = f"/v1/messages/{json.loads(body)['id']}"
    return _answered(status, body, {"Location": place, "Idempotency-Replayed": "true"})


def _answered(status: int, body: bytes, headers: dict[str, str]) -> web.Response:
    headers["Content-Type"] = "application/json; charset=utf-8"
    return web.Response(status=status, body=body, headers=headers)


@operation(
    "listMessages",
    "List messages, oldest first",
    query=MessagesQuery,
    answers={200: shapes.Messages},
    problems=("number-not-dialable",),
    example=Example(query={"class": "alarm", "limit": 10}),
)
async def listing(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/messages`: a page, oldest first."""
    deps = request.app[DEPS]
    asked = read_query(MessagesQuery, request.query.items())
    where = MessageFilter(
        owner=caller.sees,
        state=asked.state,
        to=None if asked.to is None else deps.admission.number("to", asked.to),
        class_=asked.class_,
        modem=None if asked.modem is None else Lane(asked.modem),
        tag=asked.tag,
        since=None if asked.since is None else Instant(asked.since),
        uncertain=asked.uncertain,
    )
    limit = min(asked.limit or deps.settings.page_limit, deps.settings.max_page)
    page = await deps.store.messages(where, read_cursor(CURSOR_KIND, asked.cursor), limit)
    return answer(page_json(page, message_json, CURSOR_KIND))


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
    answers={200: shapes.Events},
    example=Example(path={"id": MESSAGE}, after=("createMessage", {"id": "/id"})),
)
async def events(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/messages/{id}/events`: its history, oldest first."""
    message = await _find(request, caller.sees)
    history = await request.app[DEPS].store.message_events(message.id)
    return answer(list_json(event_json(each) for each in history))


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
    message_id = MessageId(request.match_info["id"])
    try:
        result = await shielded(
            store.cancel(message_id, caller.cancels, caller.actor), name=f"cancel {message_id}"
        )
    except KeyError:
        raise _unknown() from None
    if not result.cancelled:
        raise Refusal("not-cancellable", result.reason, extra={"state": result.state.value})
    return answer(message_json(await _find(request, caller.cancels)))


@operation(
    "previewMessage",
    "Show the parts a text would take",
    words="Nothing is stored.",
    body=PreviewIn,
    answers={200: shapes.Preview},
    problems=("empty-text", "too-many-parts", "control-character", "not-encodable"),
    example=Example(body={"text": "Kessel 2: 200 °C überschritten"}),
)
async def preview(request: web.Request, _caller: Caller) -> web.Response:
    """`POST /v1/preview`: the parts a text would take; nothing is stored."""
    given = read_body(PreviewIn, await read_json(request))
    done = split_text(given.text, given, request.app[DEPS])
    return answer(preview_json(given.text, done))


async def _find(request: web.Request, owner: str | None) -> Message:
    message_id = MessageId(request.match_info["id"])
    found = await request.app[DEPS].store.message(message_id, owner)
    if found is None:
        raise _unknown()
    return found


def _unknown() -> Refusal:
    return Refusal("not-found", "there is no such message, or it belongs to somebody else")

"""Batches: many messages in one call, and what became of them.

May import codec, L0, the store's protocols and the pool's facade. 202 is said when every row is
decided and what was taken is on disk. Whoever has no answer repeats the request with its
Idempotency-Key: it goes on behind what is stored, and no row is stored twice.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from aiohttp import web

from airpost.clock import rfc3339
from airpost.errors import AirpostError, DuplicateRequest, InvalidRequest
from airpost.model import NewMessage, uuid7
from airpost.services.http.audited import of_owner
from airpost.services.http.auth import charge
from airpost.services.http.body import answer, read_json
from airpost.services.http.compose import REFUSED_MESSAGES, check_shared
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import BATCHES, DEPS, RUNNING, TURNS, HttpDeps
from airpost.services.http.idempotency import HEADER, duplicate, read_key
from airpost.services.http.keyrules import read_rate
from airpost.services.http.longjson import LongJson, read_long
from airpost.services.http.operations import Example, operation
from airpost.services.http.problems import Refusal, refusal
from airpost.services.http.refusals import REFUSALS
from airpost.services.http.render import Json, dumps, page_json, read_cursor
from airpost.services.http.schemas import BatchHead, BatchIn, ListQuery, read_body, read_query
from airpost.services.http.shapes import batches as shapes
from airpost.services.http.taking import Decided, Digest, Rows, Taking
from airpost.store.batching import Batch, NewBatch

log = logging.getLogger("airpost.http")
CURSOR_KIND = "b"
CALL = "POST /v1/batches"
LISTS = ("to", "messages")
SHOWN = 10  # messages of a preview
EXAMPLE = {
    "messages": [
        {"to": "+491701234567", "values": {"name": "Ada", "at": "9:40"}},
        {"to": "+491701234568", "values": {"name": "Grace", "at": "10:20"}},
        {"to": "no number", "values": {"name": "Nobody", "at": "11:00"}},
    ],
    "template": "Dear {{ name }}, your appointment is at {{ at }}.",
    "class": "bulk",
    "tags": ["reminders"],
}


# -- calls ---------------------------------------------------------------------------------------
@operation(
    "createBatch",
    "Send many messages",
    words="""Recipients are `to`, or rows of their own in `messages`, each with what differs from
the batch; `text`, or `template` and `values`, say what is sent. A row that cannot be sent stands in
`rejected` and costs no other. Answered when all rows are decided and on disk; until then what is
stored is sent already. Where no answer came, repeat it with the same `Idempotency-Key`.
With `preview` nothing is stored, and what would be done is the answer (200).""",
    body=BatchIn,
    answers={202: shapes.Taken, 200: shapes.BatchPreview},
    headers={HEADER: "1 to 255 printable characters; the answer is kept for a day"},
    problems=(*REFUSED_MESSAGES, "invalid-template", "too-many-rows", "too-many-batches"),
    example=Example(body=EXAMPLE, headers={HEADER: "reminders-2026-11-29"}),
)
async def create(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/batches`: 202 once every row is decided."""
    deps = request.app[DEPS]
    key = read_key(request.headers.getall(HEADER, []))
    with request.app[BATCHES].place(deps.settings.batches_at_once):
        body = await read_json(request, limit=deps.settings.batch_limit, setting="http.batch_mb")
        digest = Digest()
        told = () if key is None else (digest,)
        sleep = deps.clock.sleep
        long = await read_long(body, LISTS, deps.settings.max_batch, sleep, *told)
        del body
        rows = Rows(long, _head(long, deps, caller))

        def refused(reason: str) -> None:
            if not rows.head.preview:
                request.app[REFUSALS].count(rows.head.class_.value, caller.key_id, reason)

        taking = Taking(
            rows, caller, deps, request.app[TURNS].mine, refused,
            lambda more: charge_rows(request, caller, rows, more),
        )  # fmt: skip
        if rows.head.preview:
            return _looked(await taking.look(SHOWN), taking.decided)
        if caller.rate is not None:
            await _count(request, caller, taking, key)
        mark = "" if key is None else rows.fingerprint(CALL, digest)
        try:
            with request.app[RUNNING].hold(caller.actor, key):
                return await _take(request, taking, _new(rows, caller, deps, key, mark))
        except DuplicateRequest as error:
            raise duplicate(error.kind) from None


async def _count(request: web.Request, caller: Caller, taking: Taking, key: str | None) -> None:
    """Count a batch against the key's rate, or refuse it; a repeat was counted before."""
    if key is not None and await request.app[DEPS].store.idempotent(caller.actor, key) is not None:
        taking.charge = lambda _: None
        return
    try:
        taking.charge(await taking.count() - 1)  # the request itself has counted as one
    except Refusal:
        charge(request, caller, -1)  # or it would have no room when it is told to come again
        raise


def charge_rows(request: web.Request, caller: Caller, rows: Rows, more: int) -> None:
    """Refuse messages beyond the key's rate; what no waiting makes room for, by another problem."""
    most = None if caller.rate is None else read_rate(caller.rate).burst
    if most is not None and more >= most:  # one was counted with the request
        name = rows.long.name or "to"
        words = f"stands for {more + 1} messages; this key has {caller.rate}: {most} at once"
        raise Refusal("too-many-rows", f"{name}: {words}", errors=[(name, words)])
    charge(request, caller, more)


def _head(long: LongJson, deps: HttpDeps, caller: Caller) -> BatchHead:
    """What holds for all rows; Refusal or InvalidRequest where it can hold for none."""
    for name in LISTS:
        if long.members.get(name) == "null":
            del long.members[name]  # as if it were not there, like any other field
        elif name in long.members:
            raise InvalidRequest(name, "must be a list")
    members = ",".join(f"{json.dumps(name)}:{text}" for name, text in long.members.items())
    head = read_body(BatchHead, f"{{{members}}}".encode(errors="surrogatepass"))
    if long.name is None:
        raise InvalidRequest("to", "is missing, and so is messages", "missing-field")
    if not len(long):
        raise InvalidRequest(long.name, "must have at least one entry")
    if head.template is None and head.values is not None:
        raise InvalidRequest("values", "belong to a template")
    if head.template is not None:
        for name in ("text", "data"):
            if getattr(head, name) is not None:
                raise InvalidRequest("template", f"cannot stand beside {name}")
    elif long.name == "to" and head.text is None and head.data is None:
        raise InvalidRequest("text", "is missing, and so are data and template", "missing-field")
    check_shared(head, deps, caller)
    return head


def _new(rows: Rows, caller: Caller, deps: HttpDeps, key: str | None, mark: str) -> NewBatch:
    now = deps.clock.now()
    return NewBatch(
        id=uuid7(now, deps.rng),
        owner=caller.owner,
        key_id=caller.key_id,
        size=len(rows),
        created_at=now,
        sender_ref=rows.head.sender_ref,
        tags=rows.head.tags,
        key=key,
        fingerprint=mark,
        kept_s=deps.settings.idempotency_s,
    )


async def _take(request: web.Request, taking: Taking, new: NewBatch) -> web.Response:
    store = request.app[DEPS].store.batches
    batch = await store.begin(new)
    if batch.taken_at is not None:
        why = await store.why(batch)
        return _taken(batch, batch.accepted, why, {"Idempotency-Replayed": "true"})
    stored: set[tuple[int, str]] = set()
    if batch.id != new.id:
        stored = await store.rows(batch)
    taking.cancelled = batch.cancelled_at is not None
    try:
        with request.app[BATCHES].running(batch, taking):
            await taking.take(batch, stored)
        done = taking.decided
        await store.end(batch, done.accepted, len(done.why), done.rejected)
    except AirpostError as error:
        raise _interrupted(refusal(error), batch, taking.decided) from None
    log.info("http.batch id=%s accepted=%d rejected=%d", batch.id, done.accepted, len(done.why))
    return _taken(batch, done.accepted, done.rejected, {})


def _interrupted(given: Refusal, batch: Batch, done: Decided) -> Refusal:
    """What is told where not all rows are decided: those that are stored are sent all the same."""
    words = f"; {done.accepted} of {batch.size} rows are stored: repeat it with the same {HEADER}"
    extra = {**given.extra, "batch": batch.id, "accepted": done.accepted}
    return Refusal(
        given.kind.name, given.detail + words, errors=given.errors, headers=given.headers,
        extra=extra,
    )  # fmt: skip


def _taken(batch: Batch, accepted: int, why: bytes, headers: dict[str, str]) -> web.Response:
    head = dumps({"id": batch.id, "accepted": accepted})
    return web.Response(
        status=202,
        body=head[:-1] + b',"rejected":' + why + b"}",
        headers={"Location": f"/v1/batches/{batch.id}", **headers},
        content_type="application/json",
        charset="utf-8",
    )


def _looked(shown: list[tuple[int, NewMessage]], done: Decided) -> web.Response:
    messages = [
        {
            "index": at,
            "to": new.to,
            "text": new.text,
            "sent_text": new.sent_text,
            "encoding": new.encoding.value,
            "parts": len(new.segments),
        }
        for at, new in shown
    ]
    head = dumps({"accepted": done.accepted, "parts": done.parts, "messages": messages})
    body = head[:-1] + b',"rejected":' + done.rejected + b"}"
    return web.Response(body=body, content_type="application/json", charset="utf-8")


@operation(
    "listBatches",
    "List batches",
    query=ListQuery,
    answers={200: shapes.BatchPage},
    problems=("invalid-cursor",),
    example=Example(query={"limit": 10}),
)
async def listing(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/batches`: a page, oldest first."""
    deps = request.app[DEPS]
    asked = read_query(ListQuery, request.query.items())
    limit = min(asked.limit or deps.settings.page_limit, deps.settings.max_page)
    after = read_cursor(CURSOR_KIND, asked.cursor)
    page = await deps.store.batches.page(caller.sees, after, limit)
    under = request.app[BATCHES]
    return answer(page_json(page, lambda each: batch_json(each, each in under), CURSOR_KIND))


@operation(
    "getBatch",
    "Read a batch, with its messages counted by state",
    answers={200: shapes.Batch},
    example=Example(path={"id": "0199e7c0-6b1a-7c3e-9f51-3a2d4e5f6072"},
                    after=("createBatch", {"id": "/id"})),
)  # fmt: skip
async def one(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/batches/{id}`: what became of it, counted anew each time."""
    batch = await _find(request, caller.sees)
    return answer(await _shown(request, batch))


@operation(
    "cancelBatch",
    "Cancel what has not begun of a batch",
    words="Rows that are not taken yet are not taken any more.",
    answers={200: shapes.CancelledBatch},
    example=Example(path={"id": "0199e7c0-6b1a-7c3e-9f51-3a2d4e5f6072"},
                    after=("createBatch", {"id": "/id"})),
)  # fmt: skip
async def cancel(request: web.Request, caller: Caller) -> web.Response:
    """`DELETE /v1/batches/{id}`: 200 and the batch, with how many messages were cancelled."""
    store = request.app[DEPS].store.batches
    batch = await _find(request, caller.cancels)
    async with of_owner(request, caller, batch.owner, "batch.cancel", batch.id):
        await store.mark_cancelled(batch)
        await request.app[BATCHES].end(batch)
        cancelled, kept = await store.cancel(batch, caller.actor)
    counts = {"cancelled_count": cancelled, "not_cancelled_count": kept}
    return answer({**await _shown(request, await _find(request, caller.cancels)), **counts})


async def _find(request: web.Request, owner: str | None) -> Batch:
    found = await request.app[DEPS].store.batches.find(request.match_info["id"], owner)
    if found is None:
        raise Refusal("not-found", "there is no such batch, or it belongs to somebody else")
    return found


async def _shown(request: web.Request, batch: Batch) -> Json:
    store = request.app[DEPS].store.batches
    counts = await store.counts(batch)
    taking = batch in request.app[BATCHES]
    total = sum(counts.states.values())
    shown = batch_json(batch, taking)
    if batch.taken_at is None:
        shown["accepted"] = total
    why: list[Any] = json.loads(await store.why(batch))
    return {
        **shown,
        "rejected": why,
        "counts": {state.value: count for state, count in counts.states.items()},
        "final": counts.pending == 0 and not taking,
    }


def batch_json(batch: Batch, taking: bool) -> Json:
    """A batch without its messages."""
    state = "taken"
    if batch.cancelled_at is not None:
        state = "cancelled"
    elif batch.taken_at is None:
        state = "taking" if taking else "interrupted"
    return {
        "id": batch.id,
        "state": state,
        "size": batch.size,
        "accepted": batch.accepted,
        "rejected_count": batch.rejected,
        "created_at": rfc3339(batch.created_at),
        "taken_at": None if batch.taken_at is None else rfc3339(batch.taken_at),
        "cancelled_at": None if batch.cancelled_at is None else rfc3339(batch.cancelled_at),
        "key": batch.key_id,
        "sender_ref": batch.sender_ref,
        "tags": list(batch.tags),
    }

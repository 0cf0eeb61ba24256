"""Webhooks: make, list, pause, resume, turn the secret, test, replay, delete.

May import L0, the store's protocols and the webhook service. A secret is shown in the answer that
makes it, and never again.
"""

from __future__ import annotations

from aiohttp import web

from airpost.clock import Instant, rfc3339
from airpost.errors import InvalidRequest
from airpost.services.events import matcher, pattern_fault
from airpost.services.http.audited import changed
from airpost.services.http.body import answer, read_json
from airpost.services.http.credentials import Caller, Scope
from airpost.services.http.deps import DEPS, HttpDeps
from airpost.services.http.event_schemas import DeliveriesQuery, ReplayIn, RotateIn, WebhookIn
from airpost.services.http.operations import Example, operation
from airpost.services.http.problems import Refusal
from airpost.services.http.render import Json, list_json, page_json, read_cursor
from airpost.services.http.schemas import read_body, read_query
from airpost.services.http.shapes import events as shapes
from airpost.services.http.surplus import WholeQuery
from airpost.services.webhooks.service import Shown
from airpost.services.webhooks.targets import TargetRefused
from airpost.store.publishing import Delivery, Endpoint, EndpointKind

CURSOR_KIND = "d"
WEBHOOK = "0199e7c0-6b1a-7c3e-9f51-3a2d4e5f6073"  # as it stands in examples
_MADE = Example(path={"id": WEBHOOK}, after=("createWebhook", {"id": "/id"}))


@operation(
    "createWebhook",
    "Have events sent to a URL",
    body=WebhookIn,
    answers={201: shapes.NewWebhook},
    problems=("target-not-allowed", "too-many-webhooks"),
    example=Example(
        body={
            "url": "http://192.168.1.20:8080/airpost",
            "types": ["message.delivered", "message.failed", "inbound.message"],
        }
    ),
    words=(
        "Events are signed by Standard Webhooks 1.0.0 with `secret`, which is shown in this answer "
        "alone. Without `types`: message.sent, message.delivered, message.failed, message.expired, "
        "message.uncertain, message.cancelled, inbound.\\*, modem.state and alarm.\\*."
    ),
)
async def create(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/webhooks`: 201 with the secret."""
    deps = request.app[DEPS]
    given = read_body(WebhookIn, await read_json(request))
    inbound = caller.may(Scope.INBOUND)
    for at, pattern in enumerate(given.types):
        if (fault := pattern_fault(pattern)) is not None:
            raise InvalidRequest(f"types.{at}", fault)
        if pattern.startswith("inbound") and not inbound:
            raise Refusal("forbidden", "received messages need the scope 'inbound'")
    id_ = deps.webhooks.new_id()
    try:
        host = deps.webhooks.targets.read(given.url)[1]  # the rest of a URL may be a secret
    except TargetRefused as error:
        raise InvalidRequest("url", str(error)) from None
    try:
        changed(request, id_, host=host, sees="all" if caller.sees is None else "own")
        made = await deps.webhooks.create(
            id_, given.url, given.types, given.description,
            owner=caller.owner, sees=caller.sees, inbound=inbound,
        )  # fmt: skip
    except TargetRefused as error:
        raise _not_allowed(error) from None
    except ValueError as error:
        raise Refusal("too-many-webhooks", str(error),
                      extra={"setting": "webhooks.most"}) from None  # fmt: skip
    shown = webhook_json(Shown(made, None), made.created_at)
    return answer({**shown, "secret": made.secret}, 201)


def _not_allowed(error: TargetRefused) -> Refusal:
    words = str(error)
    extra = None if error.setting is None else {"setting": error.setting}
    return Refusal("target-not-allowed", f"url: {words}", errors=[("url", words)], extra=extra)


@operation(
    "listWebhooks",
    "List webhooks, oldest first",
    query=WholeQuery,
    answers={200: shapes.Webhooks},
    example=Example(query={"limit": 500}),
)
async def listing(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/webhooks`: all of the caller's; commands of the configuration for who sees all."""
    deps = request.app[DEPS]
    now = deps.clock.now()
    return answer(list_json(webhook_json(each, now) for each in deps.webhooks.all(caller.sees)))


@operation(
    "getWebhook", "Read a webhook and how it is doing", answers={200: shapes.Webhook}, example=_MADE
)
async def one(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/webhooks/{id}`."""
    return _shown(request, caller.sees)


def _find(request: web.Request, owner: str | None) -> tuple[HttpDeps, Shown]:
    deps = request.app[DEPS]
    try:
        return deps, deps.webhooks.find(request.match_info["id"], owner)
    except KeyError:
        words = "there is no such webhook, or it belongs to somebody else"
        raise Refusal("not-found", words) from None


def _shown(request: web.Request, owner: str | None) -> web.Response:
    deps, found = _find(request, owner)
    return answer(webhook_json(found, deps.clock.now()))


@operation(
    "deleteWebhook", "Delete a webhook and what waits for it", answers={204: None}, example=_MADE
)
async def delete(request: web.Request, caller: Caller) -> web.Response:
    """`DELETE /v1/webhooks/{id}`: 204."""
    deps, found = _find(request, caller.cancels)
    _refuse_configured(found.endpoint)
    await deps.webhooks.remove(found.endpoint.id)
    return web.Response(status=204)


def _refuse_configured(endpoint: Endpoint) -> None:
    if endpoint.kind is EndpointKind.EXEC:
        raise Refusal("forbidden", "it stands in the configuration, as [[exec]]")


@operation(
    "pauseWebhook",
    "Send nothing more to a webhook; what happens is kept for it",
    answers={200: shapes.Webhook},
    example=_MADE,
)
async def pause(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/webhooks/{id}/pause`."""
    deps, found = _find(request, caller.cancels)
    await deps.webhooks.pause(found.endpoint.id)
    return _shown(request, caller.cancels)


@operation(
    "resumeWebhook",
    "Send to a webhook again, at once",
    answers={200: shapes.Webhook},
    example=_MADE,
    words="Also where it is disabled, or is waited for because it did not answer.",
)
async def resume(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/webhooks/{id}/resume`."""
    deps, found = _find(request, caller.cancels)
    await deps.webhooks.resume(found.endpoint.id)
    return _shown(request, caller.cancels)


@operation(
    "rotateWebhook",
    "Give a webhook another secret",
    body=RotateIn,
    body_optional=True,
    answers={200: shapes.NewWebhook},
    example=Example(
        path={"id": WEBHOOK}, after=("createWebhook", {"id": "/id"}), body={"overlap_s": 3600}
    ),
    words="Until `overlap_s` have passed, events have two signatures, one by the secret before.",
)
async def rotate(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/webhooks/{id}/rotate`: 200 with the new secret."""
    deps, found = _find(request, caller.cancels)
    _refuse_configured(found.endpoint)
    given = RotateIn()
    if request.can_read_body:
        given = read_body(RotateIn, await read_json(request))
    made = await deps.webhooks.rotate(found.endpoint.id, given.overlap_s)
    shown = webhook_json(Shown(made, None), deps.clock.now())
    return answer({**shown, "secret": made.secret})


@operation(
    "testWebhook",
    "Send one event of type `webhook.test` and tell what came of it",
    answers={200: shapes.Tested},
    example=_MADE,
)
async def test(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/webhooks/{id}/test`: 200 also where it failed."""
    deps, found = _find(request, caller.cancels)
    came, took_ms = await deps.webhooks.test(found.endpoint.id)
    return answer({"ok": came.ok, "status": came.status, "error": came.error, "took_ms": took_ms})


@operation(
    "replayWebhook",
    "Send events to a webhook again",
    body=ReplayIn,
    answers={202: shapes.Webhook},
    example=Example(
        path={"id": WEBHOOK}, after=("createWebhook", {"id": "/id"}), body={"dead": True}
    ),
    words=(
        "One of `events` (their numbers), `since` (everything from then on, in order) and `dead` "
        "(what was given up). A receiver knows what it has by `webhook-id`."
    ),
)
async def replay(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/webhooks/{id}/replay`: 202; they go out after what goes out now."""
    deps, found = _find(request, caller.cancels)
    given = read_body(ReplayIn, await read_json(request))
    asked = {"events": given.events, "since": given.since, "dead": given.dead or None}
    told = [name for name, value in asked.items() if value is not None]
    if len(told) != 1:
        raise InvalidRequest(told[1] if told else "events", "give one of events, since and dead")
    if given.since is not None:
        await deps.webhooks.replay_since(found.endpoint.id, Instant(given.since))
    else:
        await deps.webhooks.replay(found.endpoint.id, given.events)
    return answer(webhook_json(_find(request, caller.cancels)[1], deps.clock.now()), 202)


@operation(
    "listDeliveries",
    "List what a webhook did not take",
    query=DeliveriesQuery,
    answers={200: shapes.Deliveries},
    example=Example(
        path={"id": WEBHOOK}, after=("createWebhook", {"id": "/id"}), query={"limit": 10}
    ),
)
async def deliveries(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/webhooks/{id}/deliveries`: what is tried again, and what was given up."""
    deps, found = _find(request, caller.sees)
    asked = read_query(DeliveriesQuery, request.query.items())
    limit = min(asked.limit or deps.settings.page_limit, deps.settings.max_page)
    after = read_cursor(CURSOR_KIND, asked.cursor)
    page = await deps.webhooks.deliveries(found.endpoint.id, after, limit, dead=asked.dead)
    return answer(page_json(page, delivery_json, CURSOR_KIND))


def webhook_json(shown: Shown, now: Instant) -> Json:
    """A webhook without its secret. `waiting`: events in hand; `behind`: rows not looked at."""
    each, pump = shown.endpoint, shown.pump
    last = None if pump is None else pump.last
    overlapping = each.previous_until is not None and each.previous_until > now
    return {
        "id": each.id,
        "kind": each.kind.value,
        "url": each.target if each.kind is EndpointKind.HTTP else None,
        "command": each.target if each.kind is EndpointKind.EXEC else None,
        "types": list(each.types),
        "description": each.note,
        "owner": each.owner,
        "sees": "all" if each.sees is None else "own",
        "inbound": each.inbound and matcher(each.types)("inbound.message"),
        "state": each.state.value,
        "reason": each.reason,
        "down": shown.state == "down",
        "delivered": each.delivered + (0 if pump is None else pump.delivered),
        "missed": each.missed,
        "waiting": 0 if pump is None else pump.waiting,
        "behind": 0 if pump is None else pump.behind,
        "last_status": None if last is None else last.status,
        "last_error": None if last is None else last.error,
        "created_at": rfc3339(each.created_at),
        "previous_secret_until": _time(each.previous_until) if overlapping else None,
    }


def delivery_json(each: Delivery) -> Json:
    """What was not taken; `next_at` null where it was given up, or waits for one before it."""
    return {
        "event": each.seq,
        "state": "dead" if each.dead else "waiting",
        "tries": each.tries,
        "first_at": _time(each.first_at),
        "last_at": _time(each.last_at),
        "next_at": None if each.dead or not each.next_at else _time(each.next_at),
        "status": each.status,
        "error": each.error,
    }


def _time(instant: Instant | None) -> str | None:
    return None if instant is None else rfc3339(instant)

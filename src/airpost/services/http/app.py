"""The HTTP application: the table of calls, and what every one of them passes through."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web

from airpost.services.http import (
    auditlog,
    batches,
    blocklist,
    care,
    contacts,
    explain,
    groups,
    health,
    hooks,
    inbound,
    keeping,
    keys,
    messages,
    metrics,
    modems,
    openapi,
    pages,
    preview,
    queue,
    schedules,
    stats,
    stream,
    webhooks,
)
from airpost.services.http.audited import audited, of_others
from airpost.services.http.auth import guarded
from airpost.services.http.credentials import Scope
from airpost.services.http.deps import (
    BATCHES,
    DEPS,
    ENDED,
    LULLS,
    METERS,
    RUNNING,
    TURNS,
    HttpDeps,
)
from airpost.services.http.handler import CallerHandler, Handler
from airpost.services.http.idempotency import Running
from airpost.services.http.keyrules import Meters
from airpost.services.http.lulls import Lulls
from airpost.services.http.paths import shown_path
from airpost.services.http.problems import problem_of, stopping
from airpost.services.http.querysecrets import refuse_credentials
from airpost.services.http.refusals import REFUSALS, Refusals, counted
from airpost.services.http.settings import HttpSettings
from airpost.services.http.streams import STREAMS, Streams
from airpost.services.http.surplus import exact
from airpost.services.http.traffic import TRAFFIC, Traffic
from airpost.services.http.turns import Turns
from airpost.services.http.underway import Under

__all__ = ["HttpDeps", "HttpSettings", "build_app"]

log = logging.getLogger("airpost.http")

CALLS: tuple[tuple[str, str, Scope, CallerHandler], ...] = (
    ("POST", "/v1/messages", Scope.SEND, counted(messages.create)),
    ("GET", "/v1/messages", Scope.READ, messages.listing),
    ("GET", "/v1/messages/{id}", Scope.READ, messages.one),
    ("GET", "/v1/messages/{id}/events", Scope.READ, messages.events),
    ("GET", "/v1/messages/{id}/explain", Scope.READ, explain.explain),
    ("DELETE", "/v1/messages/{id}", Scope.SEND, messages.cancel),
    ("POST", "/v1/batches", Scope.SEND, batches.create),
    ("GET", "/v1/batches", Scope.READ, batches.listing),
    ("GET", "/v1/batches/{id}", Scope.READ, batches.one),
    ("DELETE", "/v1/batches/{id}", Scope.SEND, batches.cancel),
    ("GET", "/v1/blocklist", Scope.ADMIN, blocklist.listing),
    ("PUT", "/v1/blocklist", Scope.ADMIN, audited("blocklist.add", blocklist.add_many)),
    ("GET", "/v1/blocklist/{number}", Scope.ADMIN, blocklist.one),
    ("PUT", "/v1/blocklist/{number}", Scope.ADMIN, audited("blocklist.add", blocklist.add)),
    (
        "DELETE",
        "/v1/blocklist/{number}",
        Scope.ADMIN,
        audited("blocklist.remove", blocklist.remove),
    ),
    ("GET", "/v1/contacts", Scope.READ, contacts.listing),
    ("PUT", "/v1/contacts", Scope.SEND, of_others("contact.put", contacts.put_many)),
    ("GET", "/v1/contacts/{name}", Scope.READ, contacts.one),
    ("PUT", "/v1/contacts/{name}", Scope.SEND, of_others("contact.put", contacts.put)),
    ("DELETE", "/v1/contacts/{name}", Scope.SEND, of_others("contact.remove", contacts.remove)),
    ("GET", "/v1/groups", Scope.READ, groups.listing),
    ("PUT", "/v1/groups", Scope.SEND, of_others("group.put", groups.put_many)),
    ("GET", "/v1/groups/{name}", Scope.READ, groups.one),
    ("PUT", "/v1/groups/{name}", Scope.SEND, of_others("group.put", groups.put)),
    ("DELETE", "/v1/groups/{name}", Scope.SEND, of_others("group.remove", groups.remove)),
    ("POST", "/v1/schedules", Scope.SEND, schedules.create),
    ("GET", "/v1/schedules", Scope.READ, schedules.listing),
    ("GET", "/v1/schedules/{id}", Scope.READ, schedules.one),
    ("DELETE", "/v1/schedules/{id}", Scope.SEND, schedules.delete),
    ("POST", "/v1/preview", Scope.SEND, preview.preview),
    ("GET", "/v1/inbound", Scope.INBOUND, inbound.listing),
    ("GET", "/v1/stream", Scope.READ, stream.stream),
    ("POST", "/v1/webhooks", Scope.READ, audited("webhook.create", webhooks.create)),
    ("GET", "/v1/webhooks", Scope.READ, webhooks.listing),
    ("GET", "/v1/webhooks/{id}", Scope.READ, webhooks.one),
    ("GET", "/v1/webhooks/{id}/deliveries", Scope.READ, webhooks.deliveries),
    ("POST", "/v1/webhooks/{id}/test", Scope.READ, webhooks.test),
    ("POST", "/v1/webhooks/{id}/replay", Scope.READ, audited("webhook.replay", webhooks.replay)),
    ("POST", "/v1/webhooks/{id}/pause", Scope.READ, audited("webhook.pause", webhooks.pause)),
    ("POST", "/v1/webhooks/{id}/resume", Scope.READ, audited("webhook.resume", webhooks.resume)),
    ("POST", "/v1/webhooks/{id}/rotate", Scope.READ, audited("webhook.rotate", webhooks.rotate)),
    ("DELETE", "/v1/webhooks/{id}", Scope.READ, audited("webhook.delete", webhooks.delete)),
    ("GET", "/v1/modems", Scope.READ, modems.listing),
    ("GET", "/v1/modems/{name}", Scope.READ, modems.one),
    ("GET", "/v1/modems/{name}/queue", Scope.READ, modems.queue),
    ("GET", "/v1/modems/{name}/trace", Scope.ADMIN, care.trace),
    ("POST", "/v1/modems/{name}/at", Scope.ADMIN, audited("modem.at", care.ask)),
    ("POST", "/v1/modems/{name}/ussd", Scope.ADMIN, audited("modem.ussd", care.ussd)),
    ("POST", "/v1/modems/{name}/reset", Scope.ADMIN, audited("modem.reset", care.reset)),
    ("POST", "/v1/modems/{name}/selftest", Scope.ADMIN, audited("modem.selftest", modems.selftest)),
    ("POST", "/v1/modems/{name}/pause", Scope.ADMIN, audited("modem.pause", queue.pause)),
    ("POST", "/v1/modems/{name}/drain", Scope.ADMIN, audited("modem.drain", queue.drain)),
    ("POST", "/v1/modems/{name}/resume", Scope.ADMIN, audited("modem.resume", queue.resume)),
    ("GET", "/v1/queue", Scope.READ, queue.backlog),
    ("POST", "/v1/queue/move", Scope.ADMIN, audited("queue.move", queue.move)),
    ("POST", "/v1/queue/release", Scope.ADMIN, audited("queue.release", queue.release)),
    ("GET", "/v1/doctor", Scope.ADMIN, care.about),
    ("GET", "/v1/stats/funnel", Scope.READ_ALL, stats.funnel),
    ("GET", "/metrics", Scope.METRICS, metrics.scrape),
    ("POST", "/v1/db/prune", Scope.ADMIN, audited("db.prune", keeping.prune)),
    ("POST", "/v1/db/check", Scope.ADMIN, keeping.check),
    ("POST", "/v1/db/backup", Scope.ADMIN, audited("db.backup", keeping.backup)),
    ("POST", "/v1/db/forget", Scope.ADMIN, audited("db.forget", keeping.forget)),
    ("POST", "/v1/keys", Scope.ADMIN, audited("key.create", keys.create)),
    ("GET", "/v1/keys", Scope.ADMIN, keys.listing),
    ("POST", "/v1/keys/{id}/rotate", Scope.ADMIN, audited("key.rotate", keys.rotate)),
    ("GET", "/v1/keys/{id}/use", Scope.ADMIN, keys.use),
    ("GET", "/v1/audit", Scope.AUDIT, auditlog.listing),
    ("DELETE", "/v1/keys/{id}", Scope.ADMIN, audited("key.revoke", keys.revoke)),
)
OPEN_CALLS: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/health/live", health.live),
    ("HEAD", "/health/live", health.live),  # what some load balancers ask
    ("GET", "/health/ready", health.ready),
    ("HEAD", "/health/ready", health.ready),
    ("GET", "/openapi.json", openapi.served),
    ("GET", "/docs", pages.viewer),
    ("GET", "/docs/{file}", pages.file),
    ("POST", "/hooks/generic/{hook}", hooks.generic),
    ("POST", "/hooks/generic/{hook}/{token}", hooks.generic_by_path),
    ("GET", "/hooks/get/{hook}", hooks.get),
    ("GET", "/hooks/get/{hook}/{token}", hooks.get_by_path),
    ("GET", "/problems", pages.problems),
    ("GET", "/problems/{problem}", pages.problem),
)
ACCEPTED = 202
OURS = "/v1/"  # what asks for /metrics adds parameters of its own
MESSAGES_A_TURN = 8  # made of requests: about a millisecond in which the loop does nothing else
_OPEN_PATHS = frozenset(path for _, path, _ in OPEN_CALLS)


def build_app(deps: HttpDeps) -> web.Application:
    """The application over what it is given; a server gives it listeners."""
    app = web.Application(
        middlewares=[passed],
        client_max_size=deps.settings.body_limit,
    )
    app[DEPS] = deps
    app[RUNNING] = Running()
    app[BATCHES] = Under()
    app[METERS] = Meters()
    app[TURNS] = Turns(MESSAGES_A_TURN)
    app[ENDED] = asyncio.Event()
    app[STREAMS] = Streams(deps.events)
    app[LULLS] = Lulls(deps.clock.mono)
    app[REFUSALS] = Refusals(deps.store, deps.clock)
    app[openapi.DOCUMENT] = openapi.Document(calls())
    app[TRAFFIC] = traffic = Traffic()
    app[metrics.SCRAPES] = metrics.Scrapes(deps, traffic, app[STREAMS])
    app.on_shutdown.append(_end_polls)
    app.on_cleanup.append(_count_the_last)
    for method, path, scope, handler in CALLS:
        asked = exact(handler) if path.startswith(OURS) else handler
        app.router.add_route(method, path, guarded(scope, asked))
    for method, path, open_handler in OPEN_CALLS:
        app.router.add_route(method, path, open_handler)
    return app


def calls() -> list[openapi.Call]:
    """All routes, as the document knows them."""
    guarded_ones = [
        openapi.Call(method=method, path=path, scope=scope.value, handler=handler)
        for method, path, scope, handler in CALLS
    ]
    open_ones = [
        openapi.Call(method=method, path=path, scope=None, handler=handler)
        for method, path, handler in OPEN_CALLS
    ]
    return guarded_ones + open_ones


async def _end_polls(app: web.Application) -> None:
    app[ENDED].set()


async def _count_the_last(app: web.Application) -> None:
    await app[REFUSALS].close()


@web.middleware
async def passed(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """What every call goes through: all in one, since each middleware is waited for anew."""
    clock, lulls = request.app[DEPS].clock, request.app[LULLS]
    began_s = clock.mono()
    lulls.end(request.transport)
    try:
        refuse_credentials(request)
        _refuse_stopping(request)
        response = await handler(request)
    except Exception as error:  # noqa: BLE001 the last resort: a caller gets a problem
        response = problem_of(request, error)
    finally:
        lulls.begin(request.transport)
    took_s = clock.mono() - began_s
    request.app[TRAFFIC].answered(request, response, took_s)
    _log(request, response.status, took_s)
    return response


def _refuse_stopping(request: web.Request) -> None:
    """Refuse what comes while the service stops; health still answers."""
    if request.app[DEPS].stopping() and request.path not in _OPEN_PATHS:
        raise stopping()


def _log(request: web.Request, status: int, took_s: float) -> None:
    """One line a request, without numbers: its query may hold some, and so may its path.

    What only reads is for DEBUG, and so is an accepted message: its history is in the store, and at
    thousands a second the lines cost a fifth of the work.
    """
    routine = request.method in ("GET", "HEAD") or status == ACCEPTED
    level = logging.DEBUG if routine else logging.INFO
    if log.isEnabledFor(level):
        log.log(
            level,
            "http.request method=%s path=%s status=%d took_ms=%d",
            request.method,
            shown_path(request),
            status,
            took_s * 1000,
        )

"""Is the service alive, and is it ready to take messages?

May import L0, the store's protocol and the pool's facade. Open to everybody: no names, no numbers.
"""

from __future__ import annotations

from aiohttp import web

from airpost.services.http.body import answer
from airpost.services.http.deps import DEPS, HttpDeps
from airpost.services.http.operations import operation
from airpost.services.http.shapes import keeping as shapes


@operation("getLive", "Does the process turn?", answers={200: shapes.Live})
async def live(_request: web.Request) -> web.Response:
    """`GET /health/live`: 200 as long as the loop turns."""
    return answer({"status": "live"})


@operation(
    "getReady",
    "Are messages taken?",
    answers={200: shapes.Readiness, 503: shapes.Readiness},
)
async def ready(request: web.Request) -> web.Response:
    """`GET /health/ready`: 200 when messages are taken, with what is amiss; else 503.

    `status` is "ready", "degraded" (messages are taken and kept, none can go out) or "unavailable".
    """
    deps = request.app[DEPS]
    blocking = _blocking(deps)
    views = deps.pool.modems()
    up = sum(view.ready for view in views)
    reasons = list(blocking)
    if not views:
        reasons.append("no modem is configured")
    elif not up:
        reasons.append("no modem is ready")
    status = "unavailable" if blocking else "degraded" if reasons else "ready"
    body = {"status": status, "reasons": reasons, "modems": {"ready": up, "all": len(views)}}
    return answer(body, status=503 if blocking else 200)


def _blocking(deps: HttpDeps) -> list[str]:
    """Why nothing can be taken, empty when it can."""
    reasons = []
    if deps.stopping():
        reasons.append("the service is stopping")
    if deps.store.unavailable is not None:
        reasons.append(f"the store: {deps.store.unavailable}")
    return reasons

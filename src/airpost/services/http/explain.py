"""Why a message goes by one modem and not by the others.

May import L0, the store's protocols and the pool's facade. What was bound tells the reasons of that
moment; what waits, those of now.
"""

from __future__ import annotations

from aiohttp import web

from airpost.model import Message, MessageId
from airpost.services.http.body import answer
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS, HttpDeps
from airpost.services.http.operations import Example, operation
from airpost.services.http.problems import Refusal
from airpost.services.http.render import Json, routing_json
from airpost.services.http.shapes.messages import Explanation
from airpost.store.routing import Routed


@operation(
    "explainMessage",
    "Tell why a message goes by its modem",
    answers={200: Explanation},
    example=Example(
        path={"id": "0199e7c0-6b1a-7c3e-9f51-3a2d4e5f6071"}, after=("createMessage", {"id": "/id"})
    ),
)
async def explain(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/messages/{id}/explain`."""
    deps = request.app[DEPS]
    message = await deps.store.message(MessageId(request.match_info["id"]), caller.sees)
    if message is None:
        raise Refusal("not-found", "there is no such message, or it belongs to somebody else")
    to = deps.admission.numbering.read(message.to)
    return answer(
        {
            "message": message.id,
            "state": message.state.value,
            "to": {"number": to.number, "country": to.country, "kind": to.kind.value,
                   "carrier": to.carrier},
            **await routing(deps, message),
        }
    )  # fmt: skip


async def routing(deps: HttpDeps, message: Message) -> Json:
    """Why this modem, and why not each other, of a message that is stored."""
    kept = await deps.store.choices.routed(message.id)
    waiting = None if kept is None or kept.lane else await deps.store.choices.unbound(message.id)
    if waiting is None:
        return routing_json(kept, now=False)
    outlook = deps.pool.outlook(waiting)
    would_be = Routed(
        route=waiting.route,
        carrier=waiting.carrier,
        lane=outlook.lane,
        sim_id=None,
        bound_at=None,
        reason=outlook.reason,
        others=outlook.others,
        group=outlook.group,
        groups_failed=waiting.groups_failed,
    )
    return routing_json(would_be, now=True)

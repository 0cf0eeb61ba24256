"""Why a message is in its state, and why it goes by one modem and not by the others.

May import L0, the store's protocols and the pool's facade. What was bound tells the reasons of that
moment; what waits, those of now.
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from airpost.clock import rfc3339
from airpost.model import Message, MessageId
from airpost.services.http.body import answer
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS, HttpDeps
from airpost.services.http.fate import NO_MODEM, fate_of
from airpost.services.http.operations import Example, operation
from airpost.services.http.problems import Refusal
from airpost.services.http.render import Json, routing_json
from airpost.services.http.shapes.messages import Explanation
from airpost.states import MessageState
from airpost.store.keeping import RESTORED
from airpost.store.routing import Routed

# Parts of it may still be to come, and stay with the modem for a while.
WITH_ITS_MODEM = (MessageState.QUEUED, MessageState.SENDING)


@operation(
    "explainMessage",
    "Tell why a message is in its state and goes by its modem",
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
    fate = fate_of(message, deps.clock.now())
    routed = await routing(deps, message)
    stuck = routed.get("now") and routed["modem"] is None and not routed["waits_for"]
    return answer(
        {
            "message": message.id,
            "state": message.state.value,
            "final": message.final,
            "because": fate.because,
            "todo": NO_MODEM if stuck else fate.todo,
            "to": {"number": to.number, "country": to.country, "kind": to.kind.value,
                   "carrier": to.carrier},
            **routed,
        }
    )  # fmt: skip


async def routing(deps: HttpDeps, message: Message) -> Json:
    """Why this modem, and why not each other, of a message that is stored."""
    kept = await deps.store.choices.routed(message.id)
    waits_for = [] if message.final else await _waits_for(deps, message, kept)
    waiting = None if kept is None or kept.lane else await deps.store.choices.unbound(message.id)
    if waiting is None:
        if kept is not None and kept.lane is None and kept.reason is None:
            why = "no modem was ever given it"
            if message.reason == RESTORED:
                why = "the copy that was put back shows no modem that was given it"
            kept = replace(kept, reason=why)
        return routing_json(kept, waits_for, now=False)
    outlook = deps.pool.outlook(waiting)
    if outlook.another_until is not None:
        waits_for.append(
            "a modem with another SIM than the one that was refused it, until "
            f"{rfc3339(outlook.another_until)}; then that one tries it once more"
        )
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
    return routing_json(would_be, waits_for, now=True)


async def _waits_for(deps: HttpDeps, message: Message, kept: Routed | None) -> list[str]:
    """All that holds it now: its time, limits, an earlier message, the modem that has it."""
    found = []
    now = deps.clock.now()
    turn = await deps.store.choices.turn(message.id)
    if message.state is MessageState.ACCEPTED and message.not_before is not None:
        found.append(f"its time, {rfc3339(message.not_before)}")
    elif turn.next_try is not None and turn.next_try > now:
        found.append(f"its next try, {rfc3339(turn.next_try)}")
    if (limit := deps.pool.waits(message)) is not None:
        found.append(f"{limit.words}, until {rfc3339(limit.until)}")
    if (first := turn.before) is not None:
        until = "its fate is known: it is `ordered`" if first.ordered else "it has been tried"
        which = first.id if first.owner == message.owner else "an earlier message of somebody else"
        found.append(f"{which}, which is {first.state.value} and goes first, until {until}")
    lane = None if kept is None else kept.lane
    view = None if lane is None else deps.pool.modem(lane)
    if view is not None and not view.takes and message.state in WITH_ITS_MODEM:
        found.append(f"{view.lane}, which has it: {view.paused or view.detail}")
    return found

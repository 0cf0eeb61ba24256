"""The queue and what people do to it: pause, drain, resume, move, release.

May import L0, the store's protocol and the pool's facade.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from aiohttp import web

from airpost.errors import InvalidRequest
from airpost.model import Lane, Message, MessageId, ModemView
from airpost.services.http.audited import begins, changed
from airpost.services.http.body import answer, read_json
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS, HttpDeps
from airpost.services.http.known import no_modem
from airpost.services.http.operations import Example, operation
from airpost.services.http.problems import Refusal
from airpost.services.http.render import Json, listed_json, modem_json
from airpost.services.http.schemas import MoveIn, QueueQuery, SettleIn, read_body, read_query
from airpost.services.http.shapes import messages, modems
from airpost.store.api import Verdict
from airpost.tasks import shielded

log = logging.getLogger("airpost.http")


@operation(
    "listQueue",
    "Show what is bound to no modem yet",
    query=QueueQuery,
    answers={200: messages.Backlog},
    example=Example(query={"limit": 10}),
)
async def backlog(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/queue`: what is bound to no modem yet, in the order in which it goes.

    Messages of others are left out for a caller that may not see them; `total` counts them.
    """
    deps = request.app[DEPS]
    asked = read_query(QueueQuery, request.query.items())
    limit = min(asked.limit or deps.settings.page_limit, deps.settings.max_page)
    found = await deps.store.queue(None, limit)
    return answer(
        {"items": shown(deps, found.backlog, caller.sees), "next": None,
         "total": found.backlog_total}
    )  # fmt: skip


def shown(deps: HttpDeps, messages: Iterable[Message], owner: str | None) -> list[Json]:
    """Those that the owner (None: anybody) may see."""
    return [listed_json(deps.pool, each) for each in messages
            if owner is None or each.owner == owner]  # fmt: skip


@operation(
    "pauseModem",
    "Let a modem take nothing more",
    answers={200: modems.Modem},
    example=Example(path={"name": "gate-1"}),
)
async def pause(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/modems/{name}/pause`: it takes nothing more; what it has not begun goes back."""
    lane = _find(request).lane
    log.info("http.pause modem=%s actor=%s", lane, caller.actor)
    await shielded(request.app[DEPS].pool.pause(lane, caller.actor), name=f"pause {lane}")
    return answer(modem_json(_find(request)))


@operation(
    "drainModem",
    "Let a modem send what it has, then nothing more",
    answers={200: modems.Modem},
    example=Example(path={"name": "gate-1"}),
)
async def drain(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/modems/{name}/drain`: it sends what is bound to it, then it is paused."""
    pool, lane = request.app[DEPS].pool, _find(request).lane
    log.info("http.drain modem=%s actor=%s", lane, caller.actor)
    await shielded(pool.pause(lane, caller.actor, drain=True), name=f"drain {lane}")
    return answer(modem_json(_find(request)))


@operation(
    "resumeModem",
    "Let a modem take messages again",
    answers={200: modems.Modem},
    example=Example(path={"name": "gate-1"}),
)
async def resume(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/modems/{name}/resume`: it takes messages again; doubt of its SIM is over."""
    lane = _find(request).lane
    log.info("http.resume modem=%s actor=%s", lane, caller.actor)
    await shielded(request.app[DEPS].pool.resume(lane, caller.actor), name=f"resume {lane}")
    return answer(modem_json(_find(request)))


@operation(
    "moveQueue",
    "Move what waits for one modem to another, or to any",
    body=MoveIn,
    answers={200: messages.Moved},
    problems=("unknown-modem",),
    example=Example(body={"from": "gate-1", "to": None}),
)
async def move(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/queue/move`: `{from, to}`; to null: to any modem. `{moved}`."""
    deps = request.app[DEPS]
    given = read_body(MoveIn, await read_json(request))
    if given.to is not None and deps.pool.modem(Lane(given.to)) is None:
        raise InvalidRequest("to", no_modem(deps.pool), "unknown-modem")
    if given.to == given.from_:
        raise InvalidRequest("to", "is the modem it comes from")
    to = None if given.to is None else Lane(given.to)
    await begins(request, given.from_, to=to)
    moved = await shielded(
        deps.store.decisions.move(Lane(given.from_), to, caller.actor), name=f"move {given.from_}"
    )
    changed(request, given.from_, to=to, moved=moved)
    log.info("http.move from=%s to=%s moved=%d actor=%s", given.from_, to, moved, caller.actor)
    if not moved and deps.pool.modem(Lane(given.from_)) is None:
        words = f"nothing waits for it, and {no_modem(deps.pool)}"
        raise InvalidRequest("from", words, "unknown-modem")
    return answer({"from": given.from_, "to": to, "moved": moved})


@operation(
    "releaseMessages",
    "Decide about messages of unknown fate",
    body=SettleIn,
    answers={200: messages.Released},
    example=Example(body={"ids": ["0199e7c0-6b1a-7c3e-9f51-3a2d4e5f6071"], "as": "sent"}),
)
async def release(request: web.Request, caller: Caller) -> web.Response:
    """`POST /v1/queue/release`: `{ids | restored, as}`; `{released, refused}`.

    A person's word about messages of unknown fate. `restored` is what a restore has frozen, all of
    it or of `ids`; what of that the network had taken by then is sent, the rest goes out.
    """
    deps = request.app[DEPS]
    given = read_body(SettleIn, await read_json(request))
    if not (given.ids or given.restored):
        raise InvalidRequest("ids", "is needed, or restored", "missing-field")
    if given.restored and given.as_ is not Verdict.RESEND:
        raise InvalidRequest("as", "of what a restore has frozen is resend")
    if given.restored and not given.ids:
        await begins(request, "all that a restore has frozen")
        done = deps.store.keeping.release_restored((), caller.actor)
        released = await shielded(done, name="release")
        changed(request, "all that a restore has frozen", released=released)
        log.info("http.release restored=%d actor=%s", released, caller.actor)
        return answer({"released": released, "refused": []})
    ids = dict.fromkeys(MessageId(each) for each in given.ids)
    subject = next(iter(ids)) if len(ids) == 1 else f"{len(ids)} messages"
    await begins(request, subject, **{"as": given.as_.value})
    refused = []
    for id_ in ids:
        decided = _decide(deps, caller, id_, given)
        if (problem := await shielded(decided, name=f"release {id_}")) is not None:
            refused.append({"id": id_, "problem": problem})
    released = len(ids) - len(refused)
    changed(request, subject, released=released)
    log.info("http.release released=%d as=%s actor=%s", released, given.as_.value, caller.actor)
    return answer({"released": released, "refused": refused})


async def _decide(deps: HttpDeps, caller: Caller, id_: MessageId, given: SettleIn) -> str | None:
    """None once it is done, else why it cannot be."""
    if given.restored:
        done = await deps.store.keeping.release_restored([id_], caller.actor)
        return None if done else "no restore has frozen it"
    decisions = deps.store.decisions
    try:
        settled = await decisions.settle(id_, caller.cancels, given.as_, caller.actor)
    except KeyError:
        return "there is no such message"
    return None if settled else "nothing of it is uncertain now"


def _find(request: web.Request) -> ModemView:
    pool = request.app[DEPS].pool
    view = pool.modem(Lane(request.match_info["name"]))
    if view is None:
        raise Refusal("not-found", no_modem(pool))
    return view

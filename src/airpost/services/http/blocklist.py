"""Numbers never to be texted: list, read, add, remove.

May import L0 and the store's protocols. What is on the list is refused in the commit that would
store it; what waits for such a number fails when it is added.
"""

from __future__ import annotations

import logging

from aiohttp import web

from airpost.errors import InvalidRequest
from airpost.model import masked
from airpost.services.http.audited import changed, counted
from airpost.services.http.body import answer, read_json
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS, HttpDeps
from airpost.services.http.operations import Example, operation
from airpost.services.http.people import NAMING, Breath, dials
from airpost.services.http.places import read_place, write_place
from airpost.services.http.problems import Refusal
from airpost.services.http.render import blocked_json, list_json
from airpost.services.http.schemas import BlockIn, BlockManyIn, ListQuery, read_body, read_query
from airpost.services.http.shapes import keeping as shapes
from airpost.store.routing import Blocked

log = logging.getLogger("airpost.http")
CURSOR_KIND = "b"


@operation(
    "listBlocked",
    "List the numbers that are never texted",
    query=ListQuery,
    answers={200: shapes.Blocklist},
    example=Example(query={"limit": 10}),
)
async def listing(request: web.Request, _caller: Caller) -> web.Response:
    """`GET /v1/blocklist`: a page, by number."""
    deps = request.app[DEPS]
    asked = read_query(ListQuery, request.query.items())
    limit = min(asked.limit or deps.settings.page_limit, deps.settings.max_page)
    found = await deps.store.blocklist.page(read_place(CURSOR_KIND, asked.cursor)[0], limit + 1)
    following = write_place(CURSOR_KIND, found[limit - 1].number) if len(found) > limit else None
    return answer(list_json(map(blocked_json, found[:limit]), following))


@operation(
    "getBlocked",
    "Read an entry of the blocklist",
    answers={200: shapes.Blocked},
    problems=("number-not-dialable", *NAMING),
    example=Example(path={"number": "+491701234999"}, after=("blockNumber", {"number": "/number"})),
)
async def one(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/blocklist/{number}`."""
    return answer(blocked_json(await _find(request, caller)))


@operation(
    "blockNumber",
    "Never text a number again",
    body=BlockIn,
    body_optional=True,
    answers={200: shapes.BlockedNow},
    problems=("number-not-dialable", *NAMING),
    example=Example(path={"number": "+491701234999"}, body={"note": "asked us to"}),
)
async def add(request: web.Request, caller: Caller) -> web.Response:
    """`PUT /v1/blocklist/{number}`: 200 with the entry and how many messages that waited failed."""
    given = read_body(BlockIn, await read_json(request)) if request.can_read_body else BlockIn()
    number = await _number(request, caller)
    changed(request, masked(number))
    counted(request, "failed")
    failed = await _block(request.app[DEPS], [number], given.note, caller)
    return answer({**blocked_json(await _find(request, caller)), "failed": failed})


@operation(
    "blockNumbers",
    "Never text many numbers again, all or none",
    body=BlockManyIn,
    answers={200: shapes.BlockedMany},
    problems=("number-not-dialable", *NAMING),
    example=Example(body={"numbers": ["+491701234999"], "note": "asked us to"}),
)
async def add_many(request: web.Request, caller: Caller) -> web.Response:
    """`PUT /v1/blocklist`: many at once, all or none."""
    deps = request.app[DEPS]
    given = read_body(BlockManyIn, await read_json(request))
    if len(given.numbers) > (most := deps.settings.max_blocked):
        words = f"has more than {most} entries; max_blocked of [http] allows no more"
        raise InvalidRequest("numbers", words, setting="http.max_blocked")
    numbers = []
    breath = Breath(deps.clock)
    for at, each in enumerate(given.numbers):
        await breath()
        numbers.append(await dials(deps, caller, f"numbers.{at}", each))
    changed(request, f"{len(set(numbers))} numbers")
    counted(request, "failed")
    failed = await _block(deps, numbers, given.note, caller)
    return answer({"numbers": len(set(numbers)), "failed": failed})


@operation(
    "unblockNumber",
    "Take a number off the blocklist",
    answers={204: None},
    problems=("number-not-dialable", *NAMING),
    example=Example(path={"number": "+491701234999"}, after=("blockNumber", {"number": "/number"})),
)
async def remove(request: web.Request, caller: Caller) -> web.Response:
    """`DELETE /v1/blocklist/{number}`: 204."""
    if not await request.app[DEPS].store.blocklist.unblock(await _number(request, caller)):
        raise _unknown()
    return web.Response(status=204)


async def _block(deps: HttpDeps, numbers: list[str], note: str | None, caller: Caller) -> int:
    failed = await deps.store.blocklist.block(numbers, note, caller.actor, deps.clock.now())
    shown = masked(numbers[0]) if len(numbers) == 1 else f"{len(numbers)} numbers"
    log.info("blocklist.added %s by=%s failed=%d", shown, caller.actor, failed)
    return failed


async def _number(request: web.Request, caller: Caller) -> str:
    return await dials(request.app[DEPS], caller, "number", request.match_info["number"])


async def _find(request: web.Request, caller: Caller) -> Blocked:
    found = await request.app[DEPS].store.blocklist.blocked(await _number(request, caller))
    if found is None:
        raise _unknown()
    return found


def _unknown() -> Refusal:
    return Refusal("not-found", "this number is not on the blocklist")

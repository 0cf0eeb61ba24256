"""The stream: events as they happen, by server-sent events, resumed by `Last-Event-ID`.

May import aiohttp, L0 and the store's protocols. A client pulls from the log at its own pace: what
it has not taken is in no queue. One whose connection takes nothing for `stream_stall_s` is cut, and
goes on where it was when it comes back.
"""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from airpost.errors import AirpostError, InvalidRequest, StoreUnavailable
from airpost.services.events import MAX_PATTERNS, View, pattern_fault
from airpost.services.http.auth import identify
from airpost.services.http.credentials import Caller, Scope
from airpost.services.http.deps import DEPS, ENDED, HttpDeps
from airpost.services.http.event_schemas import StreamQuery
from airpost.services.http.operations import Example, Media, operation
from airpost.services.http.problems import Refusal
from airpost.services.http.schemas import read_query
from airpost.services.http.streams import STREAMS, Client, Streams
from airpost.tasks import spawn, stop

log = logging.getLogger("airpost.http")
HEADER = "Last-Event-ID"
RETRY_MS = 2_000  # so long a client waits before it comes back
LOOK_S = 0.05  # at a client that is slow
STORE_S = 1.0  # before a store that cannot be read is asked again
HEARTBEAT = b": alive\n\n"


@operation(
    "streamEvents",
    "Be told of events as they happen",
    query=StreamQuery,
    headers={HEADER: "The id of the last event that was seen: those after it come first"},
    answers={200: Media(type="text/event-stream", words="Server-sent events, for ever")},
    problems=("too-many-streams",),
    example=Example(query={"types": "message.*,modem.state"}),
    words="`data` is what a webhook gets as its body. Comments come while nothing happens.",
)
async def stream(request: web.Request, caller: Caller) -> web.StreamResponse:
    """`GET /v1/stream`: until the client hangs up, is cut, or the service stops."""
    deps, streams = request.app[DEPS], request.app[STREAMS]
    view = _view(request, caller)
    seen = _seen(request)
    if streams.count >= deps.settings.stream_clients:
        raise Refusal(
            "too-many-streams", f"there are {streams.count} clients of the stream",
            headers={"Retry-After": "5"}, extra={"setting": "stream.clients"},
        )  # fmt: skip
    newest = await deps.events.start()
    place = newest if seen is None or seen > newest else seen
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    response.charset = "utf-8"
    streams.count += 1
    try:
        with deps.events.listening():
            await _serve(request, response, view, place)
    finally:
        streams.count -= 1
    return response


def _view(request: web.Request, caller: Caller) -> View:
    asked = read_query(StreamQuery, request.query.items())
    given = asked.types.split(",")
    if len(given) > MAX_PATTERNS:
        raise InvalidRequest("types", f"are {MAX_PATTERNS} at most")
    patterns = tuple(each.strip() for each in given if each.strip())
    for pattern in patterns:
        if (fault := pattern_fault(pattern)) is not None:
            raise InvalidRequest("types", fault)
    return View(caller.sees, caller.may(Scope.INBOUND), patterns)


def _seen(request: web.Request) -> int | None:
    given = request.headers.get(HEADER, "").strip()
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise InvalidRequest(HEADER, "is the id of an event")
    return int(given)


async def _serve(
    request: web.Request, response: web.StreamResponse, view: View, place: int
) -> None:
    await response.prepare(request)
    transport = request.transport
    if transport is None:  # it has hung up already
        return
    client = Client(view, place, transport, chunked="Transfer-Encoding" in response.headers)
    ending = spawn(_ended(request), name="stream ends")
    telling = spawn(_tell(request, response, client), name="stream")
    try:
        await asyncio.wait([telling, ending], return_when=asyncio.FIRST_COMPLETED)
    finally:
        ending.cancel()
        await stop(telling)
        request.app[STREAMS].leave(client)
    if not telling.cancelled():
        transport.abort()  # it takes nothing, or may see nothing more


async def _ended(request: web.Request) -> None:
    await request.app[ENDED].wait()


async def _tell(request: web.Request, response: web.StreamResponse, client: Client) -> None:
    """Until the client is to be cut; most of the time others write to it."""
    deps, streams = request.app[DEPS], request.app[STREAMS]
    try:
        # With the head, which is by aiohttp. Who is cut off before an event goes on from here.
        await response.write(b"id: %d\nretry: %d\n\n" % (client.place, RETRY_MS))
    except (ConnectionError, RuntimeError):
        return  # it has hung up
    while await _taken(client, deps, streams):
        if client.place < deps.events.head:
            try:
                octets, client.place = await streams.chunk(client.view, client.place)
            except StoreUnavailable:
                await deps.clock.sleep(STORE_S)
            else:
                client.write(octets)
            continue
        streams.join(client)
        try:
            async with asyncio.timeout(deps.settings.stream_heartbeat_s):
                await client.wake.wait()
        except TimeoutError:
            streams.leave(client)
            if not await _still_known(request):
                return
            client.write(HEARTBEAT)


async def _taken(client: Client, deps: HttpDeps, streams: Streams) -> bool:
    """Once it has taken everything; False for a client that takes nothing, or has gone."""
    left, since_s = client.untaken, deps.clock.mono()
    while client.untaken:
        await deps.clock.sleep(LOOK_S)
        if client.untaken < left:
            left, since_s = client.untaken, deps.clock.mono()
        elif deps.clock.mono() - since_s >= deps.settings.stream_stall_s:
            streams.cut += 1
            log.info("http.stream_cut took_nothing_s=%g", deps.settings.stream_stall_s)
            return False
    return not client.gone


async def _still_known(request: web.Request) -> bool:
    """False once the key was revoked, or the store that knows it has gone."""
    try:
        caller = await identify(request)
    except AirpostError:
        return False
    return caller.may(Scope.READ)

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
from airpost.services.eventlog import EventLog
from airpost.services.events import MAX_PATTERNS, View, pattern_fault, type_of
from airpost.services.http.auth import identify
from airpost.services.http.credentials import Caller, Scope
from airpost.services.http.deps import DEPS, ENDED, HttpDeps
from airpost.services.http.event_schemas import StreamQuery
from airpost.services.http.operations import Example, Media, operation
from airpost.services.http.problems import Refusal
from airpost.services.http.schemas import read_query
from airpost.services.webhooks.envelope import envelope
from airpost.tasks import spawn, stop

log = logging.getLogger("airpost.http")
HEADER = "Last-Event-ID"
ROWS = 200  # of the log, in one write
BUFFER_OCTETS = 64 * 1024  # of a connection, beyond the kernel's
RETRY_MS = 2_000  # so long a client waits before it comes back
STORE_S = 1.0  # before a store that cannot be read is asked again
HEARTBEAT = b": alive\n\n"
_MOST_CHUNKS = 64  # kept for clients that see the same


class Streams:
    """All clients of the stream."""

    def __init__(self, events: EventLog) -> None:
        self.events = events
        self.clients = 0
        self.cut = 0  # clients that took nothing
        self._chunks: dict[tuple[View, int], tuple[bytes, int]] = {}

    async def chunk(self, view: View, place: int) -> tuple[bytes, int]:
        """What comes after a place as it is written, and the place after it."""
        known = self._chunks.get((view, place))
        if known is not None:
            return known
        found = await self.events.after(place, ROWS)
        made = b"".join(
            _written(event.seq, envelope(event, type_).body)
            for event in found.events
            if (type_ := type_of(event)) is not None and view.shows(event, type_)
        )
        if len(self._chunks) >= _MOST_CHUNKS:
            self._chunks.pop(next(iter(self._chunks)))
        if found.until != place:
            self._chunks[view, place] = (made, found.until)
        return made, found.until


STREAMS = web.AppKey("streams", Streams)


def _written(seq: int, body: bytes) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (seq, body)


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
    if streams.clients >= deps.settings.stream_clients:
        raise Refusal(
            "too-many-streams", f"there are {streams.clients} clients of the stream",
            headers={"Retry-After": "5"}, extra={"setting": "stream.clients"},
        )  # fmt: skip
    newest = await streams.events.start()
    place = newest if seen is None or seen > newest else seen
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    response.charset = "utf-8"
    streams.clients += 1
    try:
        with streams.events.listening():
            await _serve(request, response, view, place)
    finally:
        streams.clients -= 1
    return response


def _view(request: web.Request, caller: Caller) -> View:
    asked = read_query(StreamQuery, request.query.items())
    patterns = tuple(each.strip() for each in asked.types.split(",") if each.strip())
    if len(patterns) > MAX_PATTERNS:
        raise InvalidRequest("types", f"are {MAX_PATTERNS} at most")
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
    transport.set_write_buffer_limits(high=BUFFER_OCTETS)
    ending = spawn(_ended(request), name="stream ends")
    telling = spawn(_tell(request, response, view, place), name="stream")
    try:
        await asyncio.wait([telling, ending], return_when=asyncio.FIRST_COMPLETED)
    finally:
        ending.cancel()
        await stop(telling)
    if not telling.cancelled():
        transport.abort()  # it takes nothing, or may see nothing more


async def _ended(request: web.Request) -> None:
    await request.app[ENDED].wait()


async def _tell(request: web.Request, response: web.StreamResponse, view: View, place: int) -> None:
    """Write until the client is to be cut."""
    deps, streams = request.app[DEPS], request.app[STREAMS]
    octets = b"retry: %d\n\n" % RETRY_MS
    while await _taken(response, octets, deps, streams):
        if not await streams.events.beyond(place, deps.settings.stream_heartbeat_s):
            if not await _still_known(request):
                return
            octets = HEARTBEAT
            continue
        try:
            octets, place = await streams.chunk(view, place)
        except StoreUnavailable:
            await deps.clock.sleep(STORE_S)
            octets = b""


async def _taken(
    response: web.StreamResponse, octets: bytes, deps: HttpDeps, streams: Streams
) -> bool:
    """False for a client that takes nothing, or has gone."""
    if not octets:
        return True
    try:
        async with asyncio.timeout(deps.settings.stream_stall_s):
            await response.write(octets)
    except TimeoutError:
        streams.cut += 1
        log.info("http.stream_cut took_nothing_s=%g", deps.settings.stream_stall_s)
        return False
    except (ConnectionError, RuntimeError):
        return False
    return True


async def _still_known(request: web.Request) -> bool:
    """False once the key was revoked, or the store that knows it has gone."""
    try:
        caller = await identify(request)
    except AirpostError:
        return False
    return caller.may(Scope.READ)

"""All clients of the stream: what comes is written to those that have taken everything before.

May import asyncio, L0 and the services. No queue is kept for anybody: a client has a place in the
log and what its connection has yet to take. One write to each takes the loop some ten microseconds,
and the modems go between; whoever has not taken the last one is left to its own handler.
"""

from __future__ import annotations

import asyncio
from collections import deque

from aiohttp import web

from airpost.services.eventlog import EventLog
from airpost.services.events import View, type_of
from airpost.services.webhooks.envelope import envelope
from airpost.store.publishing import LogEvent

AT_ONCE = 8  # written to in one turn of the loop
CHUNK_OCTETS = 48 * 1024  # of one write, but for the event that goes beyond
ROWS = 200  # of the log, looked at for one write
_MOST_CHUNKS = 64  # kept for clients that see the same


class Client:
    """One that is told. `wake` is set when it is joined no longer."""

    def __init__(
        self, view: View, place: int, transport: asyncio.WriteTransport, *, chunked: bool
    ) -> None:
        self.view = view
        self.place = place
        self.wake = asyncio.Event()
        self._transport = transport
        self._chunked = chunked  # by HTTP/1.1

    @property
    def untaken(self) -> int:
        """Octets that even the kernel has not."""
        return self._transport.get_write_buffer_size()

    @property
    def gone(self) -> bool:
        """True once the connection is closed."""
        return self._transport.is_closing()

    def write(self, octets: bytes) -> None:
        """Write, at once and whole: whoever calls has seen that nothing is `untaken`."""
        if octets:
            framed = b"%x\r\n%b\r\n" % (len(octets), octets) if self._chunked else octets
            self._transport.write(framed)


class Streams:
    """Of one application. `count` are connected, `cut` have taken nothing for too long."""

    def __init__(self, events: EventLog) -> None:
        self.count = 0
        self.cut = 0
        self._events = events
        self._joined: dict[Client, None] = {}
        self._turn: deque[Client] = deque()  # yet to be written to
        self._again = False
        self._chunks: dict[tuple[View, int], tuple[bytes, int]] = {}
        events.watch(self._news)

    def join(self, client: Client) -> None:
        """It has taken everything up to its place: what comes is written to it."""
        client.wake.clear()
        self._joined[client] = None
        self._push(client)

    def leave(self, client: Client) -> None:
        """Nothing more is written to it."""
        self._joined.pop(client, None)
        client.wake.set()

    def _news(self) -> None:
        if self._turn:
            self._again = True
        elif self._joined:
            self._begin()

    def _begin(self) -> None:
        self._turn.extend(self._joined)
        asyncio.get_running_loop().call_soon(self._push_some)

    def _push_some(self) -> None:
        for _ in range(min(AT_ONCE, len(self._turn))):
            client = self._turn.popleft()
            if client in self._joined:
                self._push(client)
        if self._turn:
            asyncio.get_running_loop().call_soon(self._push_some)
        elif self._again:
            self._again = False
            self._begin()

    def _push(self, client: Client) -> None:
        """Write what is new, or leave a client to its handler that has not taken what was."""
        while client.place < self._events.head:
            found = self.newest(client.view, client.place)
            if found is None or client.gone or client.untaken:
                self.leave(client)
                return
            octets, client.place = found
            client.write(octets)

    def newest(self, view: View, place: int) -> tuple[bytes, int] | None:
        """What comes after a place, as it is written, and the place after it; None: not at hand."""
        known = self._chunks.get((view, place))
        if known is not None:
            return known
        found = self._events.recent(place, ROWS)
        return None if found is None else self._keep(view, place, found.events, found.until)

    async def chunk(self, view: View, place: int) -> tuple[bytes, int]:
        """The same from wherever in the log; StoreUnavailable."""
        at_hand = self.newest(view, place)
        if at_hand is not None:
            return at_hand
        found = await self._events.after(place, ROWS)
        return _cut(view, found.events, found.until)

    def _keep(
        self, view: View, place: int, events: tuple[LogEvent, ...], until: int
    ) -> tuple[bytes, int]:
        made = _cut(view, events, until)
        if len(self._chunks) >= _MOST_CHUNKS:
            self._chunks.pop(next(iter(self._chunks)))
        if made[1] != place:
            self._chunks[view, place] = made
        return made


STREAMS = web.AppKey("streams", Streams)


def _cut(view: View, events: tuple[LogEvent, ...], until: int) -> tuple[bytes, int]:
    """Events as they are written, as many as one write has, and the last place among them."""
    parts: list[bytes] = []
    octets = 0
    for event in events:
        type_ = type_of(event)
        if type_ is None or not view.shows(event, type_):
            continue
        if octets > CHUNK_OCTETS:
            return b"".join(parts), event.seq - 1
        parts.append(b"id: %d\ndata: %b\n\n" % (event.seq, envelope(event, type_).body))
        octets += len(parts[-1])
    return b"".join(parts), until

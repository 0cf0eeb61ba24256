"""How many connections there may be, and what is told to one too many.

May import aiohttp and L0. A connection costs a descriptor, and so do ports and the store: without a
limit, callers that ask nothing take them all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, cast
from weakref import WeakKeyDictionary

from aiohttp import web

from airpost.services.http.lulls import Lulls
from airpost.services.http.problems import CONTENT_TYPE, problem_octets, too_many_connections
from airpost.services.http.tls import Tls
from airpost.tasks import spawn

log = logging.getLogger("airpost.http")
LOCAL_MORE = 16  # connections of Unix sockets beyond the limit: whoever looks what is wrong gets in
TOLD_AT_ONCE = 32  # answers on their way; more callers than that are hung up on
HANDSHAKE_S = 10.0  # for TLS to be agreed upon
TOLD_S = 1.0  # for the caller to read the answer and hang up
LOG_EVERY_S = 60.0
READ_OCTETS = 32_768  # of a connection in a turn of the loop; asyncio's 262,144 keep all waiting
REFUSED_OCTETS = 2048  # of a body that is thrown away


def read_at_once(transport: asyncio.BaseTransport | None, octets: int) -> None:
    """How much of a connection is read in one turn of the loop, where it is asyncio that reads."""
    if hasattr(transport, "max_size"):  # of a socket; TLS reads by itself
        cast("Any", transport).max_size = octets


class Door:
    """Before the server of an application: lets in `limit` connections, all listeners together.

    One more takes the place of whoever has kept us waiting the longest, for `room_s` at least;
    where nobody has, it is told so. A request whose caller has hung up counts until it ends.
    aiohttp closes what asks nothing, the door what takes nothing of its answer for `idle_s`, or up
    to twice that.
    """

    def __init__(
        self,
        server: web.Server,
        speaker: Callable[[], asyncio.Protocol],
        limit: int,
        idle_s: float,
        lulls: Lulls,
        room_s: float,
    ) -> None:
        self._lulls = lulls
        self._room_s = room_s
        self._made_room = 0
        self._server = server
        self._speaker = speaker
        self._limit = limit
        self._idle_s = idle_s
        self.refused = 0
        # By connection; of one with TLS by what carries it, where what is not taken lies.
        self._untaken: WeakKeyDictionary[asyncio.Transport, int] = WeakKeyDictionary()
        self._shaking: set[asyncio.Task[None]] = set()
        self._looking: asyncio.TimerHandle | None = None
        self._turned_away: set[_TurnedAway] = set()
        self._unsaid = 0
        self._saying: asyncio.TimerHandle | None = None

    @property
    def open(self) -> int:
        """How many are let in now."""
        return len(self._server.connections)

    def tcp(self) -> asyncio.Protocol:
        """A protocol for one connection over TCP."""
        return _Arrival(self, self._limit)

    def tls(self, tls: Tls) -> asyncio.Protocol:
        """A protocol for one connection over TCP that is to speak TLS."""
        return _Secured(self, self._limit, tls)

    def shake(self, transport: asyncio.Transport, limit: int, tls: Tls) -> None:
        """Agree on TLS, then decide; what waits for that counts against the limit, too."""
        if len(self._server.connections) + len(self._shaking) >= limit + TOLD_AT_ONCE:
            self._refused()
            transport.abort()
            return
        transport.pause_reading()  # until TLS reads
        task = spawn(self._agree(transport, limit, tls), name="tls handshake")
        self._shaking.add(task)
        task.add_done_callback(self._shaking.discard)

    async def _agree(self, transport: asyncio.Transport, limit: int, tls: Tls) -> None:
        early = _Early()
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport, early, tls.context, server_side=True, ssl_handshake_timeout=HANDSHAKE_S
            )
        except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError is an OSError
            log.debug("http.no_tls %s", type(error).__name__)
            transport.abort()
            return
        if secured is None or early.lost:
            return
        found = self.decide(limit, secured, transport)
        if found is None:
            secured.abort()
            return
        secured.set_protocol(found)
        found.connection_made(secured)
        early.hand_over(found)

    def unix(self) -> asyncio.Protocol:
        """A protocol for one connection over a Unix socket."""
        return _Arrival(self, self._limit + LOCAL_MORE)

    def decide(
        self, limit: int, transport: asyncio.Transport, carrier: asyncio.Transport | None = None
    ) -> asyncio.Protocol | None:
        """What speaks on a connection that was made just now; None: nothing does."""
        if len(self._server.connections) < limit or self._make_room():
            self._untaken[carrier or transport] = 0
            self._lulls.begin(transport)
            read_at_once(carrier or transport, READ_OCTETS)
            if self._looking is None:
                self._look_later()
            return self._speaker()
        self._refused()
        if len(self._turned_away) >= TOLD_AT_ONCE:
            return None
        return _TurnedAway(self._turned_away, answer(self._limit))

    def _make_room(self) -> bool:
        """Hang up on whoever has kept us waiting the longest, and for `room_s` at least."""
        longest = self._lulls.take_longest(self._room_s)
        if longest is None:
            return False
        cast("asyncio.Transport", longest).abort()
        self._made_room += 1
        if self._saying is None:
            self._say()
        return True

    def _refused(self) -> None:
        self.refused += 1
        self._unsaid += 1
        if self._saying is None:
            self._say()

    def _look_later(self) -> None:
        self._looking = asyncio.get_running_loop().call_later(self._idle_s, self._look)

    def _look(self) -> None:
        """Hang up on whoever has taken nothing since the last look of what is there for them."""
        for transport, before in tuple(self._untaken.items()):
            octets = transport.get_write_buffer_size()
            if octets and octets == before:
                log.info("http.answer_not_taken octets=%d", octets)
                transport.abort()
            self._untaken[transport] = octets
        self._looking = None
        if self._server.connections:
            self._look_later()

    def close(self) -> None:
        """Hang up on whoever is being told; say what was not said."""
        if self._looking is not None:
            self._looking.cancel()
        for task in tuple(self._shaking):
            task.cancel()
        for each in tuple(self._turned_away):
            each.hang_up()
        if self._saying is not None:
            self._saying.cancel()
            self._say()
            self._saying = None

    def _say(self) -> None:
        self._saying = None
        if self._unsaid or self._made_room:
            log.warning(
                "http.too_many_connections refused=%d hung_up=%d http.max_connections=%d",
                self._unsaid,
                self._made_room,
                self._limit,
            )
            self._unsaid = self._made_room = 0
            self._saying = asyncio.get_running_loop().call_later(LOG_EVERY_S, self._say)


def answer(limit: int) -> bytes:
    """The whole HTTP response that one connection too many gets, before it asks anything."""
    given = too_many_connections(limit)
    body = problem_octets(given)
    status = HTTPStatus(given.kind.status)
    headers = {
        "Content-Type": CONTENT_TYPE,
        "Content-Length": str(len(body)),
        "Date": formatdate(usegmt=True),
        "Connection": "close",
        **given.headers,
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Arrival(asyncio.Protocol):
    """Counts when the connection is made: before that, many are accepted in one turn."""

    def __init__(self, door: Door, limit: int) -> None:
        self._door = door
        self._limit = limit

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        found = self._door.decide(self._limit, transport)
        if found is None:
            transport.abort()
            return
        transport.set_protocol(found)
        found.connection_made(transport)


class _Secured(asyncio.Protocol):
    """A connection on which TLS is to be agreed upon."""

    def __init__(self, door: Door, limit: int, tls: Tls) -> None:
        self._door = door
        self._limit = limit
        self._tls = tls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._door.shake(cast("asyncio.Transport", transport), self._limit, self._tls)


class _Early(asyncio.Protocol):
    """Keeps what comes right behind a handshake, before it is known who speaks."""

    def __init__(self) -> None:
        self.lost = False
        self._data: list[bytes] = []
        self._eof = False

    def data_received(self, data: bytes) -> None:
        self._data.append(data)

    def eof_received(self) -> None:
        self._eof = True

    def connection_lost(self, _error: Exception | None) -> None:
        self.lost = True

    def hand_over(self, to: asyncio.Protocol) -> None:
        """Give it to who speaks."""
        for data in self._data:
            to.data_received(data)
        if self._eof:
            to.eof_received()


class _TurnedAway(asyncio.Protocol):
    """Tells why, and reads on for a moment: closing at once may take the answer back."""

    def __init__(self, among: set[_TurnedAway], answer: bytes) -> None:
        self._among = among
        self._answer = answer
        self._transport: asyncio.Transport
        self._end: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._among.add(self)
        self._transport = cast("asyncio.Transport", transport)
        self._end = asyncio.get_running_loop().call_later(TOLD_S, self.hang_up)
        self._transport.write(self._answer)

    def connection_lost(self, _error: Exception | None) -> None:
        self._end.cancel()
        self._among.discard(self)

    def hang_up(self) -> None:
        """It has had its time."""
        self._transport.abort()

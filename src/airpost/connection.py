"""Requests to the service on connections that are awaited, and on such that block.

May import aiohttp, where they are awaited. Both are asked in one way: the coroutines of `Blocking`
never suspend, so that whoever has no loop can run them to their end.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode, urlsplit

if TYPE_CHECKING:
    import aiohttp

SOCKET = "unix:/run/airpost/http.sock"
TIMEOUT_S = 30.0
IDLE_S = 15.0  # a connection is not used again after that; the service hangs up after 75 s


@dataclass(frozen=True, slots=True)
class Request:
    """`stream` leaves the body of the answer to be read line by line."""

    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = TIMEOUT_S
    stream: bool = False

    @property
    def repeatable(self) -> bool:
        """True where twice does what once does."""
        return self.method in ("GET", "PUT") or "Idempotency-Key" in self.headers


@dataclass(frozen=True, slots=True)
class Answer:
    """`source` is what the lines of a stream are read from, and closed."""

    status: int
    headers: Mapping[str, str]  # in lower case
    body: bytes = b""
    source: Any = None

    @property
    def json(self) -> dict[str, Any]:
        """The JSON object that the body is."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            found = None
        return found if isinstance(found, dict) else {"detail": "the answer is no JSON object"}

    @property
    def retry_after_s(self) -> float | None:
        """What `Retry-After` says in seconds."""
        told = self.headers.get("retry-after", "")
        return float(told) if told.isascii() and told.isdecimal() else None


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer. `begun`: the request may have been seen; `lasting`: another try ends so too."""

    words: str
    begun: bool
    lasting: bool = False


def lost(error: Exception, url: str, *, begun: bool) -> Lost:
    """What an error of a connection means."""
    words = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, PermissionError):
        words += "; it is for root and members of group airpost"
    lasting = isinstance(error, ssl.CertificateError | PermissionError)
    return Lost(f"no service at {url}: {words}", begun, lasting)


def again_s(request: Request, answer: Answer | Lost, delay_s: float) -> float | None:
    """The pause before another try; None where it would bring the same, or do something twice."""
    if isinstance(answer, Lost):
        safe = request.repeatable or not answer.begun
        return delay_s if safe and not answer.lasting else None
    told = answer.retry_after_s
    if told is not None and answer.status in (409, 429, 503):  # it was refused: nothing was done
        return max(told, delay_s)
    return delay_s if answer.status in (502, 503, 504) and request.repeatable else None


def segment(name: str) -> str:
    """`name` as one step of a path."""
    return quote(name, safe="")


def plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """As the service takes it: `class_` is `class`, octets are base64, None is left out.

    ValueError for a time without a zone: it could be anybody's.
    """
    found = {}
    for name, value in given.items():
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError(f"{name} is a time without a zone")
            value = value.isoformat()
        elif isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        if value is not None:
            found[name.rstrip("_")] = value
    return found


def target_of(path: str, query: Mapping[str, Any] | None) -> str:
    """`path` with what of `query` is not None."""
    given = {name: str(value).lower() if isinstance(value, bool) else value
             for name, value in plain(query or {}).items()}  # fmt: skip
    return f"{path}?{urlencode(given)}" if given else path


def once(key: str | None) -> dict[str, str]:
    """The header with which a request counts once; a key of its own where none is given."""
    return {"Idempotency-Key": key or str(uuid.uuid4())}


class Connection(Protocol):
    """Ways to one service, and how a caller waits."""

    async def exchange(self, request: Request) -> Answer | Lost:
        """Ask once."""

    async def line(self, source: Any) -> bytes:
        """The next line of a stream, b"" at its end, however that comes."""

    async def pause(self, delay_s: float) -> None:
        """Do nothing for so long."""

    async def close(self) -> None:
        """Give up what is kept open."""


class Place:
    """The address of a service: unix:/path, http://host:port or https://host:port; ValueError."""

    def __init__(self, url: str, tls: ssl.SSLContext | None) -> None:
        parts = urlsplit(url)
        unix = parts.scheme == "unix" and not parts.netloc and parts.path
        tcp = parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/")
        if not unix and (not tcp or parts.port == 0):  # a port that is none is a ValueError, too
            raise ValueError("the address is unix:/path, http://host:port or https://host:port")
        self.url = url
        self.tls = tls
        self.path = parts.path if unix else None
        self.https = parts.scheme == "https"
        self.host, self.port = parts.hostname or "localhost", None if unix else parts.port


class Awaited:
    """Connections of aiohttp; of the loop that asks first."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def exchange(self, request: Request) -> Answer | Lost:
        """See Connection."""
        import aiohttp
        from yarl import URL

        place = self._place
        session = self._sessions.get(request.repeatable) or self._opened(request.repeatable)
        base = "http://localhost" if place.path is not None else place.url.rstrip("/")
        try:
            response = await session.request(
                request.method,
                URL(base + request.target, encoded=True),
                data=request.body,
                headers=request.headers,
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=TIMEOUT_S, sock_read=request.timeout_s
                ),
                ssl=place.tls or True,
                allow_redirects=False,  # the key is for this service
            )
            if request.stream and response.status == 200:
                return Answer(200, {}, source=response)
            async with response:
                told = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, told, await response.read())
        except (aiohttp.ClientError, OSError) as error:
            begun = not isinstance(error, aiohttp.ClientConnectorError)
            return lost(error, place.url, begun=begun)

    def _opened(self, repeatable: bool) -> aiohttp.ClientSession:
        """Connections that are kept may have ended: only what may go again is risked on them."""
        import aiohttp

        connector = (
            aiohttp.TCPConnector(force_close=not repeatable)
            if self._place.path is None
            else aiohttp.UnixConnector(self._place.path, force_close=not repeatable)
        )
        made = self._sessions[repeatable] = aiohttp.ClientSession(connector=connector)
        made._retry_connection = False  # it would repeat a DELETE that may have been done
        return made

    async def line(self, source: Any) -> bytes:
        """See Connection."""
        import aiohttp

        try:
            found: bytes = await source.content.readline()
        except (aiohttp.ClientError, OSError):
            return b""
        return found

    async def pause(self, delay_s: float) -> None:
        """See Connection."""
        import asyncio

        await asyncio.sleep(delay_s)

    async def close(self) -> None:
        """See Connection."""
        while self._sessions:
            await self._sessions.popitem()[1].close()


class Blocking:
    """Connections of the standard library, for any number of threads."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._idle: list[tuple[float, http.client.HTTPConnection]] = []

    def __del__(self) -> None:
        # A client that nobody has closed leaves nothing open either.
        for _, kept in getattr(self, "_idle", ()):
            kept.close()

    async def exchange(self, request: Request) -> Answer | Lost:
        """See Connection."""
        connection = self._kept(request) or self._made(request.timeout_s)
        begun = done = False
        try:
            if connection.sock is None:
                self._open(connection)
            begun = True
            headers = {**request.headers, **({"Connection": "close"} if request.stream else {})}
            connection.request(request.method, request.target, request.body, headers)
            response = connection.getresponse()
            if request.stream and response.status == 200:
                done = True
                return Answer(200, {}, source=response)
            told = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, told, response.read())
            self._idle.append((time.monotonic() + IDLE_S, connection))
            done = True
            return answer
        except (OSError, http.client.HTTPException) as error:
            return lost(error, self._place.url, begun=begun)
        finally:
            if not done:
                connection.close()

    def _kept(self, request: Request) -> http.client.HTTPConnection | None:
        """One that may have ended meanwhile, so only what may go again is risked on it."""
        while self._idle and request.repeatable and not request.stream:
            try:
                until_s, kept = self._idle.pop()
            except IndexError:  # another thread has taken it
                break
            if kept.sock is not None and time.monotonic() < until_s:
                kept.sock.settimeout(request.timeout_s)
                return kept
            kept.close()
        return None

    def _made(self, timeout_s: float) -> http.client.HTTPConnection:
        host, port, tls = self._place.host, self._place.port, self._place.tls
        if self._place.https:
            return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=tls)
        return http.client.HTTPConnection(host, port, timeout=timeout_s)

    def _open(self, connection: http.client.HTTPConnection) -> None:
        if self._place.path is None:
            connection.connect()
            return
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(connection.timeout)
        connection.sock.connect(self._place.path)

    async def line(self, source: Any) -> bytes:
        """See Connection."""
        try:
            found: bytes = source.readline()
        except (OSError, http.client.HTTPException):
            return b""
        return found

    async def pause(self, delay_s: float) -> None:
        """See Connection."""
        time.sleep(delay_s)  # noqa: TID251, ASYNC251 - to block is what it is for

    async def close(self) -> None:
        """See Connection."""
        while self._idle:
            self._idle.pop()[1].close()


def finished(steps: Any) -> Any:
    """What an awaitable brings that asks `Blocking` alone."""
    try:
        steps.send(None)
    except StopIteration as end:
        return end.value
    raise RuntimeError("what blocks was suspended")

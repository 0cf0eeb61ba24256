"""A client for Python programs: `AsyncClient` is awaited, `Client` blocks (docs/CLIENT.md).

May import errors, shapes and httpcore, which has connections of both kinds. Each call is written
once, as a coroutine: on connections that block it never suspends.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import json
import os
import random
import ssl
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Mapping
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, Unpack, cast
from urllib.parse import quote, urlencode, urlsplit

import httpcore

from airpost import errors
from airpost.shapes import Batch, Content, Event, Fields, Filters, Inbound, Message, Preview, Taken

SOCKET, MAX_PAGE = "unix:/run/airpost/http.sock", 500
TIMEOUT_S, PATIENCE_S, BATCH_S = 30.0, 60.0, 600.0  # a small machine has 100,000 rows in the last
SILENCE_S = 330.0  # of a stream, whose heart beats every 300 s at the least
IDLE_S = 15.0  # a connection is not used again after that; the service hangs up after 75 s
AGAIN_S, MOST_AGAIN_S, LOOK_S = 0.25, 8.0, 1.0  # between two tries, and two looks at a state
LOST = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError)
T = TypeVar("T")
J = TypeVar("J", bound=Mapping[str, object])
P = ParamSpec("P")
Items = AsyncGenerator[T, None]
Query = Mapping[str, Any] | None
Call = Callable[Concatenate[Any, P], T]


def once(key: str | None) -> dict[str, str]:
    """The header with which a request counts once; a key of its own where none is given."""
    return {"Idempotency-Key": key or str(uuid.uuid4())}


def _plain(given: Query) -> dict[str, Any]:
    """As the service takes it: `class_` is `class`, octets are base64, None is left out."""
    found = {}
    for name, value in (given or {}).items():
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise ValueError(f"{name} is a time without a zone")  # it could be anybody's
            value = value.isoformat()
        elif isinstance(value, bytes):
            value = base64.b64encode(value).decode()
        if value is not None:
            found[name.rstrip("_")] = value
    return found


async def _got(given: Any) -> Any:
    return await given if isinstance(given, Coroutine) else given


class Service:
    """Calls to one service; `with` and `async with` close its connections.

    `url` is unix:/path, http://host:port or https://host:port [$AIRPOST_URL, else the socket of
    this machine]; `key` the API key [$AIRPOST_KEY, else what the file $AIRPOST_KEY_FILE holds];
    `tls` which certificates are believed. While the service cannot be reached or says "later", a
    call is tried again for `patience_s`, unless something might be done twice by that. Raises
    Refused (its subclasses), Unreachable; ValueError for what is no address.
    """

    _blocks = False
    _end: Any = staticmethod(lambda: None)  # nothing is open where the address is none

    def __init__(
        self, url: str | None = None, key: str | None = None, *,
        patience_s: float = PATIENCE_S, tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.url, self._patience_s = url or os.environ.get("AIRPOST_URL") or SOCKET, patience_s
        to = urlsplit(self.url)
        unix = to.path if to.scheme == "unix" and not to.netloc else None
        web = to.scheme in ("http", "https") and to.hostname and to.path in ("", "/")
        if not unix and (not web or to.port == 0):  # a port that is none is a ValueError, too
            raise ValueError("the address is unix:/path, http://host:port or https://host:port")
        tls = tls or (ssl.create_default_context() if to.scheme == "https" else None)
        kind = httpcore.ConnectionPool if self._blocks else httpcore.AsyncConnectionPool
        pool: Any = kind(tls, max_connections=100, keepalive_expiry=IDLE_S, uds=unix)
        self._handle = pool.handle_request if self._blocks else pool.handle_async_request
        self._end = pool.close if self._blocks else pool.aclose
        self._sleep: Any = time.sleep if self._blocks else asyncio.sleep  # noqa: TID251
        self._base = f"{to.scheme}://{to.netloc}" if web else "http://localhost"
        key = key or os.environ.get("AIRPOST_KEY")
        if not key and (file := os.environ.get("AIRPOST_KEY_FILE")):
            key = Path(file).read_text(encoding="ascii").strip()
        self._headers = {"Host": to.netloc or "localhost", "Content-Type": "application/json"}
        self._headers |= {"Authorization": f"Bearer {key}"} if key else {}

    async def _call(
        self, kind: type[T], method: str, path: str, query: Query = None, *, body: Any = None,
        headers: Mapping[str, str] | None = None, wait_s: float = 0,
    ) -> T:  # fmt: skip
        """The JSON object that docs/HTTP.md describes, {} for none; `kind` is its type, or dict."""
        asked = {name: str(value).lower() if isinstance(value, bool) else value
                 for name, value in _plain(query).items()}  # fmt: skip
        url = self._base + path + ("?" + urlencode(asked) if asked else "")
        octets = b"" if body is None else json.dumps(body).encode()
        sent: Any = {**self._headers, "Content-Length": str(len(octets)), **(headers or {})}
        limits = {"timeout": {"connect": TIMEOUT_S, "read": TIMEOUT_S + wait_s, "write": TIMEOUT_S}}
        ask = httpcore.Request(method, url, headers=sent, content=octets, extensions=limits)
        twice = method in ("GET", "PUT") or "Idempotency-Key" in sent  # does what once does
        left_s, delay_s = self._patience_s, AGAIN_S
        while True:
            try:
                found: Any = await _got(self._handle(ask))
                status, told = found.status, found.headers
                if kind is not httpcore.Response or status != 200:
                    octets = b"".join([part async for part in self._parts(found)])
                    found = json.loads(octets) if octets.startswith(b"{") else {}
                if status < 300:  # no redirect is followed: the key is for this service
                    return cast("T", found)
                failure: errors.ClientError = errors.refusal_of(status, told, found, twice=twice)
            except LOST as error:
                again = twice or isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout)
                failure = errors.unreachable(self.url, error.__context__ or error, again=again)
            pause_s = max(delay_s, failure.retry_after_s or 0)
            if not failure.again or pause_s > left_s:
                raise failure
            left_s -= pause_s
            await _got(self._sleep(pause_s + random.random() * delay_s))  # not all at once
            delay_s = min(2 * delay_s, MOST_AGAIN_S)

    async def _parts(self, answer: httpcore.Response) -> Items[bytes]:
        """The body as it comes; then the connection is free."""
        if self._blocks:
            with contextlib.closing(answer):
                for part in answer.iter_stream():
                    yield part
        else:
            async with contextlib.aclosing(answer):
                async for part in answer.aiter_stream():
                    yield part

    async def _final(self, kind: type[J], path: str, timeout_s: float) -> J:
        while not (found := await self._call(kind, "GET", path))["final"]:
            if timeout_s <= 0:
                raise TimeoutError(f"{path} is not final yet")
            await _got(self._sleep(min(LOOK_S, timeout_s)))
            timeout_s -= LOOK_S
        return found


class AsyncClient(Service, contextlib.AbstractAsyncContextManager["AsyncClient", None]):
    """Calls that are awaited."""

    call = Service._call

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that are kept."""
        await _got(self._end())

    async def items(self, _kind: type[T], path: str, query: Query = None) -> Items[T]:
        """All of a list, page after page."""
        asked, more = {"limit": MAX_PAGE, **(query or {})}, True
        while more:
            page = await self._call(dict, "GET", path, asked)
            for each in page["items"]:
                yield each
            asked["cursor"], more = page["next"], bool(page["items"] and page["next"])

    async def send(
        self, /, to: str, text: str | None = None, *, idempotency_key: str | None = None,
        **fields: Unpack[Fields],
    ) -> Message:  # fmt: skip
        """Hand in one message; the same `idempotency_key` sends once, however often it is tried."""
        body, headers = _plain({"to": to, "text": text, **fields}), once(idempotency_key)
        return await self._call(Message, "POST", "/v1/messages", body=body, headers=headers)

    async def message(self, message_id: str) -> Message:
        """One message as it is now."""
        return await self._call(Message, "GET", f"/v1/messages/{quote(message_id, '')}")

    def messages(self, /, **filters: Unpack[Filters]) -> Items[Message]:
        """All messages that fit, oldest first."""
        return AsyncClient.items(self, Message, "/v1/messages", filters)

    async def cancel(self, message_id: str) -> Message:
        """The message, cancelled; Conflict once it is under way."""
        return await self._call(Message, "DELETE", f"/v1/messages/{quote(message_id, '')}")

    async def wait(self, message_id: str, timeout_s: float = inf) -> Message:
        """The message once nothing more will be done about it; TimeoutError."""
        return await self._final(Message, f"/v1/messages/{quote(message_id, '')}", timeout_s)

    async def preview(self, /, text: str | None = None, **content: Unpack[Content]) -> Preview:
        """The parts that a text or a template would take; nothing is sent."""
        body = _plain({"text": text, **content})
        return await self._call(Preview, "POST", "/v1/preview", body=body)

    async def send_batch(
        self, /, to: Iterable[str] | None = None, text: str | None = None, *,
        messages: Iterable[Mapping[str, Any]] | None = None, idempotency_key: str | None = None,
        **content: Unpack[Content],
    ) -> Taken:  # fmt: skip
        """Hand in many: numbers, contacts and groups, or rows `{to, …}`; see what is `rejected`."""
        given = {"to": to and [*to], "messages": messages and [_plain(row) for row in messages]}
        body, key = _plain({**given, "text": text, **content}), once(idempotency_key)
        return await self._call(
            Taken, "POST", "/v1/batches", body=body, headers=key, wait_s=BATCH_S
        )

    async def batch(self, batch_id: str) -> Batch:
        """One batch, and its messages by state."""
        return await self._call(Batch, "GET", f"/v1/batches/{quote(batch_id, '')}")

    async def cancel_batch(self, batch_id: str) -> Batch:
        """The batch; what of it had not begun is cancelled."""
        return await self._call(Batch, "DELETE", f"/v1/batches/{quote(batch_id, '')}")

    async def wait_batch(self, batch_id: str, timeout_s: float = inf) -> Batch:
        """The batch once all its messages are final; TimeoutError."""
        return await self._final(Batch, f"/v1/batches/{quote(batch_id, '')}", timeout_s)

    def inbound(self, cursor: str | None = None) -> Items[Inbound]:
        """Received messages, oldest first; `cursor` is a `next` of GET /v1/inbound."""
        return AsyncClient.items(self, Inbound, "/v1/inbound", {"cursor": cursor})

    async def events(self, types: str | None = None, *, after: str = "") -> Items[Event]:
        """Events as they happen (docs/EVENTS.md), for ever; from now on, or `after` an id.

        A connection that is lost is made again, and goes on behind what was seen last.
        """
        kind, path, asked = httpcore.Response, "/v1/stream", {"types": types}
        while True:
            place, rest = {"Last-Event-ID": after} if after else {}, b""
            answer = await self._call(kind, "GET", path, asked, headers=place, wait_s=SILENCE_S)
            with contextlib.suppress(*LOST):
                async with contextlib.aclosing(self._parts(answer)) as parts:
                    async for part in parts:
                        *blocks, rest = (rest + part).split(b"\n\n")
                        for block in blocks:
                            told = dict(line.split(": ", 1) for line in block.decode().split("\n"))
                            after = told.get("id", after)
                            if "data" in told:
                                event: Event = json.loads(told["data"])
                                yield {**event, "id": after}
            await _got(self._sleep(AGAIN_S))


def _now(call: Call[P, Coroutine[Any, Any, T]]) -> Call[P, T]:
    @functools.wraps(call)
    def blocking(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            call(self, *args, **kwargs).send(None)
        except StopIteration as end:
            return cast("T", end.value)
        raise RuntimeError("what blocks was suspended")

    return blocking


def _each(call: Call[P, Items[T]]) -> Call[P, Generator[T, None, None]]:
    @functools.wraps(call)
    def blocking(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        found: Any = call(self, *args, **kwargs)
        try:
            with contextlib.suppress(StopAsyncIteration):
                while True:
                    yield _now(anext)(found)
        finally:
            _now(type(found).aclose)(found)

    return blocking


class Client(Service, contextlib.AbstractContextManager["Client", None]):
    """AsyncClient without `await`: each call blocks, in a loop as well. Threads may share one."""

    _blocks = True

    def __exit__(self, *_error: object) -> None:
        self.close()

    __del__ = __exit__  # who closes nothing leaves nothing open
    close, call, items = _now(AsyncClient.close), _now(Service._call), _each(AsyncClient.items)
    send, message = _now(AsyncClient.send), _now(AsyncClient.message)
    messages, cancel = _each(AsyncClient.messages), _now(AsyncClient.cancel)
    wait, preview = _now(AsyncClient.wait), _now(AsyncClient.preview)
    send_batch, batch = _now(AsyncClient.send_batch), _now(AsyncClient.batch)
    cancel_batch, wait_batch = _now(AsyncClient.cancel_batch), _now(AsyncClient.wait_batch)
    inbound, events = _each(AsyncClient.inbound), _each(AsyncClient.events)

"""A client for Python programs: `AsyncClient` is awaited, `Client` blocks (docs/CLIENT.md).

May import errors, shapes and connection. Every call is written once: `Client` runs the coroutines
of `AsyncClient` on connections that block, where they never suspend.
"""

from __future__ import annotations

import functools
import json
import os
import random
import ssl
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Mapping
from math import inf
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, Unpack

from airpost import errors, shapes
from airpost.connection import (
    SOCKET,
    TIMEOUT_S,
    Answer,
    Awaited,
    Blocking,
    Connection,
    Lost,
    Place,
    Request,
    again_s,
    finished,
    once,
    plain,
    segment,
    target_of,
)

PATIENCE_S = 60.0
AGAIN_S, MOST_AGAIN_S = 0.25, 8.0  # before another try where the service says nothing of it
BATCH_S = 600.0  # for a hundred thousand rows on a small machine
LOOK_S = 1.0  # between two looks at what is to become final
SILENCE_S = 330.0  # of a stream, whose heart beats every 300 s at the least
MAX_PAGE = 500
T = TypeVar("T")
P = ParamSpec("P")
Items = AsyncGenerator[T, None]
Query = Mapping[str, Any] | None


class AsyncClient:
    """Calls to one service; `async with` closes its connections.

    `url` is unix:/path, http://host:port or https://host:port [$AIRPOST_URL, else the socket of
    this machine]; `key` the API key [$AIRPOST_KEY, else what the file $AIRPOST_KEY_FILE holds];
    `tls` which certificates are believed. While the service cannot be reached or says "later", a
    call is tried again for `patience_s`, unless something might be done twice by that. Raises
    Refused (its subclasses), Unreachable; ValueError for what is no address.
    """

    def __init__(
        self, url: str | None = None, key: str | None = None, *,
        patience_s: float = PATIENCE_S, tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.url = url or os.environ.get("AIRPOST_URL") or SOCKET
        self._place = Place(self.url, tls)
        self._connection: Connection = Awaited(self._place)
        key = key or os.environ.get("AIRPOST_KEY")
        if not key and (file := os.environ.get("AIRPOST_KEY_FILE")):
            key = Path(file).read_text(encoding="ascii").strip()
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._patience_s = patience_s

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self._connection.close()

    async def _ask(self, request: Request) -> Answer:
        left_s, delay_s = self._patience_s, AGAIN_S
        while True:
            answer = await self._connection.exchange(request)
            if isinstance(answer, Answer) and answer.status < 300:  # no redirect is followed
                return answer
            pause_s = again_s(request, answer, delay_s)
            if pause_s is None or pause_s > left_s:
                if isinstance(answer, Lost):
                    raise errors.Unreachable(answer.words)
                raise errors.refusal_of(answer.status, answer.json, answer.retry_after_s)
            left_s -= pause_s
            await self._connection.pause(pause_s + random.random() * delay_s)  # not all at once
            delay_s = min(2 * delay_s, MOST_AGAIN_S)

    # -- any call ----------------------------------------------------------------------------------
    async def call(
        self, method: str, path: str, query: Query = None, *, body: Any = None,
        headers: Query = None, wait_s: float = 0,
    ) -> Any:  # fmt: skip
        """What docs/HTTP.md describes: the JSON object that is answered, {} for none."""
        sent, octets = {**self._headers, **(headers or {})}, None
        if body is not None:
            sent["Content-Type"], octets = "application/json", json.dumps(body).encode()
        request = Request(method, target_of(path, query), octets, sent, TIMEOUT_S + wait_s)
        return (await self._ask(request)).json

    # The shape is a promise to whoever reads types; what is answered is what the service says.
    async def _typed(self, _kind: type[T], *given: Any, **named: Any) -> T:
        found: T = await self.call(*given, **named)
        return found

    async def items(self, path: str, query: Query = None) -> Items[Any]:
        """All of a list, page after page, oldest first."""
        page = {"items": [], "next": ""}
        while page["next"] is not None:
            asked = {"limit": MAX_PAGE, **(query or {}), "cursor": page["next"] or None}
            page = await self.call("GET", path, asked)
            for each in page["items"]:
                yield each

    # -- messages ----------------------------------------------------------------------------------
    async def send(
        self, /, to: str, text: str | None = None, *, idempotency_key: str | None = None,
        **fields: Unpack[shapes.Fields],
    ) -> shapes.Message:  # fmt: skip
        """Hand in one message; the same `idempotency_key` sends once, however often it is tried."""
        body, headers = plain({"to": to, "text": text, **fields}), once(idempotency_key)
        return await self._typed(shapes.Message, "POST", "/v1/messages", body=body, headers=headers)

    async def message(self, message_id: str) -> shapes.Message:
        """One message as it is now."""
        return await self._typed(shapes.Message, "GET", f"/v1/messages/{segment(message_id)}")

    def messages(self, /, **filters: Unpack[shapes.Filters]) -> Items[shapes.Message]:
        """All messages that fit, oldest first."""
        return self.items("/v1/messages", filters)

    async def cancel(self, message_id: str) -> shapes.Message:
        """The message, cancelled; Conflict once it is under way."""
        return await self._typed(shapes.Message, "DELETE", f"/v1/messages/{segment(message_id)}")

    async def wait(self, message_id: str, timeout_s: float = inf) -> shapes.Message:
        """The message once nothing more will be done about it; TimeoutError."""
        return await self._final(shapes.Message, "/v1/messages/" + segment(message_id), timeout_s)

    async def _final(self, _kind: type[T], path: str, timeout_s: float) -> T:
        while not (found := await self.call("GET", path))["final"]:
            if timeout_s <= 0:
                raise TimeoutError(f"{path} is not final yet")
            await self._connection.pause(min(LOOK_S, timeout_s))
            timeout_s -= LOOK_S
        final: T = found
        return final

    async def preview(
        self, /, text: str | None = None, *, template: str | None = None,
        values: Query = None, **fields: Unpack[shapes.Fields],
    ) -> shapes.Preview:  # fmt: skip
        """The parts that a text or a template would take; nothing is sent."""
        body = plain({"text": text, "template": template, "values": values, **fields})
        return await self._typed(shapes.Preview, "POST", "/v1/preview", body=body)

    # -- batches -----------------------------------------------------------------------------------
    async def send_batch(
        self, /, to: Iterable[str] | None = None, text: str | None = None, *,
        messages: Iterable[Mapping[str, Any]] | None = None, template: str | None = None,
        values: Query = None, idempotency_key: str | None = None,
        **fields: Unpack[shapes.Fields],
    ) -> shapes.Taken:  # fmt: skip
        """Hand in many: numbers, contacts and groups, or rows `{to, …}`; see what is `rejected`."""
        given = {"to": to and [*to], "messages": messages and [plain(row) for row in messages]}
        content = {"text": text, "template": template, "values": values}
        body, headers = plain({**given, **content, **fields}), once(idempotency_key)
        return await self._typed(
            shapes.Taken, "POST", "/v1/batches", body=body, headers=headers, wait_s=BATCH_S
        )

    async def batch(self, batch_id: str) -> shapes.Batch:
        """One batch, and its messages by state."""
        return await self._typed(shapes.Batch, "GET", f"/v1/batches/{segment(batch_id)}")

    def batches(self) -> Items[shapes.BatchEntry]:
        """All batches, oldest first."""
        return self.items("/v1/batches")

    async def cancel_batch(self, batch_id: str) -> shapes.Batch:
        """The batch; what of it had not begun is cancelled."""
        return await self._typed(shapes.Batch, "DELETE", f"/v1/batches/{segment(batch_id)}")

    async def wait_batch(self, batch_id: str, timeout_s: float = inf) -> shapes.Batch:
        """The batch once all its messages are final; TimeoutError."""
        return await self._final(shapes.Batch, "/v1/batches/" + segment(batch_id), timeout_s)

    # -- modems, and what comes in -----------------------------------------------------------------
    async def modems(self) -> list[shapes.Modem]:
        """All modems, and how they are."""
        return list((await self.call("GET", "/v1/modems"))["items"])

    async def inbound(
        self, cursor: str = "", *, follow: bool = False, wait_s: int = 30,
        keep: Callable[[str], object] | None = None,
    ) -> Items[shapes.Inbound]:  # fmt: skip
        """Received messages, oldest first; with `follow` for ever.

        `keep` is given the place behind a page once all of it was taken. Given again as `cursor`,
        none is missed, and a page that was not finished comes again.
        """
        news = True
        while news or follow:
            wait = 0 if news else wait_s
            asked = {"cursor": cursor or None, "limit": MAX_PAGE, "wait_s": wait}
            page = await self.call("GET", "/v1/inbound", asked, wait_s=wait)
            for each in page["items"]:
                yield each
            cursor, news = page["next"], bool(page["items"])
            if keep is not None and news:
                keep(cursor)

    async def events(self, types: str = "", *, after: str = "") -> Items[shapes.Event]:
        """Events as they happen (docs/EVENTS.md), for ever; from now on, or `after` an id.

        A connection that is lost is made again, and goes on behind what was seen last.
        """
        target = target_of("/v1/stream", {"types": types or None})
        while True:
            sent = {**self._headers, **({"Last-Event-ID": after} if after else {})}
            opened = await self._ask(Request("GET", target, None, sent, SILENCE_S, stream=True))
            told: dict[str, str] = {}
            try:
                while line := await self._connection.line(opened.source):
                    name, _, value = line.decode().rstrip("\r\n").partition(": ")
                    if name:
                        told[name] = value
                        continue
                    data, after, told = told.get("data"), told.get("id", after), {}
                    if data is not None:
                        event: shapes.Event = json.loads(data)
                        yield {**event, "id": after}
            finally:
                opened.source.close()
            await self._connection.pause(AGAIN_S)


def _now(
    call: Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Client, P], T]:
    @functools.wraps(call)
    def blocking(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        found: T = finished(call(self.core, *args, **kwargs))
        return found

    return blocking


def _each(
    call: Callable[Concatenate[AsyncClient, P], Items[T]],
) -> Callable[Concatenate[Client, P], Generator[T, None, None]]:
    @functools.wraps(call)
    def blocking(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        found = call(self.core, *args, **kwargs)
        try:
            while True:
                yield finished(anext(found))
        except StopAsyncIteration:
            return
        finally:
            finished(found.aclose())

    return blocking


class Client:
    """AsyncClient without `await`: each call blocks, in a loop as well. Threads may share one."""

    def __init__(
        self, url: str | None = None, key: str | None = None, *,
        patience_s: float = PATIENCE_S, tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        self.core = AsyncClient(url, key, patience_s=patience_s, tls=tls)
        self.core._connection = Blocking(self.core._place)
        self.url = self.core.url

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    close, call, items = _now(AsyncClient.close), _now(AsyncClient.call), _each(AsyncClient.items)
    send, message = _now(AsyncClient.send), _now(AsyncClient.message)
    messages, cancel = _each(AsyncClient.messages), _now(AsyncClient.cancel)
    wait, preview = _now(AsyncClient.wait), _now(AsyncClient.preview)
    send_batch, batch = _now(AsyncClient.send_batch), _now(AsyncClient.batch)
    batches, cancel_batch = _each(AsyncClient.batches), _now(AsyncClient.cancel_batch)
    wait_batch, modems = _now(AsyncClient.wait_batch), _now(AsyncClient.modems)
    inbound, events = _each(AsyncClient.inbound), _each(AsyncClient.events)

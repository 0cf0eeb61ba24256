"""The stream: what comes, where it is resumed, and who is cut."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from airpost.services.http.settings import AuthMode
from airpost.services.http.streams import STREAMS
from airpost.store.api import Wake
from airpost.store.publishing import LogEvent
from airpost.tasks import spawn, stop
from tests.services.http.conftest import Api, open_api, settings
from tests.services.http.fakes import NOW, FakeStore


def bearer(store: FakeStore, owner: str, *scopes: str) -> dict[str, str]:
    return store.new_key(owner, *scopes, key_id=f"{owner}1234")


def happened(api: Api, count: int = 1, modem: str = "gate-1", reason: str = "unplugged") -> None:
    rows = api.store.outbox.rows
    rows += [
        LogEvent(seq=len(rows) + n, at=NOW, subject=f"modem {modem}", from_="ready", to="absent",
                 reason=reason, severity="info") for n in range(1, count + 1)
    ]  # fmt: skip
    api.store.wake(Wake.EVENT)


@asynccontextmanager
async def streaming(**changes: Any) -> AsyncIterator[Api]:
    api = await open_api(settings(**changes))
    running = spawn(api.events.run(), name="events")
    try:
        yield api
    finally:
        await stop(running)
        await api.close()


async def told(response: aiohttp.ClientResponse, count: int) -> list[tuple[int, dict[str, Any]]]:
    """(id, data) of so many events."""
    found: list[tuple[int, dict[str, Any]]] = []
    last = 0
    async with asyncio.timeout(10):
        while len(found) < count:
            line = (await response.content.readline()).decode().rstrip("\n")
            if line.startswith("id: "):
                last = int(line[4:])
            elif line.startswith("data: "):
                found.append((last, json.loads(line[6:])))
    return found


async def test_events_come_as_they_happen_and_are_resumed() -> None:
    async with streaming() as api:
        happened(api, 3)
        async with api.http.get("/v1/stream") as response:
            assert response.content_type == "text/event-stream"
            assert response.headers["Cache-Control"] == "no-store"
            happened(api)
            ((seq, body),) = await told(response, 1)
            assert (seq, body["type"], body["data"]["modem"]) == (4, "modem.state", "gate-1")
        async with api.http.get("/v1/stream", headers={"Last-Event-ID": "1"}) as response:
            assert [seq for seq, _ in await told(response, 3)] == [2, 3, 4]
            happened(api, 300)
            assert [seq for seq, _ in await told(response, 300)] == list(range(5, 305))
        later = {"Last-Event-ID": "99999"}  # of a store that was put back since
        async with api.http.get("/v1/stream", headers=later) as response:
            happened(api)
            assert [seq for seq, _ in await told(response, 1)] == [305]


async def test_a_heartbeat_and_a_filter() -> None:
    async with streaming(stream_heartbeat_s=0.05) as api:
        async with api.http.get("/v1/stream?types=message.*") as response:
            happened(api)
            text = b""
            async with asyncio.timeout(10):
                while text.count(b": alive") < 2:
                    text += await response.content.readany()
            assert b"data:" not in text
        for query in ("types=a*", "types=mesage.sent", "typ=x", "types=" + "a," * 33):
            await api.call("GET", f"/v1/stream?{query}", 400)
        refused = await api.call("GET", "/v1/stream", 400, headers={"Last-Event-ID": "x"})
        assert refused["field"] == "Last-Event-ID"


async def test_so_many_and_no_more_and_a_stop_ends_them() -> None:
    loop = asyncio.get_running_loop()
    async with (
        streaming(stream_clients=2) as api,
        api.http.get("/v1/stream") as one,
        api.http.get("/v1/stream") as other,
    ):
        refused = await api.call("GET", "/v1/stream", 503)
        assert refused["setting"] == "stream.clients"
        began_s = loop.time()
        await api.server.stop()
        await asyncio.gather(one.read(), other.read(), return_exceptions=True)
        assert loop.time() - began_s < 1


async def test_one_that_takes_nothing_is_cut_and_nobody_waits_for_it() -> None:
    async with streaming(stream_stall_s=0.3) as api:
        address = api.http._base_url
        assert address is not None
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.connect((address.host, address.port))
            stalled.sendall(b"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
            async with api.http.get("/v1/stream") as response:
                streams = api.app[STREAMS]
                while streams.count < 2:  # noqa: ASYNC110 - until both are there
                    await asyncio.sleep(0.01)
                seen = 0
                for _ in range(100):
                    happened(api, 100, reason="x" * 500)
                    seen += len(await told(response, 100))
                    if streams.cut:
                        break
                assert streams.cut == 1
                assert seen >= 100
                async with asyncio.timeout(10):
                    while streams.count > 1:  # noqa: ASYNC110 - the connection is closed next
                        await asyncio.sleep(0.01)


@pytest.mark.parametrize("scopes", [("read",), ("send",)])
async def test_a_key_that_is_revoked_is_told_nothing_more(scopes: tuple[str, ...]) -> None:
    async with streaming(auth=AuthMode.KEYS, stream_heartbeat_s=0.05) as api:
        headers = bearer(api.store, "shop", *scopes)
        if scopes == ("send",):
            await api.call("GET", "/v1/stream", 403, headers=headers)
            return
        async with api.http.get("/v1/stream", headers=headers) as response:
            await response.content.readany()
            api.store.by_hash.clear()
            with pytest.raises(aiohttp.ClientError):
                async with asyncio.timeout(5):
                    await response.read()

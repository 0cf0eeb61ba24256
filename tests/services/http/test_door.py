"""Connections: so many and no more, told why, and a log that stays short."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from airpost.services.http.deps import LULLS
from airpost.services.http.door import LOCAL_MORE, LOG_EVERY_S, REFUSED_OCTETS, TOLD_AT_ONCE, TOLD_S
from airpost.services.http.lulls import Lulls
from airpost.services.http.server import ACCEPTED, HttpServer
from airpost.services.http.settings import TcpListen, UnixListen
from tests.services.http.conftest import Api
from tests.virtual import VirtualLoop, run_virtual

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Doorstep:
    """A server with a limit, and those who call."""

    def __init__(self, folder: Path, limit: int, idle_s: float = 3600) -> None:
        self.path = folder / "s"
        listen = (TcpListen(host="127.0.0.1", port=0), UnixListen(path=self.path))
        self.app = web.Application()
        self.now = [0.0]
        self.app[LULLS] = Lulls(lambda: self.now[0])
        self.server = HttpServer(
            self.app, listen, max_connections=limit, idle_s=idle_s, room_s=5, shutdown_s=0.1
        )
        self.url = ""
        self._open: list[asyncio.StreamWriter] = []

    async def tcp(self) -> Streams:
        host, _, port = self.url.removeprefix("http://").partition(":")
        return self._kept(await asyncio.open_connection(host, int(port)))

    async def unix(self) -> Streams:
        return self._kept(await asyncio.open_unix_connection(self.path))

    def _kept(self, streams: Streams) -> Streams:
        self._open.append(streams[1])
        return streams

    async def answers(self, streams: Streams) -> bool:
        """True where requests are served; False where it is told that there are too many."""
        reader, writer = streams
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0]))
        return head.startswith(b"HTTP/1.1 404 ")

    def connections(self) -> list[object]:
        server = self.server._runner.server
        assert server is not None
        return list(server.connections)

    async def close(self) -> None:
        for each in self._open:
            each.close()
        await self.server.stop()


@asynccontextmanager
async def doorstep(folder: Path, limit: int) -> AsyncIterator[Doorstep]:
    made = Doorstep(folder, limit)
    made.url, _ = await made.server.start()
    try:
        async with asyncio.timeout(30):
            yield made
    finally:
        await made.close()


async def test_one_too_many_is_told_and_another_gets_its_place(tmp_path: Path) -> None:
    async with doorstep(tmp_path, 2) as door:
        first, second = await door.tcp(), await door.tcp()
        assert await door.answers(first)
        assert await door.answers(second)
        async with aiohttp.ClientSession() as session, session.get(door.url) as answer:
            assert (answer.status, answer.reason) == (503, "Service Unavailable")
            assert answer.content_type == "application/problem+json"
            assert answer.headers["Retry-After"] == "5"
            assert answer.headers["Connection"] == "close"
            body = json.loads(await answer.read())
        assert body["type"] == "urn:airpost:problem:too-many-connections"
        assert body["setting"] == "http.max_connections"
        assert "2 connections" in body["detail"]
        assert await door.answers(first)  # whoever was there notices nothing
        second[1].close()
        await second[1].wait_closed()
        while not await door.answers(await door.tcp()):  # noqa: ASYNC110 - the other end wakes nobody
            await asyncio.sleep(0.01)


async def test_many_that_come_in_one_turn_are_counted_one_by_one(tmp_path: Path) -> None:
    async with doorstep(tmp_path, 5) as door:
        callers = await asyncio.gather(*(door.tcp() for _ in range(30)))
        served = await asyncio.gather(*(door.answers(each) for each in callers))
        assert served.count(True) == 5


async def test_of_many_that_come_at_once_a_few_are_let_in_a_turn(tmp_path: Path) -> None:
    async with doorstep(tmp_path, 400) as door:
        callers = [socket.socket(socket.AF_UNIX) for _ in range(300)]
        for each in callers:
            each.setblocking(False)
            each.connect(str(door.path))  # refused where the kernel holds too few
        let_in = [0]
        while let_in[-1] < len(callers):
            await asyncio.sleep(0)
            let_in.append(len(door.connections()))
        assert max(b - a for a, b in pairwise(let_in)) == ACCEPTED
        for each in callers:
            each.close()


async def test_whoever_looks_what_is_wrong_gets_in_by_the_unix_socket(tmp_path: Path) -> None:
    async with doorstep(tmp_path, 2) as door:
        inside = [await door.unix() for _ in range(2)]
        assert [await door.answers(each) for each in inside] == [True, True]
        assert not await door.answers(await door.tcp())
        for _ in range(LOCAL_MORE):
            assert await door.answers(await door.unix())
        assert not await door.answers(await door.unix())


def test_a_flood_is_hung_up_on_and_told_once_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "airpost.http")

    def lines() -> list[str]:
        return [m for m in caplog.messages if m.startswith("http.too_many_connections")]

    async def main(_loop: VirtualLoop) -> None:
        made = Doorstep(tmp_path, 1)
        made.url, _ = await made.server.start()
        first = await made.tcp()
        assert await made.answers(first)
        callers = [await made.tcp() for _ in range(TOLD_AT_ONCE + 10)]
        told = [await reader.read() for reader, _ in callers]
        assert sum(each.startswith(b"HTTP/1.1 503 ") for each in told) == TOLD_AT_ONCE
        assert told.count(b"") == 10
        assert lines() == ["http.too_many_connections refused=1 hung_up=0 http.max_connections=1"]
        await asyncio.sleep(LOG_EVERY_S)
        more = (
            f"http.too_many_connections refused={TOLD_AT_ONCE + 9} hung_up=0 http.max_connections=1"
        )
        assert lines()[1:] == [more]
        await asyncio.sleep(3 * LOG_EVERY_S)
        assert len(lines()) == 2
        assert not await made.answers(await made.tcp())
        assert len(lines()) == 3  # after a quiet minute at once again
        await made.tcp()
        await asyncio.sleep(TOLD_S / 2)
        await made.close()
        assert len(lines()) == 4  # what was not said yet is said at the end

    run_virtual(main)
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


@pytest.mark.parametrize("asked", [1, 400])
def test_whoever_takes_no_answer_is_hung_up_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, asked: int
) -> None:
    caplog.set_level("INFO", "airpost.http")
    idle_s = 75.0

    async def main(loop: VirtualLoop) -> None:
        made = Doorstep(tmp_path, 2, idle_s)
        made.app.router.add_get("/long", long)
        await made.server.start()
        reader, _ = other = await made.unix()
        with socket.socket(socket.AF_UNIX) as mute:
            mute.setblocking(False)
            await loop.sock_connect(mute, str(made.path))
            await loop.sock_sendall(mute, b"GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n" * asked)
            for _ in range(10):  # whoever goes on asking is let be
                await asyncio.sleep(idle_s / 4)
                assert await made.answers(other)
            assert [m for m in caplog.messages if m.startswith("http.answer_not_taken octets=")]
            assert len(made.connections()) == 1
        assert not reader.at_eof()
        await made.close()

    async def long(_: web.Request) -> web.Response:
        return web.Response(body=bytes(1_000_000))

    run_virtual(main)
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


async def test_little_is_read_of_one_in_a_turn_and_less_of_what_is_refused(api: Api) -> None:
    door = api.server._door
    assert door is not None
    body = b'{"to": "' + b"1" * 1_000_000 + b'"}'
    told = await api.call(
        "POST", "/v1/messages", 413, data=body, headers={"Content-Type": "application/json"}
    )
    assert told["type"] == "urn:airpost:problem:body-too-large"
    (refused,) = door._untaken  # it lingers, so that its caller has seen the answer
    assert refused.max_size == REFUSED_OCTETS  # type: ignore[attr-defined]


async def test_who_says_nothing_makes_room_for_whoever_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with doorstep(tmp_path, 2) as door:
        silent, half = await door.tcp(), await door.tcp()
        half[1].write(b"GET / HT")
        door.now[0] = 4.9
        assert not await door.answers(await door.tcp())
        door.now[0] = 5.0
        assert await door.answers(await door.tcp())
        assert await silent[0].read() == b""
        assert await door.answers(await door.tcp())
        assert await half[0].read() == b""
        # Those are new: nobody has kept us waiting for so long.
        assert not await door.answers(await door.tcp())
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert "hung_up=" in told

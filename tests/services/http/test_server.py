"""Listeners: real addresses, sockets that are in the way, and an end in order."""

from __future__ import annotations

import asyncio
import socket
import stat
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from airpost.errors import ConfigError
from airpost.services.http.app import build_app
from airpost.services.http.deps import DEPS
from airpost.services.http.server import HttpServer
from airpost.services.http.settings import UnixListen, parse_listen
from airpost.tasks import spawn
from tests.services.http.conftest import Api


def server(*listen: str) -> HttpServer:
    return HttpServer(web.Application(), [parse_listen(each) for each in listen], shutdown_s=0.1)


async def test_real_addresses_are_told(tmp_path: Path) -> None:
    path = tmp_path / "new" / "s"
    one = server("127.0.0.1:0", f"unix:{path}")
    tcp, unix = await one.start()
    assert unix == f"unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert not tcp.endswith(":0")
    async with aiohttp.ClientSession() as session, session.get(tcp) as answer:
        assert answer.status == 404
    await one.stop()
    assert not path.exists()


async def test_a_port_that_is_taken(tmp_path: Path) -> None:
    one = server("127.0.0.1:0")
    (tcp,) = await one.start()
    path = tmp_path / "s"
    two = server(f"unix:{path}", tcp.removeprefix("http://"))
    with pytest.raises(ConfigError) as caught:
        await two.start()
    assert caught.value.path == "http.listen"
    assert not path.exists()
    await one.stop()


async def test_a_socket_left_behind_is_replaced_and_a_live_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "s"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    one = server(f"unix:{path}")
    await one.start()
    with pytest.raises(ConfigError, match="another process listens there"):
        await server(f"unix:{path}").start()
    assert path.exists()
    await one.stop()
    path.write_text("mine")
    with pytest.raises(ConfigError, match="no socket"):
        await server(f"unix:{path}").start()
    assert path.read_text() == "mine"


async def test_a_stop_ends_long_polls_at_once(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "s"
    one = HttpServer(build_app(api.app[DEPS]), [UnixListen(path=path)], shutdown_s=30)
    await one.start()
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session:

        async def poll() -> int:
            async with session.get("http://x/v1/inbound?wait_s=50") as answer:
                return answer.status

        call = spawn(poll(), name="poll")
        await api.store.looked.wait()
        async with asyncio.timeout(20):
            await one.stop()
        assert await call == 200


HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"", b""),
        (HEAD, b""),
        (HEAD + b"Content-Length: 100\r\n\r\n{", b"HTTP/1.1 503 "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", b"HTTP/1.1 503 "),
        (HEAD.replace(b"json", b"xml") + b"Content-Length: 9\r\n\r\n{", b"HTTP/1.1 415 "),
    ],
)
async def test_a_request_that_is_half_sent_does_not_hold_up_the_stop(
    api: Api, tmp_path: Path, sent: bytes, status: bytes
) -> None:
    path = tmp_path / "s"
    one = HttpServer(build_app(api.app[DEPS]), [UnixListen(path=path)], shutdown_s=30)
    await one.start()
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(sent)
    await asyncio.sleep(0.05)
    async with asyncio.timeout(20):
        await one.stop()
    assert (await reader.read())[: len(status)] == status
    writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /health/live HTTP/1.1\r\nHost: local", HEAD])
async def test_a_connection_that_asks_nothing_is_closed(
    api: Api, tmp_path: Path, sent: bytes
) -> None:
    path = tmp_path / "s"
    one = HttpServer(build_app(api.app[DEPS]), [UnixListen(path=path)], idle_s=0.05)
    await one.start()
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(sent)
    async with asyncio.timeout(20):
        assert await reader.read() == b""
        await one.stop()
    writer.close()


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        [HEAD + b"Content-Length: 100\r\n\r\n{"],
        [CHUNKED],
        [CHUNKED, b"zz\r\n"],
        [CHUNKED, b"2\r\n{}XX"],
        [CHUNKED, b"zz\r\n", b"0\r\n\r\n"],
    ],
)
async def test_a_body_that_does_not_come_is_not_waited_for(
    api: Api, tmp_path: Path, sent: list[bytes]
) -> None:
    path = tmp_path / "s"
    deps = api.app[DEPS]
    brief = build_app(replace(deps, settings=replace(deps.settings, body_s=0.1)))
    one = HttpServer(brief, [UnixListen(path=path)])
    await one.start()
    reader, writer = await asyncio.open_unix_connection(path)
    for piece in sent:
        writer.write(piece)
        await asyncio.sleep(0.02)  # so that the request is under way
    async with asyncio.timeout(20):
        told = await reader.read()
        assert told.startswith(b"HTTP/1.1 408 ")
        assert b"urn:airpost:problem:body-too-slow" in told
        assert b'"setting": "http.body_s"' in told
        assert told.count(b"HTTP/1.1") == 1
        await one.stop()
    writer.close()


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (HEAD + b"Content-Length: 100\r\n\r\n{", "status=400"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "http.malformed Invalid character"),
        (b"GET / HTTP/1.1\r\n\r\n", "http.malformed Missing 'Host' header"),
    ],
)
async def test_what_callers_do_wrong_is_one_line_in_the_log(
    api: Api, tmp_path: Path, caplog: pytest.LogCaptureFixture, sent: bytes, told: str
) -> None:
    caplog.set_level("INFO")
    path = tmp_path / "s"
    one = HttpServer(build_app(api.app[DEPS]), [UnixListen(path=path)])
    await one.start()
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(sent)
    await asyncio.sleep(0.05)
    writer.close()
    async with asyncio.timeout(20):
        while told not in caplog.text:  # noqa: ASYNC110 - a line of the log wakes nobody
            await asyncio.sleep(0.01)
        await one.stop()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
    assert "Traceback" not in caplog.text

"""TLS on the TCP listener: what is spoken, who is let in, and a certificate that is renewed."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from airpost.errors import ConfigError
from airpost.services.http.app import build_app
from airpost.services.http.deps import DEPS
from airpost.services.http.door import TOLD_AT_ONCE
from airpost.services.http.server import HttpServer
from airpost.services.http.settings import parse_listen
from airpost.services.http.tls import ClientCerts, Tls, TlsSettings
from tests.services.http.certificates import Files, expired, made
from tests.services.http.conftest import Api


@pytest.fixture
def files(tmp_path: Path) -> Files:
    found = Files(tmp_path)
    found.put(*made("first"))
    return found


def trusting(name: str, **versions: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=made(name)[0])
    for limit, version in versions.items():
        setattr(context, limit, version)
    return context


@asynccontextmanager
async def served(
    tls: Tls, app: web.Application | None = None, limit: int = 50
) -> AsyncIterator[int]:
    server = HttpServer(
        app or web.Application(), [parse_listen("127.0.0.1:0")], tls=tls, shutdown_s=0.1,
        max_connections=limit,
    )  # fmt: skip
    (address,) = await server.start()
    assert address.startswith("https://127.0.0.1:")
    yield int(address.rsplit(":", 1)[1])
    await server.stop()


async def head(port: int, context: ssl.SSLContext) -> tuple[str, str]:
    """(status line, common name of the server) of a request."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost"
    )
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    line = (await reader.readline()).decode().strip()
    name = dict(part[0] for part in writer.get_extra_info("peercert")["subject"])["commonName"]
    writer.close()
    return line, name


async def test_requests_over_tls_also_large_ones_on_one_connection(api: Api, files: Files) -> None:
    tls = Tls(TlsSettings(cert=files.cert, key=files.key))
    async with (
        served(tls, build_app(api.app[DEPS])) as port,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting("first"))) as session,
    ):
        url = f"https://localhost:{port}/v1/"
        for n in range(3):
            body = {"to": "+491701234567", "text": "hello", "tags": [f"{n}"]}
            async with session.post(url + "messages", json=body) as answer:
                assert answer.status == 202
        async with session.post(url + "messages", data=b"x" * 200_000) as answer:
            assert answer.status == 415
        async with session.get(url + "messages") as answer:
            assert len((await answer.json())["items"]) == 3


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3(files: Files, version: ssl.TLSVersion) -> None:
    async with served(Tls(TlsSettings(cert=files.cert, key=files.key))) as port:
        both = {"minimum_version": version, "maximum_version": version}
        line, name = await head(port, trusting("first", **both))
    assert (line, name) == ("HTTP/1.1 404 Not Found", "first")


async def test_what_is_older_and_what_is_no_tls(files: Files) -> None:
    tls = Tls(TlsSettings(cert=files.cert, key=files.key))
    assert tls.context.minimum_version is ssl.TLSVersion.TLSv1_2
    async with served(tls) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        found = await reader.read()
        assert b"HTTP" not in found  # and no redirect: what was sent was in clear already
        writer.close()
        assert (await head(port, trusting("first")))[0].startswith("HTTP/1.1 404")


async def test_a_renewed_certificate_is_taken_and_a_bad_one_is_not(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    tls = Tls(TlsSettings(cert=files.cert, key=files.key))
    assert tls.until.endswith("GMT")
    async with served(tls) as port:
        before, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting("first"), server_hostname="localhost"
        )
        assert not tls.changed()
        files.put(*made("second"))
        assert tls.changed()
        assert tls.reload() is None
        assert not tls.changed()
        assert (await head(port, trusting("second")))[1] == "second"
        for bad, words in (
            (lambda: files.put(made("second")[0], made("first")[1]), "key values mismatch"),
            (lambda: files.cert.write_text("none"), "cannot be used"),
            (lambda: files.key.unlink(), "No such file"),
            (lambda: files.put(*expired()), "expired"),
        ):
            bad()
            assert tls.changed()
            assert words in (tls.reload() or "")
            assert not tls.changed()  # it is told once
            assert (await head(port, trusting("second")))[1] == "second"
        assert caplog.text.count("http.certificate_kept") == 4
        # A connection of before goes on.
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await before.readline()).startswith(b"HTTP/1.1 404")
        writer.close()


def test_a_certificate_that_cannot_be_used_ends_the_start(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    files.put(*expired())
    Tls(TlsSettings(cert=files.cert, key=files.key))  # who sends alarms starts all the same
    assert "http.certificate_expired" in caplog.text
    files.put(*made("first"))
    files.key.chmod(0o644)
    Tls(TlsSettings(cert=files.cert, key=files.key))
    assert caplog.text.count("http.key_file_open") == 1
    files.put(made("first")[0], made("second")[1])
    with pytest.raises(
        ConfigError, match=r"tls: .*tls\.crt and .*tls\.key cannot be used: key val"
    ):
        Tls(TlsSettings(cert=files.cert, key=files.key))
    with pytest.raises(ConfigError, match=r"none cannot be read: No such file"):
        Tls(TlsSettings(cert=files.cert, key=files.key.with_name("none")))


async def test_client_certificates(files: Files, keyed: Api) -> None:
    cert, key = made("plant")
    app = build_app(keyed.app[DEPS])
    known = trusting("first")
    known.load_cert_chain(cert, key)
    stranger = trusting("first")
    stranger.load_cert_chain(*made("stranger"))
    settings = TlsSettings(cert=files.cert, key=files.key, client_ca=cert)
    headers = keyed.store.new_key("root", "admin")

    async def status(port: int, context: ssl.SSLContext) -> int | None:
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
            try:
                async with session.post(
                    f"https://localhost:{port}/v1/modems/gate-1/pause"
                ) as answer:
                    return answer.status
            except aiohttp.ClientError:
                return None

    async with served(Tls(settings), app) as port:
        assert await status(port, known) == 200
        assert await status(port, trusting("first")) is None
        assert await status(port, stranger) is None
        # It opens the way to the listener, and is no key.
        headers = {}
        assert await status(port, known) == 401
    headers = keyed.store.new_key("root", "admin")
    optional = TlsSettings(
        cert=files.cert, key=files.key, client_ca=cert, client_certs=ClientCerts.OPTIONAL
    )
    async with served(Tls(optional), build_app(keyed.app[DEPS])) as port:
        assert await status(port, trusting("first")) == 200
        assert await status(port, known) == 200
        assert await status(port, stranger) is None
    assert [row.origin for row in keyed.store.audit.kept] == [
        "127.0.0.1 cert=plant", "127.0.0.1", "127.0.0.1 cert=plant",
    ]  # fmt: skip


async def test_handshakes_that_never_end_are_bounded_and_one_too_many_is_told(
    files: Files,
) -> None:
    async with served(Tls(TlsSettings(cert=files.cert, key=files.key)), limit=2) as port:
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(TOLD_AT_ONCE + 9)]
        hung_up = 0
        for _ in range(100):
            await asyncio.sleep(0.01)
            hung_up = sum(_is_closed(each) for each in idle)
            if hung_up >= 7:
                break
        assert hung_up == 7  # of so many more than the limit and those who are told
        for each in idle:
            each.close()
        await asyncio.sleep(0.05)
        kept = [
            await asyncio.open_connection(
                "127.0.0.1", port, ssl=trusting("first"), server_hostname="localhost"
            )
            for _ in range(2)
        ]
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=trusting("first"), server_hostname="localhost"
        )
        told = await reader.readuntil(b"}")
        assert b"503" in told
        assert json.loads(told.split(b"\r\n\r\n")[1])["status"] == 503
        for _, each in [*kept, (reader, writer)]:
            each.close()


def _is_closed(each: socket.socket) -> bool:
    each.setblocking(False)
    try:
        return each.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True

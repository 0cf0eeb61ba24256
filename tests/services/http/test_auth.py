"""Who calls, and what they may."""

from __future__ import annotations

import grp
import os
import pwd
import socket
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest

from airpost.clock import SECOND_US, Instant
from airpost.services.http import auth
from airpost.services.http.app import build_app
from airpost.services.http.auth import trusted_peer, trusted_user
from airpost.services.http.credentials import make_token, token_hash
from airpost.services.http.deps import DEPS
from airpost.services.http.server import HttpServer
from airpost.services.http.settings import UnixListen
from tests.services.http.conftest import Api


@pytest.mark.parametrize(
    "header",
    ["Basic YTpi", "Bearer", "Bearer x", "Bearer ap_abcd1234_short", "Bearer ap_zzzz_" + "s" * 24],
)
async def test_what_is_no_key_of_ours(keyed: Api, header: str) -> None:
    keyed.store.new_key("shop", "send")
    async with keyed.http.get("/v1/messages", headers={"Authorization": header}) as answer:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_revoked_key(keyed: Api) -> None:
    headers = keyed.store.new_key("shop", "read")
    await keyed.call("GET", "/v1/messages", headers=headers)
    await keyed.store.revoke_key("abcd1234", keyed.clock.now())
    body = await keyed.call("GET", "/v1/messages", 401, headers=headers)
    assert body["detail"] == "this key was revoked"


async def test_an_expired_key_and_a_secret_that_was_replaced(keyed: Api) -> None:
    later = Instant(keyed.clock.now() + 60 * SECOND_US)
    expiring = keyed.store.new_key("shop", "read", expires_at=later)
    old = keyed.store.new_key("till", "read", key_id="till1")
    fresh = {"Authorization": f"Bearer {make_token('till1', 'n' * 24)}"}
    await keyed.store.rotate_key("till1", token_hash(fresh["Authorization"][7:]), later)
    for headers in (expiring, old, fresh):
        await keyed.call("GET", "/v1/messages", headers=headers)
    keyed.clock.advance(60)
    body = await keyed.call("GET", "/v1/messages", 401, headers=expiring)
    assert body["detail"] == "this key has expired"
    body = await keyed.call("GET", "/v1/messages", 401, headers=old)
    assert body["detail"] == "this key has a newer secret"
    await keyed.call("GET", "/v1/messages", headers=fresh)


async def test_a_key_for_a_network(keyed: Api, tmp_path: Path) -> None:
    far = keyed.store.new_key("shop", "read", networks=("10.0.0.0/8", "unix"))
    near = keyed.store.new_key("till", "read", key_id="till1", networks=("127.0.0.0/8",))
    body = await keyed.call("GET", "/v1/messages", 403, headers=far)
    assert body["type"].endswith(":address-not-allowed")
    forged = far | {"X-Forwarded-For": "10.0.0.1", "Forwarded": "for=10.0.0.1"}
    await keyed.call("GET", "/v1/messages", 403, headers=forged)
    await keyed.call("GET", "/v1/messages", headers=near)
    server = HttpServer(build_app(keyed.app[DEPS]), [UnixListen(path=tmp_path / "s")])
    await server.start()
    connector = aiohttp.UnixConnector(str(tmp_path / "s"))
    async with aiohttp.ClientSession(connector=connector) as session:
        for headers, status in ((far, 200), (near, 403)):
            async with session.get("http://x/v1/messages", headers=headers) as answer:
                assert answer.status == status
    await server.stop()


async def test_a_key_with_a_rate(keyed: Api) -> None:
    headers = keyed.store.new_key("shop", "send", rate="60/min, burst 2")
    for _ in range(2):
        await keyed.send(headers=headers)
    async with keyed.http.post("/v1/messages", headers=headers, json={}) as answer:
        assert answer.status == 429
        assert answer.headers["Retry-After"] == "1"
        assert (await answer.json())["type"].endswith(":rate-limited-key")
    assert len(keyed.store.news) == 2
    await keyed.app[DEPS].audit.close()
    assert keyed.store.audit.told()[-1][3] == "rate-limited-key"


@pytest.mark.parametrize(
    ("scope", "method", "path", "status"),
    [
        ("send", "GET", "/v1/messages", 403),
        ("send", "POST", "/v1/preview", 415),
        ("read", "POST", "/v1/messages", 403),
        ("read", "DELETE", "/v1/messages/x", 403),
        ("read", "GET", "/v1/modems", 200),
        ("read", "GET", "/v1/inbound", 403),
        ("inbound", "GET", "/v1/inbound", 200),
        ("read:all", "GET", "/v1/messages", 200),
        ("read:all", "GET", "/v1/keys", 403),
        ("admin", "GET", "/v1/keys", 200),
        ("admin", "GET", "/v1/inbound", 200),
        ("audit", "GET", "/v1/audit", 200),
        ("audit", "GET", "/v1/messages", 403),
        ("read:all", "GET", "/v1/audit", 403),
        ("of the future", "GET", "/v1/messages", 403),
    ],
)
async def test_scopes(keyed: Api, scope: str, method: str, path: str, status: int) -> None:
    headers = keyed.store.new_key("shop", scope)
    await keyed.call(method, path, status, headers=headers)


async def test_a_key_counts_also_where_none_is_needed(api: Api) -> None:
    await api.send(headers=api.store.new_key("shop", "send"))
    assert api.store.news[0].owner == "shop"


async def test_without_keys_a_foreign_name_is_refused(api: Api) -> None:
    await api.call("GET", "/v1/messages", headers={"Host": "localhost:8775"})
    await api.call("GET", "/v1/messages", headers={"Host": "[::1]:8775"})
    for host in ("evil.example", "[::", "a b", "localhost:x", "127.0.0.1.evil.example", ""):
        body = await api.call("GET", "/v1/messages", 403, headers={"Host": host})
        assert body["type"].endswith(":forbidden")


async def test_on_a_unix_socket_the_kernel_says_who_it_is(
    keyed: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s"
    server = HttpServer(build_app(keyed.app[DEPS]), [UnixListen(path=path)])
    await server.start()
    connector = aiohttp.UnixConnector(str(path))
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get("http://x/v1/keys") as answer:
            assert answer.status == 200
        # Asked once: whoever opened a connection stays who it was.
        monkeypatch.setattr(auth, "trusted_user", lambda _uid, _gid: False)
        async with session.get("http://x/v1/keys") as answer:
            assert answer.status == 200
    # Somebody else of this machine needs a key like everybody.
    connector = aiohttp.UnixConnector(str(path))
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.get("http://x/v1/keys") as answer:
            assert answer.status == 401
        headers = keyed.store.new_key("shop", "read")
        async with session.get("http://x/v1/messages", headers=headers) as answer:
            assert answer.status == 200
    await server.stop()


def test_the_other_end_of_a_socket_pair_is_ourselves() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        assert trusted_peer(here)


def test_who_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    group = SimpleNamespace(gr_gid=4242, gr_mem=["ann"])
    names = {5001: "ann", 5002: "bob"}
    monkeypatch.setattr(grp, "getgrnam", lambda _name: group)
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: SimpleNamespace(pw_name=names[uid]))
    assert trusted_user(0, 0)
    assert trusted_user(os.geteuid(), 1)
    assert trusted_user(5002, 4242)
    assert trusted_user(5001, 100)
    assert not trusted_user(5002, 100)
    assert not trusted_user(5003, 100)

    def no_group(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(grp, "getgrnam", no_group)
    assert not trusted_user(5001, 4242)

"""Who may use a hook."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from airpost.clock import SECOND_US
from airpost.services.hooks_in import HookSettings
from airpost.store.sqlite import SqliteStore
from tests.services.http.conftest import Api, open_api, settings
from tests.services.http.fakes import NOW, FakeClock

TOKEN, SECRET = "a-token-of-a-hook", "a-secret-of-a-hook"
BODY = b'{"a": 1}'


def hook(name: str, **changes: Any) -> HookSettings:
    return HookSettings(name=name, to=("+4915112345678",), text="{{ a }}", owner="hooks", **changes)


def here(*networks: str) -> tuple[Any, ...]:
    return tuple(map(ipaddress.ip_network, networks))


HOOKS = (
    hook("token", token=TOKEN, get=True),
    hook("signed", hmac=SECRET),
    hook("grafana", hmac=SECRET, hmac_header="X-Sig", hmac_timestamp="X-Time"),
    hook("open", networks=here("127.0.0.0/8"), get=True),
    hook("elsewhere", networks=here("10.0.0.0/8")),
    hook("both", networks=here("10.0.0.0/8", "::1/128"), token=TOKEN),
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    store = SqliteStore(tmp_path / "t.db", FakeClock(), Random(1))
    await store.open(NOW)
    opened = await open_api(settings(), store=store, hooks=HOOKS)
    yield opened
    await opened.close()
    await store.close()


async def status(api: Api, path: str, headers: dict[str, str] | None = None) -> int:
    async with api.http.post(path, data=BODY, headers=headers) as response:
        return response.status


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"any:{password}".encode()).decode()}


def signed(secret: str = SECRET, body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def test_a_token_in_path_bearer_or_basic(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert await status(api, f"/hooks/generic/token/{TOKEN}") == 200
        for right in ({"Authorization": f"Bearer {TOKEN}"}, basic(TOKEN)):
            assert await status(api, "/hooks/generic/token", right) == 200
        for wrong in (None, {"Authorization": f"Bearer {TOKEN}x"}, basic("x"),
                      {"Authorization": "Basic %%"}, {"Authorization": TOKEN}):  # fmt: skip
            assert await status(api, "/hooks/generic/token", wrong) == 401
        assert await status(api, f"/hooks/generic/token/{TOKEN}x") == 401
        # A credential in a query counts for nothing.
        async with api.http.get(f"/hooks/get/token?token={TOKEN}") as response:
            assert response.status == 401
        async with api.http.get(f"/hooks/get/token/{TOKEN}?a=1") as response:
            assert response.status == 200
        assert await status(api, f"/hooks/generic/nothing/{TOKEN}") == 404
    assert TOKEN not in caplog.text
    assert "hook.refused hook=token" in caplog.text


async def test_a_token_of_octets_that_are_no_text_is_a_wrong_one(api: Api) -> None:
    address = api.http._base_url
    assert address is not None
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(b"POST /hooks/generic/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                 b"Authorization: Bearer \xff\xfe\r\n\r\n")  # fmt: skip
    assert b" 401 " in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


async def test_a_signature_over_the_body(api: Api) -> None:
    header = "X-Hub-Signature-256"
    assert await status(api, "/hooks/generic/signed", {header: f"sha256={signed()}"}) == 200
    assert await status(api, "/hooks/generic/signed", {header: signed().upper()}) == 200
    for wrong in ("", "sha1=abc", signed("another-secret-here"), signed(body=BODY + b" ")):
        assert await status(api, "/hooks/generic/signed", {header: wrong}) == 401


async def test_a_signature_over_time_and_body(api: Api) -> None:
    now = NOW // SECOND_US
    for stamp, expected in ((now, 200), (now - 299, 200), (now - 301, 401), (now + 301, 401)):
        mark = signed(body=f"{stamp}:".encode() + BODY)
        headers = {"X-Sig": mark, "X-Time": str(stamp)}
        assert await status(api, "/hooks/generic/grafana", headers) == expected
    assert await status(api, "/hooks/generic/grafana", {"X-Sig": signed()}) == 401
    assert await status(api, "/hooks/generic/grafana", {"X-Sig": signed(), "X-Time": "x"}) == 401


async def test_an_address_and_what_else_is_asked_for(api: Api) -> None:
    assert await status(api, "/hooks/generic/open") == 200
    assert await status(api, "/hooks/generic/elsewhere") == 403
    assert await status(api, f"/hooks/generic/both/{TOKEN}") == 403


async def test_a_get_only_where_it_is_allowed(api: Api) -> None:
    async with api.http.get("/hooks/get/open?a=1") as response:
        assert response.status == 200
    async with api.http.get("/hooks/get/signed?a=1") as response:
        assert response.status == 401
    async with api.http.get(f"/hooks/get/both/{TOKEN}?a=1") as response:
        assert response.status == 403

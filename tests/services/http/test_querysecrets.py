"""Credentials in an address are refused, and no secret is in any log."""

from __future__ import annotations

import asyncio

import pytest
from yarl import URL

from airpost.daemon.logs import JsonFormatter, KeyValueFormatter
from airpost.services.http.credentials import make_token, token_hash, without_secrets
from airpost.services.http.deps import DEPS
from tests.services.http.conftest import Api

SECRET = "s3cr3t" * 5
TOKEN = make_token("abcd1234", SECRET)


@pytest.mark.parametrize(
    "query",
    ["token=x", "access_token=x", "API-Key=x", "password=x", "pass=", "a=1&Authorization=x",
     f"key={TOKEN}", f"tag={TOKEN}", f"{TOKEN}", f"x={TOKEN.replace('_', '%5F')}",
     f"x=%61{TOKEN[1:]}"],
)  # fmt: skip
async def test_credentials_in_a_query_are_refused(
    keyed: Api, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    headers = keyed.store.new_key("shop", "read")
    for path in ("/v1/messages", "/v1/messages/x", "/health/live", "/nowhere"):
        url = URL(f"{keyed.http._base_url}".rstrip("/") + f"{path}?{query}", encoded=True)
        async with keyed.http.get(url, headers=headers) as answer:
            body = await answer.text()
            assert answer.status == 400
            assert ":credentials-in-query" in body
            assert SECRET not in body
    assert SECRET not in caplog.text
    await keyed.app[DEPS].audit.close()
    rows = keyed.store.audit.kept
    assert {row.result for row in rows} == {"credentials-in-query"}
    assert sum(row.count for row in rows) == 4
    assert SECRET not in str(rows)


async def test_names_that_only_look_alike_are_none(keyed: Api) -> None:
    headers = keyed.store.new_key("shop", "read")
    await keyed.call("GET", "/v1/messages?tag=password&key=abcd1234", headers=headers)


async def _raw(port: int, octets: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(octets)
    writer.write_eof()
    found = await reader.read()
    writer.close()
    return found


async def test_no_secret_is_ever_logged(keyed: Api, caplog: pytest.LogCaptureFixture) -> None:
    """Access log, errors, debug: of what is right, wrong, broken and no HTTP at all."""
    caplog.set_level(1, "airpost")
    caplog.set_level(0)
    keyed.store.new_key("root", "admin")
    admin = {"Authorization": f"Bearer {TOKEN}"}
    keyed.store.by_hash[token_hash(TOKEN)] = next(iter(keyed.store.by_hash.values()))
    given = {"name": "till", "owner": "shop", "scopes": ["send"]}
    made = await keyed.call("POST", "/v1/keys", 201, headers=admin, json=given)
    fresh = await keyed.call("POST", f"/v1/keys/{made['id']}/rotate", headers=admin, json={})
    secrets = [SECRET, made["token"].split("_", 2)[2], fresh["token"].split("_", 2)[2]]
    for token in (made["token"], fresh["token"]):
        await keyed.send(headers={"Authorization": f"Bearer {token}"})
        await keyed.send(400, text="", headers={"Authorization": f"Bearer {token}"})
        await keyed.call("GET", "/v1/keys", 403, headers={"Authorization": f"Bearer {token}"})
    for wrong in (
        f"Basic {SECRET}",
        f"bearer {TOKEN}x",
        f"Token {TOKEN}",
        TOKEN,
        f"Bearer {TOKEN}z",
    ):
        await keyed.call("GET", "/v1/messages", 401, headers={"Authorization": wrong})
    await keyed.call("GET", f"/v1/messages/{TOKEN}", 404, headers=admin)
    await keyed.call("DELETE", f"/v1/keys/{TOKEN}", 404, headers=admin)
    keyed.store.raises = RuntimeError(f"a bug that tells {TOKEN}")
    await keyed.send(500, headers=admin)
    keyed.store.raises = None
    port = int(str(keyed.http._base_url).rsplit(":", 1)[1].strip("/"))
    for octets in (
        f"GET /v1/keys HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\x00\r\n\r\n",
        f"GET /v1/keys HTTP/1.1\r\nHost: x\r\nAuth orization: Bearer {TOKEN}\r\n\r\n",
        f"Bearer {TOKEN}\r\n\r\n",
        f"GET /?token={TOKEN} HTTP/9.9\r\n\r\n",
        f"GET /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN * 200}\r\n\r\n",
    ):
        await _raw(port, octets.encode("latin-1"))
    await keyed.app[DEPS].audit.close()
    shown = [f(r) for r in caplog.records
             for f in (KeyValueFormatter().format, JsonFormatter().format)]  # fmt: skip
    assert len(shown) > 20
    assert [line for line in shown if any(secret in line for secret in secrets)] == []
    # Nor does the formatter have to save it, but for the traceback of a bug.
    raw = [r.getMessage() for r in caplog.records]
    assert [line for line in raw if any(secret in line for secret in secrets)] == []
    assert not any(secret in str(keyed.store.audit.kept) for secret in secrets)


def test_a_line_is_cleaned() -> None:
    assert without_secrets(f"x={TOKEN}, y") == "x=ap_abcd1234_…, y"
    assert (
        without_secrets(f"Authorization: Bearer {TOKEN}") == "Authorization: Bearer ap_abcd1234_…"
    )
    assert without_secrets("Authorization: Basic dXNlcjpwYXNz") == "Authorization: Basic …"
    assert without_secrets("authorization=BASIC dXNlcjpwYXNz") == "authorization=BASIC …"
    assert without_secrets("audit.anchor n=1 hash=00") == "audit.anchor n=1 hash=00"

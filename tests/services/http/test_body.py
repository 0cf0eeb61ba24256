"""Bodies: JSON, of a size, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.services.http.conftest import Api

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b'{"to": "\\ud800"}'])
async def test_bad_json(api: Api, data: bytes) -> None:
    body = await api.call("POST", "/v1/messages", 400, data=data, headers=JSON)
    assert (body["type"], body["field"]) == ("urn:airpost:problem:malformed-json", "body")


@pytest.mark.parametrize("packed", ["gzip", "deflate"])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/batches"])
async def test_a_body_that_is_not_packed_as_its_head_says(
    api: Api, path: str, packed: str, caplog: pytest.LogCaptureFixture
) -> None:
    headers = JSON | {"Content-Encoding": packed}
    problem = await api.call("POST", path, 400, data=b'{"to": "+491701234567"}', headers=headers)
    assert problem["field"] == "body"
    assert "Content-Encoding" in problem["detail"]
    assert "Traceback" not in caplog.text


async def test_a_byte_order_mark_in_front_is_passed_over(api: Api) -> None:
    given = b'{"to": "+491701234567", "text": "\xef\xbb\xbfhi"}'
    body = await api.call("POST", "/v1/messages", 202, data=b"\xef\xbb\xbf" + given, headers=JSON)
    assert body["text"] == "\ufeffhi"  # one inside belongs to the text
    await api.call("POST", "/v1/messages", 400, data=b"\xef\xbb\xbf" * 2 + given, headers=JSON)


async def test_deep_json(api: Api) -> None:
    data = b'{"to":' + b"[" * 100_000
    await api.call("POST", "/v1/messages", 400, data=data, headers=JSON)


async def test_json_that_is_no_object(api: Api) -> None:
    body = await api.call("POST", "/v1/messages", 400, data=b"[1]", headers=JSON)
    assert body["detail"] == "body: must be a JSON object"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
async def test_another_content_type(api: Api, kind: str) -> None:
    body = await api.call("POST", "/v1/messages", 415, data=b"{}", headers={"Content-Type": kind})
    assert body["type"] == "urn:airpost:problem:unsupported-media-type"
    assert body["field"] == "Content-Type"


@pytest.mark.parametrize("api", [{"body_limit": 100}], indirect=True)
async def test_a_body_over_the_limit(api: Api) -> None:
    body = await api.send(413, text="x" * 100)
    assert body["type"] == "urn:airpost:problem:body-too-large"
    assert body["setting"] == "http.body_kb"
    assert "body_kb of [http]" in body["detail"]
    assert "100 octets" in body["detail"]


@pytest.mark.parametrize("api", [{"body_limit": 100}], indirect=True)
async def test_a_body_over_the_limit_that_does_not_tell_its_length(api: Api) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 10

    body = await api.call("POST", "/v1/messages", 413, data=pieces(), headers=JSON)
    assert body["type"] == "urn:airpost:problem:body-too-large"

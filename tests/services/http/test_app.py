"""What every call passes through."""

from __future__ import annotations

import logging

import pytest

from airpost.services.http.app import CALLS
from tests.services.http.conftest import Api


@pytest.mark.parametrize(("method", "path"), [(call[0], call[1]) for call in CALLS])
async def test_no_call_without_a_key(keyed: Api, method: str, path: str) -> None:
    body = await keyed.call(method, path.format(id="x", name="gate-1", number="1"), 401)
    assert body["type"] == "urn:airpost:problem:unauthorized"


async def test_stopping_refuses_all_but_health(api: Api) -> None:
    api.stop[0] = True
    async with api.http.get("/v1/messages") as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "5"
        assert (await answer.json(content_type=None))["type"] == "urn:airpost:problem:stopping"
    await api.send(503)
    assert api.store.news == []
    await api.call("GET", "/health/live")


async def test_a_request_is_logged_without_its_query(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "airpost.http")
    await api.call("GET", "/v1/messages?to=%2B491701234567")
    await api.call("GET", "/v1/blocklist/0170 1234567", 404)
    first, second = [r.getMessage() for r in caplog.records if r.name == "airpost.http"]
    assert first.startswith("http.request method=GET path=/v1/messages status=200 took_ms=")
    assert "4917" not in first
    assert "path=/v1/blocklist/017…67 " in second


async def test_what_is_accepted_is_no_line_and_what_is_refused_is_one(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "airpost.http")
    await api.send()
    await api.send(400, to="1")
    (line,) = [r.getMessage() for r in caplog.records if r.name == "airpost.http"]
    assert line.startswith("http.request method=POST path=/v1/messages status=400 ")

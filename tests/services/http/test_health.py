"""Alive, ready, degraded, unavailable."""

from __future__ import annotations

from airpost.model import Lane, UnitState
from tests.services.http.conftest import Api
from tests.services.http.fakes import modem_view


async def test_live_and_ready_without_a_key(keyed: Api) -> None:
    assert await keyed.call("GET", "/health/live") == {"status": "live"}
    assert await keyed.call("GET", "/health/ready") == {
        "status": "ready", "reasons": [], "modems": {"ready": 1, "all": 1}
    }  # fmt: skip


async def test_no_modem_to_send_with_is_degraded(api: Api) -> None:
    api.pool.views = {Lane("gate-1"): modem_view(state=UnitState.ABSENT)}
    body = await api.call("GET", "/health/ready")
    assert (body["status"], body["reasons"]) == ("degraded", ["no modem is ready"])
    api.pool.views = {}
    body = await api.call("GET", "/health/ready")
    assert body["reasons"] == ["no modem is configured"]


async def test_a_store_that_cannot_write_is_not_ready(api: Api) -> None:
    api.store.unavailable = "the disk is full"
    async with api.http.get("/health/ready") as answer:
        assert answer.status == 503
        body = await answer.json()
    assert (body["status"], body["reasons"]) == ("unavailable", ["the store: the disk is full"])
    await api.call("GET", "/health/live")


async def test_a_service_that_stops_is_not_ready(api: Api) -> None:
    api.stop[0] = True
    async with api.http.get("/health/ready") as answer:
        assert answer.status == 503
        assert (await answer.json())["reasons"] == ["the service is stopping"]


async def test_a_load_balancer_may_ask_without_the_body(keyed: Api) -> None:
    for path in ("/health/live", "/health/ready"):
        async with keyed.http.head(path) as answer:
            assert (answer.status, await answer.read()) == (200, b"")
    keyed.store.unavailable = "the disk is full"
    async with keyed.http.head("/health/ready") as answer:
        assert (answer.status, await answer.read()) == (503, b"")

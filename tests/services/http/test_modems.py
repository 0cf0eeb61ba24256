"""Modems over HTTP."""

from __future__ import annotations

from dataclasses import replace

from airpost.model import Lane
from tests.services.http.conftest import Api


async def test_the_list_and_one(api: Api) -> None:
    page = await api.call("GET", "/v1/modems")
    assert page["next"] is None
    assert page["items"] == [await api.call("GET", "/v1/modems/gate-1")]
    (modem,) = page["items"]
    assert (modem["name"], modem["state"], modem["ready"]) == ("gate-1", "ready", True)
    await api.call("GET", "/v1/modems/gate-9", 404)


async def test_a_queue_is_what_is_bound_and_what_waits(api: Api) -> None:
    bound, waiting = [(await api.send(text=text))["id"] for text in "ab"]
    api.store.kept[bound] = replace(api.store.kept[bound], modem=Lane("gate-1"))
    body = await api.call("GET", "/v1/modems/gate-1/queue")
    assert [each["id"] for each in body["bound"]] == [bound]
    assert [each["id"] for each in body["backlog"]] == [waiting]
    assert (body["modem"], body["backlog_total"]) == ("gate-1", 1)
    await api.call("GET", "/v1/modems/gate-9/queue", 404)
    await api.call("GET", "/v1/modems/gate-1/queue?limit=0", 400)


async def test_the_queue_hides_what_others_send(keyed: Api) -> None:
    mine = keyed.store.new_key("shop", "send", "read", key_id="shop1")
    other = keyed.store.new_key("ward", "read", key_id="ward1")
    await keyed.send(headers=mine)
    body = await keyed.call("GET", "/v1/modems/gate-1/queue", headers=other)
    assert (body["backlog"], body["backlog_total"]) == ([], 1)
    body = await keyed.call("GET", "/v1/modems/gate-1/queue", headers=mine)
    assert len(body["backlog"]) == 1

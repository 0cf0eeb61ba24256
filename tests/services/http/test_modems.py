"""Modems over HTTP."""

from __future__ import annotations

from dataclasses import replace

from airpost.clock import rfc3339
from airpost.errors import ModemError
from airpost.model import Lane, MessageId, Waits
from tests.services.http.conftest import Api
from tests.services.http.fakes import NOW, USED, modem_view


async def test_the_list_and_one(api: Api) -> None:
    page = await api.call("GET", "/v1/modems")
    assert page["next"] is None
    assert page["items"] == [await api.call("GET", "/v1/modems/gate-1")]
    (modem,) = page["items"]
    assert (modem["name"], modem["state"], modem["ready"]) == ("gate-1", "ready", True)
    assert modem["memory"] is None
    api.pool.views[Lane("gate-1")] = modem_view(memory=(3, 20, NOW))
    found = await api.call("GET", "/v1/modems/gate-1")
    assert found["memory"] == {"used": 3, "places": 20, "at": rfc3339(NOW)}
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


async def test_a_queue_has_nothing_of_routes_the_modem_does_not_serve(api: Api) -> None:
    await api.send()
    api.pool.views[Lane("gate-1")] = replace(modem_view(), routes=frozenset({"vip"}))
    body = await api.call("GET", "/v1/modems/gate-1/queue")
    assert (body["backlog"], body["backlog_total"]) == ([], 0)


async def test_the_queue_hides_what_others_send(keyed: Api) -> None:
    mine = keyed.store.new_key("shop", "send", "read", key_id="shop1")
    other = keyed.store.new_key("ward", "read", key_id="ward1")
    await keyed.send(headers=mine)
    body = await keyed.call("GET", "/v1/modems/gate-1/queue", headers=other)
    assert (body["backlog"], body["backlog_total"]) == ([], 1)
    body = await keyed.call("GET", "/v1/modems/gate-1/queue", headers=mine)
    assert len(body["backlog"]) == 1


async def test_a_self_test_is_begun_and_its_message_shown(api: Api) -> None:
    sent = await api.send()
    api.store.kept["test"] = replace(api.store.kept[sent["id"]], id=MessageId("test"))
    path = "/v1/modems/gate-1/selftest"
    assert (await api.call("POST", path, 202))["id"] == "test"
    await api.call("POST", path, 202, json={"to": "own"})
    await api.call("POST", path, 202, json={"to": "00 49 (170) 1234567"})
    assert api.pool.asked == [("gate-1", ""), ("gate-1", "own"), ("gate-1", "+491701234567")]
    await api.call("POST", "/v1/modems/gate-9/selftest", 404)


async def test_a_self_test_that_cannot_be_says_why(api: Api) -> None:
    path = "/v1/modems/gate-1/selftest"
    body = await api.call("POST", path, 400, json={"to": "me"})
    assert (body["type"], body["field"]) == ("urn:airpost:problem:number-not-dialable", "to")
    await api.call("POST", path, 400, json={"number": "+491701234567"})
    assert api.pool.asked == []
    api.pool.answers["selftest"] = ModemError("one is under way: message x")
    body = await api.call("POST", path, 409)
    assert body["type"] == "urn:airpost:problem:no-selftest"
    assert body["detail"] == "one is under way: message x"


async def test_a_self_test_is_for_admins(keyed: Api) -> None:
    key = keyed.store.new_key("shop", "send", "read", key_id="shop1")
    await keyed.call("POST", "/v1/modems/gate-1/selftest", 403, headers=key)


async def test_limits_of_a_sim_and_what_a_message_waits_for(api: Api) -> None:
    api.pool.budgets[Lane("gate-1")] = USED
    (modem,) = (await api.call("GET", "/v1/modems"))["items"]
    assert modem["limits"]["profile"] == "cautious"
    sent = await api.send()
    assert sent["waits"] is None
    waits = Waits(reason="quota_exhausted", words="gate-1: 200 a day", until=NOW)
    api.pool.waiting[sent["id"]] = waits
    shown = await api.call("GET", f"/v1/messages/{sent['id']}")
    assert shown["waits"] == {
        "reason": "quota_exhausted", "for": "gate-1: 200 a day", "until": modem["since"],
    }  # fmt: skip

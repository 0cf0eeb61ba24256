"""Webhooks over HTTP: whose they are, what is shown once, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from airpost.clock import Instant
from airpost.services.http.shapes import events as shapes
from airpost.store.publishing import Delivery
from tests.services.http.conftest import Api
from tests.services.http.fakes import NOW, FakeStore

URL = "http://192.168.1.20:8080/airpost"


def bearer(store: FakeStore, owner: str, *scopes: str) -> dict[str, str]:
    return store.new_key(owner, *scopes, key_id=f"{owner}1234")


async def made(api: Api, **fields: Any) -> dict[str, Any]:
    return await api.call("POST", "/v1/webhooks", 201, json={"url": URL} | fields)


async def test_a_secret_is_shown_once(api: Api) -> None:
    new = await made(api, types=["message.*"], description="erp")
    shapes.NewWebhook.model_validate(new)
    assert new["secret"].startswith("whsec_")
    shown = await api.call("GET", f"/v1/webhooks/{new['id']}")
    shapes.Webhook.model_validate(shown)
    assert (shown["url"], shown["types"], shown["sees"]) == (URL, ["message.*"], "all")
    listed = await api.call("GET", "/v1/webhooks")
    assert listed == {"items": [shown], "next": None}
    turned = await api.call("POST", f"/v1/webhooks/{new['id']}/rotate", json={"overlap_s": 60})
    assert turned["secret"] not in ("", new["secret"])
    assert turned["previous_secret_until"] is not None
    await api.call("POST", f"/v1/webhooks/{new['id']}/rotate")
    await api.call("DELETE", f"/v1/webhooks/{new['id']}", 204)
    await api.call("GET", f"/v1/webhooks/{new['id']}", 404)


async def test_a_key_has_its_own_and_sees_its_own(keyed: Api) -> None:
    shop = bearer(keyed.store, "shop", "read")
    ears = bearer(keyed.store, "ears", "read", "inbound")
    other = bearer(keyed.store, "other", "read")
    admin = bearer(keyed.store, "boss", "admin")
    new = await keyed.call("POST", "/v1/webhooks", 201, json={"url": URL}, headers=shop)
    assert (new["owner"], new["sees"], new["inbound"]) == ("shop", "own", False)
    path = f"/v1/webhooks/{new['id']}"
    for call in (("GET", path), ("DELETE", path), ("POST", path + "/pause"),
                 ("GET", path + "/deliveries"), ("POST", path + "/test")):  # fmt: skip
        await keyed.call(*call, 404, headers=other)
    await keyed.call("GET", path, headers=admin)
    asked = {"url": URL, "types": ["inbound.message"]}
    refused = await keyed.call("POST", "/v1/webhooks", 403, json=asked, headers=shop)
    assert "'inbound'" in refused["detail"]
    assert (await keyed.call("POST", "/v1/webhooks", 201, json=asked, headers=ears))["inbound"]
    await keyed.call("POST", "/v1/webhooks", 403, json=asked,
                     headers=bearer(keyed.store, "mute", "send"))  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "problem", "field"),
    [
        ({}, 400, "missing-field", "url"),
        ({"url": URL, "typs": []}, 400, "unknown-field", "typs"),
        ({"url": URL, "types": ["message*"]}, 400, "invalid-request", "types.0"),
        ({"url": URL, "types": ["a"] * 33}, 400, "invalid-request", "types"),
        ({"url": "http://10.0.0.1/"}, 403, "target-not-allowed", "url"),
        ({"url": "ftp://10.0.0.1/"}, 400, "invalid-request", "url"),
    ],
)
async def test_what_cannot_be(
    api: Api, body: dict[str, Any], status: int, problem: str, field: str
) -> None:
    refused = await api.call("POST", "/v1/webhooks", status, json=body)
    assert refused["type"] == f"urn:airpost:problem:{problem}"
    assert refused["field"] == field
    if body.get("url") == "http://10.0.0.1/":
        assert refused["setting"] == "webhooks.allow"


async def test_too_many_are_told_with_their_setting(api: Api) -> None:
    for _ in range(3):
        await made(api)
    refused = await api.call("POST", "/v1/webhooks", 409, json={"url": URL})
    assert (refused["type"][-17:], refused["setting"]) == ("too-many-webhooks", "webhooks.most")


async def test_paused_resumed_tested_replayed(api: Api) -> None:
    path = f"/v1/webhooks/{(await made(api))['id']}"
    assert (await api.call("POST", path + "/pause"))["state"] == "paused"
    assert (await api.call("POST", path + "/resume"))["state"] == "active"
    tested = shapes.Tested.model_validate(await api.call("POST", path + "/test"))
    assert (tested.ok, tested.status) == (True, 200)
    for body in ({"dead": True}, {"events": [1, 2]}, {"since": "2026-01-02T03:04:05Z"}):
        await api.call("POST", path + "/replay", 202, json=body)
    did = [each for each in api.store.outbox.did if each[0] != "progress"]
    assert did == [("revive", 1, None, NOW), ("revive", 1, (1, 2), NOW), ("rewind", 1, 0)]
    for wrong in ({}, {"dead": True, "events": [1]}, {"events": []}, {"events": [0]}):
        await api.call("POST", path + "/replay", 400, json=wrong)
    api.store.outbox.failed = [
        Delivery(seq=seq, dead=seq == 2, tries=3, first_at=NOW, last_at=NOW, next_at=Instant(0),
                 status=None, error="connection refused") for seq in (1, 2)
    ]  # fmt: skip
    page = await api.call("GET", path + "/deliveries")
    found = shapes.Deliveries.model_validate(page).items
    assert [(each.event, each.state) for each in found] == [(1, "waiting"), (2, "dead")]
    assert [each.next_at for each in found] == [None, None]  # it waits for one before it; dead
    dead = await api.call("GET", path + "/deliveries?dead=true&limit=5")
    assert [each["event"] for each in dead["items"]] == [2]

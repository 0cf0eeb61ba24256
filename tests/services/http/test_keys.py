"""Keys over HTTP."""

from __future__ import annotations

import json

import pytest

from airpost.model import Lane
from airpost.store.auditing import KeyUse
from tests.services.http.conftest import Api
from tests.services.http.fakes import NOW, modem_view


async def test_a_key_is_its_own_owner_where_none_is_named(keyed: Api) -> None:
    admin = keyed.store.new_key("root", "admin")
    for given in ({}, {"owner": None}):
        body = {"name": "plant", "scopes": ["send"], **given}
        made = await keyed.call("POST", "/v1/keys", 201, json=body, headers=admin)
        assert made["owner"] == "plant"


async def test_a_key_is_made_used_and_revoked(keyed: Api) -> None:
    admin = keyed.store.new_key("root", "admin")
    made = await keyed.call(
        "POST",
        "/v1/keys",
        201,
        headers=admin,
        json={"name": "shop till", "owner": "shop", "scopes": ["send"]},
    )
    bearer = {"Authorization": f"Bearer {made['token']}"}
    await keyed.send(headers=bearer)
    assert keyed.store.news[0].owner == "shop"
    listed = (await keyed.call("GET", "/v1/keys", headers=admin))["items"]
    assert [key["name"] for key in listed] == ["root", "shop till"]
    assert all("token" not in key for key in listed)
    await keyed.call("DELETE", f"/v1/keys/{made['id']}", 204, headers=admin)
    await keyed.call("DELETE", f"/v1/keys/{made['id']}", 404, headers=admin)
    await keyed.send(401, headers=bearer)


async def test_scopes_that_are_none(api: Api) -> None:
    body = await api.call(
        "POST", "/v1/keys", 400, json={"name": "a", "owner": "b", "scopes": ["fly"]}
    )
    assert body["field"] == "scopes"


@pytest.mark.parametrize(
    ("field", "value", "where"),
    [
        ("networks", ["10.0.0.0/8", "10.0.0.1/8"], "networks.1"),
        ("networks", ["10.0.0.1 /8"], "networks.0"),
        ("rate", "fast", "rate"),
        ("expires_at", "2020-01-01T00:00:00Z", "expires_at"),
        ("classes", ["loud"], "classes.0"),
        ("classes", [], "classes"),
        ("routes", ["a b"], "routes.0"),
        ("routes", ["default", "nope"], "routes.1"),
    ],
)
async def test_a_restriction_that_is_none(api: Api, field: str, value: object, where: str) -> None:
    given = {"name": "a", "owner": "b", "scopes": ["send"], field: value}
    body = await api.call("POST", "/v1/keys", 400, json=given)
    assert body["field"] == where
    if "nope" in str(value):
        assert body["detail"] == "routes.1: is no route: there is default"
    assert api.store.by_hash == {}


async def test_a_restricted_key_sends_what_it_may(keyed: Api) -> None:
    admin = keyed.store.new_key("root", "admin")
    rules = {
        "classes": ["alarm"], "routes": ["alarms", "default"], "networks": ["127.0.0.1"],
        "rate": "100/s", "expires_at": "2026-02-02T00:00:00.000Z",
    }  # fmt: skip
    served = keyed.pool.views
    keyed.pool.views = {Lane("gate-1"): modem_view(routes=frozenset({"alarms", "default"}))}
    made = await keyed.call(
        "POST", "/v1/keys", 201, headers=admin,
        json={"name": "till", "owner": "shop", "scopes": ["send"], **rules},
    )  # fmt: skip
    keyed.pool.views = served
    assert {name: made[name] for name in rules} == rules
    bearer = {"Authorization": f"Bearer {made['token']}"}
    for fields, problem, field in (
        ({}, "class-not-allowed", "class"),
        ({"class": "alarm", "route": "bulk"}, "unknown-route", "route"),
        ({"class": "alarm", "modem": "gate-1"}, "route-not-allowed", "modem"),
        ({"class": "alarm"}, "unknown-route", "route"),  # its own first one, which nobody serves
    ):
        status = 400 if problem == "unknown-route" else 403
        body = await keyed.send(status, headers=bearer, **fields)
        assert (body["type"].rpartition(":")[2], body["field"]) == (problem, field)
    await keyed.send(headers=bearer, route="default", **{"class": "alarm"})
    keyed.pool.views = {Lane("gate-1"): modem_view(routes=frozenset({"alarms", "other"}))}
    await keyed.send(headers=bearer, **{"class": "alarm"})
    body = await keyed.send(403, headers=bearer, route="other", **{"class": "alarm"})
    assert body["type"].endswith(":route-not-allowed")
    assert [(each.class_.value, each.route) for each in keyed.store.news] == [
        ("alarm", "default"), ("alarm", "alarms"),
    ]  # fmt: skip
    told = json.loads(keyed.store.audit.kept[0].detail)
    assert (told["classes"], told["routes"], told["rate"]) == ("alarm", "alarms default", "100/s")


async def test_a_secret_is_replaced_with_an_overlap(keyed: Api) -> None:
    admin = keyed.store.new_key("root", "admin")
    old = keyed.store.new_key("shop", "send", key_id="till1")
    made = await keyed.call("POST", "/v1/keys/till1/rotate", headers=admin, json={"overlap_s": 60})
    fresh = {"Authorization": f"Bearer {made['token']}"}
    assert made["id"] == "till1"
    assert made["old_until"] == "2026-01-02T03:05:05.678Z"
    for headers in (old, fresh):
        await keyed.send(headers=headers)
    keyed.clock.advance(61)
    await keyed.send(401, headers=old)
    await keyed.send(headers=fresh)
    await keyed.call("POST", "/v1/keys/none/rotate", 404, headers=admin)
    body = await keyed.call(
        "POST", "/v1/keys/till1/rotate", 400, headers=admin, json={"overlap_s": 10**9}
    )
    assert body["field"] == "overlap_s"
    assert keyed.store.audit.told()[0] == ("key.rotate", "key abcd1234", "key till1", "done")


async def test_how_much_a_key_has_sent(api: Api) -> None:
    api.store.new_key("shop", "send")
    api.store.audit.used = [KeyUse(key_id="abcd1234", at=NOW, count=7)]
    body = await api.call("GET", "/v1/keys/abcd1234/use")
    assert body == {"id": "abcd1234", "items": [{"at": "2026-01-02T03:04:05.678Z", "count": 7}]}
    later = {"since": "2026-01-02T03:04:06Z"}
    assert (await api.call("GET", "/v1/keys/abcd1234/use", params=later))["items"] == []
    await api.call("GET", "/v1/keys/none/use", 404)

"""Keys over HTTP."""

from __future__ import annotations

from tests.services.http.conftest import Api


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

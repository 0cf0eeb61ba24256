"""Groups over HTTP."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from airpost.services.http.people import PAUSE_S, STRETCH_S
from airpost.store.people import PeopleLimits
from tests.services.http.conftest import Api

CSV = {"Content-Type": "text/csv"}


async def contact(api: Api, name: str, number: str) -> None:
    await api.call("PUT", f"/v1/contacts/{name}", 201, json={"number": number})


async def test_a_group_is_kept_read_and_removed(api: Api) -> None:
    await contact(api, "Ann", "+491701234567")
    members = ["contact:ann", "+49 170 1234568", "+491701234568", "contact:Ann"]
    made = await api.call("PUT", "/v1/groups/Night", 201, json={"members": members, "note": "x"})
    assert made["members"] == ["contact:ann", "+491701234568"]
    assert await api.call("GET", "/v1/groups/night") == made
    await api.call("PUT", "/v1/groups/NIGHT", 200, json={"members": []})
    page = await api.call("GET", "/v1/groups")
    assert [(each["name"], each["members"]) for each in page["items"]] == [("NIGHT", [])]
    await api.call("DELETE", "/v1/groups/Night", 204)
    await api.call("DELETE", "/v1/groups/Night", 404)
    await api.call("GET", "/v1/groups/Night", 404)


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("contact:Eve", "unknown-contact"),
        ("group:Day", "invalid-request"),
        ("letters", "number-not-dialable"),
    ],
)
async def test_a_member_that_cannot_be_is_named(api: Api, member: str, kind: str) -> None:
    body = {"members": ["12345", member]}
    told = await api.call("PUT", "/v1/groups/Night", 400, json=body)
    assert told["type"] == f"urn:airpost:problem:{kind}"
    assert told["field"] == "members.1"


@pytest.mark.parametrize(
    "api", [{"people": PeopleLimits(max_groups=2, max_members=2), "body_limit": 60}], indirect=True
)
async def test_too_many_groups_or_members_name_the_setting(api: Api) -> None:
    await api.call("PUT", "/v1/groups/a", 201, json={"members": ["12345", "12346"]})
    told = await api.call("PUT", "/v1/groups/b", 400, json={"members": ["1001"] * 3})
    assert (told["field"], told["setting"]) == ("members", "people.max_members")
    some = [{"name": "b", "members": ["1001"] * 3}, {"name": "c", "members": []}]
    # More than body_limit, and more than the groups take: 32 octets for each member there may be.
    told = await api.call("PUT", "/v1/groups", 413, json={"groups": some})
    assert "64 octets" in told["detail"]
    sheet = b"group,member\nb,1001\nb,1002\nb,1003\nc,\n"
    done = await api.call("PUT", "/v1/groups", data=sheet, headers=CSV)
    assert [(each["row"], each["field"]) for each in done["rejected"]] == [(0, "members")]
    assert "max_members of [people]" in done["rejected"][0]["message"]
    some = [{"name": "d", "members": []}]
    (one,) = (await api.call("PUT", "/v1/groups", json={"groups": some}))["rejected"]
    assert (one["row"], one["field"]) == (0, "name")
    assert "max_groups of [people]" in one["message"]
    told = await api.call("PUT", "/v1/groups/d", 409, json={"members": []})
    assert (told["type"][20:], told["setting"]) == ("too-many-people", "people.max_groups")


async def test_a_long_group_leaves_the_loop_to_others(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count()
    monkeypatch.setattr(api.clock, "mono", lambda: next(ticks) * STRETCH_S * 2)
    pauses: list[float] = []

    async def sleep(delay_s: float) -> None:
        pauses.append(delay_s)
        await asyncio.sleep(0)

    monkeypatch.setattr(api.clock, "sleep", sleep)
    members = [f"+49151{at:07}" for at in range(100)]
    await api.call("PUT", "/v1/groups/long", 201, json={"members": members})
    assert pauses == [PAUSE_S] * len(members)
    rows = [{"name": each, "number": each} for each in members]
    await api.call("PUT", "/v1/contacts", json={"contacts": rows})
    await api.call("PUT", "/v1/blocklist", json={"numbers": members})
    assert pauses == [PAUSE_S] * 3 * len(members)


async def test_pages_go_by_name_and_owners_are_apart(keyed: Api) -> None:
    shop = keyed.store.new_key("shop", "send", "read", key_id="shop")
    plant = keyed.store.new_key("plant", "send", "read", key_id="plant")
    for name in ("a", "b", "c"):
        await keyed.call("PUT", f"/v1/groups/{name}", 201, json={"members": []}, headers=shop)
    page = await keyed.call("GET", "/v1/groups?limit=2", headers=shop)
    rest = await keyed.call("GET", f"/v1/groups?cursor={page['next']}", headers=shop)
    assert [each["name"] for each in page["items"] + rest["items"]] == ["a", "b", "c"]
    assert (await keyed.call("GET", "/v1/groups", headers=plant))["items"] == []
    await keyed.call("GET", "/v1/groups/a", 404, headers=plant)
    await keyed.call("DELETE", "/v1/groups/a?owner=shop", 403, headers=plant)
    # A contact of another owner is none.
    await keyed.call("PUT", "/v1/contacts/Ann", 201, json={"number": "12345"}, headers=plant)
    body = {"members": ["contact:Ann"]}
    await keyed.call("PUT", "/v1/groups/a", 400, json=body, headers=shop)


async def test_many_at_once_as_json_and_as_csv(api: Api) -> None:
    await contact(api, "Ann", "+491701234567")
    groups = [{"name": "day", "members": ["12345"]}, {"name": "bad", "members": ["contact:Eve"]},
              {"name": "", "members": []}, {"name": "odd", "members": [7]}]  # fmt: skip
    done = await api.call("PUT", "/v1/groups", json={"groups": groups})
    assert (done["groups"], done["new"]) == (1, 1)
    assert [(each["row"], each["field"]) for each in sorted(
        done["rejected"], key=lambda each: each["row"]
    )] == [(1, "members.0"), (2, "name"), (3, "members.0")]  # fmt: skip
    sheet = "group,member\nnight,contact:Ann\nnight,54321\n,12345\nempty,\nbad,contact:Eve\n"
    done = await api.call("PUT", "/v1/groups", data=sheet.encode(), headers=CSV)
    assert (done["groups"], done["new"]) == (2, 2)
    assert [(each["row"], each["field"]) for each in done["rejected"]] == [
        (1, "name"),
        (3, "members.0"),
    ]
    async with api.http.get("/v1/groups?format=csv") as response:
        given = await response.text()
    assert given == (
        "group,member,note\r\nday,12345,\r\nempty,,\r\nnight,contact:Ann,\r\nnight,54321,\r\n"
    )
    again = await api.call("PUT", "/v1/groups", data=given.encode(), headers=CSV)
    assert (again["groups"], again["new"], again["rejected"]) == (3, 0, [])

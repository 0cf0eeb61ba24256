"""Contacts over HTTP: each owner its own, many at once, and CSV both ways."""

from __future__ import annotations

import pytest

from airpost.store.people import PeopleLimits
from tests.services.http.conftest import Api

ANN = {"number": "0049 170 1234567", "note": "on call", "values": {"shift": "night"}}
CSV = {"Content-Type": "text/csv"}


async def test_a_contact_is_kept_read_and_removed(api: Api) -> None:
    made = await api.call("PUT", "/v1/contacts/Ann", 201, json=ANN)
    assert made == {
        "owner": "local", "name": "Ann", "number": "+491701234567", "note": "on call",
        "values": {"shift": "night"}, "updated_at": "2026-01-02T03:04:05.678Z",
    }  # fmt: skip
    assert await api.call("GET", "/v1/contacts/ann") == made
    changed = await api.call("PUT", "/v1/contacts/ANN", 200, json={"number": "12345"})
    assert (changed["number"], changed["note"]) == ("12345", None)
    await api.call("DELETE", "/v1/contacts/Ann", 204)
    await api.call("DELETE", "/v1/contacts/Ann", 404)
    await api.call("GET", "/v1/contacts/Ann", 404)


@pytest.mark.parametrize(
    ("name", "body", "field"),
    [
        ("Ann", {"number": "letters"}, "number"),
        ("Ann", {"number": "12345", "nubmer": ""}, "nubmer"),
        ("Ann", {"number": "12345", "values": {"": "x"}}, "values..[key]"),
        ("%20", {"number": "12345"}, "name"),
        ("a" * 65, {"number": "12345"}, "name"),
        ("a%0Ab", {"number": "12345"}, "name"),
    ],
)
async def test_what_cannot_be_names_its_field(
    api: Api, name: str, body: dict[str, object], field: str
) -> None:
    told = await api.call("PUT", f"/v1/contacts/{name}", 400, json=body)
    assert told["field"] == field
    assert api.store.people.known == {}


async def test_pages_go_by_name(api: Api) -> None:
    for name in ("bob", "Ann", "Zoe/2"):
        path = f"/v1/contacts/{name.replace('/', '%2F')}"
        await api.call("PUT", path, 201, json={"number": "12345"})
    page = await api.call("GET", "/v1/contacts?limit=2")
    assert [each["name"] for each in page["items"]] == ["Ann", "bob"]
    rest = await api.call("GET", f"/v1/contacts?limit=2&cursor={page['next']}")
    assert ([each["name"] for each in rest["items"]], rest["next"]) == (["Zoe/2"], None)
    told = await api.call("GET", "/v1/groups?cursor=" + page["next"], 400)
    assert told["type"] == "urn:airpost:problem:invalid-cursor"


async def test_each_owner_has_its_own_and_an_admin_may_name_another(keyed: Api) -> None:
    shop = keyed.store.new_key("shop", "send", "read", key_id="shop")
    plant = keyed.store.new_key("plant", "send", "read", key_id="plant")
    admin = keyed.store.new_key("boss", "admin", key_id="boss")
    body = {"number": "12345"}
    await keyed.call("PUT", "/v1/contacts/Ann", 201, json=body, headers=shop)
    await keyed.call("GET", "/v1/contacts/Ann", 404, headers=plant)
    await keyed.call("DELETE", "/v1/contacts/Ann", 404, headers=plant)
    for method, more in (("GET", {}), ("PUT", {"json": body}), ("DELETE", {})):
        path = "/v1/contacts/Ann?owner=shop"
        await keyed.call(method, path, 403, headers=plant, **more)
    await keyed.call("PUT", "/v1/contacts/Bob?owner=plant", 201, json=body, headers=admin)
    assert (await keyed.call("GET", "/v1/contacts/Bob", headers=plant))["owner"] == "plant"
    everybody = await keyed.call("GET", "/v1/contacts", headers=admin)
    assert [each["owner"] for each in everybody["items"]] == ["plant", "shop"]
    mine = await keyed.call("GET", "/v1/contacts", headers=shop)
    assert [each["name"] for each in mine["items"]] == ["Ann"]
    named = await keyed.call("GET", "/v1/contacts?owner=plant", headers=admin)
    assert [each["name"] for each in named["items"]] == ["Bob"]
    await keyed.call("GET", "/v1/contacts?owner=plant", 403, headers=shop)


async def test_a_bad_row_never_loses_the_others(api: Api) -> None:
    rows = [{"name": "Ann", "number": "12345"}, {"name": "Bob", "number": "x"},
            {"name": " ", "number": "12345"}, {"name": "ann", "number": "54321"},
            {"name": "", "number": "1"}, {"name": "Eve", "number": 5}, {"name": "Eve"}, 7,
            {"name": "Eve", "number": "123", "nmbr": "1"}]  # fmt: skip
    done = await api.call("PUT", "/v1/contacts", json={"contacts": rows})
    assert (done["contacts"], done["new"]) == (1, 1)
    assert [(each["row"], each["field"]) for each in done["rejected"]] == [
        (1, "number"),
        (2, "name"),
        (4, "name"),
        (5, "number"),
        (6, "number"),
        (7, "body"),
        (8, "nmbr"),
    ]
    assert (await api.call("GET", "/v1/contacts/Ann"))["number"] == "54321"
    await api.call("PUT", "/v1/contacts", 400, json={"contacts": []})
    await api.call("PUT", "/v1/contacts", 400, json={"contacts": [{}], "x": 1})


@pytest.mark.parametrize("api", [{"people": PeopleLimits(max_contacts=1)}], indirect=True)
async def test_too_many_name_the_setting(api: Api) -> None:
    body = {"number": "12345"}
    await api.call("PUT", "/v1/contacts/Ann", 201, json=body)
    told = await api.call("PUT", "/v1/contacts/Bob", 409, json=body)
    assert (told["type"][20:], told["setting"]) == ("too-many-people", "people.max_contacts")
    assert told["detail"].startswith("an owner has at most 1 contacts; max_contacts of [people]")
    rows = [{"name": name, "number": "12345"} for name in ("Bob", "Eve")]
    await api.call("PUT", "/v1/contacts", 409, json={"contacts": rows})
    assert len((await api.call("GET", "/v1/contacts"))["items"]) == 1


async def test_csv_goes_out_as_it_came_in(api: Api) -> None:
    sheet = (
        '\ufeffNumber;Name;shift;Note\r\n+491701234567;Ann Müller;夜;"a; b"\r\n\r\n'
        "letters;Bob;day;\r\n;Eve;;\r\n"
    )
    done = await api.call("PUT", "/v1/contacts", data=sheet.encode(), headers=CSV)
    assert done["contacts"] == 1
    assert [(each["row"], each["field"]) for each in done["rejected"]] == [
        (1, "number"),
        (2, "number"),
    ]
    async with api.http.get("/v1/contacts?format=csv") as response:
        assert response.content_type == "text/csv"
        assert "contacts.csv" in response.headers["Content-Disposition"]
        given = await response.text()
    assert given == "name,number,note,shift\r\nAnn Müller,+491701234567,a; b,夜\r\n"
    again = await api.call("PUT", "/v1/contacts", data=given.encode(), headers=CSV)
    assert (again["contacts"], again["new"]) == (1, 0)


@pytest.mark.parametrize(
    ("sheet", "words"),
    [
        (b"", "needs a heading"),
        (b"name,phone\n", "lacks number"),
        (b"name,number,name\n", "twice"),
        (b'name,number\n"Ann', "line 2"),
        (b"name,number\n\xff,1", "UTF-8"),
        (b"name,number\n" + b"a,12345\n" * 1001, "at most 1000"),
    ],
)
async def test_what_is_no_sheet_is_told(api: Api, sheet: bytes, words: str) -> None:
    told = await api.call("PUT", "/v1/contacts", 400, data=sheet, headers=CSV)
    assert told["field"] == "body"
    assert words in told["detail"]
    assert api.store.people.known == {}

"""Whom a name stands for."""

from __future__ import annotations

import pytest

from airpost.errors import InvalidRequest
from airpost.services.http.people import recipients
from airpost.store.people import Contact, Group, Member
from tests.services.http.conftest import Api
from tests.services.http.fakes import NOW
from tests.services.http.listed import FakePeople


@pytest.fixture
async def people() -> FakePeople:
    made = FakePeople()
    await made.put_contacts([
        Contact(owner="shop", name=name, number=number, values={"shift": "night"}, updated_at=NOW)
        for name, number in (("Ann", "1001"), ("Bob", "1002"))
    ], 9)  # fmt: skip
    for name, members in (
        ("both", (Member(contact="ann"), Member(contact="bob"), Member(number="1003"))),
        ("some", (Member(number="1001"), Member(number="1004"))),
    ):
        await made.put_group(Group(owner="shop", name=name, members=members, updated_at=NOW), 9)
    return made


async def test_groups_are_whom_they_name_and_each_number_comes_once(people: FakePeople) -> None:
    found, faults = await recipients(people, "shop", ["group:some", "contact: ann", "group:BOTH"])
    assert [(each.at, each.to, each.contact) for each in found] == [
        (0, "1001", None), (0, "1004", None), (2, "1002", "Bob"), (2, "1003", None),
    ]  # fmt: skip
    assert faults == {}
    assert found[2].values == {"shift": "night", "name": "Bob", "number": "1002"}


async def test_a_number_given_twice_is_meant_twice(people: FakePeople) -> None:
    found, _ = await recipients(people, "shop", ["1001", "1001", "contact:ann", "group:both"])
    assert [each.to for each in found] == ["1001", "1001", "1002", "1003"]


async def test_one_that_is_not_there_costs_no_other(people: FakePeople) -> None:
    given = ["contact:Eve", "group:none", "contact:Bob"]
    found, faults = await recipients(people, "shop", given)
    assert [each.to for each in found] == ["1002"]
    assert [(at, each.field, each.code) for at, each in faults.items()] == [
        (0, "to.0", "unknown-contact"), (1, "to.1", "unknown-group"),
    ]  # fmt: skip
    assert faults[1].message == "there is no such group: there are both, some"
    found, faults = await recipients(people, "plant", given)
    assert (found, len(faults)) == ([], 3)
    assert faults[1].message == "there is no such group: there is none"
    assert all(isinstance(each, InvalidRequest) for each in faults.values())


async def test_a_contact_stands_wherever_a_number_may(api: Api) -> None:
    await api.call("PUT", "/v1/contacts/Ann", 201, json={"number": "+491701234567"})
    sent = await api.send(to="contact:ann")
    assert sent["to"] == "+491701234567"
    assert (await api.call("GET", "/v1/messages?to=contact:ann"))["items"] != []
    assert api.store.asked[-1].to == "+491701234567"
    blocked = await api.call("PUT", "/v1/blocklist/contact:Ann")
    assert blocked["number"] == "+491701234567"
    await api.call("PUT", "/v1/blocklist", json={"numbers": ["contact:Ann", "12345"]})
    assert set(api.store.blocklist.entries) == {"+491701234567", "12345"}
    await api.call("DELETE", "/v1/blocklist/contact:Ann", 204)
    await api.call("POST", "/v1/db/forget", json={"number": "contact:Ann"})
    assert api.store.keeping.asked[-1] == ("forget", "+491701234567", "local")
    # What was accepted has the number of that moment.
    await api.call("PUT", "/v1/contacts/Ann", json={"number": "12345"})
    await api.call("DELETE", "/v1/contacts/Ann", 204)
    assert (await api.call("GET", f"/v1/messages/{sent['id']}"))["to"] == "+491701234567"


@pytest.mark.parametrize(
    ("to", "kind"), [("contact:Eve", "unknown-contact"), ("group:night", "group-for-batch")]
)
async def test_where_one_number_is_meant_a_name_must_be_one(api: Api, to: str, kind: str) -> None:
    assert (await api.refused(kind, "to", to=to)) != ""
    told = await api.call("GET", f"/v1/messages?to={to}", 400)
    assert (told["type"], told["field"]) == (f"urn:airpost:problem:{kind}", "to")


async def test_a_repeat_by_its_key_is_answered_though_the_contact_is_gone(api: Api) -> None:
    await api.call("PUT", "/v1/contacts/Ann", 201, json={"number": "+491701234567"})
    headers = {"Idempotency-Key": "one"}
    first = await api.send(to="contact:Ann", headers=headers)
    await api.call("DELETE", "/v1/contacts/Ann", 204)
    assert await api.send(to="contact:Ann", headers=headers) == first
    assert len(api.store.news) == 1


async def test_a_schedule_keeps_the_name_and_is_checked(api: Api) -> None:
    body = {"cron": "0 7 * * *", "zone": "UTC", "message": {"to": "contact:Ann", "text": "x"}}
    told = await api.call("POST", "/v1/schedules", 400, json=body)
    assert (told["type"], told["field"]) == (
        "urn:airpost:problem:unknown-contact", "message.to",
    )  # fmt: skip
    await api.call("PUT", "/v1/contacts/Ann", 201, json={"number": "+491701234567"})
    made = await api.call("POST", "/v1/schedules", 201, json=body)
    assert made["message"]["to"] == "contact:Ann"

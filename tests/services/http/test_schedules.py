"""Recurring schedules over HTTP."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from airpost.services.http.deps import DEPS
from tests.services.http.conftest import Api
from tests.services.http.fake_schedules import FakeSchedules

DAILY = {"cron": "0 8 * * *", "zone": "Europe/Berlin",
         "message": {"to": "+491701234567", "text": "ü", "class": "alarm"}}  # fmt: skip


def book(api: Api) -> FakeSchedules:
    found = api.app[DEPS].schedules
    assert isinstance(found, FakeSchedules)
    return found


async def test_made_read_listed_and_deleted(api: Api) -> None:
    made = await api.call("POST", "/v1/schedules", 201, json=DAILY)
    assert made["next_at"] == "2026-01-02T07:00:00.000Z"
    assert (made["message"], made["late_s"]) == (DAILY["message"], 3600)
    assert (made["fired"], made["skipped"], made["last_at"], made["problem"]) == (0, 0, None, None)
    path = f"/v1/schedules/{made['id']}"
    assert await api.call("GET", path) == made
    assert (await api.call("GET", "/v1/schedules"))["items"] == [made]
    await api.call("DELETE", path, 204)
    await api.call("DELETE", path, 404)
    await api.call("GET", path, 404)
    assert api.store.news == []


async def test_pages(api: Api) -> None:
    ids = [(await api.call("POST", "/v1/schedules", 201, json=DAILY))["id"] for _ in range(3)]
    page = await api.call("GET", "/v1/schedules?limit=2")
    rest = await api.call("GET", f"/v1/schedules?limit=2&cursor={page['next']}")
    assert [each["id"] for each in (*page["items"], *rest["items"])] == ids
    assert rest["next"] is None


async def test_octets_come_back_as_they_were_given(api: Api) -> None:
    octets = base64.b64encode(bytes(range(240, 256)) + b"\xfb\xff\xfe").decode()
    assert "/" in octets
    message = {"to": "+491701234567", "data": octets, "port": 1234}
    made = await api.call("POST", "/v1/schedules", 201, json={**DAILY, "message": message})
    assert made["message"] == message


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"cron": "0 8 * *"}, "cron", "five fields"),
        ({"cron": "0 99 * * *"}, "cron", "bad hour"),
        ({"cron": "0 0 31 2 *"}, "cron", "bad day"),
        ({"zone": "Berlin"}, "zone", "no time zone"),
        ({"message": {**DAILY["message"], "send_at": "2027-01-01T00:00:00Z"}},  # type: ignore[dict-item]
         "message.send_at", "not for a schedule"),
        ({"message": {**DAILY["message"], "expires_at": "2027-01-01T00:00:00Z"}},  # type: ignore[dict-item]
         "message.expires_at", "not for a schedule"),
        ({"message": {"to": "+491701234567", "text": ""}}, "message.text", "is empty"),
        ({"message": {"to": "me", "text": "x"}}, "message.to", ""),
        ({"message": {**DAILY["message"], "modem": "gate-9"}}, "message.modem", "no modem"),  # type: ignore[dict-item]
        ({"late_s": -1}, "late_s", ""),
        ({"every": "day"}, "every", "not known"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_named(
    api: Api, change: dict[str, Any], field: str, words: str
) -> None:
    body = await api.call("POST", "/v1/schedules", 400, json={**DAILY, **change})
    assert body["field"] == field
    assert words in body["detail"]
    assert book(api).kept == {}


async def test_an_owner_sees_and_deletes_its_own(keyed: Api) -> None:
    mine = keyed.store.new_key("shop", "send", "read", key_id="shop1")
    other = keyed.store.new_key("ward", "send", "read", key_id="ward1")
    made = await keyed.call("POST", "/v1/schedules", 201, json=DAILY, headers=mine)
    path = f"/v1/schedules/{made['id']}"
    await keyed.call("GET", path, 404, headers=other)
    await keyed.call("DELETE", path, 404, headers=other)
    assert (await keyed.call("GET", "/v1/schedules", headers=other))["items"] == []
    assert (await keyed.call("GET", path, headers=mine))["id"] == made["id"]
    (kept,) = book(keyed).kept.values()
    assert (kept.owner, kept.key_id) == ("shop", "shop1")


async def test_too_many(api: Api) -> None:
    book(api).full = True
    body = await api.call("POST", "/v1/schedules", 409, json=DAILY)
    assert body["type"] == "urn:airpost:problem:too-many-schedules"
    assert body["setting"] == "http.max_schedules"
    assert body["detail"].startswith("an owner has at most 1000; max_schedules of [http]")


async def test_a_refusal_names_its_setting_as_that_of_a_message_does(api: Api) -> None:
    message = {"to": "+491701234567", "text": "x" * 3000}
    sent = await api.call("POST", "/v1/messages", 400, json=message)
    told = await api.call("POST", "/v1/schedules", 400, json={**DAILY, "message": message})
    assert (told["field"], told["setting"]) == ("message.text", "sms.max_parts")
    assert told["setting"] == sent["setting"]

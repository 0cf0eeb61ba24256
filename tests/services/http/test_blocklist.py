"""The blocklist over HTTP."""

from __future__ import annotations

import pytest

from tests.services.http.conftest import Api

NUMBER = "+491701234567"


async def test_a_number_is_added_read_and_removed(api: Api) -> None:
    api.store.blocklist.failed = 2
    made = await api.call("PUT", f"/v1/blocklist/{NUMBER}", json={"note": "asked us to"})
    assert made == {
        "number": NUMBER,
        "note": "asked us to",
        "by": "local",
        "since": "2026-01-02T03:04:05.678Z",
        "failed": 2,
    }
    del made["failed"]
    assert await api.call("GET", f"/v1/blocklist/{NUMBER}") == made
    await api.call("DELETE", f"/v1/blocklist/{NUMBER}", 204)
    await api.call("DELETE", f"/v1/blocklist/{NUMBER}", 404)
    await api.call("GET", f"/v1/blocklist/{NUMBER}", 404)


async def test_a_note_is_not_needed_and_spaces_do_not_count(api: Api) -> None:
    await api.call("PUT", "/v1/blocklist/+49 170 1234567")
    assert api.store.blocklist.entries[NUMBER].note is None
    body = await api.call("PUT", "/v1/blocklist/letters", 400)
    assert body["field"] == "number"


async def test_many_at_once_and_in_pages(api: Api) -> None:
    numbers = [f"+49170123456{n}" for n in range(5)]
    done = await api.call("PUT", "/v1/blocklist", json={"numbers": numbers})
    assert done == {"numbers": 5, "failed": 0}
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = await api.call("GET", f"/v1/blocklist?limit=2&cursor={cursor}")
        seen += [each["number"] for each in page["items"]]
        cursor = page["next"]
    assert seen == numbers
    assert (await api.call("GET", "/v1/blocklist?cursor=xx", 400))["field"] == "cursor"


async def test_one_wrong_number_is_named_and_none_is_added(api: Api) -> None:
    body = await api.call("PUT", "/v1/blocklist", 400, json={"numbers": [NUMBER, "x"]})
    assert body["field"] == "numbers.1"
    assert api.store.blocklist.entries == {}


async def test_only_an_admin_may(keyed: Api) -> None:
    key = keyed.store.new_key("till", "send", "read")
    for method, path in (("GET", "/v1/blocklist"), ("PUT", f"/v1/blocklist/{NUMBER}"),
                         ("DELETE", f"/v1/blocklist/{NUMBER}")):  # fmt: skip
        await keyed.call(method, path, 403, headers=key)


@pytest.mark.parametrize("api", [{"max_blocked": 2}], indirect=True)
async def test_so_many_at_once(api: Api) -> None:
    numbers = [f"+49170000000{n}" for n in range(3)]
    body = await api.call("PUT", "/v1/blocklist", 400, json={"numbers": numbers})
    assert (body["field"], body["setting"]) == ("numbers", "http.max_blocked")
    await api.call("PUT", "/v1/blocklist", json={"numbers": numbers[:2]})

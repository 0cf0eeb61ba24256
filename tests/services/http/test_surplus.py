"""What a call has no place for: a parameter or a field that would be passed over in silence."""

from __future__ import annotations

import pytest

from airpost.services.http.app import CALLS
from airpost.services.http.deps import DEPS
from airpost.services.http.operations import described
from airpost.services.http.refusals import REFUSALS
from airpost.services.http.surplus import BODILESS, WholeQuery
from tests.services.http.conftest import Api

NAMES = {"{id}": "x", "{name}": "gate-1", "{number}": "+491701234567"}
OURS = [
    (method, path, told)
    for method, path, _, handler in CALLS
    if path.startswith("/v1/") and (told := described(handler)) is not None
]
NO_QUERY = [(method, path) for method, path, told in OURS if told.query is None]
WHOLE = [path for _, path, told in OURS if told.query is WholeQuery]
NO_BODY = [
    (method, path) for method, path, told in OURS if told.body is None and method not in BODILESS
]


def address(path: str) -> str:
    for name, value in NAMES.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize(("method", "path"), NO_QUERY)
async def test_a_parameter_is_refused_where_there_is_none(api: Api, method: str, path: str) -> None:
    problem = await api.call(method, f"{address(path)}?dry=1", 400)
    assert (problem["type"], problem["field"]) == ("urn:airpost:problem:unknown-field", "dry")


@pytest.mark.parametrize("path", WHOLE)
async def test_a_list_told_whole_is_asked_for_as_any_other(api: Api, path: str) -> None:
    sent = (await api.send())["id"]
    path = path.replace("{id}", sent).replace("{name}", "gate-1")
    assert (await api.call("GET", f"{path}?cursor=&limit=500"))["next"] is None
    problem = await api.call("GET", f"{path}?cursor=bToy", 400)
    assert problem["type"] == "urn:airpost:problem:invalid-cursor"
    problem = await api.call("GET", f"{path}?dry=1", 400)
    assert (problem["type"], problem["field"]) == ("urn:airpost:problem:unknown-field", "dry")


@pytest.mark.parametrize(("method", "path"), NO_BODY)
async def test_a_field_is_refused_where_there_is_none(api: Api, method: str, path: str) -> None:
    problem = await api.call(method, address(path), 400, json={"dry": True})
    assert (problem["type"], problem["field"]) == ("urn:airpost:problem:unknown-field", "dry")
    problem = await api.call(method, address(path), 400, data="dry=1")
    assert problem["type"] == "urn:airpost:problem:malformed-json"


async def test_an_empty_body_is_none(api: Api) -> None:
    for body in (b"", b"{}", b"\n"):
        told = await api.call("POST", "/v1/modems/gate-1/pause", data=body)
        assert told["paused"] == "paused, by local"


async def test_what_is_refused_changes_nothing(api: Api) -> None:
    await api.call("POST", "/v1/modems/gate-1/pause", 400, json={"for_s": 60})
    assert (await api.call("GET", "/v1/modems/gate-1"))["paused"] is None
    await api.call("POST", "/v1/messages?dry=1", 400, json={"to": "+491701234567", "text": "a"})
    assert api.store.news == []


async def test_scrapers_have_parameters_of_their_own(api: Api) -> None:
    async with api.http.get("/metrics?collect=all") as response:
        assert response.status == 200


async def test_who_has_no_key_is_told_that_first(keyed: Api) -> None:
    await keyed.call("POST", "/v1/messages?dry=1", 401, json={})


async def test_what_is_refused_counts_as_such(api: Api) -> None:
    await api.call("POST", "/v1/modems/gate-1/pause", 400, json={"for_s": 60})
    await api.call("POST", "/v1/messages?dry=1", 400, json={"to": "+491701234567", "text": "a"})
    await api.app[DEPS].audit.close()
    (row,) = api.store.audit.kept
    assert (row.action, row.result) == ("POST /v1/modems/{name}/pause", "unknown-field")
    await api.app[REFUSALS].close()
    assert [refused.reason for refused in api.store.keeping.refused] == ["unknown-field"]

"""Problems: stable types, no values, and our own faults logged but not told."""

from __future__ import annotations

import json
import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from airpost.errors import AirpostError, InvalidRequest, StoreUnavailable
from airpost.services.http.problems import (
    KINDS,
    Refusal,
    problem_body,
    problem_of,
    problem_response,
    refusal,
)
from tests.services.http.conftest import Api


def test_every_kind_is_in_its_table_by_its_name() -> None:
    assert all(kind.name == name and 400 <= kind.status < 600 for name, kind in KINDS.items())
    assert len({kind.type for kind in KINDS.values()}) == len(KINDS)


def test_a_field_is_named_first_and_in_the_list() -> None:
    body = problem_body(refusal(InvalidRequest("to", "is empty", "number-not-dialable")))
    assert body == {
        "type": "urn:airpost:problem:number-not-dialable",
        "title": "The number cannot be dialled",
        "status": 400,
        "detail": "to: is empty",
        "field": "to",
        "errors": [{"field": "to", "message": "is empty"}],
    }


def test_errors_of_ours_and_what_they_become() -> None:
    assert refusal(InvalidRequest("x", "y", "never heard of")).kind.name == "invalid-request"
    assert refusal(StoreUnavailable("full")).headers == {"Retry-After": "5"}
    assert refusal(AirpostError("secret")).detail == "see the log of the service"
    given = Refusal("not-found", "no such", extra={"id": 1})
    assert refusal(given) is given
    response = problem_response(given)
    assert response.content_type == "application/problem+json"
    assert isinstance(response.body, bytes)
    assert json.loads(response.body)["id"] == 1


async def test_addresses_and_methods_that_are_not(api: Api) -> None:
    body = await api.call("GET", "/v2/messages", 404)
    assert body["type"] == "urn:airpost:problem:not-found"
    async with api.http.put("/v1/messages") as answer:
        assert answer.status == 405
        assert set(answer.headers["Allow"].split(",")) == {"GET", "POST"}
        assert (await answer.json(content_type=None))["type"].endswith(":method-not-allowed")


@pytest.mark.parametrize("error", [KeyError("secret"), AirpostError("secret")])
async def test_our_own_fault_is_logged_and_not_told(
    api: Api, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    caplog.set_level(logging.ERROR)
    api.store.raises = error
    body = await api.send(500)
    assert body["type"] == "urn:airpost:problem:internal-error"
    assert "secret" not in json.dumps(body)
    assert "http.failed method=POST" in caplog.text


def test_what_is_no_error_passes() -> None:
    with pytest.raises(web.HTTPFound):
        problem_of(make_mocked_request("GET", "/"), web.HTTPFound("/elsewhere"))

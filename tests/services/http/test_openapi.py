"""The document is whole, valid, and says what the routes do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from aiohttp import web
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from airpost.services.http.app import calls
from airpost.services.http.openapi import document, problems_of
from airpost.services.http.problems import KINDS
from tests.services.http.conftest import Api

Json = dict[str, Any]


@pytest.fixture(scope="module")
def made() -> Json:
    return document(calls())


def operations(made: Json) -> dict[str, Json]:
    return {each["operationId"]: each for path in made["paths"].values() for each in path.values()}


def test_it_is_openapi_3_1(made: Json) -> None:
    validate(made)
    assert made["openapi"].startswith("3.1.")
    assert len(operations(made)) == sum(len(path) for path in made["paths"].values())


def test_what_is_referred_to_is_there_and_no_two_models_share_a_name(made: Json) -> None:
    names = set(made["components"]["schemas"])
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(made)))
    assert referred - names == set()
    assert [name for name in names if "__" in name] == []


async def test_every_route_has_an_operation(api: Api) -> None:
    """Whoever adds a route says beside its handler what it does: see docs/PATTERNS.md."""
    served = await api.call("GET", "/openapi.json")
    missing = []
    for route in api.app.router.routes():
        assert isinstance(route.resource, web.Resource)
        template = route.resource.canonical
        if route.method.lower() not in served["paths"].get(template, {}):
            missing.append(f"{route.method} {template}")
    assert missing == []


def test_every_problem_an_operation_names_is_one() -> None:
    for call in calls():
        assert call.operation is not None
        unknown = set(problems_of(call, call.operation)) - set(KINDS)
        assert unknown == set(), f"{call.operation.id} names {unknown}"


def test_names_in_a_path_have_an_example_and_scopes_are_told(made: Json) -> None:
    for path, methods in made["paths"].items():
        for each in methods.values():
            for parameter in each["parameters"]:
                if parameter["in"] == "path":
                    assert "example" in parameter, f"{each['operationId']}: no example of its path"
            assert path.startswith("/v1/") <= (each["security"] != []), path
    assert operations(made)["createMessage"]["security"] == [{"key": ["send"]}]
    assert operations(made)["getLive"]["security"] == []


def test_whatever_can_be_given_has_an_example(made: Json) -> None:
    for name, each in operations(made).items():
        given = [each["parameters"], each.get("requestBody", {})]
        assert given == [[], {}] or '"example' in json.dumps(given), name


def test_a_message_as_it_is_sent(made: Json) -> None:
    send = made["components"]["schemas"]["SendIn"]
    assert send["required"] == ["to"]
    assert send["additionalProperties"] is False
    (named, null) = send["properties"]["class"]["anyOf"]
    assert (named["$ref"], null) == ("#/components/schemas/MessageClass", {"type": "null"})
    assert {"type": "string", "format": "date-time"} in send["properties"]["send_at"]["anyOf"]
    answers = operations(made)["createMessage"]["responses"]
    assert {"202", "400", "401", "403", "409", "413", "415", "422", "429", "503"} <= set(answers)
    (_, types) = answers["403"]["content"]["application/problem+json"]["schema"]["allOf"]
    assert KINDS["blocked"].type in types["properties"]["type"]["enum"]
    assert "getMessage" in answers["202"]["links"]


def test_a_query_has_no_null_and_its_model_is_no_component(made: Json) -> None:
    parameters = {each["name"]: each for each in operations(made)["listMessages"]["parameters"]}
    assert parameters["state"]["schema"] == {"$ref": "#/components/schemas/MessageState"}
    assert parameters["limit"]["schema"] == {"minimum": 1, "type": "integer"}
    assert "MessagesQuery" not in made["components"]["schemas"]


@pytest.mark.parametrize(
    ("model", "given", "fits"),
    [
        (
            "BatchIn",
            {"messages": [{"to": "12345", "text": "x"}, {"to": 1, "x": []}, 7, None]},
            True,
        ),
        ("BatchIn", {"to": ["12345", {}, None], "text": "x"}, True),
        ("BatchIn", {"to": ["12345"], "text": 1}, False),
        ("BatchIn", {"to": []}, False),
        ("BatchIn", {"to": ["12345"], "messages": [{}]}, False),
        ("WebhookIn", {"url": "x", "types": ["message.*", "*", "modem.state"]}, True),
        ("WebhookIn", {"url": "x", "types": ["Message"]}, False),
        ("WebhookIn", {"url": "x", "types": ["message*"]}, False),
        ("WebhookIn", {"url": "x", "types": ["alarm.a.b", "alarm.*", "alarm.a.*"]}, True),
        ("WebhookIn", {"url": "x", "types": ["alarm"]}, False),
        ("ReplayIn", {"dead": True}, True),
        ("ReplayIn", {"events": [1], "dead": False, "since": None}, True),
        ("ReplayIn", {"dead": False}, False),
        ("ReplayIn", {"events": [1], "since": "2026-01-01T00:00:00Z"}, False),
        ("BackupIn", {"path": "/var/backups/a.db"}, True),
        ("BackupIn", {"path": "a.db"}, False),
    ],
)
def test_what_only_a_handler_refuses_stands_in_the_document(
    made: Json, model: str, given: Json, fits: bool
) -> None:
    schema = {"$ref": f"#/components/schemas/{model}", "components": made["components"]}
    assert Draft202012Validator(schema).is_valid(given) is fits

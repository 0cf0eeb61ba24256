"""Requests that are wrong in one place, made of the examples and schemas of the OpenAPI document.

Each is wrong by the document itself, so whatever takes one is at fault, and so is an answer that
does not name the place. What stands in them as text is marked, to be looked for in logs.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import quote

import aiohttp
from jsonschema import Draft202012Validator

Json = dict[str, Any]
MARK = "hush-7f3a"  # in every text: it must stand in no log and no problem
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 3.5, 1e308, 2**80, "", MARK, f"{MARK}\x00", f"{MARK}\x1b[2J",
    "🦊" * 5000, "\u202e",
    [], [[]], [MARK], [None], {}, {MARK: MARK}, {"to": MARK}, "2026-13-01T00:00:00Z", "NaN",
)  # fmt: skip
JSON = "application/json"
ANYTHING = "/hooks/"  # what is posted there may be anything at all
RECEIVER, NOBODY = "http://192.168.1.20:8080", "http://127.0.0.1:9"  # of events
# What a schema cannot say: (operation, field, value), wrong wherever it stands.
MEANINGS: tuple[tuple[str, str, Any], ...] = tuple(
    (operation, name, value)
    for operation, name, values in (
        ("createMessage", "to", ("", "letters", "1", "+0123456", "+49 (", "contact:",
                                 "contact:Eve", "group:night", "1" * 40, "\u0661\u0662\u0663")),
        ("createMessage", "text", ("", "a\x00b", "\x9b2J", "x" * 5000, "語" * 700)),
        ("createMessage", "send_at", ("2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "2027-1-1")),
        ("createMessage", "expires_at", ("2000-01-01T00:00:00Z", "2999-01-01T00:00:00Z")),
        ("createMessage", "ttl_s", (0, -1, 10**9)),
        ("createMessage", "data", ("AA==", "!", "\u00e4")),
        ("createMessage", "modem", ("none", "gate-1\x00", "../gate-1")),
        ("createMessage", "route", ("none", "'; DROP TABLE message; --")),
        ("createMessage", "tags", (["x"] * 21, [""], ["x" * 65])),
        ("createSchedule", "cron", ("", "* * * *", "61 * * * *", "0 0 31 2 *", "x" * 300)),
        ("createSchedule", "zone", ("Nowhere", "../../etc/passwd", "UTC\x00", "/etc/passwd")),
        ("createKey", "scopes", (["all"], [""], ["send", "root"])),
        ("createKey", "countries", (["Nowhere"], ["+"])),
        ("putContact", "number", ("", "letters", "contact:Ann", "group:night")),
        ("putGroup", "members", (["letters"], ["12345", "contact:Eve"], ["group:night"])),
        ("blockNumbers", "numbers", (["letters"], ["12345", ""])),
        ("moveQueue", "to", ("none", "gate-1")),
        ("askModem", "command", ("XX", "AT+CMGS=1", "A\x00T")),
        ("testModem", "to", ("letters", "")),
        ("backUpStore", "path", ("relative", "", "\x00")),
    )
    for value in values
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A request; `names` is the field that an answer must name, None where the whole is no JSON."""

    operation: str
    what: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    names: str | None = None


class Breeder:
    """Makes mutants for ever; those of a seed are the same."""

    def __init__(self, document: Json, seed: int, made: Mapping[str, Mapping[str, str]]) -> None:
        self._rng = Random(seed)
        self._made = made
        self._schemas = document["components"]["schemas"]
        self._by_id = {
            each["operationId"]: (method.upper(), path, each)
            for path, methods in document["paths"].items()
            for method, each in methods.items()
        }
        self._calls = [
            (method.upper(), path, each)
            for path, methods in document["paths"].items()
            for method, each in methods.items()
            if not path.startswith(ANYTHING)
            and ("requestBody" in each or any(p["in"] == "query" for p in each["parameters"]))
        ]

    def __iter__(self) -> Iterator[Mutant]:
        while True:
            if self._rng.random() < 0.15:
                yield self._of_meaning()
                continue
            method, path, each = self._rng.choice(self._calls)
            address = self._address(path, each)
            queries = [p for p in each["parameters"] if p["in"] == "query"]
            if "requestBody" in each and (not queries or self._rng.random() < 0.8):
                made = self._of_body(method, address, each)
            else:
                made = self._of_query(method, address, each, queries)
            if made is not None:
                yield made

    def _of_meaning(self) -> Mutant:
        operation, name, value = self._rng.choice(MEANINGS)
        method, path, each = self._by_id[operation]
        content = each["requestBody"]["content"][JSON]
        body = {**content["examples"]["example"]["value"], name: value}
        return Mutant(
            operation=operation, what="meaning", method=method, path=self._address(path, each),
            headers={"Content-Type": JSON}, body=json.dumps(body).encode(), names=name,
        )  # fmt: skip

    def _address(self, path: str, each: Json) -> str:
        made = self._made.get(each["operationId"], {})
        for parameter in each["parameters"]:
            if parameter["in"] == "path":
                value = made.get(parameter["name"], parameter["example"])
                path = path.replace(f"{{{parameter['name']}}}", quote(value, safe=""))
        return path

    # -- bodies ----------------------------------------------------------------------------------
    def _of_body(self, method: str, address: str, each: Json) -> Mutant | None:
        content = each["requestBody"]["content"][JSON]
        body = copy.deepcopy(content.get("examples", {}).get("example", {}).get("value", {}))
        schema = self._plain(content["schema"])
        kind = self._rng.choice(
            ("value", "value", "value", "more", "less", "twice", "cut", "whole")
        )
        octets: bytes | None = None
        names: str | None = None
        match kind:
            case "value":
                names = self._break_one(body, schema, "")
            case "more":
                body[name := f"x_{MARK}"] = self._rng.choice(VALUES)
                names = name
            case "less":
                need = [name for name in schema.get("required", ()) if name in body]
                if need:
                    names = self._rng.choice(need)
                    del body[names]
            case "twice":
                if body:
                    names = self._rng.choice(list(body))
                    again = f"{json.dumps(names)}:{json.dumps(body[names])}"
                    octets = f"{{{again},{json.dumps(body)[1:]}".encode()
            case "cut":
                whole = json.dumps(body, ensure_ascii=False).encode()
                octets = whole[: self._rng.randrange(1, max(2, len(whole) - 1))]
            case _:
                wrong = self._rng.choice([v for v in VALUES if not isinstance(v, dict)])
                octets, names = json.dumps(wrong).encode(), "body"
        if octets is None and names is None:
            return None
        if octets is None:
            octets = json.dumps(body).encode()
        return Mutant(
            operation=each["operationId"], what=kind, method=method, path=address,
            headers={"Content-Type": JSON}, body=octets, names=names,
        )  # fmt: skip

    def _break_one(self, body: Json, schema: Json, above: str) -> str | None:
        """Put a value where the schema allows none such; the path of its place."""
        properties = schema.get("properties", {})
        if not properties:
            return None
        name = self._rng.choice(list(properties))
        inner = self._plain(properties[name])
        if "properties" in inner and isinstance(body.get(name), dict) and self._rng.random() < 0.7:
            return self._break_one(body[name], inner, f"{above}{name}.")
        body[name] = self._wrong(properties[name])
        return None if body[name] is ... else f"{above}{name}"

    def _wrong(self, schema: Json) -> Any:
        """A value that the schema does not allow; `...` where it was not to be found."""
        whole = {**schema, "components": {"schemas": self._schemas}}
        for _ in range(10):
            value = self._rng.choice(VALUES)
            if not Draft202012Validator(whole).is_valid(value):
                return value
        return ...

    # -- queries ---------------------------------------------------------------------------------
    def _of_query(
        self, method: str, address: str, each: Json, queries: list[Json]
    ) -> Mutant | None:
        good = [(p["name"], str(p["example"])) for p in queries if "example" in p]
        kind = self._rng.choice(("value", "more", "twice"))
        names: str | None = None
        match kind:
            case "more":
                names = f"x_{MARK}"
                good.append((names, MARK))
            case "twice":
                name = self._rng.choice(queries)["name"]
                names = name
                good = [(name, MARK), (name, MARK)]
            case _:
                parameter = self._rng.choice(queries)
                schema = self._plain(parameter["schema"])
                value = self._rng.choice((MARK, "-1", "1.5", "", "null", "2026-13-01", "\x00", "∞"))
                if self._fits(value, schema):
                    return None
                names = parameter["name"]
                good = [pair for pair in good if pair[0] != names] + [(str(names), value)]
        return Mutant(
            operation=each["operationId"], what=f"query {kind}", method=method, path=address,
            query=tuple(good), names=names,
        )  # fmt: skip

    def _fits(self, value: str, schema: Json) -> bool:
        readings: list[Any] = [value]
        for reading in (int, float):
            try:
                readings.append(reading(value))
            except ValueError:
                pass
        checked = {**schema, "components": {"schemas": self._schemas}}
        if schema.get("format") == "date-time":
            return False  # none of the values is a time
        return any(Draft202012Validator(checked).is_valid(each) for each in readings)

    def _plain(self, schema: Json) -> Json:
        """A schema itself where it is named, and the one of two of which the other is null."""
        if "$ref" in schema:
            found: Json = self._schemas[schema["$ref"].rsplit("/", 1)[1]]
            return found
        some = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
        return self._plain(some[0]) if len(some) == 1 and "$ref" in some[0] else schema


async def things(http: aiohttp.ClientSession, document: Json) -> dict[str, dict[str, str]]:
    """What operations need in their paths, made by the operations that the document links to them.

    By operation and name in the path.
    """
    made: dict[str, dict[str, str]] = {}
    for path, methods in document["paths"].items():
        for method, each in methods.items():
            links = [link for answer in each["responses"].values()
                     for link in answer.get("links", {}).values()]  # fmt: skip
            if not links:
                continue
            for parameter in each["parameters"]:
                if parameter["in"] == "path":
                    path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
            content = each["requestBody"]["content"][JSON]
            body = json.dumps(content["examples"]["example"]["value"]).replace(RECEIVER, NOBODY)
            headers = {"Content-Type": JSON}
            async with http.request(method, path, data=body, headers=headers) as response:
                assert response.status < 300, f"{each['operationId']}: {await response.text()}"
                answer = await response.json()
            for link in links:
                for name, place in link["parameters"].items():
                    found: Any = answer
                    for step in place.removeprefix("$response.body#/").split("/"):
                        found = found[int(step) if isinstance(found, list) else step]
                    made.setdefault(link["operationId"], {})[name] = str(found)
    return made


def faults(mutant: Mutant, status: int, content_type: str, body: bytes) -> list[str]:
    """What is wrong with an answer to a mutant."""
    found = []
    if not 400 <= status < 500:
        return [f"status {status}"]
    if content_type != "application/problem+json":
        return [f"content type {content_type}"]
    problem = json.loads(body)
    detail = problem["detail"]
    for each in problem.get("errors", []):
        detail = detail.replace(each["field"], "")  # the name of what is wrong is told
    if MARK in detail or MARK in str([each["message"] for each in problem.get("errors", [])]):
        found.append("repeats what was sent")
    if mutant.names is None:
        if problem["type"] != "urn:airpost:problem:malformed-json":
            found.append(f"type {problem['type']}")
        return found
    named = [each["field"] for each in problem.get("errors", [])]
    if not any(each == mutant.names or each.startswith(f"{mutant.names}.") for each in named):
        found.append(f"names {named}, not {mutant.names}")
    return found

"""The interface as an OpenAPI 3.1 document, made of what stands beside each handler.

May import pydantic, aiohttp and L0. Schemas are pydantic's; paths, parameters, problems, scopes and
links are put together here, and nothing of it is written twice.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib import metadata
from typing import Any

from aiohttp import web
from pydantic.json_schema import models_json_schema

from airpost.services.http.operations import Media, Operation, described, operation
from airpost.services.http.problems import CONTENT_TYPE, KINDS
from airpost.services.http.render import Json, dumps
from airpost.services.http.schemas import Body
from airpost.services.http.shapes.base import Problem

VERSION = "3.1.0"
JSON = "application/json"
_REF = "#/components/schemas/{model}"
_STEP = re.compile(r"\{(\w+)(?::[^{}]*(?:\{[^{}]*\}[^{}]*)*)?\}")
_WORDS = """\
Text messages over USB modems. Times are RFC 3339 in UTC; errors are `application/problem+json`,
each `type` with a page of its own under `/problems/`. Over TCP a call needs a key,
`Authorization: Bearer ap_…`; on the Unix socket the kernel says who calls. The scope a call needs
stands beside it; `admin` has them all."""
# What a name in a path stands for, where an operation says nothing else.
_PARAMETERS: Mapping[str, str] = {
    "id": "Its id",
    "name": "Its name",
    "hook": "The name of a hook of the configuration",
    "token": "The token of the hook",
    "file": "The name of a file",
    "problem": "The last part of a problem's `type`",
    "number": "A phone number, as it would be dialled",
}
_KEYED = ("credentials-in-query", "unauthorized", "forbidden", "address-not-allowed",
          "rate-limited-key", "internal-error", "store-unavailable", "stopping")  # fmt: skip
_OPEN = ("internal-error",)
_BODY = ("invalid-request", "malformed-json", "unknown-field", "missing-field", "body-too-slow",
         "body-too-large", "unsupported-media-type")  # fmt: skip
_QUERY = ("invalid-request", "unknown-field", "missing-field")
_NONE = ("invalid-request", "unknown-field")  # of a query or a body where none is taken
_NO_BODY = ("malformed-json", "body-too-slow", "body-too-large")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A route and what is known of it; `scope` None: open to everybody."""

    method: str
    path: str
    scope: str | None
    handler: Callable[..., Any]

    @property
    def template(self) -> str:
        """The path without aiohttp's patterns."""
        return _STEP.sub(r"{\1}", self.path)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters in the path."""
        return tuple(found[1] for found in _STEP.finditer(self.path))

    @property
    def operation(self) -> Operation | None:
        """What is said of it."""
        return described(self.handler)


class Document:
    """The document of some calls; made when it is first asked for, in a thread of its own."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls = tuple(calls)
        self._making: asyncio.Future[bytes] | None = None

    async def octets(self) -> bytes:
        """The document as JSON."""
        if self._making is None:
            thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="openapi")
            loop = asyncio.get_running_loop()
            self._making = loop.run_in_executor(thread, _octets, self._calls)
            thread.shutdown(wait=False)
        return await asyncio.shield(self._making)


DOCUMENT = web.AppKey("document", Document)


@operation(
    "getOpenApi",
    "This document",
    answers={200: Media(type=JSON, words="An OpenAPI 3.1 document")},
)
async def served(request: web.Request) -> web.Response:
    """`GET /openapi.json`."""
    return web.Response(
        body=await request.app[DOCUMENT].octets(), content_type=JSON, charset="utf-8"
    )


@cache
def _octets(calls: tuple[Call, ...]) -> bytes:
    return dumps(document(calls))


def document(calls: Iterable[Call]) -> Json:
    """The OpenAPI document of these calls; those of which nothing is said are left out."""
    known = [(call, found) for call in calls if (found := call.operation) is not None]
    schemas = _schemas([each for _, each in known])
    queries = {each.query for _, each in known if each.query is not None}
    paths: dict[str, Json] = {}
    for call, each in known:
        paths.setdefault(call.template, {})[call.method.lower()] = _operation(call, each, schemas)
    _link(paths, [each for _, each in known])
    return {
        "openapi": VERSION,
        "info": {
            "title": "airpost",
            "version": metadata.version("airpost"),
            "description": _WORDS,
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(_tag(call) for call, _ in known)],
        "paths": paths,
        "components": {
            "schemas": {
                name: schema
                for name, schema in sorted(schemas.items())
                if name not in {query.__name__ for query in queries}
            },
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer",
                                        "description": "`ap_<id>_<secret>`"},
                                "hook": {"type": "http", "scheme": "bearer",
                                         "description": "The token of the hook"}},
        },
    }  # fmt: skip


def _schemas(operations: Iterable[Operation]) -> dict[str, Json]:
    """The schemas of all models, by name."""
    models: dict[type[Any], None] = {Problem: None}
    for each in operations:
        models |= {model: None for model in (each.query, each.body) if model is not None}
        models |= {model: None for model in each.answers.values() if isinstance(model, type)}
    _, found = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    schemas = {name: _plain(schema) for name, schema in found["$defs"].items()}
    for name in schemas.keys() & {each.__name__ for each in _bodies(Body)}:
        _take_null(schemas[name])
    return schemas


def _bodies(model: type[Any]) -> list[type[Any]]:
    """All models of bodies."""
    return [model, *(each for made in model.__subclasses__() for each in _bodies(made))]


def _take_null(schema: Json) -> None:
    """Of a body: null for what may be left out is as if it were (`nulls.py`)."""
    need = schema.get("required", ())
    for name, given in schema.get("properties", {}).items():
        if name in need or given.get("default", "") is None:
            continue
        told = {key: given.pop(key) for key in ("default", "description") if key in given}
        schema["properties"][name] = {"anyOf": [given, {"type": "null"}], **told}


def _plain(schema: Any) -> Any:
    """Without the titles that pydantic makes of the names of fields."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: {key: _plain(each) for key, each in value.items()}
        if name in ("properties", "$defs")
        else _plain(value)
        for name, value in schema.items()
        if name != "title"
    }


def _tag(call: Call) -> str:
    steps = [step for step in call.path.split("/") if step and step != "v1"]
    return steps[0].removesuffix(".json")


def _operation(call: Call, each: Operation, schemas: Mapping[str, Json]) -> Json:
    head = call.method == "HEAD"
    made: Json = {
        "operationId": f"{each.id}Head" if head else each.id,
        "summary": each.summary,
        "tags": [_tag(call)],
        "parameters": [*_path(call, each), *_query(each, schemas), *_headers(each)],
    }
    needs = None if call.scope is None or each.security else f"Needs the scope `{call.scope}`."
    if words := "\n\n".join(text for text in (each.words, needs) if text):
        made["description"] = words
    if each.body is not None and not head:
        made["requestBody"] = _body(each)
    answers = {str(status): _answer(status, answer, head=head)
               for status, answer in each.answers.items()}  # fmt: skip
    if each.answers_also:
        next(iter(answers.values()))["content"] |= _texts(each.answers_also)
    made["responses"] = {
        **answers,
        **_problems(call, each, head=head),
    }  # fmt: skip
    if each.security is not None:
        made["security"] = [
            {name: list(scopes) for name, scopes in one.items()} for one in each.security
        ]
    else:
        made["security"] = [] if call.scope is None else [{"key": [call.scope]}]
    return made


def _path(call: Call, each: Operation) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PARAMETERS.get(name, "A part of the address"),
            "schema": {"type": "string", "minLength": 1},
            **({"example": each.example.path[name]} if name in each.example.path else {}),
        }
        for name in call.names
    ]


def _query(each: Operation, schemas: Mapping[str, Json]) -> list[Json]:
    if each.query is None:
        return []
    schema = schemas[each.query.__name__]
    required = schema.get("required", ())
    made = []
    for name, given in schema.get("properties", {}).items():
        parameter: Json = {"name": name, "in": "query", "required": name in required}
        if "description" in given:
            parameter["description"] = given["description"]
        parameter["schema"] = _given(given)
        if name in each.example.query:
            parameter["example"] = each.example.query[name]
        made.append(parameter)
    return made


def _given(schema: Json) -> Json:
    """Of a parameter that may be left out: null cannot be written in a query."""
    kept = {key: value for key, value in schema.items() if key not in ("description", "anyOf")}
    if kept.get("default", "") is None:
        del kept["default"]
    some = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(some) == 1:
        return {**some[0], **kept}
    return {"anyOf": some, **kept} if some else kept


def _headers(each: Operation) -> list[Json]:
    return [
        {"name": name, "in": "header", "required": False, "description": words,
         "schema": {"type": "string"},
         **({"example": each.example.headers[name]} if name in each.example.headers else {})}
        for name, words in each.headers.items()
    ]  # fmt: skip


def _body(each: Operation) -> Json:
    assert each.body is not None
    schema = {"$ref": _REF.format(model=each.body.__name__)}
    content: Json = {"schema": schema if each.body_media == JSON else {"type": "string"}}
    if each.example.body is not None:
        content["examples"] = {"example": {"value": each.example.body}}
    return {
        "required": not each.body_optional,
        "content": {each.body_media: content, **_texts(each.body_also)},
    }


def _texts(media: Mapping[str, str]) -> Json:
    return {
        kind: {"schema": {"type": "string", "description": words}} for kind, words in media.items()
    }


def _answer(status: int, answer: type[Any] | Media | None, *, head: bool) -> Json:
    if answer is None or head:
        return {"description": HTTPStatus(status).phrase}
    if isinstance(answer, Media):
        schema: Json = {"type": "object" if answer.type == JSON else "string"}
        return {"description": answer.words, "content": {answer.type: {"schema": schema}}}
    words = (answer.__doc__ or HTTPStatus(status).phrase).strip().split("\n")[0]
    ref = {"$ref": _REF.format(model=answer.__name__)}
    return {"description": words, "content": {JSON: {"schema": ref}}}


def problems_of(call: Call, each: Operation) -> tuple[str, ...]:
    """The names of the problem types that a call may be answered with."""
    found = [*(_OPEN if call.scope is None else _KEYED), *each.problems]
    if each.body is not None:
        found += _BODY
    if each.query is not None:
        found += _QUERY
        if "cursor" in each.query.model_fields:
            found.append("invalid-cursor")
    if call.scope is not None and call.path.startswith("/v1/"):
        found += _NONE
        if each.body is None and call.method != "GET":
            found += _NO_BODY
    if call.names:
        found.append("not-found")
    return tuple(dict.fromkeys(found))


def _problems(call: Call, each: Operation, *, head: bool) -> dict[str, Json]:
    by_status: dict[int, list[str]] = {}
    for name in problems_of(call, each):
        by_status.setdefault(KINDS[name].status, []).append(name)
    made: dict[str, Json] = {}
    for status, names in sorted(by_status.items()):
        if status in each.answers:
            continue
        lines = [f"[{name}](/problems/{name}): {KINDS[name].title}" for name in names]
        made[str(status)] = {"description": "\n\n".join(lines)}
        if head:
            continue
        types = {"type": {"enum": [KINDS[name].type for name in names]}}
        schema = {"allOf": [{"$ref": _REF.format(model="Problem")}, {"properties": types}]}
        made[str(status)]["content"] = {CONTENT_TYPE: {"schema": schema}}
    return made


def _link(paths: Mapping[str, Json], operations: Iterable[Operation]) -> None:
    """Where one operation's answer holds what another's path asks for, say so."""
    by_id = {each["operationId"]: each for path in paths.values() for each in path.values()}
    for each in operations:
        if each.example.after is None:
            continue
        source, taken = each.example.after
        made = by_id[source]["responses"]
        first = made[next(iter(made))]
        first.setdefault("links", {})[each.id] = {
            "operationId": each.id,
            "parameters": {name: f"$response.body#{place}" for name, place in taken.items()},
        }

"""The shapes of requests about events: as `schemas`.

May import pydantic and L0.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import ConfigDict, Field, JsonValue

from airpost.services.events import MAX_PATTERNS, TYPES
from airpost.services.http.schemas import Body, ListQuery, Name, Query, Time
from airpost.services.webhooks.service import OVERLAP_S
from airpost.services.webhooks.targets import MAX_URL

MAX_REPLAYED = 500
KINDS = dict.fromkeys(f"{each.partition('.')[0]}.*" for each in TYPES)
_ALARM = r"alarm\.(?:\*|[a-z0-9_]+(?:\.[a-z0-9_]+)*(?:\.\*)?)"
# The handler tells in words what is wrong with one; the document says what there is.
_ASKED: list[JsonValue] = [
    {"enum": ["*", *KINDS, *TYPES]},
    {"pattern": f"^{_ALARM}$"},
]
Pattern = Annotated[str, Field(min_length=1, max_length=64, json_schema_extra={"anyOf": _ASKED})]


class WebhookIn(Body):
    """`POST /v1/webhooks`."""

    url: Annotated[str, Field(min_length=1, max_length=MAX_URL)]
    types: Annotated[tuple[Pattern, ...], Field(max_length=MAX_PATTERNS)] = ()
    description: Name | None = None


class RotateIn(Body):
    """`POST /v1/webhooks/{id}/rotate`."""

    overlap_s: Annotated[int, Field(ge=0, le=30 * 86_400)] = OVERLAP_S


def _alone(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """One of the three, as it has to be, and none beside it."""
    absent = {"events": {"type": "null"}, "since": {"type": "null"}, "dead": {"const": False}}
    return {"required": [name], "properties": {**absent, name: given}}


class ReplayIn(Body):
    """`POST /v1/webhooks/{id}/replay`: one of events, since and dead."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                _alone("events", {"type": "array"}),
                _alone("since", {"type": "string"}),
                _alone("dead", {"const": True}),
            ]
        }
    )

    events: Annotated[tuple[Annotated[int, Field(ge=1, lt=2**63)], ...],
                      Field(min_length=1, max_length=MAX_REPLAYED)] | None = None  # fmt: skip
    since: Time | None = None
    dead: bool = False


class DeliveriesQuery(ListQuery):
    """`GET /v1/webhooks/{id}/deliveries`."""

    dead: bool | None = None


_ONE = rf"\s*(?:{'|'.join(map(re.escape, ('*', *KINDS, *TYPES)))}|{_ALARM})?\s*"
_LISTED: dict[str, JsonValue] = {"pattern": rf"^{_ONE}(?:,{_ONE}){{0,{MAX_PATTERNS - 1}}}$"}


class StreamQuery(Query):
    """`GET /v1/stream`."""

    types: Annotated[str, Field(max_length=1024, description="Patterns, with commas between",
                                json_schema_extra=_LISTED)] = ""  # fmt: skip

"""The shapes of requests about events: as `schemas`.

May import pydantic and L0.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from airpost.services.events import MAX_PATTERNS
from airpost.services.http.schemas import Body, ListQuery, Name, Query, Time
from airpost.services.webhooks.service import OVERLAP_S
from airpost.services.webhooks.targets import MAX_URL

MAX_REPLAYED = 500
Pattern = Annotated[str, Field(min_length=1, max_length=64)]


class WebhookIn(Body):
    """`POST /v1/webhooks`."""

    url: Annotated[str, Field(min_length=1, max_length=MAX_URL)]
    types: Annotated[tuple[Pattern, ...], Field(max_length=MAX_PATTERNS)] = ()
    description: Name | None = None


class RotateIn(Body):
    """`POST /v1/webhooks/{id}/rotate`."""

    overlap_s: Annotated[int, Field(ge=0, le=30 * 86_400)] = OVERLAP_S


class ReplayIn(Body):
    """`POST /v1/webhooks/{id}/replay`."""

    events: Annotated[tuple[Annotated[int, Field(ge=1, lt=2**63)], ...],
                      Field(min_length=1, max_length=MAX_REPLAYED)] | None = None  # fmt: skip
    since: Time | None = None
    dead: bool = False


class DeliveriesQuery(ListQuery):
    """`GET /v1/webhooks/{id}/deliveries`."""

    dead: bool | None = None


class StreamQuery(Query):
    """`GET /v1/stream`."""

    types: Annotated[str, Field(max_length=1024, description="Patterns, with commas between")] = ""

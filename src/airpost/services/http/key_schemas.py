"""The shapes of requests about keys and the audit log.

May import pydantic, L0 and its neighbour `schemas`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from airpost.model import MessageClass
from airpost.regions import REGIONS
from airpost.services.http.credentials import Scope
from airpost.services.http.schemas import MAX_NAME, WORD, Body, ListQuery, Name, Query, Time

MAX_OVERLAP_S = 90 * 86_400  # two secrets for one key
_Word = Annotated[str, Field(min_length=1, max_length=MAX_NAME, pattern=WORD)]
# What the handler checks in words of its own, for the document.
_Scope = Annotated[str, Field(json_schema_extra={"enum": [each.value for each in Scope]})]
_PLACES = rf"^(\*|\+[0-9]{{1,15}}|{'|'.join(sorted(REGIONS))})$"
_Place = Annotated[str, Field(json_schema_extra={"pattern": _PLACES})]


class KeyIn(Body):
    """`POST /v1/keys`."""

    name: Name
    owner: Annotated[Name | None, Field(description="`name` where none is given")] = None
    scopes: Annotated[tuple[_Scope, ...], Field(min_length=1)]
    countries: Annotated[tuple[_Place, ...] | None, Field(min_length=1)] = None
    classes: Annotated[tuple[MessageClass, ...] | None, Field(min_length=1)] = None
    routes: Annotated[tuple[_Word, ...] | None, Field(min_length=1, max_length=64)] = None
    networks: Annotated[tuple[_Word, ...] | None, Field(min_length=1, max_length=64)] = None
    rate: Annotated[str, Field(max_length=MAX_NAME)] | None = None
    expires_at: Time | None = None


class RotateKeyIn(Body):
    """`POST /v1/keys/{id}/rotate`: `overlap_s` the secret before counts, too."""

    overlap_s: Annotated[int, Field(ge=0, le=MAX_OVERLAP_S)] = 86_400


class AuditQuery(ListQuery):
    """`GET /v1/audit`; `last`: begin so many rows before the end."""

    last: Annotated[int, Field(ge=1)] | None = None


class UseQuery(Query):
    """`GET /v1/keys/{id}/use`; without `since` the last day."""

    since: Time | None = None

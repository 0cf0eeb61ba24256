"""The shapes of requests about contacts and groups.

May import pydantic and L0.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from airpost.services.http.schemas import (
    MAX_NAME,
    MAX_SENDER_REF,
    PLAIN,
    Anything,
    Body,
    ListQuery,
    Name,
    Query,
)

MAX_VALUES = 50  # of a contact
MAX_VALUE = 1000  # characters
MAX_TOGETHER = 1000  # contacts or groups in one request

Note = Annotated[str, Field(max_length=MAX_SENDER_REF, pattern=PLAIN)]
Value = Annotated[str, Field(max_length=MAX_VALUE)]
ContactValues = Annotated[
    dict[Name, Value],
    Field(max_length=MAX_VALUES),
    # pydantic's own lets names through that it refuses.
    WithJsonSchema({
        "type": "object",
        "maxProperties": MAX_VALUES,
        "propertyNames": {"minLength": 1, "maxLength": MAX_NAME, "pattern": PLAIN},
        "additionalProperties": {"type": "string", "maxLength": MAX_VALUE},
    }),
]  # fmt: skip


class ContactIn(Body):
    """`PUT /v1/contacts/{name}`."""

    number: str
    note: Note | None = None
    values: ContactValues = Field(default={}, description="For templates, by their names")


class NamedContactIn(ContactIn):
    """One contact of `PUT /v1/contacts`."""

    name: Name


class ContactsIn(Body):
    """`PUT /v1/contacts`."""

    contacts: Annotated[
        tuple[NamedContactIn | Anything, ...], Field(min_length=1, max_length=MAX_TOGETHER)
    ]


class GroupIn(Body):
    """`PUT /v1/groups/{name}`: `members` are numbers, and contacts as `contact:NAME`."""

    members: tuple[str, ...]
    note: Note | None = None


class NamedGroupIn(GroupIn):
    """One group of `PUT /v1/groups`."""

    name: Name


class GroupsIn(Body):
    """`PUT /v1/groups`."""

    groups: Annotated[
        tuple[NamedGroupIn | Anything, ...], Field(min_length=1, max_length=MAX_TOGETHER)
    ]


class OwnerQuery(Query):
    """Whose: one's own where it is left out; another owner's is for admins."""

    owner: Name | None = None


class PeopleQuery(ListQuery, OwnerQuery):
    """A page of contacts or groups; `csv` is all of them."""

    format: Literal["json", "csv"] = "json"

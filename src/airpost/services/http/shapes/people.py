"""Shapes of contacts and groups.

May import pydantic and L0.
"""

from __future__ import annotations

from pydantic import Field

from airpost.services.http.shapes.base import Page, Shape, Time


class Contact(Shape):
    """A number with a name."""

    owner: str
    name: str
    number: str
    note: str | None
    values: dict[str, str] = Field(description="For templates")
    updated_at: Time


class Contacts(Page[Contact]):
    """A page of contacts, by owner and name."""


class RejectedRow(Shape):
    """A contact or a group that was not kept; the others were."""

    row: int = Field(description="Counted from 0; in CSV without the heading")
    field: str
    message: str


class ContactsKept(Shape):
    """What was kept of many contacts."""

    contacts: int
    new: int
    rejected: list[RejectedRow]


class Group(Shape):
    """Numbers and contacts under one name."""

    owner: str
    name: str
    note: str | None
    members: list[str] = Field(description="Numbers, and contacts as `contact:NAME`")
    updated_at: Time


class Groups(Page[Group]):
    """A page of groups, by owner and name."""


class GroupsKept(Shape):
    """What was kept of many groups."""

    groups: int
    new: int
    rejected: list[RejectedRow]

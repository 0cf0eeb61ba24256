"""What shapes of answers are made of.

May import pydantic and L0. They are not used to write answers: they describe them, and tests read
every example's answer with them. A field without a default is always there.
"""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")

Time = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
        json_schema_extra={"format": "date-time"},
    ),
]
"""RFC 3339 in UTC."""


class Shape(BaseModel):
    """An object with these members and no others."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


class Page(Shape, Generic[T]):
    """A page of a list; `next` goes back as `?cursor=`, null at the end."""

    items: list[T]
    next: str | None


class FieldFault(Shape):
    """What is wrong with one field."""

    field: str = Field(description="Its name, with dots between the steps to it")
    message: str


class Problem(BaseModel):
    """An error (RFC 9457). What a kind of problem adds stands beside these members."""

    model_config = ConfigDict(defer_build=True)

    type: str = Field(description="What kind it is: stable, and `urn:airpost:problem:` and a name")
    title: str
    status: int
    detail: str
    field: str | None = Field(default=None, description="The first field that is wrong")
    errors: list[FieldFault] = Field(default_factory=list)
    setting: str | None = Field(default=None, description="The setting that would change it")

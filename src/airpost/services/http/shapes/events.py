"""Shapes of webhooks, their deliveries, and hooks.

May import pydantic and L0.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, RootModel

from airpost.services.http.shapes.base import FieldFault, Page, Shape, Time


class Webhook(Shape):
    """Somebody who is told of events, and how that goes."""

    id: str
    kind: Literal["http", "exec"]
    url: str | None
    command: str | None = Field(description="The name of an [[exec]] of the configuration")
    types: list[str] = Field(description="Patterns; none: what everybody has to know")
    description: str | None
    owner: str
    sees: Literal["own", "all"] = Field(description="Whose messages it is told of")
    inbound: bool = Field(description="Whether it is told of received messages")
    state: Literal["active", "paused", "disabled"]
    reason: str | None = Field(description="Why it is disabled")
    down: bool = Field(description="It takes nothing now; one event at a time finds out")
    delivered: int
    missed: int = Field(description="Events that became too old to be kept for it")
    waiting: int = Field(description="Events in hand")
    behind: int = Field(description="Rows of the event log it has yet to look at")
    last_status: int | None
    last_error: str | None
    created_at: Time
    previous_secret_until: Time | None


class NewWebhook(Webhook):
    """A webhook with its secret, which is shown in this answer alone."""

    secret: str = Field(pattern=r"^whsec_[A-Za-z0-9+/]+=*$")


class Webhooks(Page[Webhook]):
    """Webhooks; all of them are on one page."""


class Delivery(Shape):
    """An event that was not taken, or waits behind one of the same subject."""

    event: int
    state: Literal["waiting", "dead"]
    tries: int
    first_at: Time | None
    last_at: Time | None
    next_at: Time | None
    status: int | None = Field(description="What was answered last; null: nothing was")
    error: str | None


class Deliveries(Page[Delivery]):
    """A page of deliveries."""


class Tested(Shape):
    """What came of one try."""

    ok: bool
    status: int | None
    error: str | None
    took_ms: int


class RefusedRecipient(Shape):
    """One of a hook's recipients that is not texted."""

    to: str
    problem: FieldFault


class Anything(RootModel[Any]):
    """Whatever the sender says."""


class Hooked(Shape):
    """What a request to a hook has led to."""

    id: str
    messages: list[str]
    raw: bool = Field(description="A template failed: the event went out as it came")
    repeats: str | None = Field(description="The request whose key it has: nothing was sent again")
    refused: list[RefusedRecipient]
    problem: str | None

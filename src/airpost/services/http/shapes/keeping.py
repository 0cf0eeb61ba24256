"""Shapes of the service itself: health, store, statistics, keys, schedules, the blocklist.

May import pydantic and L0.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from airpost.services.http.schemas import SendIn
from airpost.services.http.shapes.base import Page, Shape, Time
from airpost.store.keeping import By


class Live(Shape):
    """The process turns."""

    status: Literal["live"]


class ModemCount(Shape):
    """How many modems are ready, of all."""

    ready: int
    all: int


class Readiness(Shape):
    """Whether messages are taken; `degraded`: taken and kept, none can go out."""

    status: Literal["ready", "degraded", "unavailable"]
    reasons: list[str]
    modems: ModemCount


class StoreState(Shape):
    """How the store is."""

    unavailable: str | None
    pending: int
    counts: dict[str, int]


class About(Shape):
    """The service as `airpost doctor` looks at it."""

    version: str
    now: Time
    store: StoreState
    recovery: dict[str, dict[str, str]] = Field(
        description="What each means of recovery has brought, by model"
    )


class Stage(Shape):
    """One stage of the funnel."""

    count: int
    of_previous_pct: float | None
    of_requested_pct: float | None
    reasons: dict[str, int] = Field(default_factory=dict)
    kinds: dict[str, int] = Field(default_factory=dict, description="Of what was rejected")
    p50_ms: int | None = None
    p95_ms: int | None = None
    p98_7_ms: int | None = None
    p99_ms: int | None = None


class FunnelGroup(Shape):
    """One part of the funnel, with each stage by its name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Stage]

    group: str | int
    dlr_coverage: float | None


class Funnel(Shape):
    """The delivery funnel."""

    by: By | None
    since: Time
    until: Time
    groups: list[FunnelGroup]
    words: dict[str, str] = Field(description="What each reason stands for")


class Pruned(Shape):
    """What went."""

    contents: int
    messages: int
    inbound: int
    events: int
    audit: int
    freed_octets: int


class Checked(Shape):
    """What is wrong with the store; no faults: all is well."""

    faults: list[str]
    octets: int
    messages: int


class BackedUp(Shape):
    """A copy that is complete and on disk."""

    path: str
    octets: int
    took_s: float


class Forgotten(Shape):
    """What was erased of a number; `under_way` is what stays for now."""

    messages: int
    inbound: int
    under_way: int


class Key(Shape):
    """A key without its secret."""

    id: str
    name: str
    owner: str
    scopes: list[str]
    countries: list[str] | None
    classes: list[str] | None
    routes: list[str] | None
    networks: list[str] | None
    rate: str | None
    expires_at: Time | None
    old_until: Time | None = Field(
        description="Until then the secret before the last rotation counts, too"
    )
    created_at: Time
    revoked_at: Time | None


class NewKey(Key):
    """A key with its token, which is shown once."""

    token: str


class Minute(Shape):
    """Messages of a key that were accepted in the minute that begins at `at`."""

    at: Time
    count: int


class KeyUse(Shape):
    """The minutes in which messages of a key were accepted."""

    id: str
    items: list[Minute]


class AuditRow(Shape):
    """One row of the audit log."""

    n: int
    at: Time
    actor: str
    origin: str
    action: str
    subject: str
    result: str
    count: int
    detail: dict[str, str | int | bool | None]
    hash: str


class AuditRows(Page[AuditRow]):
    """Rows of the audit log, oldest first."""


class Keys(Page[Key]):
    """All keys, revoked ones too."""


class Blocked(Shape):
    """A number that is never texted."""

    number: str
    note: str | None
    by: str
    since: Time


class BlockedNow(Blocked):
    """A number that was added; `failed` is how many messages waited for it."""

    failed: int


class BlockedMany(Shape):
    """Numbers that were added; `failed` is how many messages waited for them."""

    numbers: int
    failed: int


class Blocklist(Page[Blocked]):
    """A page of the numbers that are never texted."""


class Schedule(Shape):
    """A recurring schedule; `message` as it was given."""

    id: str
    cron: str
    zone: str
    message: SendIn
    late_s: int
    created_at: Time
    next_at: Time
    last_at: Time | None
    last_message: str | None
    fired: int
    skipped: int
    problem: str | None


class Schedules(Page[Schedule]):
    """A page of schedules, oldest first."""

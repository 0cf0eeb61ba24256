"""Events on their way out, and what comes in by hooks: values and protocols.

May import L0. The event log is the outbox: an endpoint has a place in it, and reading begins there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from airpost.clock import Instant
from airpost.errors import InvalidRequest
from airpost.model import Encoding, Lane, MessageClass, MessageId, NewMessage
from airpost.received import Inbound
from airpost.store.values import Page


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFacts:
    """What an event tells of its message: as it is when the log is read."""

    id: MessageId
    owner: str
    to: str
    class_: MessageClass
    encoding: Encoding
    parts: int
    modem: Lane | None
    created_at: Instant
    sent_at: Instant | None
    delivered_at: Instant | None
    final: bool
    possible_duplicates: int
    sender_ref: str | None
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """A row of the event log with what it is about; neither: it is about a modem or the service."""

    seq: int
    at: Instant
    subject: str
    from_: str | None
    to: str | None
    reason: str
    severity: str
    message: MessageFacts | None = None
    inbound: Inbound | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Events with seq up to `until`, which may be none of them; `until` is where to read on."""

    events: tuple[LogEvent, ...]
    until: int


class EndpointKind(Enum):
    """How an endpoint is told."""

    HTTP = "http"
    EXEC = "exec"


class EndpointState(Enum):
    """Whether it is told."""

    ACTIVE = "active"
    PAUSED = "paused"  # by a person
    DISABLED = "disabled"  # it wants nothing more, or has failed for the whole schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Somebody who is told of events. `sees` None: of everybody's."""

    n: int
    id: str
    kind: EndpointKind
    owner: str
    sees: str | None
    inbound: bool
    target: str
    types: tuple[str, ...]
    note: str | None
    state: EndpointState
    reason: str | None
    place: int  # every event up to it is delivered, or has a Delivery
    delivered: int
    missed: int
    created_at: Instant
    secret: str | None = None
    previous: str | None = None  # the secret before
    previous_until: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What failed, or waits behind what failed. `status` is what HTTP answered last."""

    seq: int  # of the event
    dead: bool
    tries: int
    first_at: Instant | None
    last_at: Instant | None
    next_at: Instant
    status: int | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What an endpoint has done since the last time: written together."""

    n: int
    place: int
    delivered: int  # more than before
    missed: int
    keep: tuple[Delivery, ...]  # new, or changed
    done: tuple[int, ...]  # deliveries that succeeded


@dataclass(frozen=True, slots=True, kw_only=True)
class HookEvent:
    """One request to a hook. `dedup` with `since`: not again where it came after that."""

    id: str
    hook: str
    source: str | None
    raw: bytes
    received_at: Instant
    dedup: str | None = None
    since: Instant | None = None
    raw_sent: bool = False  # no template has made its messages
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDone:
    """What a hook's request has led to; `refused` in the place of what was not accepted."""

    messages: tuple[MessageId, ...]
    refused: tuple[InvalidRequest, ...]
    repeats: str | None  # the id of the request whose key it has


class Outbox(Protocol):
    """Endpoints and the event log. What reads does so in a thread of its own."""

    async def head(self) -> int:
        """The seq of the newest event."""
        ...

    async def log(self, after: int, most: int) -> Stretch:
        """Events that are public in some way, from the first `most` rows after `after`."""
        ...

    async def some(self, seqs: Sequence[int]) -> list[LogEvent]:
        """These, as far as they are kept."""
        ...

    async def first_since(self, at: Instant) -> int:
        """The place from which everything since `at` is read."""
        ...

    async def add(self, endpoint: Endpoint, most: int) -> Endpoint:
        """Keep a new one, its place that of the newest event; ValueError where its owner has
        `most` already."""
        ...

    async def endpoints(self) -> list[Endpoint]:
        """All of them, with their secrets, oldest first."""
        ...

    async def remove(self, n: int) -> None:
        """It and its deliveries."""
        ...

    async def set_state(self, n: int, state: EndpointState, reason: str | None) -> None:
        """Whether it is told."""
        ...

    async def set_secret(self, n: int, secret: str, previous_until: Instant) -> None:
        """A new secret; that of now signs too until then."""
        ...

    async def progress(self, done: Sequence[Progress]) -> None:
        """Where endpoints have got to."""
        ...

    async def deliveries(
        self, n: int, after: int, limit: int, *, dead: bool | None = None
    ) -> Page[Delivery]:
        """Those of an endpoint that failed, by event; None: dead or not."""
        ...

    async def revive(self, n: int, seqs: Sequence[int] | None, now: Instant) -> list[Delivery]:
        """These events, or what is dead, are to be delivered (again); what stands then."""
        ...

    async def rewind(self, n: int, place: int) -> None:
        """Everything after `place` is to be delivered again."""
        ...

    async def forget_dead(self, before: Instant) -> int:
        """Drop dead deliveries that were last tried before then; how many."""
        ...


class HookEvents(Protocol):
    """What comes in by hooks."""

    async def take(self, event: HookEvent, new: Sequence[NewMessage]) -> HookDone:
        """Keep what came and its messages in one commit.

        QueueFull, and nothing is stored, where one of them has no room.
        """
        ...

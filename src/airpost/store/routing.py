"""What the pool and the services may ask of a store about routes, and nothing about how.

Protocols and values; may import L0. Each method that writes raises StoreUnavailable where the store
cannot, and returns after its commit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from airpost.clock import Instant
from airpost.model import Lane, MessageId, SimId, Waiting
from airpost.states import MessageState

Reach = Mapping[str, int] | None
"""By route, the last of its groups, from 0, that a message could go to; None: each of them."""
Served = Collection[str] | None
"""The routes a modem serves; None: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """Why a message was bound where it was; of the newest binding, also when that is over.

    `lane` is None while it is bound nowhere. `others` is why not the other lanes of that moment.
    """

    route: str | None
    carrier: str | None
    lane: Lane | None
    sim_id: SimId | None
    bound_at: Instant | None
    reason: str | None
    others: Mapping[Lane, str] = field(default_factory=dict)
    group: int | None = None  # of its route, from 0
    groups_failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """An earlier message that goes first; `ordered`: until its fate is known."""

    id: MessageId
    owner: str
    state: MessageState
    ordered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a message waits for: the time of its next try, which may be over, and who goes first."""

    next_try: Instant | None = None
    before: Before | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A number that is never texted."""

    number: str
    note: str | None
    actor: str
    since: Instant


class Choices(Protocol):
    """Why messages go where they go."""

    async def routed(self, message_id: MessageId) -> Routed | None:
        """What is kept of its newest binding; None for an unknown message."""
        ...

    async def unbound(self, message_id: MessageId) -> Waiting | None:
        """A message that waits in the backlog, with what routing needs; None for any other."""
        ...

    async def turn(self, message_id: MessageId) -> Turn:
        """What a message waits for that is not over, has its time and is no limit's or modem's."""
        ...


class Blocklist(Protocol):
    """Numbers never to be texted; `accept()` refuses them with InvalidRequest, code `blocked`."""

    async def block(
        self, numbers: Sequence[str], note: str | None, actor: str, now: Instant
    ) -> int:
        """Add numbers, and fail what waits for them and has not begun; how many messages did."""
        ...

    async def unblock(self, number: str) -> bool:
        """True when it was on the list."""
        ...

    async def blocked(self, number: str) -> Blocked | None:
        """One entry."""
        ...

    async def page(self, after: str, limit: int) -> list[Blocked]:
        """Entries behind a number, by number."""
        ...

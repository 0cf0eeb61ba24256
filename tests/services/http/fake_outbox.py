"""An outbox as far as the services look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from airpost.clock import Clock, Instant
from airpost.services.eventlog import EventLog
from airpost.services.webhooks.envelope import Envelope
from airpost.services.webhooks.sender import Answer
from airpost.services.webhooks.service import Webhooks
from airpost.services.webhooks.settings import EventSettings, WebhookSettings, parse_allowed
from airpost.store.api import Page
from airpost.store.publishing import (
    Delivery,
    Endpoint,
    EndpointState,
    LogEvent,
    Progress,
    Stretch,
)


class FakeOutbox:
    def __init__(self) -> None:
        self.kept: dict[int, Endpoint] = {}
        self.rows: list[LogEvent] = []
        self.failed: list[Delivery] = []
        self.did: list[tuple[object, ...]] = []

    async def head(self) -> int:
        return self.rows[-1].seq if self.rows else 0

    async def log(self, after: int, most: int) -> Stretch:
        found = [row for row in self.rows if row.seq > after][:most]
        return Stretch(events=tuple(found), until=found[-1].seq if found else after)

    async def some(self, seqs: Sequence[int]) -> list[LogEvent]:
        return [row for row in self.rows if row.seq in seqs]

    async def first_since(self, at: Instant) -> int:
        return max((row.seq for row in self.rows if row.at < at), default=0)

    async def add(self, endpoint: Endpoint, most: int) -> Endpoint:
        if len(self.kept) >= most:
            raise ValueError(f"{endpoint.owner} has {len(self.kept)} already")
        made = replace(endpoint, n=len(self.kept) + 1, place=await self.head())
        self.kept[made.n] = made
        return made

    async def endpoints(self) -> list[Endpoint]:
        return list(self.kept.values())

    async def remove(self, n: int) -> None:
        del self.kept[n]

    async def set_state(self, n: int, state: EndpointState, reason: str | None) -> None:
        self.kept[n] = replace(self.kept[n], state=state, reason=reason)

    async def set_secret(self, n: int, secret: str, previous_until: Instant) -> None:
        old = self.kept[n]
        self.kept[n] = replace(old, secret=secret, previous=old.secret,
                               previous_until=previous_until)  # fmt: skip

    async def progress(self, done: Sequence[Progress]) -> None:
        self.did.append(("progress", *done))

    async def deliveries(
        self, n: int, after: int, limit: int, *, dead: bool | None = None
    ) -> Page[Delivery]:
        found = [each for each in self.failed if each.seq > after and dead in (None, each.dead)]
        return Page(items=tuple(found[:limit]), next=None)

    async def revive(self, n: int, seqs: Sequence[int] | None, now: Instant) -> list[Delivery]:
        self.did.append(("revive", n, seqs, now))
        return []

    async def rewind(self, n: int, place: int) -> None:
        self.did.append(("rewind", n, place))

    async def forget_dead(self, before: Instant) -> int:
        return 0


class FakeSender:
    """Takes everything."""

    async def send(self, _endpoint: Endpoint, _sent: Envelope) -> Answer:
        return Answer(ok=True, status=200)


def events_of(store: Any, clock: Clock) -> dict[str, Any]:
    """What `HttpDeps` is given about events, over any store; an owner has three webhooks."""
    events = EventLog(store.outbox, store.subscribe, clock)
    allow = (parse_allowed("192.168.0.0/16"),)
    settings = EventSettings(webhooks=WebhookSettings(allow=allow, most=3))
    webhooks = Webhooks(store, settings, events, clock, Random(2), http=FakeSender())
    return {"events": events, "webhooks": webhooks}

"""What every handler is given: the store, the pool, time, randomness and the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random

from aiohttp import web
from prometheus_client import Metric

from airpost.clock import Clock
from airpost.pool.facade import Pool
from airpost.services.auditor import Auditor
from airpost.services.eventlog import EventLog
from airpost.services.hooks_in import Hook
from airpost.services.http.admission import Admission
from airpost.services.http.idempotency import Running
from airpost.services.http.keyrules import Meters
from airpost.services.http.lulls import Lulls
from airpost.services.http.settings import HttpSettings
from airpost.services.http.turns import Turns
from airpost.services.http.underway import Under
from airpost.services.webhooks.service import Webhooks
from airpost.store.api import Schedules, Store


@dataclass(frozen=True, slots=True)
class Connections:
    """Those that are open now, those there may be, and how many have been refused."""

    open: int = 0
    limit: int = 0
    refused: int = 0


Collector = Callable[[], Iterable[Metric]]
"""What a service has to tell a monitor. Pieces of one metric stand together and are short: each is
written out in one turn of the loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpDeps:
    """The outside of the HTTP service. `stopping()` is true once nothing new may be taken.

    `recovery()` tells what each means of recovery has brought, in words, by model. `collectors` are
    those of other services, for `/metrics`.
    """

    store: Store
    pool: Pool
    clock: Clock
    rng: Random
    settings: HttpSettings
    stopping: Callable[[], bool]
    recovery: Callable[[], Awaitable[Mapping[str, Mapping[str, str]]]]
    schedules: Schedules
    audit: Auditor
    webhooks: Webhooks
    events: EventLog
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    rescheduled: Callable[[], None] = lambda: None  # one was made or deleted
    admission: Admission = field(default_factory=Admission)
    connections: Callable[[], Connections] = Connections
    collectors: tuple[Collector, ...] = ()


DEPS = web.AppKey("deps", HttpDeps)
RUNNING = web.AppKey("running", Running)
BATCHES = web.AppKey("batches", Under)
METERS = web.AppKey("meters", Meters)
LULLS = web.AppKey("lulls", Lulls)
"""Connections that wait for their caller: they make room where there are too many."""
TURNS = web.AppKey("turns", Turns)
"""Whoever makes a message out of a request waits for a turn of the loop with room for it."""
ENDED = web.AppKey("ended", asyncio.Event)
"""Set when the server shuts down: whoever waits for news answers at once."""

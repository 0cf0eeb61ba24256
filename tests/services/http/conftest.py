"""The application on a real listener, over a store and a pool that only tests have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from airpost.services.auditor import Auditor
from airpost.services.eventlog import EventLog
from airpost.services.hooks_in import Hook, HookSettings
from airpost.services.http.admission import Admission
from airpost.services.http.app import build_app
from airpost.services.http.deps import HttpDeps
from airpost.services.http.server import HttpServer
from airpost.services.http.settings import AuthMode, HttpSettings, parse_listen
from tests.services.http.fake_outbox import events_of
from tests.services.http.fake_schedules import FakeSchedules
from tests.services.http.fakes import FakeClock, FakePool, FakeStore, experience


@dataclass
class Api:
    """A running application and everything behind it."""

    http: aiohttp.ClientSession
    app: web.Application
    server: HttpServer
    store: FakeStore
    pool: FakePool
    clock: FakeClock
    stop: list[bool]
    events: EventLog

    async def close(self) -> None:
        await self.http.close()
        await self.server.stop()

    async def call(
        self, method: str, path: str, status: int = 200, **kwargs: Any
    ) -> dict[str, Any]:
        async with self.http.request(method, path, **kwargs) as response:
            body = await response.json(content_type=None) if response.status != 204 else {}
            assert response.status == status, body
            kind = "application/problem+json" if status >= 400 else "application/json"
            assert status == 204 or response.content_type == kind
            return body

    async def send(self, status: int = 202, headers: Any = None, **fields: Any) -> dict[str, Any]:
        given = {"to": "+491701234567", "text": "hello"} | fields
        given = {name: value for name, value in given.items() if value is not ...}
        return await self.call("POST", "/v1/messages", status, json=given, headers=headers)

    async def refused(self, problem: str, field: str, status: int = 400, **fields: Any) -> str:
        """The detail of the problem that a message with these fields leads to."""
        body = await self.send(status, **fields)
        assert body["type"] == f"urn:airpost:problem:{problem}"
        assert body["status"] == status
        assert body["field"] == field
        assert field in {each["field"] for each in body["errors"]}
        assert self.store.news == []
        return str(body["detail"])


def settings(**changes: Any) -> HttpSettings:
    return replace(HttpSettings(auth=AuthMode.NONE), **changes)


async def open_api(
    given: HttpSettings,
    admission: Admission | None = None,
    store: Any = None,
    hooks: Sequence[HookSettings] = (),
) -> Api:
    """Over `store`, by default one that only tests have."""
    pool, clock, stop = FakePool(), FakeClock(), [False]
    store = FakeStore() if store is None else store
    events = events_of(store, clock)
    app = build_app(
        HttpDeps(
            store=store,
            pool=pool,
            clock=clock,
            rng=Random(1),
            settings=given,
            stopping=lambda: stop[0],
            recovery=experience,
            schedules=FakeSchedules(),
            audit=Auditor(store.audit, clock),
            admission=admission or Admission(),
            **events,
            hooks={each.name: Hook(each) for each in hooks},
        )
    )
    # The server of production: the test server of aiohttp cancels handlers, this one never does.
    server = HttpServer(app, [parse_listen("127.0.0.1:0")], shutdown_s=0.1)
    (address,) = await server.start()
    session = aiohttp.ClientSession(address)
    return Api(http=session, app=app, server=server, store=store, pool=pool, clock=clock, stop=stop,
               events=events["events"])  # fmt: skip


@pytest.fixture
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """Without keys; `@pytest.mark.parametrize("api", [{…}], indirect=True)` changes settings."""
    opened = await open_api(settings(**getattr(request, "param", {})))
    yield opened
    await opened.close()


@pytest.fixture
async def keyed() -> AsyncIterator[Api]:
    """With keys."""
    opened = await open_api(settings(auth=AuthMode.KEYS))
    yield opened
    await opened.close()

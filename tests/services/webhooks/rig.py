"""The webhook service over a real store in virtual time, with receivers that say what they like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from airpost.clock import Instant, LoopClock
from airpost.services.eventlog import EventLog
from airpost.services.webhooks.envelope import Envelope
from airpost.services.webhooks.sender import Answer
from airpost.services.webhooks.service import Webhooks
from airpost.services.webhooks.settings import EventSettings, WebhookSettings, parse_allowed
from airpost.store.publishing import Endpoint
from airpost.store.sqlite import SqliteStore
from airpost.tasks import spawn, stop
from tests.virtual import VirtualLoop, run_virtual

START = Instant(1_767_323_045_678_000)
URL = "http://192.168.1.20/hook"
OK = Answer(ok=True, status=200)
SILENT = Answer(ok=False, error="connection refused")


def status(code: int, **more: Any) -> Answer:
    return Answer(ok=200 <= code < 300, status=code, error=f"HTTP {code}", gone=code == 410, **more)


class Receiver:
    """Keeps what it took; `says` decides about each try."""

    def __init__(self) -> None:
        self.says: Callable[[Endpoint, dict[str, Any]], Answer] = lambda _e, _b: OK
        self.took: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.tries: list[tuple[float, str]] = []  # when, and the id
        self.at_once = self.most_at_once = 0
        self.takes_s = 0.01

    async def send(self, endpoint: Endpoint, sent: Envelope) -> Answer:
        loop = asyncio.get_running_loop()
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            self.tries.append((loop.time(), sent.id))
            await asyncio.sleep(self.takes_s)
            body = json.loads(sent.body)
            answer = self.says(endpoint, body)
            if answer.ok:
                self.took.append(body)
                self.ids.append(sent.id)
            return answer
        finally:
            self.at_once -= 1

    def states(self, modem: str) -> list[str]:
        return [each["data"]["state"] for each in self.took if each["data"].get("modem") == modem]


class Rig:
    def __init__(self, loop: VirtualLoop, folder: Path, **settings: Any) -> None:
        self.loop = loop
        self.clock = LoopClock(loop.time, Instant(START + round(loop.time() * 1_000_000)))
        self.store = SqliteStore(folder / "airpost.db", self.clock, Random(1))
        loop.grace_s = 0  # there are no terminals
        loop.busy["store"] = lambda: self.store.pending > 0
        self.receiver = Receiver()
        allow = (parse_allowed("192.168.0.0/16"),)
        given = settings.pop("events", None)
        self.settings = given or EventSettings(webhooks=WebhookSettings(allow=allow, **settings))
        self.events = EventLog(self.store.outbox, self.store.subscribe, self.clock)
        self.webhooks = Webhooks(
            self.store, self.settings, self.events, self.clock, Random(2), http=self.receiver
        )
        self.n = 0

    async def create(self, *types: str, owner: str = "shop", sees: str | None = None) -> Endpoint:
        return await self.webhooks.create(
            self.webhooks.new_id(), URL, types, None, owner=owner, sees=sees, inbound=True
        )

    async def state(self, modem: str, to: str = "ready") -> None:
        """A modem changes its state; `reason` counts."""
        self.n += 1
        await self.store.note(f"modem {modem}", "absent", to, str(self.n), self.clock.now())

    async def until(self, true: Callable[[], object], wait_s: float = 600) -> None:
        began_s = self.loop.time()
        async with asyncio.timeout(wait_s):
            while not true():  # noqa: ASYNC110 - any condition at all, in virtual time
                await asyncio.sleep(max(0.05, (self.loop.time() - began_s) / 100))

    def reasons(self) -> list[int]:
        return [int(each["data"]["reason"]) for each in self.receiver.took]


@asynccontextmanager
async def opened(loop: VirtualLoop, folder: Path, **settings: Any) -> AsyncIterator[Rig]:
    rig = Rig(loop, folder, **settings)
    await rig.store.open(rig.clock.now())
    running = [spawn(rig.events.run(), name="events"), spawn(rig.webhooks.run(), name="webhooks")]
    await asyncio.sleep(0.1)
    try:
        yield rig
    finally:
        for task in running:
            await stop(task)
        await rig.store.close()


def in_rig(folder: Path, story: Callable[[Rig], Awaitable[None]], **settings: Any) -> None:
    def main(loop: VirtualLoop) -> Coroutine[Any, Any, None]:
        async def run() -> None:
            async with opened(loop, folder, **settings) as rig:
                await story(rig)

        return run()

    run_virtual(main)

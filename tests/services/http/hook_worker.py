"""A process that takes events by a hook until it is killed: `hook_worker FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from random import Random

from airpost.clock import SystemClock
from airpost.services.auditor import Auditor
from airpost.services.hooks_in import Hook, HookSettings
from airpost.services.http.app import build_app
from airpost.services.http.deps import HttpDeps
from airpost.services.http.server import HttpServer
from airpost.services.http.settings import AuthMode, HttpSettings, UnixListen
from airpost.store.sqlite import SqliteStore
from tests.services.http.fake_outbox import events_of
from tests.services.http.fakes import FakePool, experience

PUMP = HookSettings(name="pump", to=("+491701234567", "{{ other }}"), text="{{ n }}",
                    dedup="{{ n }}", owner="plant", token="a-token-of-a-hook")  # fmt: skip


async def serve(folder: Path) -> None:
    clock = SystemClock()
    store = SqliteStore(folder / "airpost.db", clock, Random())
    await store.open(clock.now())
    deps = HttpDeps(
        store=store, pool=FakePool(), clock=clock, rng=Random(),
        settings=HttpSettings(auth=AuthMode.NONE), stopping=lambda: False, recovery=experience,
        schedules=store.schedules, audit=Auditor(store.audit, clock), **events_of(store, clock),
        hooks={"pump": Hook(PUMP)},
    )  # fmt: skip
    await HttpServer(build_app(deps), [UnixListen(path=folder / "http.sock")]).start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))

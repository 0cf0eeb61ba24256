"""A service on a Unix socket in a thread, and the command line that talks to it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result

from airpost.daemon.cli.main import main
from airpost.services.auditor import Auditor
from airpost.services.http.app import build_app
from airpost.services.http.deps import HttpDeps
from airpost.services.http.server import HttpServer
from airpost.services.http.settings import AuthMode, HttpSettings, UnixListen, parse_listen
from airpost.store.sqlite import SqliteStore
from tests.services.http.fake_outbox import events_of
from tests.services.http.fake_schedules import FakeSchedules
from tests.services.http.fakes import NOW, FakeClock, FakePool, FakeStore, experience


@dataclass
class Service:
    """A running service; `unix` and `tcp` are its addresses."""

    store: Any
    pool: FakePool
    unix: str
    tcp: str

    def run(self, *args: str, code: int = 0, text: str | None = None) -> Result:
        return run(*args, "--url", self.unix, code=code, text=text)

    def json(self, *args: str, code: int = 0) -> list[Any]:
        """What `--json` prints, a value a line."""
        lines = self.run(*args, "--json", code=code).stdout.splitlines()
        return [json.loads(line) for line in lines]


def run(*args: str, code: int = 0, text: str | None = None) -> Result:
    result = CliRunner().invoke(main, args, input=text, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def _serve(store: Any, pool: FakePool, path: Path, up: Future[Any], auth: AuthMode) -> None:
    async def life() -> None:
        stop = asyncio.Event()
        if isinstance(store, SqliteStore):
            await store.open(NOW)
        deps = HttpDeps(
            store=store,
            pool=pool,
            clock=FakeClock(),
            rng=Random(1),
            settings=HttpSettings(auth=auth),
            stopping=lambda: False,
            recovery=experience,
            schedules=FakeSchedules(),
            audit=Auditor(store.audit, FakeClock()),
            **events_of(store, FakeClock()),
        )
        server = HttpServer(
            build_app(deps), [UnixListen(path=path), parse_listen("127.0.0.1:0")], shutdown_s=0.1
        )
        addresses = await server.start()
        loop = asyncio.get_running_loop()
        up.set_result((addresses, lambda: loop.call_soon_threadsafe(stop.set)))
        await stop.wait()
        await server.stop()
        if isinstance(store, SqliteStore):
            await store.close()

    try:
        asyncio.run(life())
    except BaseException as error:  # the test must see why nothing came up
        if not up.done():
            up.set_exception(error)
        raise


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """With keys over TCP; the Unix socket trusts us."""
    yield from _served(FakeStore(), tmp_path)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Service]:
    """As `service`, over a store on disk."""
    yield from _served(SqliteStore(tmp_path / "airpost.db", FakeClock(), Random(1)), tmp_path)


def _served(store: Any, tmp_path: Path) -> Iterator[Service]:
    pool = FakePool()
    up: Future[tuple[tuple[str, str], Callable[[], None]]] = Future()
    args = (store, pool, tmp_path / "s", up, AuthMode.KEYS)
    thread = threading.Thread(target=_serve, args=args)
    thread.start()
    (unix, tcp), stop = up.result(10)
    yield Service(store=store, pool=pool, unix=unix, tcp=tcp)
    stop()
    thread.join(10)
    assert not thread.is_alive()

"""`airpost db`: through the service, and at a real store when it is down."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from random import Random
from typing import Any

import httpcore
import pytest

from airpost.clock import SystemClock
from airpost.model import MessageId
from airpost.store.sqlite import SqliteStore
from tests.daemon.cli.conftest import Service, run
from tests.store.values import DAY, NUMBER, after, new


def test_through_the_service(service: Service) -> None:
    assert service.json("db", "prune")[0]["messages"] == 1
    assert "freed octets: 0" in service.run("db", "prune").stdout
    assert service.json("db", "backup", "b.db")[0]["path"] == str(Path("b.db").absolute())
    assert "odd" in service.run("db", "check", code=1).stdout
    forgotten = service.run("db", "forget", "+491701234567", code=1)
    assert "messages: 2" in forgotten.stdout
    assert "under way" in forgotten.stderr


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options for a service that is down and whose store has a message that waits."""
    monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", _refuse)
    (tmp_path / "airpost.toml").write_text('[store]\nurl = "sqlite:///a.db"')
    at_store(tmp_path, lambda store: store.accept([new("a", at=SystemClock().now())]))
    return ["--config", str(tmp_path / "airpost.toml")]


def _refuse(*_of: Any) -> None:
    raise httpcore.ConnectError("Connection refused")


def at_store(folder: Path, work: Any) -> Any:
    async def life() -> Any:
        store = SqliteStore(folder / "a.db", SystemClock(), Random(1))
        await store.open(SystemClock().now())
        done = await work(store)
        await store.close()
        return done

    return asyncio.run(life())


def test_at_the_store(offline: list[str], tmp_path: Path) -> None:
    copy = str(tmp_path / "copy.db")
    assert json.loads(run("db", "prune", "--json", *offline).stdout)["messages"] == 0
    assert "all is well: 1 messages" in run("db", "check", *offline).stdout
    assert re.search(
        r"^took: \d+\.\d\d s$", run("db", "backup", copy, *offline).stdout, re.MULTILINE
    )
    assert "there already" in run("db", "backup", copy, *offline, code=1).stderr
    assert "under way: 0" in run("db", "forget", "0151 12345678", *offline).stdout
    assert "is no number" in run("db", "forget", "abc", *offline, code=1).stderr
    config = tmp_path / "airpost.toml"
    config.write_text(config.read_text() + '\n[sms]\nhome_region = "DE"')
    for spelling in (NUMBER, "0151 12345678", "+49 (0)151/12345678"):
        assert "under way: 1" in run("db", "forget", spelling, *offline, code=1).stdout
    restored = json.loads(run("db", "restore", copy, "--json", *offline).stdout)
    assert restored["held"] == 1
    assert Path(restored["before"]).exists()
    message = at_store(tmp_path, lambda store: store.message(MessageId("a"), None))
    assert (message.state.value, message.reason) == ("uncertain", "restored")
    told = run("db", "restore", copy, *offline).stdout
    assert "held: 1" in told
    assert "`airpost queue release --restored`" in told  # what to do next


@pytest.mark.parametrize("known", [True, False])
def test_a_restore_tells_what_cannot_have_gone_out(
    offline: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    monkeypatch.setattr("airpost.daemon.cli.offline.synchronised", lambda: known)
    monkeypatch.setattr("airpost.daemon.cli.offline.since_boot_s", lambda: 5.0)
    copy, now = str(tmp_path / "copy.db"), SystemClock().now()
    later = new("later", at=now, not_before=after(DAY, now), expires_at=after(9 * DAY, now))
    at_store(tmp_path, lambda store: store.accept([later]))
    run("db", "backup", copy, *offline)
    told = run("db", "restore", copy, *offline).stdout
    assert "held: 2" in told
    assert f"not due: {known:d}" in told
    assert ("1 of them cannot have gone out" in told) is known  # by a clock that nobody has set


def test_what_cannot_be_done_is_told(offline: list[str], tmp_path: Path) -> None:
    (tmp_path / "bad.db").write_text("no database" * 999)
    told = run("db", "restore", str(tmp_path / "bad.db"), *offline, code=1).stderr
    assert "cannot be restored" in told
    with (tmp_path / "a.db").open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 4096)
    broken = run("db", "check", *offline, code=1)
    assert "damaged" in broken.stdout
    assert "db restore" in broken.stderr


def test_a_store_in_use_is_left_alone(offline: list[str], tmp_path: Path) -> None:
    async def life() -> None:
        store = SqliteStore(tmp_path / "a.db", SystemClock(), Random(1))
        await store.open(SystemClock().now())
        copy = str(tmp_path / "copy.db")
        await store.keeping.backup(Path(copy))
        loop = asyncio.get_running_loop()
        for args in (["check"], ["restore", copy]):
            done = await loop.run_in_executor(
                None, lambda args=args: run("db", *args, *offline, code=1)
            )
            assert "in use by another airpost" in done.stderr
        await store.close()

    asyncio.run(life())

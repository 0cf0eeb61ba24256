"""`airpost keys`: through the service, or at the store of a service that is down."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpcore
import pytest

from airpost.clock import SECOND_US, SystemClock, parse_rfc3339
from airpost.errors import ConfigError
from tests.daemon.cli.conftest import Service, run
from tests.services.fake_audit import FakeAuditLog
from tests.services.http.fakes import FakeStore


def test_through_the_service(service: Service) -> None:
    (made,) = service.json("keys", "create", "till", "--owner", "shop", "--scope", "send")
    assert made["token"].startswith(f"ap_{made['id']}_")
    assert (made["owner"], made["scopes"]) == ("shop", ["send"])
    assert "token: ap_" in service.run("keys", "create", "other").stdout
    assert [key["owner"] for key in service.json("keys", "list")] == ["shop", "other"]
    assert "till" in service.run("keys", "list").stdout
    assert service.run("keys", "revoke", made["id"]).stdout == f"{made['id']} revoked\n"
    service.run("keys", "revoke", made["id"], code=1)
    service.run("keys", "create", "x", "--scope", "fly", code=2)


def test_a_key_for_some_countries(service: Service) -> None:
    (made,) = service.json("keys", "create", "till", "--country", "DE", "--country", "+852")
    assert made["countries"] == ["DE", "+852"]
    said = service.run("keys", "create", "x", "--country", "UK", code=2).output
    assert "'UK' is a country such as" in said


RULES = (
    "--scope", "send,read:all", "--class", "alarm,otp", "--class", "normal", "--route", "default",
    "--from-net", "10.0.0.0/8,unix", "--rate", "60/min, burst 5", "--expires", "90d",
)  # fmt: skip


def test_restrictions(service: Service) -> None:
    (made,) = service.json("keys", "create", "till", *RULES)
    assert made["scopes"] == ["read:all", "send"]
    assert made["classes"] == ["alarm", "otp", "normal"]
    assert (made["routes"], made["networks"]) == (["default"], ["10.0.0.0/8", "unix"])
    assert made["rate"] == "60/min, burst 5"
    left = parse_rfc3339(made["expires_at"]) - SystemClock().now()
    assert 89 < left / SECOND_US / 86_400 <= 90
    assert "networks 10.0.0.0/8,unix; rate 60/min" in service.run("keys", "list").stdout
    for wrong in (
        ("--scope", "send,fly"), ("--class", "loud"), ("--from-net", "lan"), ("--rate", "fast"),
        ("--expires", "soon"), ("--country", "UK"),
    ):  # fmt: skip
        said = service.run("keys", "create", "x", *wrong, code=2).output
        assert f"'{wrong[1].split(',')[-1]}'" in said
    said = service.run("keys", "create", "x", "--route", "nope", code=1).output
    assert "routes.0: is no route: there is default" in said


def test_another_secret(service: Service) -> None:
    (made,) = service.json("keys", "create", "till")
    (fresh,) = service.json("keys", "rotate", made["id"], "--overlap", "2h")
    assert fresh["id"] == made["id"]
    assert fresh["token"] != made["token"]
    assert "counts until" in service.run("keys", "rotate", made["id"]).stdout
    service.run("keys", "rotate", "none", code=1)
    service.run("keys", "rotate", made["id"], "--overlap", "91d", code=2)


class OfflineStore(FakeStore):
    """Stands where the SQLite store does."""

    made: list[Any] = []
    busy = False

    def __init__(self, path: Path, _clock: Any, _rng: Any) -> None:
        super().__init__()
        OfflineStore.made.append(path)
        self.by_hash = OfflineStore.shared
        self.audit = OfflineStore.log

    shared: dict[bytes, Any] = {}
    log = FakeAuditLog()

    async def open(self, now: int) -> None:
        if OfflineStore.busy:
            raise ConfigError("store.url", "another process holds the store")

    async def close(self) -> None:
        OfflineStore.made.append("closed")


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options for a service that is down, with its configuration."""
    fake = ModuleType("airpost.store.sqlite")
    fake.SqliteStore = OfflineStore  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "airpost.store.sqlite", fake)
    monkeypatch.setattr(OfflineStore, "made", [])
    monkeypatch.setattr(OfflineStore, "shared", {})
    monkeypatch.setattr(OfflineStore, "log", FakeAuditLog())
    # The default address is that of a service on this very machine, which is not meant.
    monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", _refuse)
    path = tmp_path / "airpost.toml"
    path.write_text('[store]\nurl = "sqlite:///a.db"')
    return ["--config", str(path)]


def _refuse(*_of: Any) -> None:
    raise httpcore.ConnectError("Connection refused")


def test_at_the_store(offline: list[str], tmp_path: Path) -> None:
    made = json.loads(run("keys", "create", "till", "--json", *offline).stdout)
    assert OfflineStore.made == [tmp_path / "a.db", "closed"]
    listed = json.loads(run("keys", "list", "--json", *offline).stdout)
    assert listed["id"] == made["id"]
    assert "token" not in listed
    run("keys", "rotate", made["id"], "--overlap", "0s", *offline)
    run("keys", "revoke", made["id"], *offline)
    assert [row.action for row in OfflineStore.log.kept] == [
        "key.create", "key.rotate", "key.revoke",
    ]  # fmt: skip
    assert OfflineStore.log.kept[0].origin.startswith("command line uid=")
    assert "no such key" in run("keys", "revoke", made["id"], *offline, code=1).stderr


def test_a_store_that_is_held(offline: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OfflineStore, "busy", True)
    told = run("keys", "list", *offline, code=3).stderr
    assert "no service at" in told  # it may run, and have given no answer
    assert "another process" in told


def test_a_service_that_was_named_is_meant(offline: list[str], tmp_path: Path) -> None:
    run("keys", "list", "--url", f"unix:{tmp_path / 's'}", *offline, code=3)
    run("keys", "list", "--config", str(tmp_path / "none.toml"), code=3)
    assert OfflineStore.made == []


def test_at_the_store_routes_are_those_of_the_configuration(
    offline: list[str], tmp_path: Path
) -> None:
    with (tmp_path / "airpost.toml").open("a") as config:
        config.write("""
[[modem]]
name = "gate-1"
usb_path = "1-1.4"
route = ["night"]
[[route]]
name = "alarms"
class = ["alarm"]
groups = [{ m-1 = 1 }]
""")
    run("keys", "create", "till", "--route", "alarms,night,default", *offline)
    said = run("keys", "create", "till", "--route", "nope", *offline, code=1).output
    assert "is no route: there are alarms, default, night" in said

"""Where the service is and who asks, as every command is told; how a command ends."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from airpost.daemon.cli.client import pause
from airpost.model import Lane
from tests.breaking import Breaking, answer, problem
from tests.daemon.cli.conftest import Service, run
from tests.services.http.fakes import modem_view


@pytest.mark.parametrize("url", ["ftp://x", "http://", "x", "http://h:port", "http://h/v1"])
def test_addresses_that_are_none(url: str) -> None:
    assert "--url: " in run("modems", "--url", url, code=2).stderr


def test_nobody_is_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        assert url in run("modems", "--url", url, code=3).stderr


def test_the_address_and_the_key_come_from_the_environment(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    header = service.store.new_key("shop", "read")["Authorization"]
    monkeypatch.setenv("AIRPOST_URL", service.tcp)
    run("modems", code=1)
    (tmp_path / "key").write_text(header.removeprefix("Bearer ") + "\n")
    run("modems", "--key-file", str(tmp_path / "key"))
    run("modems", "--key-file", str(tmp_path / "none"), code=2)
    monkeypatch.setenv("AIRPOST_KEY", header.removeprefix("Bearer "))
    run("modems")


def test_a_command_tries_once_and_longer_where_it_is_told() -> None:
    script = [problem(503, "stopping", retry_after_s=0), answer(200, {"items": [], "urgent": []})]
    with Breaking(script) as there:
        assert run("modems", "--url", there.url, code=1).stderr == "Error: d\n"
    with Breaking(script) as there:
        run("modems", "--url", there.url, "--retry", "5")


def test_that_the_store_cannot_write_is_one_line_beside_what_is_shown(service: Service) -> None:
    service.pool.views[Lane("gate-1")] = modem_view()
    shown = ("modems",), ("queue",), ("queue", "gate-1")
    for args in shown:
        assert service.run(*args).stderr == ""
    service.store.unavailable = "the disk is full: make room; airpost goes on by itself then"
    line = f"nothing can be taken or sent now: the store: {service.store.unavailable}\n"
    for args in shown:
        told = service.run(*args, "--retry", "60")  # which is not for this
        assert told.stderr == line
        assert told.stdout
        for each in service.run(*args, "--json").stdout.splitlines():
            assert json.loads(each)


def test_pauses() -> None:
    pause(0)

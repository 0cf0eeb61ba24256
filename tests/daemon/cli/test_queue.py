"""`airpost queue`."""

from __future__ import annotations

from dataclasses import replace

from airpost.model import Lane
from tests.daemon.cli.conftest import Service


def test_what_is_bound_and_what_waits(service: Service) -> None:
    (bound,) = service.json("send", "123", "x")
    service.store.kept[bound["id"]] = replace(service.store.kept[bound["id"]], modem=Lane("gate-1"))
    for n in range(51):
        service.run("send", "123", str(n))
    lines = service.run("queue", "gate-1").stdout.splitlines()
    assert lines[1].split()[:2] == ["bound", bound["id"]]
    assert lines[2].split()[0] == "backlog"
    assert lines[-1] == "and 1 more in the backlog"
    (shown,) = service.json("queue", "gate-1")
    assert shown["backlog_total"] == 51
    service.run("queue", "gate-9", code=1)

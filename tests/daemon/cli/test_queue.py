"""`airpost queue`."""

from __future__ import annotations

from dataclasses import replace

from airpost.model import Lane
from airpost.states import MessageState
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
    assert service.run("queue").stdout.splitlines()[-1] == "and 1 more in the backlog"
    (shown,) = service.json("queue")
    assert shown["total"] == 51


def test_a_queue_is_moved(service: Service) -> None:
    (sent,) = service.json("send", "123", "x")
    service.store.kept[sent["id"]] = replace(service.store.kept[sent["id"]], modem=Lane("gate-9"))
    said = service.run("queue", "move", "gate-9", "gate-1").stdout
    assert said == "1 messages moved from gate-9 to gate-1\n"
    assert service.json("queue", "move", "gate-1") == [{"from": "gate-1", "to": None, "moved": 1}]
    service.run("queue", "move", "gate-1", "gate-8", code=1)


def test_what_is_uncertain_is_released(service: Service) -> None:
    (sent,) = service.json("send", "123", "x")
    doubtful = replace(service.store.kept[sent["id"]], state=MessageState.UNCERTAIN)
    service.store.kept[sent["id"]] = doubtful
    assert service.run("queue", "release", sent["id"], "--as", "sent").stdout == (
        "1 messages released\n"
    )
    done = service.run("queue", "release", sent["id"], code=1)
    assert "nothing of it is uncertain now" in done.output
    service.run("queue", "release", code=2)
    done = service.run("queue", "release", sent["id"], "--restored", code=1)
    assert "no restore has frozen it" in done.output

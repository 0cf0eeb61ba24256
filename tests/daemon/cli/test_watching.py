"""`--watch`."""

from __future__ import annotations

import json

import pytest

from airpost.daemon.cli import watching
from airpost.model import Lane, UnitState
from tests.breaking import Breaking, answer
from tests.daemon.cli.conftest import Service, run
from tests.services.http.fakes import modem_view


@pytest.mark.parametrize(
    "command", [("modems",), ("queue",), ("queue", "gate-1"), ("webhooks", "list")]
)
def test_it_is_shown_again_until_it_is_interrupted(
    service: Service, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    once = service.run(*command).stdout
    looks = []

    def pause(delay_s: float) -> None:
        looks.append(delay_s)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(watching, "pause", pause)
    assert service.run(*command, "--watch").stdout == once * 3
    assert looks == [watching.EVERY_S] * 3


def test_each_look_is_a_new_one(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    lane = Lane("gate-1")

    def pause(_delay_s: float) -> None:
        if service.pool.views[lane].state is UnitState.ABSENT:
            raise KeyboardInterrupt
        service.pool.views[lane] = modem_view(state=UnitState.ABSENT)

    monkeypatch.setattr(watching, "pause", pause)
    shown = service.run("modems", "--watch", "--json").stdout.splitlines()
    assert [json.loads(line)["state"] for line in shown] == ["ready", "absent"]


def test_a_service_that_restarts_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []

    def pause(delay_s: float) -> None:
        looks.append(delay_s)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(watching, "pause", pause)
    # Said to be closed: else it is chance whether the second look still takes the first connection.
    told = answer(200, {"items": [], "urgent": []}, Connection="close")
    with Breaking([told, None, told]) as there:
        assert "no service at" in run("modems", "--url", there.url, "--watch").stderr
    assert len(there.seen) == 3
    run("modems", "--url", there.url, "--watch", code=3)  # that never was there

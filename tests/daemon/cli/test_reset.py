"""`airpost reset`."""

from __future__ import annotations

from airpost.errors import ModemError
from airpost.model import Lane
from tests.daemon.cli.conftest import Service


def test_a_reset_is_asked_for_and_its_end_told(service: Service) -> None:
    assert service.run("reset", "gate-1").stdout.startswith("gate-1: ready")
    (done,) = service.json("reset", "gate-1", "--how", "usb")
    assert (done["how"], done["state"]) == ("usb", "ready")
    assert service.pool.asked == [(Lane("gate-1"), "reset"), (Lane("gate-1"), "usb")]


def test_why_it_cannot_be_done(service: Service) -> None:
    service.pool.answers["hub_power"] = ModemError("no hub is named whose power may be switched")
    said = service.run("reset", "gate-1", "--how", "hub_power", code=1).stderr
    assert "no hub is named" in said
    service.run("reset", "gate-9", code=1)
    service.run("reset", "gate-1", "--how", "hammer", code=2)

"""What is plugged in and cannot be a modem of ours."""

from __future__ import annotations

import pytest

from airpost.clock import Instant
from airpost.model import Lane, ModemView, UnitState
from airpost.pool.strangers import Strangers


def view(name: str, detail: str = "it has no port") -> ModemView:
    return ModemView(
        lane=Lane(name), port="", state=UnitState.QUARANTINED, since=Instant(0), detail=detail
    )


def test_they_are_told_by_place_and_found_by_name() -> None:
    strangers = Strangers()
    strangers.seen("1-2", view("u-b"))
    strangers.seen("1-1", view("u-a"))
    assert [each.lane for each in strangers.all()] == ["u-a", "u-b"]
    assert strangers.named(Lane("u-b")) == view("u-b")
    assert strangers.named(Lane("gate-1")) is None


def test_what_is_unplugged_is_gone() -> None:
    strangers = Strangers()
    strangers.seen("1-1", view("u-a"))
    for _ in range(2):
        strangers.seen("1-1", None)
    assert strangers.all() == []


def test_the_log_has_each_remedy_once(caplog: pytest.LogCaptureFixture) -> None:
    strangers = Strangers()
    for detail in ("it has no port", "it has no port", "switch its mode"):
        strangers.seen("1-1", view("u-a", detail))
    assert [record.getMessage() for record in caplog.records] == [
        "modem.stranger place=1-1 it has no port",
        "modem.stranger place=1-1 switch its mode",
    ]

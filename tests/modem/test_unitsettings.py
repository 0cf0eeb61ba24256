"""What is configured of one modem."""

from __future__ import annotations

from airpost.model import Lane
from airpost.modem.unitsettings import UnitSettings


def test_by_default_a_modem_serves_the_default_route_and_picks_up_no_call() -> None:
    made = UnitSettings(lane=Lane("a"), port="/dev/ttyUSB0")
    assert (made.routes, made.hang_up, made.pin) == ({"default"}, False, None)


def test_the_pin_is_not_shown() -> None:
    assert "4711" not in repr(UnitSettings(lane=Lane("a"), port="/dev/ttyUSB0", pin="4711"))

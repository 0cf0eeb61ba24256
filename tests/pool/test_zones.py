"""In which time zones a number may be."""

from __future__ import annotations

import pytest

from airpost.pool.zones import zones_of


@pytest.mark.parametrize(
    ("number", "home", "expected"),
    [
        ("+4915112345678", None, "Europe/Berlin"),
        ("+8613912345678", "DE", "Asia/Shanghai"),
        ("+12125550123", "CN", "America/New_York"),
        ("+13105550123", None, "America/Los_Angeles"),
        ("+79161234567", None, "Europe/Moscow"),
        ("015112345678", "DE", "Europe/Berlin"),
        ("10086", "CN", "Asia/Shanghai"),  # a short code says nothing: the home region does
        ("+99900000001", "DE", "Europe/Berlin"),
        ("+99900000001", None, "UTC"),
        ("015112345678", None, "UTC"),
        ("*100#", "DE", "Europe/Berlin"),
    ],
)
def test_one_zone(number: str, home: str | None, expected: str) -> None:
    assert [zone.key for zone in zones_of(number, home)] == [expected]


def test_a_number_without_a_place_is_in_all_of_its_country_from_west_to_east() -> None:
    keys = [zone.key for zone in zones_of("+18005550123", None)]
    west, east = keys.index("Pacific/Honolulu"), keys.index("America/New_York")
    assert west < keys.index("America/Chicago") < east

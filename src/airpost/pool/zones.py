"""In which time zones a number may be.

Pure: no clock, no asyncio. Numbers without a country code are read as dialled in the home region;
of what says nothing about its place, a short code say, the zone of the region's numbers counts.
phonenumbers brings the mapping.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from phonenumbers import (
    NumberParseException,
    example_number,
    parse,
    region_code_for_number,
    timezone,
)

_UNKNOWN = "Etc/Unknown"
KNOWN_NUMBERS = 4_096
_SUMMER = datetime(2026, 7, 1, tzinfo=UTC)  # only to put zones in an order


@lru_cache(maxsize=KNOWN_NUMBERS)
def zones_of(number: str, home_region: str | None) -> tuple[ZoneInfo, ...]:
    """The zones from west to east; UTC where neither the number nor a home region tells any."""
    names = _zones_of_number(number, home_region)
    if not names and home_region is not None:
        names = _zones_of_region(home_region)
    zones = [ZoneInfo(name) for name in names or ["UTC"]]
    return tuple(sorted(zones, key=lambda zone: (_offset(zone), zone.key)))


def _zones_of_number(number: str, home_region: str | None) -> list[str]:
    try:
        parsed = parse(number, home_region)
    except NumberParseException:
        return []
    if region_code_for_number(parsed) is None:
        return []  # no number of its country: its first digits mean nothing
    return _known(timezone.time_zones_for_geographical_number(parsed))


def _zones_of_region(region: str) -> list[str]:
    """Those of a number that is given as an example of the region's."""
    example = example_number(region)
    if example is None:
        return []
    return _known(timezone.time_zones_for_geographical_number(example))


def _known(names: Iterable[str]) -> list[str]:
    return [name for name in names if name != _UNKNOWN]


def _offset(zone: ZoneInfo) -> float:
    offset = _SUMMER.astimezone(zone).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()

"""Rates, networks and expiry of keys."""

from __future__ import annotations

import pytest

from airpost.clock import SECOND_US
from airpost.services.http.keyrules import (
    Meters,
    Rate,
    comes_from,
    read_expiry,
    read_network,
    read_rate,
)
from tests.services.http.fakes import NOW


def test_rates() -> None:
    assert read_rate("10/s") == Rate(count=10, per_s=1, burst=10)
    assert read_rate("60/min, burst 5") == Rate(count=60, per_s=60, burst=5)
    assert read_rate("1000/d burst 1") == Rate(count=1000, per_s=86_400, burst=1)
    for wrong in ("", "10", "0/s", "-1/s", "10/m", "10/s, burst", "10/s, burst 0", " 10/s"):
        with pytest.raises(ValueError, match="such as"):
            read_rate(wrong)


@pytest.mark.parametrize(
    ("networks", "address", "inside"),
    [
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "11.1.2.3", False),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["10.0.0.0/8"], "::1", False),
        (["fe80::/10", "::1"], "fe80::1%eth0", True),
        (["10.0.0.1"], "10.0.0.1", True),
        (["0.0.0.0/0", "::/0"], None, False),
        (["unix"], None, True),
        (["unix"], "127.0.0.1", False),
        (["10.0.0.0/8"], "", False),
    ],
)
def test_networks(networks: list[str], address: str | None, inside: bool) -> None:
    assert comes_from(networks, address) is inside


def test_what_is_no_network() -> None:
    for wrong in ("10.0.0.1/8", "lan", "10.0.0.0/33", "UNIX"):
        with pytest.raises(ValueError, match="such as"):
            read_network(wrong)


def test_expiry() -> None:
    assert read_expiry("12h", NOW) == NOW + 43_200 * SECOND_US
    assert read_expiry("90s", NOW) == read_expiry("1m", NOW) + 30 * SECOND_US
    assert read_expiry("2w", NOW) == NOW + 14 * 86_400 * SECOND_US
    assert read_expiry("2026-01-02T03:04:05.678Z", NOW) == NOW
    for wrong in ("0d", "soon", "2026-01-02", "9999999d"):
        with pytest.raises(ValueError, match=r"."):
            read_expiry(wrong, NOW)


def test_a_meter_lets_through_what_the_rate_says_and_tells_how_long_to_wait() -> None:
    meters, rate = Meters(), read_rate("60/min, burst 3")
    assert [meters.take("k", rate, 100.0) for _ in range(5)] == [0, 0, 0, 1, 1]
    assert meters.take("k", rate, 101.0) == 0
    assert meters.take("k", rate, 101.1) == 1
    assert meters.take("other", rate, 101.1) == 0
    # An hour at two a second: one a second comes through, and the burst.
    taken = sum(meters.take("k", rate, 200 + n / 2) == 0 for n in range(7200))
    assert 3600 <= taken <= 3604


def test_what_costs_more_goes_as_a_whole_or_not_at_all() -> None:
    meters, rate = Meters(), read_rate("10/s, burst 50")
    assert meters.take("k", rate, 0.0, cost=1) == 0
    assert meters.take("k", rate, 0.0, cost=50) == 1
    assert meters.take("k", rate, 0.0, cost=49) == 0
    assert meters.take("k", rate, 0.0, cost=49) == 5
    assert meters.take("k", rate, 1.0, cost=11) == 1
    assert meters.take("k", rate, 1.0, cost=10) == 0

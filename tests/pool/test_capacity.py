"""How much urgent traffic can be promised."""

from __future__ import annotations

import pytest

from airpost.pool.capacity import (
    MOST_TOGETHER,
    searching,
    under_bulk_per_minute,
    urgent_per_minute,
)

MODEMS = (1, 2, 4, 8, 16)
# Segments a minute of which 98.7 % wait at most 2 s, M/D/c, found by others.
TABLE = {2: (4, 23, 75, 190, 434), 3: (1, 9, 40, 114, 273), 6: (0, 2, 13, 44, 117)}


@pytest.mark.parametrize("service_s", TABLE)
def test_the_rates_are_those_of_the_table(service_s: int) -> None:
    for modems, rate in zip(MODEMS, TABLE[service_s], strict=True):
        found = urgent_per_minute(modems, service_s)
        assert rate * 0.97 - 1 <= found <= rate + 1, modems


def test_a_lost_modem_costs_more_than_its_share() -> None:
    assert urgent_per_minute(3, 3) < urgent_per_minute(4, 3) * 3 / 4


def test_no_modem_promises_nothing() -> None:
    assert urgent_per_minute(0, 3) == under_bulk_per_minute(0, 3, 1) == 0


def test_many_modems_promise_at_least_what_their_groups_do() -> None:
    together = urgent_per_minute(MOST_TOGETHER + 2, 6)
    assert together == pytest.approx(urgent_per_minute(MOST_TOGETHER, 6) + urgent_per_minute(2, 6))


def test_a_search_gives_way_again_and_again() -> None:
    assert len(list(searching(8, 3))) > 50


# Share of urgent waits of at most 2 s, 4 modems, simulated by others: the rate where it crosses.
@pytest.mark.parametrize(
    ("service_s", "reserved", "kept", "broken"), [(3, 1, 6, 24), (3, 2, 12, 26), (6, 2, 2, 6)]
)
def test_bulk_leaves_what_is_reserved(
    service_s: float, reserved: int, kept: float, broken: float
) -> None:
    assert kept <= under_bulk_per_minute(4, service_s, reserved) <= broken


def test_reserving_more_promises_more_and_bulk_never_helps() -> None:
    rates = [under_bulk_per_minute(4, 3, reserved) for reserved in range(4)]
    assert rates == sorted(rates)
    assert rates[-1] <= urgent_per_minute(4, 3)


def test_modems_that_end_within_the_wait_are_never_late() -> None:
    assert under_bulk_per_minute(2, 1.5, 0) == pytest.approx(2 * 60 / 1.5, rel=0.01)

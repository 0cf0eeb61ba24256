"""How much urgent traffic can be promised."""

from __future__ import annotations

from random import Random

import pytest

from airpost.clock import Instant
from airpost.pool.budget import Budget
from airpost.pool.capacity import (
    MOST_TOGETHER,
    Pace,
    searching,
    searching_paced,
    under_bulk_per_minute,
    urgent_per_minute,
)
from airpost.pool.limits import LimitProfile

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


def paced(*paces: Pace) -> float:
    search = searching_paced(paces)
    while True:
        try:
            next(search)
        except StopIteration as done:
            return float(done.value)


@pytest.mark.parametrize("pace", [Pace(6), Pace(30), Pace(10, 20), Pace(20, 4)])
def test_what_a_limit_of_a_minute_lets_through_is_late_as_seldom_as_promised(pace: Pace) -> None:
    """Calls at random at the promised rate, and at half as much again, through the limit itself."""

    def late(rate: float) -> float:
        rng, now, count, calls = Random(1), 0.0, 0, 40_000
        budget = Budget(
            LimitProfile(name="x", per_minute=pace.per_minute, burst=pace.burst or None), Instant(0)
        )
        begins = 0.0
        for _ in range(calls):
            now += rng.expovariate(rate / 60)
            begins = max(begins, now)
            at = Instant(round(begins * 1e6))
            if (block := budget.block(at, None, urgent=True)) is not None:
                at, begins = block.until, block.until / 1e6
            budget.spend(at, "")
            count += begins - now > 2.0
        return count / calls

    rate = paced(pace)
    assert 0 < rate < pace.per_minute
    assert late(rate) < 0.016
    assert late(rate * 1.5) > 0.02


def test_what_is_limited_adds_up() -> None:
    assert paced() == paced(Pace(0), Pace(0, 3)) == 0
    assert paced(Pace(6), Pace(6)) == pytest.approx(urgent_per_minute(12, 60))
    assert paced(Pace(10, 20), Pace(6)) == pytest.approx(paced(Pace(10, 20)) + paced(Pace(6)))


def test_modems_that_end_within_the_wait_are_never_late() -> None:
    assert under_bulk_per_minute(2, 1.5, 0) == pytest.approx(2 * 60 / 1.5, rel=0.01)

"""How much urgent traffic can be promised."""

from __future__ import annotations

import math
from random import Random

import pytest

from airpost.clock import Instant
from airpost.pool.budget import Budget
from airpost.pool.capacity import (
    MOST_TOGETHER,
    URGENT_SHARE,
    URGENT_WAIT_S,
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


def walked(modems: int, load: float, service_s: float) -> tuple[float, float]:
    """How likely it is that somebody is late within 200 services, and that it is still open then.

    Service by service, over all places there can be left; with far more than enough it is over.
    """

    def poisson(mean: float) -> list[float]:
        shares = [math.exp(-mean)]
        while len(shares) <= mean or shares[-1] > 1e-10:
            shares.append(shares[-1] * mean / len(shares))
        return shares

    wait = URGENT_WAIT_S / service_s
    first = math.floor(wait) + 1
    late, left, came = 0.0, {first * modems: 1.0}, poisson(load * (first - wait))
    for _ in range(200):
        after: dict[int, float] = {}
        for places, likely in left.items():
            for count, share in enumerate(came):
                if count >= places:
                    late += likely * share
                elif (there := places - count + modems) <= 4 * modems + 61:
                    after[there] = after.get(there, 0.0) + likely * share
        left, came = {at: share for at, share in after.items() if share > 1e-9}, poisson(load)
    return late, sum(left.values())


@pytest.mark.parametrize("service_s", [0.3, 0.8, 1.1, 2.0, 2.5, 6.0])
@pytest.mark.parametrize("modems", [1, 3, 8])
def test_the_rate_is_the_largest_by_a_walk_through_every_service(
    modems: int, service_s: float
) -> None:
    load = urgent_per_minute(modems, service_s) * service_s / 60
    late, still = walked(modems, load, service_s)
    assert late + still <= 1 - URGENT_SHARE + 1e-6
    late, still = walked(modems, load * 1.025 + 0.005, service_s)
    assert late + still > 1 - URGENT_SHARE


def test_where_services_are_short_nothing_is_taken_for_granted() -> None:
    """A backlog longer than what is walked through counts too."""
    for modems, service_s in ((2, 0.05), (8, 0.1), (64, 0.2)):
        assert 0.9 < urgent_per_minute(modems, service_s) * service_s / 60 / modems < 0.995


@pytest.mark.parametrize(("modems", "service_s"), [(1, 0.1), (8, 0.2), (8, 3), (32, 1.5)])
def test_a_search_gives_way_again_and_again_and_soon_ends(modems: int, service_s: float) -> None:
    assert 10 < len(list(searching(modems, service_s))) < 120


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

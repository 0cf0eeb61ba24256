"""When to try again."""

from __future__ import annotations

from random import Random

from airpost.services.webhooks.backoff import PROBE_FIRST_S, PROBE_LONGEST_S, Health, Schedule
from airpost.services.webhooks.settings import SCHEDULE_S


def test_the_schedule_of_the_standard_with_a_little_more() -> None:
    schedule = Schedule(SCHEDULE_S, Random(1))
    for tries, planned in enumerate(SCHEDULE_S, 1):
        assert planned <= schedule.wait_s(tries) <= planned * 1.1
    assert schedule.wait_s(99) >= SCHEDULE_S[-1]
    assert 75 * 3600 < schedule.whole_s < 76 * 3600


def test_no_answer_twice_is_down_and_it_is_asked_ever_more_seldom() -> None:
    health = Health()
    assert not health.failed("a", None, None, 0.0)
    assert health.until_s == 0
    assert health.failed("b", None, None, 10.0)
    assert health.until_s == 10 + PROBE_FIRST_S
    waits = []
    for at in range(1000, 11_000, 1000):
        assert not health.failed("a", None, None, float(at))
        waits.append(health.until_s - at)
    assert waits == sorted(waits)
    assert waits[-1] == PROBE_LONGEST_S
    assert health.succeeded()
    assert not health.succeeded()
    assert not health.down


def test_one_event_that_is_refused_is_no_fault_of_the_endpoint() -> None:
    health = Health()
    for _ in range(20):
        assert not health.failed("a", 400, None, 0.0)
    assert not health.failed("b", 500, None, 0.0)
    assert not health.failed("c", 500, None, 0.0)
    assert health.failed("d", 500, None, 0.0)


def test_a_pause_it_asks_for_is_kept() -> None:
    health = Health()
    health.failed("a", 429, 120.0, 10.0)
    assert health.until_s == 130
    health.failed("a", 503, None, 20.0)
    assert health.until_s == 130

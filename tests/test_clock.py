"""Clocks and RFC 3339."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.clock import (
    Instant,
    LoopClock,
    SteadyClock,
    SystemClock,
    parse_rfc3339,
    rfc3339,
    since_boot_s,
    synchronised,
)


def test_system_clock_is_utc_microseconds() -> None:
    before, now, after = time.time_ns() // 1000, SystemClock().now(), time.time_ns() // 1000
    assert before <= now <= after


def test_loop_clock_moves_with_its_loop() -> None:
    loop_time = [100.0]
    clock = LoopClock(lambda: loop_time[0], Instant(5_000_000))
    assert (clock.now(), clock.mono()) == (5_000_000, 100.0)
    loop_time[0] += 3600.25
    assert (clock.now(), clock.mono()) == (3_605_250_000, 3700.25)


async def test_sleep_returns() -> None:
    await SystemClock().sleep(0)
    await LoopClock(lambda: 0.0, Instant(0)).sleep(0)


@given(st.integers(0, 253_402_300_799_999))
def test_rfc3339_round_trip_to_the_millisecond(milliseconds: int) -> None:
    instant = Instant(milliseconds * 1000)
    assert parse_rfc3339(rfc3339(instant)) == instant


def test_rfc3339_examples() -> None:
    assert rfc3339(Instant(0)) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(Instant(1_767_322_999_999_999)) == "2026-01-02T03:03:19.999Z"
    assert parse_rfc3339("2026-01-02T04:03:19+01:00") == 1_767_322_999_000_000


@pytest.mark.parametrize("text", ["2026-01-02T03:04:05", "yesterday", "", "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_rfc3339(text)


def test_a_steady_clock_goes_by_time_that_passes_until_it_follows() -> None:
    wall, mono = [Instant(1_000_000_000)], [5.0]

    class Wall(SystemClock):
        def now(self) -> Instant:
            return wall[0]

        def mono(self) -> float:
            return mono[0]

    clock = SteadyClock(Wall())
    wall[0], mono[0] = Instant(9_000_000_000), 7.5
    assert clock.now() == 1_002_500_000
    assert clock.behind_us == 7_997_500_000
    assert clock.follow() == 7_997_500_000
    assert (clock.now(), clock.behind_us) == (9_000_000_000, 0)


def test_the_machine_tells_whether_its_clock_was_set_and_how_long_it_runs() -> None:
    assert synchronised() in (True, False)
    first = since_boot_s()
    assert 0 < first <= since_boot_s()

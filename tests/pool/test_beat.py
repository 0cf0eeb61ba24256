"""The instants that lanes of like pace have in common."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airpost.pool.beat import (
    AHEAD_MESSAGES,
    AHEAD_S,
    LONGEST_S,
    MOST_AHEAD,
    SHARE,
    SHORTEST_S,
    ahead_messages,
    is_quick,
    linger_s,
    prepared_ahead,
    until_beat,
)

SERVICE_S = st.floats(0.0, 60.0)
NOW_S = st.floats(0.0, 1e6)


@given(NOW_S, SERVICE_S)
def test_half_of_a_segment_is_left_for_the_store(now_s: float, service_s: float) -> None:
    wait_s = until_beat(now_s, service_s)
    assert 0 <= wait_s <= min(LONGEST_S, service_s * SHARE)
    assert linger_s(service_s) <= service_s * (1 - SHARE)


@given(NOW_S, st.floats(0.0, 0.02))
def test_lanes_of_one_pace_meet(now_s: float, later_s: float) -> None:
    assert until_beat(now_s, None) == until_beat(now_s, 2 * SHORTEST_S / 1.01) == 0.0
    one, other = now_s + until_beat(now_s, 1.0), now_s + later_s + until_beat(now_s + later_s, 1.0)
    assert abs((other - one) / LONGEST_S - round((other - one) / LONGEST_S)) < 1e-3


@given(NOW_S, SERVICE_S, st.integers(0, 8))
def test_with_more_that_may_begin_there_is_more_time(
    now_s: float, service_s: float, ready: int
) -> None:
    wait_s = until_beat(now_s, service_s, ready)
    assert 0 <= wait_s <= min(LONGEST_S, service_s * (ready + SHARE))


def test_a_slow_modem_is_no_later_than_people_wait() -> None:
    assert max(until_beat(at / 100, 3.5) for at in range(100)) <= LONGEST_S


@given(SERVICE_S)
def test_what_is_bound_is_sent_soon(service_s: float) -> None:
    count = ahead_messages(service_s)
    assert AHEAD_MESSAGES <= count <= MOST_AHEAD
    assert count == AHEAD_MESSAGES or count * service_s < 1.5 * AHEAD_S


def test_how_long_it_takes_is_not_known_at_first() -> None:
    assert ahead_messages(None) == ahead_messages(3.0) == AHEAD_MESSAGES
    assert prepared_ahead(None) == 1
    assert ahead_messages(0.0) == MOST_AHEAD
    assert (is_quick(None), is_quick(0.2), is_quick(0.01)) == (False, False, True)

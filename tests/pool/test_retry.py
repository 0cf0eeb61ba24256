"""When a failed segment is tried again."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from airpost.clock import SECOND_US, Instant
from airpost.model import MessageClass
from airpost.pool.retry import FIRST_WAIT_S, JITTER, LONGEST_WAIT_S, next_attempt

HOUR_US = 3600 * SECOND_US


@given(st.sampled_from(MessageClass), st.integers(0, 10 * HOUR_US), st.integers(0, 99))
def test_the_wait_is_the_age_clamped_and_spread(class_: MessageClass, age: int, seed: int) -> None:
    wait_s = (next_attempt(Instant(age), Instant(0), class_, Random(seed)) - age) / SECOND_US
    plain_s = min(max(age / SECOND_US, FIRST_WAIT_S[class_]), LONGEST_WAIT_S[class_])
    assert plain_s * (1 - JITTER) - 1e-5 <= wait_s <= plain_s * (1 + JITTER) + 1e-5


def test_tries_of_one_message_thin_out() -> None:
    rng = Random(3)
    at = Instant(0)
    tries = 0
    while at < HOUR_US:
        at = next_attempt(at, Instant(0), MessageClass.NORMAL, rng)
        tries += 1
    assert 8 <= tries <= 16


def test_urgent_classes_are_tried_again_sooner() -> None:
    ordered = sorted(MessageClass, key=lambda each: each.rank)
    for table in (FIRST_WAIT_S, LONGEST_WAIT_S):
        assert [table[each] for each in ordered] == sorted(table.values())


def test_the_same_seed_gives_the_same_instant() -> None:
    args = (Instant(5 * SECOND_US), Instant(0), MessageClass.ALARM)
    assert next_attempt(*args, Random(7)) == next_attempt(*args, Random(7))

"""Values fall where their bound says, and the sum is theirs."""

from __future__ import annotations

from airpost.histogram import Histogram


def test_a_bound_belongs_to_its_bucket_and_what_is_beyond_all_to_the_last() -> None:
    seen = Histogram((0.5, 1.0))
    for value in (0.0, 0.5, 0.6, 1.0, 1.1, 99.0):
        seen.observe(value)
    assert seen.counts == [2, 2, 2]
    assert seen.total == 102.2


def test_what_a_clock_that_was_set_makes_negative_is_nothing() -> None:
    seen = Histogram((0.5,))
    seen.observe(-3.0)
    assert (seen.counts, seen.total) == ([1, 0], 0.0)


def test_what_was_sorted_elsewhere_is_added() -> None:
    seen = Histogram((0.5, 1.0))
    seen.observe(0.7)
    seen.add([(0, 2), (2, 1)], 5.0)
    assert (seen.counts, seen.total) == ([2, 1, 1], 5.7)

"""Profiles that are ready to be named."""

from __future__ import annotations

from airpost.pool.limits import READY, LimitProfile, LimitSettings, OnLimit, Span


def test_off_until_configured() -> None:
    assert LimitSettings() == LimitSettings(default_sim=None, sims={}, keys={}, classes={})
    assert LimitProfile(name="p").counts == {}


def test_the_numbers_of_the_ready_profiles() -> None:
    consumer, cautious, chinese = READY["consumer-sim"], READY["cautious"], READY["cn-otp"]
    assert (consumer.gap_s, consumer.per_minute, consumer.burst) == (3.0, 10, 20)
    assert consumer.counts == {}  # the burst stands for the minute
    assert cautious.counts == {Span.MINUTE: 6}
    assert chinese.counts == {Span.MINUTE: 1, Span.HOUR: 5, Span.DAY: 10}
    assert chinese.all_per_day == 40
    assert (consumer.on_limit, chinese.on_limit) == (OnLimit.OTHER, OnLimit.HOLD)

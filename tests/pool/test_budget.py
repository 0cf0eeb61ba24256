"""Budgets: what is left, and when there is more."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.clock import SECOND_US, Instant, parse_rfc3339, rfc3339
from airpost.pool.budget import Budget, edges, first_needed
from airpost.pool.limits import READY, LimitProfile, Span

T0 = parse_rfc3339("2026-03-10T12:34:56Z")


def after(seconds: float, since: Instant = T0) -> Instant:
    return Instant(since + round(seconds * SECOND_US))


def waits_s(budget: Budget, now: Instant, whom: str = "a", *, urgent: bool = False) -> float:
    found = budget.block(now, whom, urgent=urgent)
    return 0.0 if found is None else (found.until - now) / SECOND_US


def spent(profile: LimitProfile, *seconds: float) -> Budget:
    budget = Budget(profile, T0)
    for each in seconds:
        budget.spend(after(each), "a")
    return budget


def test_nothing_set_nothing_stands_against_it() -> None:
    budget = spent(LimitProfile(name="p"), *range(1000))
    assert budget.block(after(1000), "a", urgent=False) is None
    assert budget.uses(after(1000)) == []


def test_a_gap_is_kept() -> None:
    budget = spent(LimitProfile(name="p", gap_s=3), 0)
    assert [waits_s(budget, after(each)) for each in (0, 1, 2.5, 3)] == [3, 2, 0.5, 0]


@pytest.mark.parametrize(
    ("span", "seconds"), [("per_minute", 60), ("per_hour", 3600), ("per_day", 86_400)]
)
def test_a_span_that_rolls_frees_one_when_the_oldest_leaves_it(span: str, seconds: int) -> None:
    budget = spent(LimitProfile(name="p", **{span: 3}), 0, 5, 9)  # type: ignore[arg-type]
    assert waits_s(budget, after(10)) == seconds - 10
    assert waits_s(budget, after(seconds - 0.001)) == pytest.approx(0.001)
    assert waits_s(budget, after(seconds)) == 0
    budget.spend(after(seconds), "a")
    assert waits_s(budget, after(seconds)) == 5


def test_a_span_of_the_clock_frees_all_at_its_turn() -> None:
    profile = LimitProfile(
        name="p", per_minute=2, per_hour=3, clock=frozenset({Span.MINUTE, Span.HOUR})
    )
    budget = spent(profile, 0, 1)
    assert waits_s(budget, after(2)) == 2  # 12:34:58, the minute ends at :60
    budget.spend(after(4), "a")
    found = budget.block(after(5), "a", urgent=False)
    assert found is not None
    assert rfc3339(found.until) == "2026-03-10T13:00:00.000Z"
    assert found.words == "3 an hour"


def test_chinese_limits_of_one_time_passwords() -> None:
    budget = Budget(READY["cn-otp"], T0)
    begun: list[str] = []
    now = T0
    while len(begun) < 12:
        blocked = budget.block(now, "a", urgent=True)
        if blocked is not None:
            now = blocked.until
            continue
        budget.spend(now, "a")
        begun.append(rfc3339(now)[8:19])
    # One a clock minute, five a clock hour, ten in the 24 h from each.
    assert begun == [
        "10T12:34:56", "10T12:35:00", "10T12:36:00", "10T12:37:00", "10T12:38:00",
        "10T13:00:00", "10T13:01:00", "10T13:02:00", "10T13:03:00", "10T13:04:00",
        "11T12:34:56", "11T12:35:00",
    ]  # fmt: skip


def test_the_day_of_the_clock_is_that_of_the_zone() -> None:
    profile = LimitProfile(name="p", per_day=1, clock=frozenset({Span.DAY}), zone="Asia/Shanghai")
    found = spent(profile, 0).block(after(1), "a", urgent=False)
    assert found is not None
    assert rfc3339(found.until) == "2026-03-10T16:00:00.000Z"


def test_a_burst_and_then_the_mean() -> None:
    budget = Budget(LimitProfile(name="p", per_minute=10, burst=20), T0)
    for _ in range(20):
        assert waits_s(budget, T0) == 0
        budget.spend(T0, "a")
    assert waits_s(budget, T0) == 6
    budget.spend(after(6), "a")
    assert waits_s(budget, after(6)) == 6
    assert waits_s(budget, after(60 * 3)) == 0


def test_a_month_ends_with_the_calendar() -> None:
    found = spent(LimitProfile(name="p", per_month=1), 0).block(after(9), "a", urgent=True)
    assert found is not None
    assert rfc3339(found.until) == "2026-04-01T00:00:00.000Z"


def test_recipients_count_once_a_month() -> None:
    budget = Budget(LimitProfile(name="p", recipients_per_month=2), T0)
    for whom in "abab":
        budget.spend(T0, whom)
    assert waits_s(budget, T0, "a") == 0
    found = budget.block(T0, "c", urgent=True)
    assert found is not None
    assert rfc3339(found.until) == "2026-04-01T00:00:00.000Z"
    assert waits_s(budget, found.until, "c") == 0
    assert [use.used for use in budget.uses(found.until)] == [0]


def test_a_reserve_is_for_urgent_classes() -> None:
    profile = LimitProfile(name="p", per_hour=10, recipients_per_month=10, reserve_percent=20)
    budget = spent(profile, *range(8))
    found = budget.block(after(8), "a", urgent=False)
    assert found is not None
    assert found.words == "10 an hour, 2 of them kept for otp and alarm"
    assert waits_s(budget, after(8), urgent=True) == 0
    budget.spend(after(8), "a")
    budget.spend(after(9), "a")
    assert waits_s(budget, after(10), urgent=True) == 3590


def test_what_is_kept_from_others_says_so() -> None:
    profile = LimitProfile(name="p", recipients_per_month=4, reserve_percent=50)
    budget = Budget(profile, T0, [(T0, "a"), (T0, "b")])
    found = budget.block(T0, "c", urgent=False)
    assert found is not None
    assert found.words == "4 recipients a month, 2 of them kept for otp and alarm"
    budget = spent(LimitProfile(name="p", per_minute=6, burst=4, reserve_percent=50), 0, 0)
    found = budget.block(T0, "a", urgent=False)
    assert found is not None
    assert found.words == "6 a minute, 4 at once, 2 of them kept for otp and alarm"


def test_it_is_told_when_nothing_but_the_reserve_is_left() -> None:
    budget = Budget(LimitProfile(name="p", per_hour=10, reserve_percent=30), T0)
    told = [budget.spend(after(each), "a") for each in range(10)]
    assert [(at, words) for at, words in enumerate(told) if words] == [
        (6, ["all but 3 kept for otp and alarm used up: 7 of 10 (hour)"]),
        (9, ["all used up: 10 of 10 (hour)"]),
    ]
    budget = Budget(LimitProfile(name="p", per_hour=10, reserve_percent=30), T0)
    every_ten_minutes_one_more = [
        words for each in range(70) for words in budget.spend(after(each * 510), "a")
    ]
    assert len(every_ten_minutes_one_more) == 1  # at its limit it goes up and down


def test_warnings_once_a_span() -> None:
    profile = LimitProfile(name="p", per_day=10, clock=frozenset({Span.DAY}))
    budget = Budget(profile, T0)
    told = [budget.spend(after(each), "a") for each in range(10)]
    assert [(at, words) for at, words in enumerate(told) if words] == [
        (7, ["nearly all used up: 8 of 10 (day)"]),
        (9, ["all used up: 10 of 10 (day)"]),
    ]
    tomorrow = after(86_400)
    assert [budget.spend(tomorrow, "a") for _ in range(7)] == [[]] * 7
    assert budget.spend(tomorrow, "a") == ["nearly all used up: 8 of 10 (day)"]


def test_what_rolls_at_its_limit_is_not_told_again_and_again() -> None:
    budget = Budget(LimitProfile(name="p", per_hour=4), T0)
    told = [words for each in range(40) for words in budget.spend(after(each * 900), "a")]
    assert told == ["all used up: 4 of 4 (hour)"]


def test_what_was_told_before_a_restart_is_not_told_after_it() -> None:
    profile = LimitProfile(name="p", per_day=10)
    budget = Budget(profile, after(9), [(after(each), "a") for each in range(8)])
    assert budget.spend(after(9), "a") == []


def test_uses_show_what_is_left() -> None:
    budget = spent(LimitProfile(name="p", per_hour=10, per_month=100, reserve_percent=10), 0, 1)
    hour, month = budget.uses(after(2))
    assert (hour.limit, hour.used, hour.of, hour.left, hour.reserved) == ("hour", 2, 10, 8, 1)
    assert hour.resets_at is None
    assert (month.limit, month.left, month.reserved) == ("month", 98, 10)
    assert month.resets_at == parse_rfc3339("2026-04-01T00:00:00Z")


def test_a_clock_that_was_put_back_does_not_close_for_long() -> None:
    profile = LimitProfile(name="p", per_hour=2, gap_s=3, per_minute=10, burst=20)
    ahead = after(10 * 365 * 86_400)
    kept = Budget(profile, T0, [(ahead, "a"), (ahead, "a")])
    running = Budget(profile, ahead)
    running.spend(ahead, "a")
    running.spend(ahead, "a")
    for budget in (kept, running):
        assert waits_s(budget, T0) == 3600


@given(
    st.integers(1, 5),
    st.lists(st.floats(0, 200), max_size=60),
    st.sampled_from(["roll", "clock"]),
)
def test_never_more_than_the_count_in_any_span(count: int, pauses: list[float], mode: str) -> None:
    clock = frozenset({Span.MINUTE}) if mode == "clock" else frozenset()
    budget = Budget(LimitProfile(name="p", per_minute=count, clock=clock), T0)
    now, begun = T0, []
    for pause in pauses:
        now = after(pause, now)
        while (blocked := budget.block(now, "a", urgent=False)) is not None:
            assert blocked.until > now
            now = blocked.until
        budget.spend(now, "a")
        begun.append(now)
    for at in begun:
        if mode == "clock":
            begin, end = edges(Span.MINUTE, at, ZoneInfo("UTC"))
        else:
            begin, end = at, after(60, at)
        assert sum(begin <= each < end for each in begun) <= count


@given(st.lists(st.floats(0, 4000), max_size=30))
def test_made_anew_from_what_is_kept_it_says_the_same(pauses: list[float]) -> None:
    profile = LimitProfile(name="p", gap_s=3, per_minute=4, burst=6, per_hour=9, per_month=25,
                           recipients_per_month=9, reserve_percent=20)  # fmt: skip
    budget = Budget(profile, T0)
    now, begun = T0, []
    for at, pause in enumerate(pauses):
        now = after(pause, now)
        while (blocked := budget.block(now, str(at), urgent=True)) is not None:
            now = blocked.until
        budget.spend(now, str(at))
        begun.append((now, str(at)))
    again = Budget(profile, now, [each for each in begun if each[0] >= first_needed(profile, now)])
    for urgent in (True, False):
        assert again.block(now, "x", urgent=urgent) == budget.block(now, "x", urgent=urgent)
    assert again.uses(now) == budget.uses(now)


def test_days_with_a_changed_clock_have_23_and_25_hours() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)):
        begin, end = edges(Span.DAY, parse_rfc3339(f"{day}T12:00:00Z"), berlin)
        assert (end - begin) / SECOND_US == hours * 3600
        assert datetime.fromtimestamp(begin // SECOND_US, UTC).astimezone(berlin).hour == 0

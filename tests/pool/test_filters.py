"""The test for silent filters: its sum against a count by hand, what it finds, what it lets be."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from random import Random

import pytest

from airpost.model import MessageId
from airpost.pool.filters import WHOLE, Suspicion, fewer, is_over, suspicions
from airpost.store.keeping import Rate

HOUR = 500_000


def rate(hour: int, asked: int, delivered: int, shape: str = "s", operator: str = "East") -> Rate:
    return Rate(operator=operator, shape=shape, hour=hour, asked=asked, delivered=delivered,
                sample=MessageId(f"m{hour}"))  # fmt: skip


def by_hand(delivered: int, asked: int, before: int, before_asked: int) -> float:
    """Of all ways to draw `asked` of all, those with at most `delivered` good ones."""
    total, good = asked + before_asked, delivered + before
    draws = list(combinations(range(total), asked))
    return sum(sum(each < good for each in draw) <= delivered for draw in draws) / len(draws)


@pytest.mark.parametrize(
    ("now", "before"), [((0, 4), (6, 6)), ((1, 4), (5, 6)), ((3, 3), (2, 7)), ((2, 5), (2, 5))]
)
def test_the_chance_is_exact(now: tuple[int, int], before: tuple[int, int]) -> None:
    assert fewer(*now, *before) == pytest.approx(by_hand(*now, *before), rel=1e-9)


def steady(hours: int, asked: int, delivered: int, **which: str) -> list[Rate]:
    return [rate(HOUR - 24 - n, asked, delivered, **which) for n in range(1, hours)]


def test_a_shape_that_is_filtered_is_found_within_the_hour() -> None:
    known = steady(100, 20, 19) + steady(100, 20, 19, shape="t")
    known += [rate(HOUR, 30, 10), rate(HOUR, 30, 29, shape="t")]
    found = suspicions(known, HOUR)
    assert {(each.operator, each.shape, each.window_h) for each in found} >= {("East", "s", 1)}
    assert "t" not in {each.shape for each in found}
    (words,) = [each.words for each in found if (each.shape, each.window_h) == ("s", 1)]
    assert words == (
        "East delivered 10 of 30 messages like m500000 in 1 h; before it were 95 of 100"
    )


def test_a_network_that_drops_everything_is_told_as_a_whole() -> None:
    shapes = [f"s{n}" for n in range(10)]
    known = [each for shape in shapes for each in steady(20, 10, 9, shape=shape)]
    known += [rate(HOUR, 4, 0, shape=shape) for shape in shapes]
    assert {(each.shape, each.window_h) for each in suspicions(known, HOUR)} == {
        (WHOLE, 1), (WHOLE, 24),
    }  # fmt: skip


@pytest.mark.parametrize(
    "now",
    [
        rate(HOUR, 19, 0),  # too few to say
        rate(HOUR, 40, 36),  # as before
        rate(HOUR, 5000, 4200),  # significant, but small
        rate(HOUR - 30, 30, 0),  # another time
    ],
)
def test_what_is_no_sign_is_let_be(now: Rate) -> None:
    assert suspicions([*steady(100, 20, 19), now], HOUR) == []


def test_without_a_past_nothing_is_said() -> None:
    assert suspicions([rate(HOUR, 500, 0)], HOUR) == []


def test_chance_alone_hardly_ever_makes_an_event() -> None:
    rng = Random(7)
    events = 0
    for _ in range(300):
        known = [rate(HOUR - n, 25, sum(rng.random() < 0.8 for _ in range(25)), shape=f"s{k}")
                 for k in range(3) for n in range(60)]  # fmt: skip
        events += len(suspicions(known, HOUR))
    assert events == 0


@pytest.mark.parametrize(
    ("since", "over"),
    [
        ((), False),  # nobody sends it any more
        ((rate(HOUR + 24, 19, 19),), False),
        ((rate(HOUR + 24, 40, 30),), False),
        ((rate(HOUR + 24, 40, 39, shape="t"),), False),
        ((rate(HOUR + 24, 40, 39, operator="West"),), False),
        ((rate(HOUR + 24, 40, 36),), True),
    ],
)
def test_it_is_over_when_enough_arrives_again(since: tuple[Rate, ...], over: bool) -> None:
    known = [*steady(100, 20, 19), rate(HOUR, 30, 2)]
    (told,) = [each for each in suspicions(known, HOUR) if (each.shape, each.window_h) == ("s", 1)]
    assert is_over(told, [*known, *since], HOUR + 24) is over


def test_a_filter_that_lasts_is_measured_by_what_was_before_it() -> None:
    known = [*steady(20, 20, 19), rate(HOUR, 30, 2)]
    (told,) = [each for each in suspicions(known, HOUR) if (each.shape, each.window_h) == ("s", 1)]
    known += [rate(HOUR + n, 100, 7) for n in range(1, 600)]
    assert suspicions(known, HOUR + 599) == []
    assert not is_over(told, known, HOUR + 599)


# -- weeks ---------------------------------------------------------------------------------------
Share = Callable[[str, int], float]
DAYS = 36


def told_in_weeks(share: Share, an_hour: int, seed: int = 1) -> list[tuple[str, str]]:
    """What is told of five shapes in DAYS days: ("raised" or "over", shape)."""
    rng = Random(seed)
    known: list[Rate] = []
    told: dict[str, Suspicion] = {}
    events = []
    for hour in range(24 * 20_000, 24 * (20_000 + DAYS)):
        for n in range(5):
            arrives = share(f"s{n}", hour - 24 * 20_000)
            asked = sum(rng.random() < an_hour / 40 for _ in range(40))
            good = sum(rng.random() < arrives for _ in range(asked))
            known += [rate(hour, asked, good, shape=f"s{n}")] if asked else []
        known = [each for each in known if each.hour > hour - 28 * 24 - 30]
        found = {each.shape: each for each in suspicions(known, hour)}
        events += [("raised", shape) for shape in found if shape not in told]
        for shape, each in list(told.items()):
            if shape not in found and is_over(each, known, hour):
                events.append(("over", shape))
                del told[shape]
        told = found | told
    return events


def test_one_shape_filtered_for_days_is_told_once_and_its_end_once() -> None:
    def share(shape: str, hour: int) -> float:
        return 0.05 if shape == "s1" and 30 * 24 <= hour < 33 * 24 else 0.93

    events = told_in_weeks(share, 8)
    assert sorted(events) == sorted({("raised", WHOLE), ("over", WHOLE), ("raised", "s1"),
                                     ("over", "s1")})  # fmt: skip


def test_phones_that_are_off_at_night_are_no_filter() -> None:
    """Once some days are known; before that nothing tells a night from a filter."""

    def share(_shape: str, hour: int) -> float:
        return 0.72 if hour % 24 in (23, 0, 1, 2, 3, 4) else 0.95

    for known, night in ((9, 23), (9, 2), (9, 12)):
        rng = Random(night)
        hour = 24 * 20_000 + 24 * known + night
        rates = [rate(at, 100, sum(rng.random() < share("", at) for _ in range(100)))
                 for at in range(24 * 20_000, hour + 1)]  # fmt: skip
        assert suspicions(rates, hour) == []
        assert suspicions([*rates[:-1], rate(hour, 100, 20)], hour) != []

"""Does a network take messages of one shape and deliver fewer of them than it did?

Pure. A network that filters tells nobody. For each network and shape, and for each network as a
whole, what was delivered of the last hour and of the last 24 is tested against the 28 days before:
Fisher's exact test, one-sided. It is exact for small numbers, needs no assumption on either share,
and is corrected for the number of tests (Bonferroni). A drop must be large too: with large numbers
a small one would be significant, and mean nothing. Phones are off at night: one hour is held
against the same hours of the days before as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, lgamma

from airpost.model import MessageId
from airpost.store.keeping import Rate

WINDOWS_H = (1, 24)
BASELINE_H = 28 * 24
ALPHA = 1e-4  # for all tests of one hour together
LEAST_NOW = 20
LEAST_BEFORE = 100
DROP = 0.15  # of the share, at least
OVER = DROP / 2  # nearer than that it is back: chance alone leads neither there nor back again
NEAR_H = 1  # around the hour of the day, what counts as the same
WHOLE = ""  # the shape that stands for all


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """A share that has dropped, with a message it happened to."""

    operator: str
    shape: str
    hour: int  # the last of the window
    window_h: int
    asked: int
    delivered: int
    before_share: float
    chance: float
    sample: MessageId | None

    @property
    def words(self) -> str:
        """A sentence for people."""
        name = self.operator or "a network that tells no name"
        what = "messages" if self.shape == WHOLE else f"messages like {self.sample}"
        return (
            f"{name} delivered {self.delivered} of {self.asked} {what} in {self.window_h} h; "
            f"before it were {100 * self.before_share:.0f} of 100"
        )


def fewer(delivered: int, asked: int, before_delivered: int, before_asked: int) -> float:
    """How likely so few deliveries now are, by chance alone, if both shares are the same."""
    total, good = asked + before_asked, delivered + before_delivered
    lowest = max(0, good - before_asked)
    whole = _log_choose(total, asked)
    return min(
        1.0,
        sum(
            exp(_log_choose(good, k) + _log_choose(total - good, asked - k) - whole)
            for k in range(lowest, delivered + 1)
        ),
    )


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


@dataclass(slots=True)
class _Counts:
    asked: int = 0
    delivered: int = 0
    sample: MessageId | None = None

    def add(self, rate: Rate) -> None:
        self.asked += rate.asked
        self.delivered += rate.delivered
        self.sample = rate.sample


def suspicions(rates: Iterable[Rate], hour: int) -> list[Suspicion]:
    """What dropped in the windows that end with `hour`, the last that was counted."""
    by_key: defaultdict[tuple[str, str], list[Rate]] = defaultdict(list)
    for rate in rates:
        by_key[rate.operator, rate.shape].append(rate)
        by_key[rate.operator, WHOLE].append(rate)
    tests = [
        (*key, window_h, *_split(found, hour, window_h))
        for key, found in by_key.items()
        for window_h in WINDOWS_H
    ]
    tests = [t for t in tests if t[3].asked >= LEAST_NOW and t[4].asked >= LEAST_BEFORE]
    found = []
    for operator, shape, window_h, now, before in tests:
        before_share = before.delivered / before.asked
        against = [before]
        if window_h == 1 and before_share - now.delivered / now.asked >= DROP:
            alike = _same_hours(by_key[operator, shape], hour)
            against += [alike] if alike.asked >= LEAST_BEFORE else []
        chance = max(_chance(now, each) for each in against)
        if chance < ALPHA / len(tests):
            found.append(
                Suspicion(
                    operator=operator, shape=shape, hour=hour, window_h=window_h,
                    asked=now.asked, delivered=now.delivered, before_share=before_share,
                    chance=chance, sample=now.sample,
                )
            )  # fmt: skip
    return found


def _chance(now: _Counts, before: _Counts) -> float:
    """Of so few deliveries; 1 where that is no drop to speak of."""
    if before.delivered / before.asked - now.delivered / now.asked < DROP:
        return 1.0
    return fewer(now.delivered, now.asked, before.delivered, before.asked)


def _same_hours(rates: Sequence[Rate], hour: int) -> _Counts:
    """What was sent about this hour of the day in the 28 days before."""
    found = _Counts()
    for rate in rates:
        apart = (rate.hour - hour) % 24
        if hour - BASELINE_H <= rate.hour < hour - NEAR_H and min(apart, 24 - apart) <= NEAR_H:
            found.add(rate)
    return found


def is_over(told: Suspicion, rates: Iterable[Rate], hour: int) -> bool:
    """Whether the share is back: enough was sent in the 24 hours that end with `hour` to say so.

    Against the share before it dropped, which what was sent since has made no lower; of what was
    sent since it was told alone. One good hour proves little: it may be chance, or a time of day.
    """
    which = [
        rate
        for rate in rates
        if rate.operator == told.operator and told.shape in (WHOLE, rate.shape)
    ]
    since_h = hour - told.hour + 1
    now, _ = _split(which, hour, min(since_h, max(WINDOWS_H)))
    least = LEAST_NOW if since_h > max(WINDOWS_H) else LEAST_BEFORE
    return now.asked >= least and told.before_share - now.delivered / now.asked < OVER


def _split(rates: Iterable[Rate], hour: int, window_h: int) -> tuple[_Counts, _Counts]:
    """(the window that ends with `hour`, the 28 days before it)."""
    now, before = _Counts(), _Counts()
    begin = hour - window_h + 1
    for rate in rates:
        if begin <= rate.hour <= hour:
            now.add(rate)
        elif begin - BASELINE_H <= rate.hour < begin:
            before.add(rate)
    return now, before

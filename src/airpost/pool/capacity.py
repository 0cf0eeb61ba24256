"""How much urgent traffic the modems there are can promise to take at once.

Pure: no clock, no asyncio. Stdlib only. Urgent segments arrive at random, each takes a modem for
the same time, the first to come is the first to go: M/D/c. As the service is constant, a segment
is taken by the modem that took the c-th before it; so it waits at most x exactly when for every n
fewer than n * c came in the n * D - x seconds before it. That is counted step by step.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache

URGENT_WAIT_S = 2.0
URGENT_SHARE = 0.987
MOST_TOGETHER = 32  # more modems than this are promised as groups: a little less than they can
_PRECISION = 1.01  # of a rate
_LONGEST_LOOK = 200  # steps of one look; more needs only a rate beside the most there can be


@dataclass(frozen=True, slots=True, order=True)
class Pace:
    """What the limits of a SIM let begin in a minute; with `burst` a mean, so many at once."""

    per_minute: int
    burst: int = 0


def urgent_per_minute(modems: int, service_s: float) -> float:
    """The largest rate of which URGENT_SHARE waits at most URGENT_WAIT_S; 0 without a modem."""
    search = searching(modems, service_s)
    while True:
        try:
            next(search)
        except StopIteration as done:
            rate: float = done.value
            return rate


def searching(
    modems: int, service_s: float, wait_s: float = URGENT_WAIT_S
) -> Generator[None, None, float]:
    """As `urgent_per_minute`, in steps of a millisecond at most, for a loop with other work."""
    whole, rest = divmod(modems, MOST_TOGETHER)
    together = 0.0
    for count, size in ((whole, MOST_TOGETHER), (1, rest)):
        if count and size:
            together += count * (yield from _group(size, wait_s / service_s))
    return together * 60 / service_s


def searching_paced(paces: Sequence[Pace]) -> Generator[None, None, float]:
    """The largest rate a minute that limits of a minute let begin within URGENT_WAIT_S.

    A count that rolls is so many places, each taken for a minute by what begins. Of a mean with a
    burst one place is taken for the mean, and what waits for it may begin as long as the burst
    lasts.
    """
    places = sum(each.per_minute for each in paces if not each.burst)
    found = yield from searching(places, 60.0)
    for pace in paces:
        if pace.burst and pace.per_minute:
            step_s = 60 / pace.per_minute
            ahead_s = (pace.burst - 1) * step_s
            found += yield from searching(1, step_s, ahead_s + URGENT_WAIT_S)
    return found


def _group(modems: int, wait: float) -> Generator[None, None, float]:
    """The largest load in erlang; `wait` in services."""
    low, high = 0.0, float(modems)
    while high - low > 0.005 and high > low * _PRECISION:
        middle = (low + high) / 2
        if (yield from _holds(modems, middle, wait)):
            low = middle
        else:
            high = middle
    return low


def _holds(modems: int, load: float, wait: float) -> Generator[None, None, bool]:
    """True when URGENT_SHARE wait at most `wait` services under a load in erlang."""
    late = 1 - URGENT_SHARE
    safe = 4 * modems + 60  # places left: from there nobody comes to wait any more
    first = math.floor(wait) + 1
    kernel = _arrivals(load * (first - wait))
    left = [0.0] * (first * modems)  # by places left: how likely that is while nobody was late
    left[-1] = 1.0
    lost = 0.0
    for _ in range(_LONGEST_LOOK):
        after = [0.0] * (len(left) + modems)
        stayed = 0.0
        for places, likely in enumerate(left):
            if likely < 1e-12:
                continue
            for came, share in enumerate(kernel[: places + 1]):
                after[places - came + modems] += likely * share
            stayed += likely * sum(kernel[: places + 1])
        lost += sum(left) - stayed
        if lost > late:
            return False
        left = after[: safe + 1]
        if lost + sum(left) <= late or sum(left) < 1e-9:
            return True
        kernel = _arrivals(load)
        yield
    return False


@lru_cache(maxsize=64)
def _arrivals(mean: float) -> tuple[float, ...]:
    """How likely 0, 1, 2 … arrivals are, as far as it matters (Poisson)."""
    likely = [math.exp(-mean)]
    while len(likely) <= mean or likely[-1] > 1e-12:
        likely.append(likely[-1] * mean / len(likely))
    return tuple(likely)


def under_bulk_per_minute(modems: int, service_s: float, reserved: int) -> float:
    """The same while bulk keeps all but `reserved` modems busy; an estimate.

    What comes while the reserved ones are busy (Erlang B) takes the modem that ends next; the ends
    of a service lie at random.
    """
    if modems == 0:
        return 0.0
    low, high = 0.0, float(modems)
    while high - low > 0.005 and high > low * _PRECISION:
        middle = (low + high) / 2
        late = _late_under_bulk(modems, middle, reserved, URGENT_WAIT_S / service_s)
        low, high = (middle, high) if late <= 1 - URGENT_SHARE else (low, middle)
    return low * 60 / service_s


def _late_under_bulk(modems: int, load: float, reserved: int, wait: float) -> float:
    if wait >= 1:
        return 0.0 if load < modems else 1.0  # every modem ends within the wait
    blocked = 1.0
    for taken in range(1, reserved + 1):
        blocked = load * blocked / (taken + load * blocked)
    queue = load / modems
    late, few = 0.0, 0.0
    for before in range(modems):
        few += math.comb(modems, before) * wait**before * (1 - wait) ** (modems - before)
        late += (1 - queue) * queue**before * few
    return blocked * (late + queue**modems)

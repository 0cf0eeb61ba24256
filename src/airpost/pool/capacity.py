"""How much urgent traffic the modems there are can promise to take at once.

Pure: no clock, no asyncio. Stdlib only. Urgent segments arrive at random, each takes a modem for
the same time, the first to come is the first to go: M/D/c. As the service is constant, a segment
is taken by the modem that took the c-th before it; so it waits at most x exactly when for every n
fewer than n * c came in the n * D - x seconds before it. Of the least such n the modems take what
came then, unless it meets a backlog: the largest surplus, what comes in n services over n * c, of
all n. How likely that is is known in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from operator import mul

URGENT_WAIT_S = 2.0
URGENT_SHARE = 0.987
MOST_TOGETHER = 32  # more modems than this are promised as groups: a little less than they can
_PRECISION = 1.01  # of a rate
_LONGEST_LOOK = 200  # services; more needs only a rate beside the most there can be
_FAR = 12  # places beyond the modems: from there a backlog falls off as a geometric series
_TERMS_A_STEP = 16


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
    late = _lasts(modems, load, wait)
    if late > 1 - URGENT_SHARE:
        return False
    backlog, fall = yield from _backlog(modems, load)
    first = math.floor(wait) + 1
    late += 1.0
    for came, share in enumerate(_arrivals(load * (first - wait))[: first * modems]):
        room = first * modems - came
        beyond = max(0, room - len(backlog) + 1)
        late -= share * (1 - backlog[room - beyond] * fall**beyond)
    return late <= 1 - URGENT_SHARE


def _backlog(modems: int, load: float) -> Generator[None, None, tuple[list[float], float]]:
    """How likely a backlog of at least 0, 1, 2 … is, and by what each further one is less likely.

    The largest of all surpluses, by Spitzer: a sum of random many parts, a part of j as frequent
    as the sum over n of P(n services bring j more than is taken in them) / n. Those few terms stand
    for a walk through hundreds of services, each with all its places.
    """
    size = modems + _FAR
    surplus = [0.0] * (size + 1)
    for services in range(1, _LONGEST_LOOK + 1):
        mean, came = services * load, services * modems + 1
        share = math.exp(came * math.log(mean) - mean - math.lgamma(came + 1)) / services
        least = share
        for more in range(1, size + 1):
            surplus[more] += share
            share *= mean / (came + more)
        if least < 1e-9:
            break
        if services % _TERMS_A_STEP == 0:
            yield
    else:  # the rest is no more than a geometric series
        ratio = math.exp(modems - load) * (load / modems) ** modems
        share = least * ratio / (1 - ratio)
        for more in range(1, size + 1):
            surplus[more] += share
            share *= mean / (came + more)
    fall = _fall(modems, load)
    # Far out a surplus of j is as frequent as fall**j / j, which summed up is a logarithm.
    none = (1 - fall) * math.exp(sum(fall**j / j - surplus[j] for j in range(1, size + 1)))
    likely, weights = [none], [j * share for j, share in enumerate(surplus)]
    for j in range(1, size):
        likely.append(sum(map(mul, weights[1 : j + 1], reversed(likely))) / j)
    yield
    return [1.0, *(1 - upto for upto in accumulate(likely))], fall


def _fall(modems: int, load: float) -> float:
    """What a backlog of one more is less likely by, far out: 1 / z, z**c = e**(load * (z - 1))."""
    z = 2 * modems / load  # right of the root; from there Newton goes straight to it
    for _ in range(50):
        step = (load * (z - 1) - modems * math.log(z)) / (load - modems / z)
        z -= step
        if abs(step) < 1e-12 * z:
            break
    return 1 / z


def _lasts(modems: int, load: float, wait: float) -> float:
    """How likely it is that after _LONGEST_LOOK services nothing is decided yet.

    Beside the most there can be the share is kept only over hours. A walk that drifts, by its
    inverse Gaussian: until so many places are free that nobody comes to wait any more.
    """
    first = math.floor(wait) + 1
    free = (first + 1) * modems - 1 - load * (first - wait)  # after the first services
    missing = 4 * modems + 61 - free + 0.58 * math.sqrt(load)  # seen once a service: a bit later
    drift = modems - load
    gained, spread = drift * _LONGEST_LOOK, math.sqrt(load * _LONGEST_LOOK)
    if missing <= 0 or gained > missing + 8 * spread:
        return 0.0
    mirrored = math.exp(2 * drift * missing / load)
    return _normal((missing - gained) / spread) - mirrored * _normal((-missing - gained) / spread)


def _normal(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


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

"""How often a value was how large: plain counts, so that one more costs a search and two additions.

L0: stdlib only. One thread observes, any may read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable


class Histogram:
    """Counts of values by upper bounds, which belong to their bucket; the last has none.

    `counts` is one longer than `bounds`; `total` is the sum of all values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """One more; below nothing is nothing: a clock was set."""
        value = max(value, 0.0)
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def add(self, counts: Iterable[tuple[int, int]], total: float) -> None:
        """Several that were sorted elsewhere, as (index of the bucket, how many)."""
        for at, count in counts:
            self.counts[at] += count
        self.total += total

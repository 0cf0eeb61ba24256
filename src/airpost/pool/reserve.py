"""Which modems carry no bulk, so that what is urgent finds one that ends soon.

Pure: no clock, no asyncio. May import L0.
"""

from __future__ import annotations

from collections.abc import Iterable

from airpost.model import Lane, ModemView

LEAST_READY = 2  # with fewer in a route nothing is kept back


def reserved_lanes(
    ready: Iterable[ModemView], count: int, before: frozenset[tuple[str, Lane]]
) -> frozenset[tuple[str, Lane]]:
    """(route, lane) of the modems that carry no bulk of that route.

    `ready` are the modems that take messages, `before` the last answer: one that was kept back
    stays so while it is ready, and one that is kept back for another route is taken first. One of a
    route always carries bulk.
    """
    views = sorted(ready, key=lambda view: view.lane)
    chosen: set[tuple[str, Lane]] = set()
    for route in sorted({route for view in views for route in view.routes}):
        lanes = [view.lane for view in views if route in view.routes]
        if len(lanes) < LEAST_READY:
            continue
        taken = {lane for _, lane in chosen}
        lanes.sort(key=lambda lane: ((route, lane) not in before, lane not in taken, lane))
        chosen |= {(route, lane) for lane in lanes[: min(count, len(lanes) - 1)]}
    return frozenset(chosen)

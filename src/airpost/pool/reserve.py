"""Which modems may not carry a message for reasons of the queue: reservation, order, doubt, pauses.

Pure: no clock, no asyncio. May import L0. Some modems carry no bulk, so that what is urgent finds
one that ends soon.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from airpost.model import Lane, MessageClass, MessageId, ModemView, Waiting
from airpost.routes import DEFAULT_ROUTE

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


class Bars:
    """What keeps messages from lanes for a round; made once, asked for each message.

    `probes` are self-tests: they go by their modem whatever it is held back for. A message that
    asks for a modem by name is not kept from it because it is bulk. `awaited_s` tells how long a
    modem is waited for yet, by a message that one SIM was refused; 0.0 for not at all.
    """

    def __init__(
        self,
        views: Iterable[ModemView],
        reserved: Iterable[tuple[str, Lane]],
        probes: Collection[MessageId],
        awaited_s: Callable[[ModemView, Waiting], float],
    ) -> None:
        self._awaited_s = awaited_s
        self._views = tuple(views)
        self._paused = {view.lane: view.paused for view in self._views if view.paused is not None}
        self._probes = probes
        self._kept: dict[str, list[Lane]] = {}
        for route, lane in reserved:
            self._kept.setdefault(route, []).append(lane)

    def against(self, message: Waiting) -> dict[Lane, str]:
        """Lane → why the queue does not give it this message now, in words."""
        kept = self._kept_from(message)
        found = dict.fromkeys(kept, "carries no bulk, so that otp and alarm need not wait")
        if message.avoid_sim is not None or message.follows is not None:
            found |= self._of_its_own(message, kept)
        if self._paused and message.id not in self._probes:
            found |= self._paused
        return found

    def _of_its_own(self, message: Waiting, kept: Collection[Lane]) -> dict[Lane, str]:
        found = {}
        # What can go nowhere else is tried there once more, then final.
        avoided = message.avoid_sim if self._another_s(message, kept) > 0 else None
        for view in self._views:
            if message.follows not in (None, view.lane):
                words = f"the message before it to this number goes by {message.follows}"
                found[view.lane] = words
            elif avoided is not None and avoided == view.sim_id:
                found[view.lane] = "its SIM was refused it, and may be to blame"
        return found

    def _kept_from(self, message: Waiting) -> Collection[Lane]:
        if message.class_ is not MessageClass.BULK or message.lane is not None:
            return ()
        return self._kept.get(message.route or DEFAULT_ROUTE, ())

    def another_s(self, message: Waiting) -> float:
        """How long another SIM than the one that was refused a message is waited for yet."""
        return self._another_s(message, self._kept_from(message))

    def _another_s(self, message: Waiting, kept: Collection[Lane]) -> float:
        if message.avoid_sim is None or message.lane is not None:
            return 0.0
        others = (
            view for view in self._views
            if view.sim_id != message.avoid_sim
            and view.lane not in kept
            and (message.route or DEFAULT_ROUTE) in view.routes
        )  # fmt: skip
        return max((self._awaited_s(view, message) for view in others), default=0.0)

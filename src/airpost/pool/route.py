"""Which lane a message goes to, and why not the others.

Pure: no clock, no asyncio. May import L0. A message is given in mind to the lane where it would be
sent soonest; it is bound only where that lane has room, else it stays in the shared backlog. So a
fast modem never idles while a slow one has a queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airpost.errors import NoRoute
from airpost.model import Lane, ModemView, SimId, Waiting

DEFAULT_ROUTE = "default"
UNMEASURED_SERVICE_S = 3.5  # typical seconds a segment until a modem's own are measured


@dataclass(slots=True, kw_only=True)
class LaneLoad:
    """One lane as the router sees it during a round; `segments` grows with what it is given."""

    view: ModemView
    segments: int  # bound and not yet taken by the network, the one on the air included
    room: int  # messages that may still be bound
    blocked_s: float = 0.0  # seconds until its window opens
    failures: int = 0  # of the SIM or modem, in a row: each counts as a segment more

    @property
    def wait_s(self) -> float:
        """Seconds until a message given to it now would begin."""
        service_s = self.view.service_s or UNMEASURED_SERVICE_S
        return self.blocked_s + (self.segments + self.failures) * service_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A lane for one message. `bind` is False while the lane has no room: ask again later."""

    message_seq: int
    lane: Lane
    sim_id: SimId
    bind: bool
    reason: str


def rejections(message: Waiting, views: Sequence[ModemView]) -> dict[str, str]:
    """Lane name → why this message cannot go there now; absent lanes may carry it."""
    refused: dict[str, str] = {}
    wanted_route = message.route or DEFAULT_ROUTE
    for view in views:
        if message.lane is not None and view.lane != message.lane:
            refused[view.lane] = f"the message asks for {message.lane}"
        elif message.lane is None and wanted_route not in view.routes:
            refused[view.lane] = f"does not serve route {wanted_route}"
        elif not view.ready:
            refused[view.lane] = view.detail
        elif view.sim_id is None:
            refused[view.lane] = "its SIM is not known yet"
    return refused


def choose(message: Waiting, loads: Mapping[Lane, LaneLoad]) -> Choice:
    """The lane where `message` would begin soonest; NoRoute with every lane's reason.

    The chosen lane's load grows by the message, bound or not, so that the next message of the same
    round sees it.
    """
    refused = rejections(message, [load.view for load in loads.values()])
    fit = [load for load in loads.values() if load.view.lane not in refused]
    if not fit:
        raise NoRoute(refused)
    best = min(fit, key=lambda load: (load.wait_s, load.segments, load.view.lane))
    if best.view.sim_id is None:  # rejections() leaves no such lane
        raise NoRoute(refused)
    bind = best.room > 0
    reason = f"least expected wait ({best.wait_s:.1f} s)" if len(fit) > 1 else "the only fit modem"
    best.segments += message.parts
    best.room -= 1
    return Choice(
        message_seq=message.seq,
        lane=best.view.lane,
        sim_id=best.view.sim_id,
        bind=bind,
        reason=reason,
    )

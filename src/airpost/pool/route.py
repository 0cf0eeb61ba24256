"""Which lane a message goes to, and why not the others.

Pure: no clock, no asyncio. May import L0. A message is given in mind to one lane of its route; it
is bound only where that lane has room, else it stays in the shared backlog. So a fast modem never
idles while a slow one has a queue.

Of a route's groups the first counts in which a modem can carry the message, and a later one where
those before it have failed: their modems are not there, have failed with this message, or brought
no delivery report in time. Within the group a preference, for the SIM that last exchanged messages
with the number or for one of its carrier, may cost some waiting but never leaves another modem
without work; else the message goes where it would begin soonest.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from airpost.errors import NoRoute
from airpost.model import Lane, ModemView, SimId, Waiting
from airpost.policy import CLASS_POLICY, Policies
from airpost.routes import DEFAULT_ROUTE, ROAMS, Group, Route, RouteTable, folded

UNMEASURED_SERVICE_S = 3.5  # typical seconds a segment until a modem's own are measured
NOTHING: Mapping[Lane, str] = {}


@dataclass(slots=True, kw_only=True, eq=False)  # one is itself alone: they are looked up often
class LaneLoad:
    """One lane as the router sees it during a round; `segments` grows with what it is given."""

    view: ModemView
    segments: float  # bound and not yet taken by the network, the one on the air included
    room: int  # messages that may still be bound
    blocked_s: float = 0.0  # seconds until its window opens
    failures: int = 0  # of the SIM or modem, in a row: each counts as a segment more
    dead: bool = False  # so many that others should take what it has
    given: int = 0  # the turn in which it was last given a message: equal ones take turns

    @property
    def wait_s(self) -> float:
        """Seconds until a message given to it now would begin."""
        return self.blocked_s + (self.segments + self.failures) * self.service_s

    @property
    def service_s(self) -> float:
        """Seconds a segment takes it."""
        return self.view.service_s or UNMEASURED_SERVICE_S

    def take(self, segments: int) -> None:
        """It is given a message in mind."""
        self.segments += segments
        self.room -= 1

    def give_back(self, segments: int) -> None:
        """It is not, after all: a limit stands against it."""
        self.segments -= segments
        self.room += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for every choice."""

    table: RouteTable = field(default_factory=RouteTable)
    classes: Policies = field(default_factory=lambda: CLASS_POLICY)


PLAIN = Rules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A lane for one message. `bind` is False while the lane has no room: ask again later.

    `others` tells for every other lane why it was not taken. `failover_s`: without a delivery
    report by then the next group is to be tried; None where there is none. `trying_s`: so much
    later once the network has said that it still tries.
    """

    message_seq: int
    lane: Lane
    sim_id: SimId
    bind: bool
    reason: str
    others: Mapping[Lane, str] = field(default_factory=dict)
    group: int = 0
    failover_s: float | None = None
    trying_s: float = 0.0


def rejections(
    message: Waiting,
    views: Sequence[ModemView],
    table: RouteTable = PLAIN.table,
    closed: Mapping[Lane, str] = NOTHING,
) -> dict[str, str]:
    """Lane name → why this message cannot go there now; absent lanes may carry it.

    `closed` are the lanes that may not carry it for another reason, in words.
    """
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
        elif view.roaming and not table.may_roam(view.lane):
            refused[view.lane] = ROAMS
        elif view.lane in closed:
            refused[view.lane] = closed[view.lane]
    return refused


def choose(
    message: Waiting,
    loads: Mapping[Lane, LaneLoad],
    rules: Rules = PLAIN,
    closed: Mapping[Lane, str] = NOTHING,
    *,
    explain: bool = False,
) -> Choice:
    """The lane for `message`; NoRoute with every lane's reason.

    Why not the others is told with a choice that binds, and where it is asked for.

    The chosen lane's load grows by the message, bound or not, so that the next message of the same
    round sees it.
    """
    refused = rejections(message, [load.view for load in loads.values()], rules.table, closed)
    fit = [load for load in loads.values() if load.view.lane not in refused]
    if not fit:
        raise NoRoute(refused)
    route = rules.table.named(message.route)
    # A modem that is asked for stands above groups; () is one group of all.
    groups = () if message.lane is not None else route.groups
    at, able = _group(message, groups, fit)
    best, reason = _best(message, route, groups[at] if groups else None, able, rules)
    sim_id = best.view.sim_id
    if sim_id is None:  # rejections() leaves no such lane
        raise NoRoute(refused)
    bind = best.room > 0
    others: dict[Lane, str] = {}
    if bind or explain:
        in_turn = set(able)
        others = {Lane(lane): words for lane, words in refused.items()}
        others |= {load.view.lane: _passed_over(message, groups, at, load)
                   for load in fit if load not in in_turn}  # fmt: skip
        others |= _why_not(able, best, reason)
    best.take(message.parts)
    return Choice(
        message_seq=message.seq,
        lane=best.view.lane,
        sim_id=sim_id,
        bind=bind,
        reason=reason,
        others=others,
        group=at,
        failover_s=route.failover_s.get(message.class_)
        if message.groups_failed <= at < len(groups) - 1
        else None,
        trying_s=route.longer_s(message.class_),
    )


# -- which group ---------------------------------------------------------------------------------
def _group(
    message: Waiting, groups: Sequence[Group], fit: Sequence[LaneLoad]
) -> tuple[int, list[LaneLoad]]:
    """The group whose turn it is and its lanes that can carry the message.

    When all have failed, the first begins anew: that is better than nothing.
    """
    able = fit
    if message.failed_on or any(load.dead for load in fit):
        able = [load for load in fit if _failure(message, load) is None]
    if not groups:
        return 0, list(able or fit)
    first = message.groups_failed if message.groups_failed < len(groups) else 0
    for candidates, order in ((able, range(first, len(groups))), (able, range(first)),
                              (fit, range(len(groups)))):  # fmt: skip
        for at in order:
            found = [load for load in candidates if load.view.lane in groups[at]]
            if found:
                return at, found
    raise NoRoute({load.view.lane: "stands in no group of the route" for load in fit})


def _failure(message: Waiting, load: LaneLoad) -> str | None:
    if load.view.sim_id in message.failed_on:
        return "has failed with this message before"
    return f"has failed {load.failures} times in a row" if load.dead else None


def _passed_over(message: Waiting, groups: Sequence[Group], at: int, load: LaneLoad) -> str:
    """Why a lane that is fit was not in the choice."""
    words = _failure(message, load)
    if words is not None:
        return words
    mine = next((n for n, group in enumerate(groups) if load.view.lane in group), None)
    if mine is None:
        return "stands in no group of the route"
    if mine < message.groups_failed:
        return f"its group {mine + 1} has brought no delivery report in time"
    return f"stands in group {mine + 1}, and group {at + 1} comes first"


# -- which of the group --------------------------------------------------------------------------
def _best(
    message: Waiting, route: Route, group: Group | None, able: Sequence[LaneLoad], rules: Rules
) -> tuple[LaneLoad, str]:
    """The lane and why."""
    if len(able) == 1:
        return able[0], "the only fit modem"
    best = _soonest(message, group, able)
    known = route.sticky and message.last_sim is not None
    if known or (route.same_carrier and message.carrier is not None):
        # For what has room alone: waiting for another would leave this one without work.
        most_s = best.wait_s + min(route.prefer_s, rules.classes[message.class_].begin_within_s)
        within = [load for load in able if load.room > 0 and load.wait_s <= most_s]
        for load in within if known else ():
            if load.view.sim_id == message.last_sim:
                return load, "its SIM last exchanged messages with this number"
        if route.same_carrier and message.carrier is not None:
            carrier = folded(message.carrier)
            same = [load for load in within if carrier in rules.table.carriers_of(load.view)]
            if same and len(same) < len(able):
                return _soonest(message, group, same), f"its SIM is one of {message.carrier}"
    if group is not None:
        return best, "its share of the group"
    return best, "least expected wait"


def _soonest(message: Waiting, group: Group | None, loads: Sequence[LaneLoad]) -> LaneLoad:
    """Where it begins soonest; in a group by weights, of those within a segment's time.

    Where all have the same weight it costs nobody a wait: of those that begin equally soon. Without
    a group it is the one whose last message is longest ago.
    """
    best = min(loads, key=lambda load: (load.wait_s, load.segments, load.given, load.view.lane))
    if group is None:
        return best
    alike = len({group[load.view.lane] for load in loads}) == 1
    most_s = best.wait_s + (0 if alike else best.service_s)
    soon = [load for load in loads if load.wait_s <= most_s]
    return max(soon, key=lambda load: _draw(message.seq, load.view.lane, group[load.view.lane]))


def _draw(message_seq: int, lane: Lane, weight: int) -> float:
    """A draw that gives each its share over many messages, and each message the same every time."""
    share = Random(f"{message_seq} {lane}").random()
    return math.log(share or 1e-300) / weight


def _why_not(able: Sequence[LaneLoad], best: LaneLoad, reason: str) -> dict[Lane, str]:
    """Why not each of those that could carry it."""
    found: dict[Lane, str] = {}
    preferred = f"could carry it, but {best.view.lane}: {reason}"
    best_s = best.wait_s
    for load in able:
        if load is best:
            continue
        words = preferred
        if load.room <= 0 < best.room:
            words = "could carry it, but has as much as it may hold"
        elif load.wait_s > best_s:
            words = "could carry it, but would begin later"
        found[load.view.lane] = words
    return found

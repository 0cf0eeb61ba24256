"""Routes as data: which messages take one, over which modems it leads, where it may not go.

L0, pure. A message asks for a route by name, or takes the first whose conditions it meets, or goes
by the one named `default`. A route without groups leads over the modems that name it in their own
`route`: that is the simple form, which needs no section at all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from airpost.model import Lane, MessageClass, ModemView
from airpost.numbering import Recipient
from airpost.regions import ANYWHERE

DEFAULT_ROUTE = "default"
ROAMS = "is roaming; roaming = true of [[modem]] or [modems] allows that"
PREFER_S = 15.0  # what a preference may cost
FAILOVER_S: Mapping[MessageClass, float] = {MessageClass.ALARM: 300.0}
TRYING_TIMES = 2.0  # of failover_s, more, once the network has said that it still tries

Group = Mapping[Lane, int]
"""Modems that do the same work, each with its share of what several could begin equally soon."""


def folded(name: str) -> str:
    """A carrier's name as it is compared: "T-Mobile", "T Mobile" and "t-mobile" are one."""
    return "".join(char for char in name.casefold() if char.isalnum())


@dataclass(slots=True, kw_only=True)
class Asked:
    """What of a message decides its route."""

    recipient: Recipient
    class_: MessageClass
    tags: Sequence[str] = ()
    key: str | None = None  # the name of the key it came with


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One route. Every condition that is given must hold, and one value of it is enough.

    `allowed` are countries ("DE"), prefixes ("+49") or ANYWHERE; None: what holds for all messages.
    """

    name: str
    classes: frozenset[MessageClass] = frozenset()
    prefixes: tuple[str, ...] = ()
    countries: frozenset[str] = frozenset()
    carriers: frozenset[str] = frozenset()  # folded
    tags: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    groups: tuple[Group, ...] = ()  # in order: a later one where those before it have failed
    same_carrier: bool = False
    sticky: bool = True
    prefer_s: float = PREFER_S
    failover_s: Mapping[MessageClass, float] = field(default_factory=lambda: FAILOVER_S)
    trying_s: Mapping[MessageClass, float] = field(default_factory=dict)  # else TRYING_TIMES
    allowed: tuple[str, ...] | None = None

    @property
    def conditional(self) -> bool:
        """True where it takes messages that do not ask for it."""
        return any((self.classes, self.prefixes, self.countries, self.carriers, self.tags,
                    self.keys))  # fmt: skip

    def longer_s(self, class_: MessageClass) -> float:
        """How much longer a report is waited for once the network has said that it still tries."""
        return self.trying_s.get(class_, TRYING_TIMES * self.failover_s.get(class_, 0.0))

    def takes(self, asked: Asked) -> bool:
        """True when a message meets every condition."""
        to = asked.recipient
        return (
            (not self.classes or asked.class_ in self.classes)
            and (not self.prefixes or to.number.startswith(self.prefixes))
            and (not self.countries or to.country in self.countries)
            and (not self.carriers or folded(to.carrier or "") in self.carriers)
            and (not self.tags or not self.tags.isdisjoint(asked.tags))
            and (not self.keys or asked.key in self.keys)
        )


@lru_cache(maxsize=64)
def _simple(name: str) -> Route:
    """A route that has a name and nothing else."""
    return Route(name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTable:
    """All routes, in order, and what holds for modems beside them.

    `carriers` gives the folded name of a carrier by its MCC-MNC.
    """

    routes: tuple[Route, ...] = ()
    carriers: Mapping[str, str] = field(default_factory=dict)
    roaming: bool = False
    roaming_lanes: Mapping[Lane, bool] = field(default_factory=dict)

    def match(self, asked: Asked) -> Route | None:
        """The first route whose conditions the message meets."""
        return next((each for each in self.routes if each.conditional and each.takes(asked)), None)

    def named(self, name: str | None) -> Route:
        """The route of this name, None reads `default`; one that nothing describes is simple."""
        wanted = name or DEFAULT_ROUTE
        return next((each for each in self.routes if each.name == wanted), None) or _simple(wanted)

    def dressed(self, view: ModemView) -> ModemView:
        """The view with the routes its modem serves, held back where it must not roam."""
        paused = view.paused
        if paused is None and view.roaming and not self.may_roam(view.lane):
            paused = ROAMS
        return replace(view, routes=self.serves(view.lane, view.routes), paused=paused)

    def serves(self, lane: Lane, labels: Iterable[str]) -> frozenset[str]:
        """The routes a modem serves: those it names, and those in whose groups it is."""
        grouped = {each.name: each.groups for each in self.routes if each.groups}
        named = frozenset(labels) - grouped.keys()
        return named | {
            name for name, groups in grouped.items() if any(lane in group for group in groups)
        }

    def reach(self, able: Collection[Lane]) -> dict[str, int]:
        """For each route with groups the last of them that one of these modems is in; -1: none."""
        return {
            each.name: max((at for at, group in enumerate(each.groups)
                            if not group.keys().isdisjoint(able)), default=-1)
            for each in self.routes
            if each.groups
        }  # fmt: skip

    def may_roam(self, lane: Lane) -> bool:
        """True where a modem carries messages in somebody else's network too."""
        return self.roaming_lanes.get(lane, self.roaming)

    def carriers_of(self, view: ModemView) -> frozenset[str]:
        """The names, folded, of the carrier whose SIM a modem has."""
        imsi = view.imsi or ""
        found = {name for code, name in self.carriers.items() if imsi.startswith(code)}
        if view.operator and not view.roaming:
            found.add(folded(view.operator))
        return frozenset(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guards:
    """What protects the bill. Off until there is a home region: then only that is allowed.

    `allowed` as in a route; `premium` are numbers or their first digits that may be texted although
    that costs more.
    """

    home_region: str | None = None
    allowed: tuple[str, ...] = ()
    premium: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """Why a message is refused: the kind of problem, words, and the setting that changes it."""

    kind: str
    words: str
    setting: str


def guarded(
    guards: Guards, to: Recipient, route: Route, key_allows: Sequence[str] | None
) -> Guarded | None:
    """What stands against texting a number; None for nothing.

    A key and a route that say where they may go must both allow it, else what holds for all does.
    """
    if guards.home_region is None and not guards.allowed:
        given = [each for each in (key_allows, route.allowed) if each is not None]
        if not given:
            return None
    if to.kind.costly and not to.number.startswith(guards.premium or ("none",)):
        words = f"is a {to.kind.value} number; list it, or its first digits, in premium of [sms]"
        return Guarded(kind="premium-number", words=words, setting="sms.premium")
    own = [
        (key_allows, "the key's countries", "keys.countries"),
        (route.allowed, f"allowed of route {route.name}", f"route.{route.name}.allowed"),
    ]
    told = [each for each in own if each[0] is not None]
    everybody = guards.allowed or ((guards.home_region,) if guards.home_region else (ANYWHERE,))
    for allowed, name, setting in told or [(everybody, "allowed of [sms]", "sms.allowed")]:
        if allowed is not None and not _allows(allowed, to):
            place = to.country or "no country that is known"
            words = f"is a number of {place}; {name} has {', '.join(allowed)} only"
            return Guarded(kind="country-not-allowed", words=words, setting=setting)
    return None


def _allows(allowed: Sequence[str], to: Recipient) -> bool:
    return any(
        each in (ANYWHERE, to.country) or (each.startswith("+") and to.number.startswith(each))
        for each in allowed
    )

"""`[[route]]` and `[carriers]`: over which modems a message goes, and where it may not go."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated

from pydantic import Field

from airpost.daemon.config.modem import ModemSection
from airpost.daemon.config.section import Name, Section
from airpost.errors import ConfigError
from airpost.model import Lane, MessageClass
from airpost.regions import place_fault, region_fault
from airpost.routes import FAILOVER_S, PREFER_S, Route, RouteTable, folded

_PREFIX = re.compile(r"\+[0-9]{1,15}")
_PREMIUM = re.compile(r"\+?[0-9]{2,15}")
_PLMN = re.compile(r"[0-9]{5,6}")  # MCC and MNC, TS 23.003 2.2
LEAST_FAILOVER_S = 30  # how often deadlines are looked at

Texts = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
Weight = Annotated[int, Field(ge=1, le=100)]
Seconds = Annotated[float, Field(ge=0, le=3600)]
Deadline = Annotated[float, Field(ge=LEAST_FAILOVER_S, le=86_400)]
Longer = Annotated[float, Field(ge=0, le=86_400)]
Carriers = dict[str, Texts]


class RouteSection(Section):
    """`[[route]]`."""

    name: Name
    class_: Annotated[list[str] | None, Field(alias="class", min_length=1)] = None
    prefix: Texts | None = None
    country: Texts | None = None
    carrier: Texts | None = None
    tag: Texts | None = None
    key: Texts | None = None
    groups: Annotated[
        list[Annotated[dict[str, Weight], Field(min_length=1)]] | None, Field(min_length=1)
    ] = None
    same_carrier: bool = True
    sticky: bool = True
    prefer_s: Seconds = PREFER_S
    failover_s: dict[str, Deadline] | None = None
    trying_s: dict[str, Longer] | None = None
    allowed: list[str] | None = None


def route_table(
    given: Sequence[RouteSection],
    carriers: Carriers,
    modems: Sequence[ModemSection],
    *,
    discover: bool,
    roaming: bool,
) -> RouteTable:
    """All routes; ConfigError where one names a modem, a carrier or a place that is none."""
    codes = _codes(carriers)
    lanes = None if discover else {modem.name for modem in modems}
    seen: dict[str, int] = {}
    routes = []
    for at, route in enumerate(given):
        where = f"route.{at}"
        if route.name in seen:
            raise ConfigError(f"{where}.name", f"is that of route.{seen[route.name]} already")
        seen[route.name] = at
        routes.append(_route(route, where, codes, lanes))
    return RouteTable(
        routes=tuple(routes),
        carriers=codes,
        roaming=roaming,
        roaming_lanes={Lane(each.name): each.roaming for each in modems
                       if each.roaming is not None},
    )  # fmt: skip


def _codes(carriers: Carriers) -> Mapping[str, str]:
    """The folded name of each carrier by its MCC-MNC."""
    found: dict[str, str] = {}
    for name, codes in carriers.items():
        for at, code in enumerate(codes):
            if not _PLMN.fullmatch(code):
                raise ConfigError(f"carriers.{name}.{at}", "is no MCC and MNC, such as 46000")
            if found.setdefault(code, folded(name)) != folded(name):
                raise ConfigError(f"carriers.{name}.{at}", "is that of another carrier already")
    return found


def _apart(groups: Sequence[dict[Lane, int]]) -> list[dict[Lane, int]]:
    """Each modem in the first group that names it: what that could not deliver goes by another SIM.

    A group that names no other modem stays as it is.
    """
    before: set[Lane] = set()
    out = []
    for group in groups:
        others = {lane: weight for lane, weight in group.items() if lane not in before}
        out.append(others or group)
        before |= group.keys()
    return out


def _route(
    given: RouteSection, where: str, codes: Mapping[str, str], lanes: Collection[str] | None
) -> Route:
    for at, country in enumerate(given.country or ()):
        if (fault := region_fault(country)) is not None:
            raise ConfigError(f"{where}.country.{at}", fault)
    for at, prefix in enumerate(given.prefix or ()):
        if not _PREFIX.fullmatch(prefix):
            raise ConfigError(f"{where}.prefix.{at}", "is + and digits, such as +8613")
    groups = []
    for at, group in enumerate(given.groups or ()):
        for lane in group:
            if lanes is not None and lane not in lanes:
                near = get_close_matches(lane, lanes, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ConfigError(
                    f"{where}.groups.{at}.{lane}", f"no [[modem]] has this name{hint}"
                )
        groups.append({Lane(lane): weight for lane, weight in group.items()})
    groups = _apart(groups)
    failover_s = FAILOVER_S
    if given.failover_s is not None:
        failover_s = {_class(name, f"{where}.failover_s.{name}"): seconds
                      for name, seconds in given.failover_s.items()}  # fmt: skip
    return Route(
        name=given.name,
        classes=frozenset(_class(name, f"{where}.class.{at}")
                          for at, name in enumerate(given.class_ or ())),
        prefixes=tuple(given.prefix or ()),
        countries=frozenset(given.country or ()),
        carriers=frozenset(_carrier(name, f"{where}.carrier.{at}", codes)
                           for at, name in enumerate(given.carrier or ())),
        tags=frozenset(given.tag or ()),
        keys=frozenset(given.key or ()),
        groups=tuple(groups),
        same_carrier=given.same_carrier,
        sticky=given.sticky,
        prefer_s=given.prefer_s,
        failover_s=failover_s,
        trying_s={_class(name, f"{where}.trying_s.{name}"): seconds
                  for name, seconds in (given.trying_s or {}).items()},
        allowed=None if given.allowed is None else places(given.allowed, f"{where}.allowed"),
    )  # fmt: skip


def _class(name: str, where: str) -> MessageClass:
    try:
        return MessageClass(name)
    except ValueError:
        known = ", ".join(each.value for each in MessageClass)
        raise ConfigError(where, f"is no class: {known}") from None


def _carrier(name: str, where: str, codes: Mapping[str, str]) -> str:
    if not name.isdecimal():
        return folded(name)
    if name not in codes:
        words = "numbers tell their carrier by name: give the name of this one in [carriers]"
        raise ConfigError(where, f'{words}, such as "China Mobile" = ["{name}"]')
    return codes[name]


def places(given: Sequence[str], where: str) -> tuple[str, ...]:
    """Countries, prefixes or `*`, where numbers may be; ConfigError for what is none."""
    for at, each in enumerate(given):
        if (fault := place_fault(each)) is not None:
            raise ConfigError(f"{where}.{at}", fault)
    return tuple(given)


def premium_numbers(given: Sequence[str]) -> tuple[str, ...]:
    """Numbers, or their first digits, that may be texted though that costs more."""
    for at, each in enumerate(given):
        if not _PREMIUM.fullmatch(each):
            raise ConfigError(f"sms.premium.{at}", "is a number or its first digits, at least two")
    return tuple(given)

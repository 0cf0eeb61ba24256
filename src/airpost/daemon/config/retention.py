"""`[retention]` and `[statistics]`: what is kept how long, and what is watched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from airpost.daemon.config.section import Section
from airpost.daemon.config.settings import Settings
from airpost.errors import ConfigError
from airpost.model import MessageClass
from airpost.store.keeping import Keep, Retention

FOREVER = "forever"
LEAST_D = 7  # a handset joins parts, and a reply finds its message, for so long
_UNITS_D = {"h": 1 / 24, "d": 1, "w": 7, "y": 366}
_FORM = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|d|w|y)")


def _days(value: Any) -> float:
    if value == FOREVER:
        return -1.0
    found = _FORM.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('is a time such as "12h", "90d", "2y", or "forever"')
    return float(found[1]) * _UNITS_D[found[2]]


_Days = Annotated[float, BeforeValidator(_days), Field(le=36600)]


class KeepSection(Section):
    """How long contents and records of something are kept."""

    bodies: _Days | None = None
    records: _Days | None = None


class RetentionSection(Section):
    """`[retention]`."""

    bodies: _Days = 90
    records: _Days = 155
    events: _Days = 155
    statistics: _Days = 1830
    audit: _Days = 1830
    inbound: KeepSection = KeepSection()
    classes: dict[str, KeepSection] = {}


class StatisticsSection(Section):
    """`[statistics]`."""

    silent_filter: bool = True


def retention_of(given: RetentionSection) -> Retention:
    """The retention a section asks for; ConfigError with the path of what cannot be."""
    messages = _keep(given.bodies, given.records, "retention")
    classes = {}
    for name, section in given.classes.items():
        where = f"retention.classes.{name}"
        if name not in {each.value for each in MessageClass}:
            known = ", ".join(each.value for each in MessageClass)
            raise ConfigError(where, f"is no class; there are {known}")
        classes[MessageClass(name)] = _of(section, given, where)
    inbound = _of(given.inbound, given, "retention.inbound")
    if inbound.bodies_d is not None and inbound.bodies_d < LEAST_D:
        words = f'is at least "{LEAST_D}d": parts of one message may be days apart'
        if given.inbound.bodies is None:
            words += "; where it is not given it is retention.bodies"
        raise ConfigError("retention.inbound.bodies", words)
    return Retention(
        messages=messages,
        classes=classes,
        inbound=inbound,
        events_d=_or_never(given.events),
        statistics_d=_or_never(given.statistics),
        audit_d=_or_never(given.audit),
    )


def check_retention(settings: Settings) -> Iterator[str]:
    """Contents that are to be kept longer than their records: they go with these."""
    given = settings.http.retention
    keeps = {"retention": given.messages}
    keeps |= {f"retention.classes.{each.value}": keep for each, keep in given.classes.items()}
    keeps |= {"retention.inbound": given.inbound}
    for where, keep in keeps.items():
        bodies_d, records_d = keep.bodies_d, keep.records_d
        if records_d is None or (bodies_d is not None and bodies_d <= records_d):
            continue
        if where != "retention" and keep == given.messages:
            continue  # that is said
        how_long = FOREVER if bodies_d is None else f"{bodies_d:g}d"
        yield (
            f"{where}: bodies ({how_long}) are to be kept longer than records ({records_d:g}d); no "
            f"content outlives its record, both go after {records_d:g}d"
        )


def _of(section: KeepSection, given: RetentionSection, where: str) -> Keep:
    bodies = given.bodies if section.bodies is None else section.bodies
    records = given.records if section.records is None else section.records
    return _keep(bodies, records, where)


def _keep(bodies: float, records: float, where: str) -> Keep:
    if 0 <= records < LEAST_D:
        words = f'is at least "{LEAST_D}d": reports and replies find a message by its record'
        raise ConfigError(f"{where}.records", words)
    return Keep(bodies_d=_or_never(bodies), records_d=_or_never(records))


def _or_never(days: float) -> float | None:
    return None if days < 0 else days

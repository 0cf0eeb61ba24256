"""`[limits.PROFILE]`, `[classes.NAME]`, `[keys.NAME]`: who may have how much, and when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field

from airpost.daemon.config.queue import ClassTimes
from airpost.daemon.config.section import Section
from airpost.errors import ConfigError
from airpost.model import MessageClass
from airpost.pool.limits import READY, ClassLimits, LimitProfile, LimitSettings, OnLimit, Span
from airpost.pool.sendwindow import SendWindow, quiet_window, send_window
from airpost.schedule import zone_of

_Count = Annotated[int, Field(ge=1, le=10_000_000)]


class LimitSection(Section):
    """`[limits.PROFILE]`; one named like a ready profile changes what is given of it."""

    gap_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] | None = None
    per_minute: _Count | None = None
    per_hour: _Count | None = None
    per_day: _Count | None = None
    per_month: _Count | None = None
    burst: Annotated[int, Field(ge=1, le=100_000)] | None = None
    recipients_per_month: _Count | None = None
    all_per_day: _Count | None = None
    reserve_percent: Annotated[int, Field(ge=0, le=90)] | None = None
    warn_percent: Annotated[int, Field(ge=20, le=100)] | None = None
    clock: list[Literal["minute", "hour", "day"]] | None = None
    zone: str | None = None
    on_limit: Literal["hold", "other", "reject"] | None = None


class ClassSection(ClassTimes):
    """`[classes.NAME]`."""

    per_recipient: str | None = None
    send_window: Annotated[list[str], Field(min_length=1)] | None = None
    quiet_hours: Annotated[list[str], Field(min_length=1)] | None = None
    on_quiet: Literal["hold", "reject"] = "hold"
    zone: str | None = None


class KeySection(Section):
    """`[keys.NAME]`, by the name of a key."""

    limits: str


def limit_settings(
    limits: Mapping[str, LimitSection],
    classes: Mapping[str, ClassSection],
    keys: Mapping[str, KeySection],
    *,
    every: str | None,
    modems: Mapping[str, tuple[str, str]],
    home_region: str | None,
) -> LimitSettings:
    """The settings; ConfigError. `modems`: (profile, where that is written) by the modem's name."""
    profiles = READY | {name: _profile(name, given) for name, given in limits.items()}

    def named(name: str, where: str) -> LimitProfile:
        if name not in profiles:
            known = ", ".join(sorted(profiles))
            raise ConfigError(where, f"no profile has this name; there are {known}")
        return profiles[name]

    by_class: dict[MessageClass, ClassLimits] = {}
    for name, given in classes.items():
        where = f"classes.{name}"
        if name not in {each.value for each in MessageClass}:
            raise ConfigError(where, "the classes are otp, alarm, normal and bulk")
        own = None
        if given.per_recipient is not None:
            own = named(given.per_recipient, f"{where}.per_recipient")
        by_class[MessageClass(name)] = _class_limits(given, where, own, home_region)
    return LimitSettings(
        default_sim=None if every is None else named(every, "modems.limits"),
        sims={lane: named(*given) for lane, given in modems.items()},
        keys={name: named(key.limits, f"keys.{name}.limits") for name, key in keys.items()},
        classes=by_class,
        home_region=home_region,
        mark=_mark(home_region, limits, classes, keys),
    )


def _mark(home_region: str | None, *sections: Mapping[str, Section]) -> str:
    """A digest of what was written about recipients, keys and hours."""
    written = [{name: each.model_dump(mode="json") for name, each in some.items()}
               for some in sections]  # fmt: skip
    text = json.dumps([home_region, *written], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:16]


def _profile(name: str, given: LimitSection) -> LimitProfile:
    changes = given.model_dump(exclude_unset=True)
    if given.clock is not None:
        changes["clock"] = frozenset(Span(each) for each in given.clock)
    if given.on_limit is not None:
        changes["on_limit"] = OnLimit(given.on_limit)
    if given.zone is not None:
        _check_zone(given.zone, f"limits.{name}.zone")
    if name not in READY:
        changes.setdefault("on_limit", OnLimit.OTHER)
    made = replace(READY.get(name, LimitProfile(name=name)), **changes)
    if made.burst is not None and made.per_minute is None:
        raise ConfigError(f"limits.{name}.burst", "needs per_minute beside it")
    return made


def _class_limits(
    given: ClassSection, where: str, own: LimitProfile | None, home_region: str | None
) -> ClassLimits:
    window = _window(given, where)
    if given.zone is not None:
        _check_zone(given.zone, f"{where}.zone")
    if window is not None and home_region is None and given.zone is None:
        words = "needs sms.home_region, or a zone here: whose hours are they for a national number?"
        raise ConfigError(where, words)
    return ClassLimits(
        per_recipient=own, window=window, on_quiet=OnLimit(given.on_quiet), zone=given.zone
    )


def _window(given: ClassSection, where: str) -> SendWindow | None:
    if given.send_window is not None and given.quiet_hours is not None:
        raise ConfigError(f"{where}.quiet_hours", "cannot stand beside send_window")
    for key, spans, make in (
        ("send_window", given.send_window, send_window),
        ("quiet_hours", given.quiet_hours, quiet_window),
    ):
        if spans is not None:
            try:
                return make(spans)
            except ValueError as error:
                raise ConfigError(f"{where}.{key}", str(error)) from None
    return None


def _check_zone(name: str, where: str) -> None:
    try:
        zone_of(name)
    except ValueError as error:
        raise ConfigError(where, str(error)) from None

"""How this modem does it: one TOML file per family, generic.toml for the standard.

May import errors. A profile holds differences with their evidence; code asks it
and never compares vendor names.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import Enum
from importlib import resources
from typing import Any

from airpost.errors import ConfigError

GENERIC = "generic"


class Evidence(Enum):
    """Where a profile's claims come from."""

    HARDWARE = "hardware"
    PUBLIC_RECORD = "public record"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds."""

    probe_s: float
    cmgs_s: float
    poll_s: float
    poll_latest_s: float
    settings_check_s: float
    boot_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsHabits:
    """Stores and indications, each list in order of preference."""

    stores: tuple[str, ...]
    list_all: bool
    cnmi_mode: tuple[int, ...]
    cnmi_mt: tuple[int, ...]
    cnmi_bm: tuple[int, ...]
    cnmi_ds: tuple[int, ...]
    cnmi_bfr: tuple[int, ...]


class Sign(Enum):
    """What an unsolicited line says about the modem itself."""

    RESTART = "restart"  # it has restarted: every setting is gone
    WOKEN = "woken"  # a later step of starting, or a SIM that came back
    SIM_GONE = "sim_gone"
    STORE_FULL = "store_full"
    POWER = "power"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One family."""

    name: str
    evidence: Evidence
    timing: Timing
    sms: SmsHabits
    urc: Mapping[Sign, tuple[str, ...]]

    def sign_of(self, line: str) -> Sign | None:
        """What an unsolicited line means, by its beginning, case ignored; None for nothing."""
        upper = line.upper()
        for sign, prefixes in self.urc.items():
            if any(upper.startswith(prefix) for prefix in prefixes):
                return sign
        return None


def load_profile(name: str = GENERIC) -> Profile:
    """A packaged profile; ConfigError when there is none of that name."""
    file = resources.files("airpost.modem").joinpath("profiles", f"{name}.toml")
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError("profile", f"there is no modem profile {name!r}") from None
    return parse_profile(text)


def parse_profile(text: str) -> Profile:
    """A profile from TOML; ConfigError names the first key that is wrong or missing."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("profile", str(error)) from None
    _expect(table, "profile", {"name": str, "evidence": str, "timing": dict, "sms": dict,
                               "urc": dict})  # fmt: skip
    name = str(table["name"])
    try:
        evidence = Evidence(table["evidence"])
    except ValueError:
        known = ", ".join(each.value for each in Evidence)
        raise ConfigError(f"{name}.evidence", f"is none of {known}") from None
    numbers = {each.name: (int, float) for each in fields(Timing)}
    timing = _expect(table["timing"], f"{name}.timing", numbers)
    habits = {each.name: bool if each.name == "list_all" else list for each in fields(SmsHabits)}
    sms = _expect(table["sms"], f"{name}.sms", habits)
    urc = _expect(table["urc"], f"{name}.urc", {sign.value: list for sign in Sign})
    lists: dict[str, Any] = {key: tuple(value) for key, value in sms.items() if key != "list_all"}
    return Profile(
        name=name,
        evidence=evidence,
        timing=Timing(**{key: float(value) for key, value in timing.items()}),
        sms=SmsHabits(list_all=sms["list_all"], **lists),
        urc={sign: tuple(prefix.upper() for prefix in urc[sign.value]) for sign in Sign},
    )


def _expect(table: dict[str, Any], where: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """`table`, which must have exactly `keys`, each of its type."""
    for key in table:
        if key not in keys:
            raise ConfigError(f"{where}.{key}", "is unknown")
    for key, kind in keys.items():
        if key not in table:
            raise ConfigError(f"{where}.{key}", "is missing")
        if not isinstance(table[key], kind):
            raise ConfigError(f"{where}.{key}", f"cannot be {table[key]!r}")
    return table

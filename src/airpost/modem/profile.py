"""How this modem does it: one TOML file per family, generic.toml for the standard.

May import at.grammar, errors and tables. A profile holds differences with their evidence; code asks
it and never compares vendor names. Values and the reading of one file; all files: `profiles.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from importlib import resources
from typing import Any

from airpost.at.grammar import fields_of, rests_of
from airpost.errors import ConfigError
from airpost.modem.tables import Table, merged, parse_toml

GENERIC = "generic"
FOLDER = resources.files("airpost.modem").joinpath("profiles")


class Evidence(Enum):
    """Where a profile's claims come from."""

    HARDWARE = "hardware"
    PUBLIC_RECORD = "public record"
    SIMULATED = "simulated"


class Role(Enum):
    """What a serial port of a modem is for."""

    AT = "at"
    SPARE = "spare"  # a second AT port
    PPP = "ppp"  # takes AT commands too, until a data call runs
    DIAG = "diag"
    NMEA = "nmea"
    AUDIO = "audio"
    IGNORE = "ignore"


class DeviceMode(Enum):
    """What a USB device is at this moment."""

    MODEM = "modem"
    SERIAL_ADAPTER = "serial adapter"  # says nothing of what is behind it
    CDROM = "cdrom"  # a stick that has not been switched yet
    HILINK = "hilink"  # a router of its own, without any serial port
    WEB_INBOX = "web inbox"  # sends by AT, shows what it receives in its web page only
    DOWNLOAD = "download"  # its firmware did not start


class Rung(Enum):
    """What can be done to a sick modem, gentlest first (`modems.md` 8.5)."""

    PROBE = "probe"
    REOPEN = "reopen"
    OTHER_PORT = "other_port"
    REINIT = "reinit"
    RESET = "reset"
    USB = "usb"
    HUB_POWER = "hub_power"


class Sign(Enum):
    """What an unsolicited line says about the modem itself."""

    RESTART = "restart"  # it has restarted: every setting is gone
    WOKEN = "woken"  # a later step of starting, or a SIM that came back
    SIM_GONE = "sim_gone"
    STORE_FULL = "store_full"
    POWER = "power"


class UssdCoding(Enum):
    """How AT+CUSD wants a code first; the other form is tried when it is refused."""

    PLAIN = "plain"
    PACKED = "packed"  # septets in hexadecimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds, but for `guard_ms`; 0 for `probe_s` and `guard_ms` means never."""

    probe_s: float
    cmgs_s: float
    poll_s: float
    poll_latest_s: float
    settings_check_s: float
    reports_late_s: float
    boot_s: float
    settle_s: float
    guard_ms: float


# The least and the most that makes sense.
LIMITS: Mapping[str, tuple[float, float]] = {
    "probe_s": (0, 600),
    "cmgs_s": (10, 600),
    "poll_s": (5, 3600),
    "poll_latest_s": (5, 86_400),
    "settings_check_s": (60, 604_800),
    "reports_late_s": (10, 604_800),
    "boot_s": (0, 300),
    "settle_s": (0, 60),
    "guard_ms": (0, 5000),
}


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


CNMI = ("cnmi_mode", "cnmi_mt", "cnmi_bm", "cnmi_ds", "cnmi_bfr")


@dataclass(frozen=True, slots=True, kw_only=True)
class PinTries:
    """How to learn the tries left: the command, its answer's prefix, the field, from 0."""

    ask: str
    answer: str
    pin: int

    def read(self, lines: Iterable[str]) -> int | None:
        """The tries left for the PIN, out of the first answer; None for unknown."""
        for rest in rests_of(lines, self.answer):
            fields = fields_of(rest)
            return fields[self.pin].number if self.pin < len(fields) else None
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """`hang_up`: what ends an incoming call, to be tried in this order."""

    hang_up: tuple[str, ...]
    ussd: UssdCoding
    pin_tries: PinTries


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One way to know the family; what is given must all fit. No `pids`: all of `vid`."""

    vid: str | None
    pids: frozenset[str]
    manufacturer: tuple[str, ...]
    model: tuple[str, ...]

    def weight(
        self, vid: str | None, pid: str | None, manufacturer: str | None, model: str | None
    ) -> tuple[bool, ...] | None:
        """How precisely it fits, more is better: model, id, manufacturer, vendor id; None if not.

        The model goes first because makers sell different modems under one id; a name alone comes
        after an id because sticks are sold under many names.
        """
        fits = (
            self.vid in (None, vid)
            and (not self.pids or pid in self.pids)
            and (not self.manufacturer or _like(manufacturer, self.manufacturer))
            and (not self.model or _like(model, self.model))
        )
        if not fits:
            return None
        given = (self.model, self.pids, self.manufacturer, self.vid)
        return tuple(bool(each) for each in given)

    def lists(self, vid: str, pid: str) -> bool:
        """True when it names this very id."""
        return self.vid == vid and pid in self.pids


def _like(told: str | None, globs: Iterable[str]) -> bool:
    """Case, quotes and blanks around the name do not count."""
    name = (told or "").strip(' "').casefold()
    return bool(name) and any(fnmatchcase(name, glob.casefold()) for glob in globs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One family.

    `ports`: (vendor id, product id) → interface number → role; None as the number is all others.
    `classes`: vendor id → (interface subclass, protocol) → role, for vendors that keep to a rule.
    `init`: commands after `ATE0` and `AT+CMEE=1`, each of which may be refused. `reinit` comes
    before them when everything is set up anew. `reset`: to be tried in this order until one is
    taken. `safe`: which rungs may be climbed; False where one does harm. `silence`: beginning of
    lines that may flood the port → the command that stops them.
    """

    name: str
    title: str
    models: tuple[str, ...]
    evidence: Evidence
    sources: tuple[str, ...]
    unproven: tuple[str, ...]
    match: tuple[Match, ...]
    ports: Mapping[tuple[str, str], Mapping[int | None, Role]]
    classes: Mapping[str, Mapping[tuple[int, int], Role]]
    init: tuple[str, ...]
    reinit: tuple[str, ...]
    reset: tuple[str, ...]
    safe: Mapping[Rung, bool]
    timing: Timing
    sms: SmsHabits
    flags: Flags
    urc: Mapping[Sign, tuple[str, ...]]
    silence: Mapping[str, str]

    def sign_of(self, line: str) -> Sign | None:
        """What an unsolicited line means, by its beginning, case ignored; None for nothing."""
        upper = line.upper()
        for sign, prefixes in self.urc.items():
            if any(upper.startswith(prefix) for prefix in prefixes):
                return sign
        return None

    def silenced_by(self, line: str) -> str | None:
        """The command that stops lines like this; None where none is known."""
        upper = line.upper()
        return next((stop for start, stop in self.silence.items() if upper.startswith(start)), None)


def load_profile(name: str = GENERIC) -> Profile:
    """A packaged profile; ConfigError when there is none of that name."""
    if name != GENERIC:
        return parse_profile(_packaged(name), f"{name}.toml", base=generic_table())
    return parse_profile(_packaged(name), f"{name}.toml")


def generic_table() -> dict[str, Any]:
    """What every family differs from."""
    return parse_toml(_packaged(GENERIC), f"{GENERIC}.toml")


def _packaged(name: str) -> str:
    try:
        return FOLDER.joinpath(f"{name}.toml").read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError("profile", f"there is no modem profile {name!r}") from None


# What a family says of itself, and never takes from the generic profile.
OWN = ("name", "title", "models", "evidence", "sources", "unproven", "match", "ports")
KEYS = (*OWN, "init", "reinit", "reset", "safe", "timing", "sms", "flags", "urc", "silence")


def parse_profile(
    text: str, file: str = "profile", base: Mapping[str, Any] | None = None
) -> Profile:
    """A profile from TOML, over `base`; ConfigError names the file and the first key in it."""
    own = parse_toml(text, file)
    inherited = {key: value for key, value in (base or {}).items() if key not in OWN}
    top = Table(file, merged(inherited, own), KEYS)
    evidence, sources = top.choice("evidence", Evidence), top.texts("sources")
    if evidence is not Evidence.SIMULATED and not sources:
        raise top.wrong("sources", f"must say where the {evidence.value} is")
    timing = top.inner("timing", LIMITS)
    signs = top.inner("urc", (sign.value for sign in Sign))
    return Profile(
        name=top.text("name"),
        title=top.text("title"),
        models=top.texts("models"),
        evidence=evidence,
        sources=sources,
        unproven=top.texts("unproven"),
        match=tuple(_match(row) for row in top.rows("match", _MATCH)),
        **_ports(top),
        init=_commands(top, "init"),
        reinit=_commands(top, "reinit"),
        reset=_commands(top, "reset"),
        safe=_safe(top.inner("safe", (rung.value for rung in Rung))),
        timing=Timing(**{key: timing.number(key, *LIMITS[key]) for key in LIMITS}),
        sms=_sms(top.inner("sms", ("stores", "list_all", *CNMI))),
        flags=_flags(top.inner("flags", ("hang_up", "ussd", "pin_tries"))),
        urc={sign: tuple(each.upper() for each in signs.texts(sign.value)) for sign in Sign},
        silence=_silence(top),
    )


OTHERS = "others"  # every interface that is not named
_MATCH = ("vid", "pids", "manufacturer", "model")
# Entering or changing a PIN, a lock or a password; messages; storing settings for good.
FORBIDDEN = re.compile(r"\+CPIN=|\+CLCK|\+CPWD|\+CMG[SWDC]|\+CMSS|\^CPIN=|&W")


def _match(row: Table) -> Match:
    found = Match(
        vid=row.usb_id("vid") if "vid" in row else None,
        pids=frozenset(row.usb_ids("pids")),
        manufacturer=row.texts("manufacturer"),
        model=row.texts("model"),
    )
    if found.vid is None and found.pids:
        raise row.wrong("vid", "is missing beside `pids`")
    if found.vid is None and not found.manufacturer and not found.model:
        raise row.wrong("", "would fit every modem")
    return found


def _ports(top: Table) -> dict[str, Any]:
    ports: dict[tuple[str, str], Mapping[int | None, Role]] = {}
    classes: dict[str, Mapping[tuple[int, int], Role]] = {}
    for row in top.rows("ports", ("vid", "pids", "roles", "classes")):
        vid, pids = row.usb_id("vid"), row.usb_ids("pids")
        if ("classes" in row) == bool(pids) or ("classes" in row) == ("roles" in row):
            raise row.wrong("", "needs `pids` with `roles`, or `classes` for the whole `vid`")
        if not pids:
            classes[vid] = {_class(row, key): role for key, role in _roles(row, "classes")}
        roles = {_interface(row, key): role for key, role in _roles(row, "roles")}
        for pid in pids:
            if (vid, pid) in ports:
                raise row.wrong("pids", f"holds {pid}, which has its ports already")
            ports[vid, pid] = roles
    return {"ports": ports, "classes": classes}


def _roles(row: Table, key: str) -> Iterator[tuple[str, Role]]:
    for number, value in row.pairs(key):
        yield number, row.member(f"{key}.{number}", value, Role)


def _interface(row: Table, key: str) -> int | None:
    if key == OTHERS:
        return None
    if not re.fullmatch(r"[0-9a-f]{2}", key):
        raise row.wrong(f"roles.{key}", f"is no interface: two hexadecimal digits, or {OTHERS}")
    return int(key, 16)


def _class(row: Table, key: str) -> tuple[int, int]:
    found = re.fullmatch(r"([0-9a-f]{2})/([0-9a-f]{2})", key)
    if found is None:
        raise row.wrong(f"classes.{key}", "is no subclass/protocol in hexadecimal digits")
    return int(found[1], 16), int(found[2], 16)


def _commands(table: Table, key: str) -> tuple[str, ...]:
    return tuple(_checked(table, key, each) for each in table.texts(key))


def _checked(table: Table, key: str, command: str) -> str:
    if not re.fullmatch(r"AT[ -~]*", command):
        raise table.wrong(key, f"holds {command!r}, which is no AT command")
    if FORBIDDEN.search(command.upper()):
        raise table.wrong(key, f"holds {command!r}: no profile may touch the PIN, send, or delete")
    return command


def _safe(table: Table) -> dict[Rung, bool]:
    return {rung: table.truth(rung.value) for rung in Rung}


def _sms(table: Table) -> SmsHabits:
    stores = table.texts("stores")
    if not stores:
        raise table.wrong("stores", "must name at least one memory")
    cnmi = {key: table.wholes(key, 0, 3) for key in CNMI}
    return SmsHabits(stores=stores, list_all=table.truth("list_all"), **cnmi)


def _flags(table: Table) -> Flags:
    tries = table.inner("pin_tries", ("ask", "answer", "pin"))
    return Flags(
        hang_up=_commands(table, "hang_up"),
        ussd=table.choice("ussd", UssdCoding),
        pin_tries=PinTries(
            ask=_checked(tries, "ask", tries.text("ask")),
            answer=tries.text("answer").upper(),
            pin=tries.whole("pin", 0, 9),
        ),
    )


def _silence(top: Table) -> dict[str, str]:
    found = {}
    for start, stop in top.pairs("silence"):
        if not start.strip():
            raise top.wrong("silence", "an empty beginning would fit every line")
        found[start.upper()] = _checked(top, f"silence.{start}", stop)
    return found

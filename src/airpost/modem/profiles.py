"""All modem profiles: the packaged ones and the operator's; which fits, and what a USB id is.

May import errors, profile and tables. A file with a mistake is left out and kept as its error; the
others load. What an operator's file says goes before what is packaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from airpost.errors import ConfigError
from airpost.modem.profile import (
    FOLDER,
    GENERIC,
    DeviceMode,
    Profile,
    Role,
    generic_table,
    load_profile,
    parse_profile,
)
from airpost.modem.tables import Table, parse_toml

MODES = "modes"  # the file of ids that are no modem, or not yet
SUFFIX = ".toml"
NO_FIT: tuple[bool, ...] = (False,) * 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeRule:
    """Devices in one mode and what to do, for people.

    `keeps_id`: their id stays when they become a modem, so that only the lack of ports tells.
    """

    mode: DeviceMode
    remedy: str
    ids: frozenset[tuple[str, str]]
    sources: tuple[str, ...]
    keeps_id: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """All of them by name, the preferred first; `refused` are the files that hold a mistake.

    USB ids are text as udev gives it ("12d1"), in upper or lower case.
    """

    families: Mapping[str, Profile]
    generic: Profile
    modes: tuple[ModeRule, ...]
    refused: tuple[ConfigError, ...] = ()

    def __iter__(self) -> Iterator[Profile]:
        yield self.generic
        yield from self.families.values()

    def named(self, name: str) -> Profile:
        """ConfigError when there is none of that name."""
        if name == GENERIC:
            return self.generic
        if name not in self.families:
            raise ConfigError("profile", f"there is no modem profile {name!r}")
        return self.families[name]

    def for_modem(
        self,
        vid: str | None = None,
        pid: str | None = None,
        manufacturer: str | None = None,
        model: str | None = None,
    ) -> Profile:
        """The family that fits most precisely, of equals the preferred; else the generic one."""
        best, most = self.generic, NO_FIT
        for profile in self.families.values():
            for rule in profile.match:
                weight = rule.weight(_lower(vid), _lower(pid), manufacturer, model)
                if weight is not None and weight > most:
                    best, most = profile, weight
        return best

    def role(
        self,
        vid: str | None,
        pid: str | None,
        interface: int | None,
        subclass: int | None = None,
        protocol: int | None = None,
    ) -> Role | None:
        """What this port is for; None where nothing is known and only asking it tells."""
        known = (_lower(vid), _lower(pid))
        for profile in self.families.values():
            roles = profile.ports.get(known)
            if roles is not None and interface is not None:
                return roles.get(interface, roles.get(None))
        for profile in self.families.values():
            by_class = profile.classes.get(known[0], {})
            if subclass is not None and protocol is not None and (subclass, protocol) in by_class:
                return by_class[subclass, protocol]
        return None

    def mode(
        self, vid: str | None, pid: str | None, *, has_tty: bool | None = None
    ) -> DeviceMode | None:
        """What a device with this id is now; None for one that is not known.

        `has_tty`: whether it has serial ports; it decides where a stick keeps its id when it is
        switched. None, for not known, takes it to be switched.
        """
        rule = self._rule(vid, pid, has_tty)
        if rule is not None:
            return rule.mode
        known = (_lower(vid), _lower(pid))
        ports = [each.ports[known] for each in self.families.values() if known in each.ports]
        if ports and set(ports[0]) == {None} and ports[0][None] is Role.IGNORE:
            return None  # a receiver of satellites, say
        listed = ports or any(rule.lists(*known) for each in self for rule in each.match)
        # A maker's other devices without ports may be routers, hubs, anything.
        fits = listed or (has_tty is not False and self.for_modem(vid, pid) is not self.generic)
        return DeviceMode.MODEM if fits else None

    def remedy(
        self, vid: str | None, pid: str | None, *, has_tty: bool | None = None
    ) -> str | None:
        """What to do about its mode, for people; None for a modem and for what is not known."""
        rule = self._rule(vid, pid, has_tty)
        return None if rule is None else rule.remedy

    def _rule(self, vid: str | None, pid: str | None, has_tty: bool | None) -> ModeRule | None:
        known = (_lower(vid), _lower(pid))
        for rule in self.modes:
            if known in rule.ids and not (rule.keeps_id and has_tty is not False):
                return rule
        return None


def _lower(usb_id: str | None) -> str:
    return (usb_id or "").lower()


def load_profiles(folder: Path | None = None) -> Profiles:
    """The packaged profiles, and those of `folder` before them; never raises for a bad file."""
    families: dict[str, Profile] = {}
    modes: list[ModeRule] = []
    refused: list[ConfigError] = []
    if folder is not None:
        _load(folder, str(folder), families, modes, refused)
    _load(FOLDER, "", families, modes, refused)
    return Profiles(
        families=families, generic=load_profile(), modes=tuple(modes), refused=tuple(refused)
    )


def _load(
    folder: Traversable,
    where: str,
    families: dict[str, Profile],
    modes: list[ModeRule],
    refused: list[ConfigError],
) -> None:
    base = generic_table()
    try:
        files = sorted(folder.iterdir(), key=lambda each: each.name)
    except OSError as error:
        refused.append(ConfigError(where, f"no profiles there: {error.strerror or error}"))
        return
    for file in files:
        stem = file.name.removesuffix(SUFFIX)
        if not file.name.endswith(SUFFIX) or (stem == GENERIC and not where):
            continue
        name = f"{where}/{file.name}" if where else file.name
        try:
            text = _read(file, name)
            if stem == MODES:
                modes += parse_modes(text, name)
                continue
            profile = parse_profile(text, name, base)
            _placed(profile, stem, name)
            families.setdefault(profile.name, profile)
        except ConfigError as error:
            refused.append(error)


def _read(file: Traversable, name: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(name, error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise ConfigError(name, "is not UTF-8") from None


def _placed(profile: Profile, stem: str, name: str) -> None:
    """A profile is found by its file's name, and by what it matches."""
    if profile.name == GENERIC:
        raise ConfigError(f"{name}: name", "the generic profile stays; write a family that matches")
    if profile.name != stem:
        raise ConfigError(f"{name}: name", f"must be the file's name, {stem!r}")
    if not profile.match:
        raise ConfigError(f"{name}: match", "is missing: nothing would ever use it")


def parse_modes(text: str, file: str = f"{MODES}{SUFFIX}") -> list[ModeRule]:
    """The rules of one file; ConfigError names the file and the first key that is wrong."""
    top = Table(file, parse_toml(text, file), ("mode",))
    keys = ("mode", "remedy", "ids", "keeps_id", "sources")
    return [_rule(row) for row in top.rows("mode", keys)]


def _rule(row: Table) -> ModeRule:
    ids = {(vid, pid) for vid, pids in row.id_table("ids") for pid in pids}
    if not ids:
        raise row.wrong("ids", "must name at least one device")
    return ModeRule(
        mode=row.choice("mode", DeviceMode),
        remedy=row.text("remedy"),
        ids=frozenset(ids),
        sources=row.texts("sources"),
        keeps_id="keeps_id" in row and row.truth("keeps_id"),
    )

"""The udev rules, written from the profiles: `python -m airpost.modem.udevrules` prints them.

May import profile and profiles. Pure but for that. udev names a port for good, gives it to the
group of serial ports and says what it is for before anybody opens it, and keeps ModemManager and
autosuspend away from modems.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping

from airpost.modem.profile import DeviceMode, Role
from airpost.modem.profiles import Profiles, load_profiles

IDS_A_LINE = 8
ROLE_TAG = "AIRPOST_ROLE"
MADE_BY = "AIRPOST_ROLE_BY"  # set to MAKER by these rules: such a role is the profiles' own
MAKER = "airpost"

HEAD = """\
# USB modems and serial adapters, for airpost. Written from its profiles by
# `python -m airpost.modem.udevrules`; rules of your own go into a file before it, 59-local.rules:
#
# A modem that is none of airpost's, and stays with ModemManager:
#   SUBSYSTEMS=="usb", ATTRS{idVendor}=="ffff", ENV{AIRPOST_MODEM}="0"
# A port of which you know better what it is for (at, spare, ppp, diag, nmea, audio, ignore):
#   SUBSYSTEM=="tty", KERNELS=="1-1.4:1.2", ENV{AIRPOST_ROLE}="at"

ACTION=="remove", GOTO="airpost_end"
SUBSYSTEM!="usb|tty", GOTO="airpost_end"
SUBSYSTEM=="usb", ENV{DEVTYPE}!="usb_device", GOTO="airpost_end"
ENV{AIRPOST_MODEM}=="0", GOTO="airpost_end"
SUBSYSTEMS=="usb", ATTRS{idVendor}=="?*", \
ENV{.AIRPOST_ID}="$attr{idVendor}:$attr{idProduct}", ENV{.AIRPOST_PLACE}="$id"
ENV{.AIRPOST_ID}=="", GOTO="airpost_end"
"""
DEVICE = """\
ENV{AIRPOST_MODEM}=="1", ENV{ID_MM_DEVICE_IGNORE}="1"
SUBSYSTEM=="usb", ENV{AIRPOST_MODEM}=="1", TEST=="power/control", ATTR{power/control}="on"
SUBSYSTEM=="usb", GOTO="airpost_end"
"""
PORT = """\
ENV{AIRPOST_MODEM}!="1", ENV{AIRPOST_ADAPTER}!="1", GOTO="airpost_end"

# The port: its group, and a name by place that stays (/dev/airpost/1-1.4-if02).
SUBSYSTEMS=="usb", ATTRS{bInterfaceNumber}=="?*", ENV{.AIRPOST_IF}="$attr{bInterfaceNumber}", \
ENV{.AIRPOST_CLASS}="$attr{bInterfaceClass}/$attr{bInterfaceSubClass}/$attr{bInterfaceProtocol}"
SUBSYSTEMS=="usb-serial", ATTRS{port_number}=="?*", ENV{.AIRPOST_PORT}="$attr{port_number}"
GROUP="dialout", MODE="0660"
ENV{.AIRPOST_PORT}=="|0", SYMLINK+="airpost/$env{.AIRPOST_PLACE}-if$env{.AIRPOST_IF}"
ENV{.AIRPOST_PORT}!="|0", \
SYMLINK+="airpost/$env{.AIRPOST_PLACE}-if$env{.AIRPOST_IF}-port$env{.AIRPOST_PORT}"
ENV{AIRPOST_ROLE}=="?*", GOTO="airpost_end"
"""
TAIL = """\
ENV{AIRPOST_ROLE}=="?*", ENV{AIRPOST_ROLE_BY}="airpost"
LABEL="airpost_end"
"""


def udev_rules(profiles: Profiles) -> str:
    """The whole file."""
    return "\n".join([
        HEAD, "# Modems.",
        *_lines(_modems(profiles), 'ENV{AIRPOST_MODEM}="1"'), DEVICE,
        "# Adapters: what is behind them nobody knows, so ModemManager is not told to keep away.",
        *_lines(_adapters(profiles), 'ENV{AIRPOST_ADAPTER}="1"'), PORT,
        "# What the port is for, by USB class where a maker has numbers for it.",
        *_class_roles(profiles), "\n# What the port is for, by device and interface.",
        *_table_roles(profiles), "", TAIL,
    ])  # fmt: skip


def _modems(profiles: Profiles) -> set[str]:
    """`vid:pid`, or `vid:*` for makers of nothing else."""
    ids = {f"{vid}:{pid}" for family in profiles.families.values() for vid, pid in family.ports
           if profiles.mode(vid, pid) is DeviceMode.MODEM}  # fmt: skip
    for family in profiles.families.values():
        for rule in family.match:
            if rule.vid is not None and not rule.model and not rule.manufacturer:
                ids |= {f"{rule.vid}:{pid}" for pid in rule.pids or ("*",)}
    makers = {each for each in ids if each.endswith("*")}
    return makers | {each for each in ids if each.partition(":")[0] + ":*" not in makers}


def _adapters(profiles: Profiles) -> set[str]:
    return {f"{vid}:{pid}" for rule in profiles.modes
            if rule.mode is DeviceMode.SERIAL_ADAPTER for vid, pid in rule.ids}  # fmt: skip


def _class_roles(profiles: Profiles) -> Iterator[str]:
    roles: dict[tuple[str, Role], set[str]] = {}
    for family in profiles.families.values():
        for vid, known in family.classes.items():
            for (subclass, protocol), role in known.items():
                roles.setdefault((vid, role), set()).add(f"ff/{subclass:02x}/{protocol:02x}")
    for (vid, role), classes in sorted(
        roles.items(), key=lambda each: (each[0][0], each[0][1].value)
    ):
        shown = "|".join(sorted(classes))
        yield f'ENV{{.AIRPOST_ID}}=="{vid}:*", ENV{{.AIRPOST_CLASS}}=="{shown}", {_tag(role)}'


def _table_roles(profiles: Profiles) -> Iterator[str]:
    """A device's own table is the whole truth about it: what its classes said is taken back."""
    tables: dict[str, Mapping[int | None, Role]] = {}
    for family in profiles.families.values():
        for (vid, pid), known in family.ports.items():
            tables.setdefault(f"{vid}:{pid}", known)
    by_class = {vid for family in profiles.families.values() for vid in family.classes}
    yield from _lines({each for each in tables if each.partition(":")[0] in by_class},
                      f'ENV{{{ROLE_TAG}}}=""')  # fmt: skip
    ids: dict[tuple[str, str], set[str]] = {}
    for usb_id, known in tables.items():
        for interface, role in known.items():
            number = "" if interface is None else f"{interface:02x}"
            ids.setdefault((number, role.value), set()).add(usb_id)
    for (number, tag), those in sorted(
        ids.items()
    ):  # "" is first: it holds where nothing else does
        where = f'ENV{{.AIRPOST_IF}}=="{number}", ' if number else ""
        yield from _lines(those, where + _tag(Role(tag)))


def _tag(role: Role) -> str:
    return f'ENV{{{ROLE_TAG}}}="{role.value}"'


def _lines(ids: Iterable[str], what: str) -> Iterator[str]:
    ordered = sorted(ids)
    for at in range(0, len(ordered), IDS_A_LINE):
        yield f'ENV{{.AIRPOST_ID}}=="{"|".join(ordered[at : at + IDS_A_LINE])}", {what}'


if __name__ == "__main__":
    sys.stdout.write(udev_rules(load_profiles()))

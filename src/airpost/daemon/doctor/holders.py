"""Who has a serial port open, by name: every process's descriptors in /proc.

Stdlib only. Descriptors of other users' processes can be seen by root alone; `blind` says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from airpost.daemon.doctor.roots import Roots, read

_SERVICE = re.compile(r"\bairpost\S* (?:serve|demo)\b")
PTS, PTMX = "/dev/pts/", ("/dev/ptmx", "/dev/pts/ptmx")
_GETTYS = ("getty", "agetty", "mgetty", "fbgetty", "login")


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One process; `name` is the kernel's short one, `command` the line it was started by."""

    pid: int
    name: str
    command: str

    @property
    def shown(self) -> str:
        """For people."""
        return f"{self.name} (process {self.pid})"

    @property
    def is_airpost(self) -> bool:
        """True for the service itself."""
        return _SERVICE.search(self.command) is not None

    def stop_line(self, device: str) -> str:
        """The line that makes it let go of `device`, for good where it comes back by itself."""
        if self.name in _GETTYS:
            tty = device.rpartition("/")[2]
            return f"sudo systemctl disable --now serial-getty@{tty}.service"
        if self.name in _STOPPED_BY:
            return _STOPPED_BY[self.name]
        return f"sudo kill {self.pid}"


_STOPPED_BY: Mapping[str, str] = {
    "ModemManager": "sudo systemctl disable --now ModemManager.service",
    "brltty": "sudo systemctl disable --now brltty.service brltty-udev.service",
    "gpsd": "sudo systemctl disable --now gpsd.service gpsd.socket",
    "gammu-smsd": "sudo systemctl disable --now gammu-smsd.service",
    "smsd": "sudo systemctl disable --now smstools.service",
    "pppd": "sudo poff -a",
    "NetworkManager": "nmcli device  # find it there, then: nmcli device set NAME managed no",
}
# Programs that take ports of modems without being asked, and the line that ends it.
GREEDY: Mapping[str, str] = {name: _STOPPED_BY[name] for name in ("ModemManager", "brltty")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Who holds what. `running` are the greedy programs that run, whatever they hold now."""

    by_device: Mapping[str, tuple[Holder, ...]]
    running: frozenset[str]
    blind: bool  # some descriptors could not be looked at

    def of(self, device: str) -> tuple[Holder, ...]:
        """The holders of a device."""
        return self.by_device.get(device, ())


def holders(roots: Roots, devices: Sequence[str]) -> Held:
    """Who has one of `devices` open (`/dev/ttyUSB2`: what it is in the end, no links)."""
    found: dict[str, list[Holder]] = {device: [] for device in devices}
    running: set[str] = set()
    blind = False
    for process in _processes(roots):
        name = read(process / "comm") or "?"
        if name in GREEDY:
            running.add(name)
        try:
            descriptors = list((process / "fd").iterdir())
        except PermissionError:
            blind = True
            continue
        except OSError:
            continue  # it has ended
        targets = {
            target for each in descriptors if not _is_anothers(each, target := _target(each))
        }
        makes_terminals = not targets.isdisjoint(PTMX)  # it is the modem at the other end
        for device in targets & found.keys():
            if makes_terminals and device.startswith(PTS):
                continue
            holder = Holder(pid=int(process.name), name=name, command=_command(process))
            found[device].append(holder)
    return Held(
        by_device={device: tuple(each) for device, each in found.items() if each},
        running=frozenset(running),
        blind=blind,
    )


def _processes(roots: Roots) -> list[Path]:
    try:
        every = [each for each in roots.proc.iterdir() if each.name.isdigit()]
    except OSError:
        return []
    return sorted(every, key=lambda each: int(each.name))


def _target(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""  # closed meanwhile


def _is_anothers(descriptor: Path, target: str) -> bool:
    """True for one of the same name elsewhere: a container has pseudo-terminals of its own."""
    if not target.startswith(PTS):
        return False
    try:
        theirs, ours = descriptor.stat(), Path(target).stat()
    except OSError:
        return False
    return (theirs.st_dev, theirs.st_ino) != (ours.st_dev, ours.st_ino)


def _command(process: Path) -> str:
    return (read(process / "cmdline") or "").replace("\0", " ").strip()

"""A look at the USB devices and serial ports of this machine, through sysfs and /dev.

May import devices. Blocks for milliseconds: run it in a thread. Changes nothing, opens no port.
`root` is where the file system begins, so that a made-up one can be looked at.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from airpost.modem.devices import USB_NAME, Interface, Sighting, Tty

# .../1-1.4/1-1.4:1.2/ttyUSB0/tty/ttyUSB0: device, then interface, in the link of the tty.
ON_USB = re.compile(r"/(?P<device>\d+-[\d.]+)/(?P=device):\d+\.(?P<interface>\d+)/(?:.*/)?tty")
# pci-0000:00:14.0-usb-0:1.4:1.2-port0, usb-HUAWEI_Mobile-if02-port0: what is behind the device.
BY_PATH = re.compile(r"(?P<device>.+:[\d.]+):\d+\.(?P<interface>\d+)(-port(?P<port>\d+))?")
BY_ID = re.compile(r"(?P<device>.+)-if(?P<interface>[0-9a-f]{2})(-port(?P<port>\d+))?")
LINKS = ("airpost", "serial/by-path", "serial/by-id")  # in the order of preference as a name

Mark = frozenset[tuple[str, int, int]]
Key = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was seen; `withheld` are ttys that udev has not finished with yet."""

    sightings: tuple[Sighting, ...]
    withheld: frozenset[str] = frozenset()


class Surveyor:
    """Looks at one machine. `ports` are paths of the configuration, on USB or not."""

    def __init__(self, ports: Sequence[str] = (), root: Path = Path("/")) -> None:
        root = root.resolve()
        self._ports = tuple(ports)
        self._tty = root / "sys" / "class" / "tty"
        self._usb = root / "sys" / "bus" / "usb" / "devices"
        self._dev = root / "dev"

    def mark(self) -> Mark:
        """Changes whenever anything has come or gone, and costs little."""
        folders = (self._tty, self._usb, *(self._dev / name for name in LINKS))
        return frozenset(
            [(each.path, each.inode(), 0) for folder in folders for each in _entries(folder)]
            + [(port, *seen) for port in self._ports if (seen := _stamp(port)) is not None]
        )

    def look(self, finished: Mapping[str, str | None] | None = None) -> Survey:
        """Everything. `finished`: ttys that udev is through with, each with its AIRPOST_ROLE;
        others are withheld. None where there is no udev."""
        on_usb = {entry.name: found for entry in _entries(self._tty)
                  if (found := ON_USB.search(_target(entry)))}  # fmt: skip
        files = {key: name for name in on_usb for key in self._keys_of(name)}
        named = _first_names(self._ports, files)
        links = [link for folder in LINKS[:2] for link in self._links(folder)]
        names = _first_names(links, files)  # by-id is left out: equal sticks have the same
        ttys: dict[str, list[Tty]] = {}
        for name, found in on_usb.items():
            node = str(self._dev / name)
            path = named.get(name) or names.get(name) or node
            if (finished is not None and name not in finished) or _stamp(path) is None:
                continue  # the rules are under way, or a container has not got this one
            tty = Tty(path=path, node=node, interface=int(found["interface"]),
                      port=_number(self._tty / name / "device" / "port_number", 10) or 0,
                      tag=None if finished is None else finished[name],
                      named=name in named)  # fmt: skip
            ttys.setdefault(found["device"], []).append(tty)
        devices = [self._device(name, ttys.get(name, ())) for name in self._device_names()]
        others = self._others(set(files))
        withheld = frozenset(on_usb if finished is not None else ()) - set(finished or ())
        return Survey(sightings=(*filter(None, devices), *others), withheld=withheld)

    def _keys_of(self, name: str) -> set[Key]:
        major, _, minor = (_text(self._tty / name / "dev") or "").partition(":")
        number = os.makedev(int(major), int(minor)) if major.isdigit() and minor.isdigit() else 0
        return _keys(str(self._dev / name)) | ({(0, number)} if number else set())

    def _links(self, folder: str) -> list[str]:
        return sorted(entry.path for entry in _entries(self._dev / folder))

    def _device_names(self) -> Iterator[str]:
        names = (each.name for each in _entries(self._usb))
        return iter(sorted(name for name in names if USB_NAME.fullmatch(name)))

    def _device(self, name: str, ttys: Iterable[Tty]) -> Sighting | None:
        folder = self._usb / name
        vid = _text(folder / "idVendor")
        if vid is None:
            return None  # it went while we looked
        return Sighting(
            usb_path=name,
            address=_text(folder / "devnum") or "",
            vid=vid.lower(),
            pid=(_text(folder / "idProduct") or "").lower(),
            product=_text(folder / "product"),
            serial=_text(folder / "serial"),
            announced=_number(folder / "bNumInterfaces", 10) or 0,
            interfaces=tuple(self._interfaces(folder, name)),
            ttys=tuple(sorted(ttys, key=lambda tty: (tty.interface or 0, tty.port, tty.node))),
        )

    def _interfaces(self, folder: Path, name: str) -> Iterator[Interface]:
        inside = [Path(each.path) for each in _entries(folder) if each.name.startswith(f"{name}:")]
        for each in sorted(inside):
            facts = [_number(each / f"bInterface{what}", 16)
                     for what in ("Number", "Class", "SubClass", "Protocol")]  # fmt: skip
            number, cls, subclass, protocol = (fact if fact is not None else -1 for fact in facts)
            yield Interface(number=number, cls=cls, subclass=subclass, protocol=protocol,
                            driver=_driver(each))  # fmt: skip

    def _others(self, known: set[Key]) -> Iterator[Sighting]:
        """Ports that sysfs says nothing of: what the configuration names, then what has a link."""
        for port in self._ports:
            keys = _keys(port)
            if keys and not keys & known:
                known |= keys
                tty = Tty(path=port, node=os.path.realpath(port), named=True)
                yield Sighting(usb_path=port, address=str(_stamp(port)), ttys=(tty,))
        found: dict[str, Sighting] = {}
        for folder, form in ((LINKS[1], BY_PATH), (LINKS[2], BY_ID)):
            for link in self._links(folder):
                keys = _keys(link)
                if keys and not keys & known:
                    known |= keys
                    name, tty = _read_link(link, form)
                    before = found.get(name, Sighting(usb_path=name, address=str(_stamp(link))))
                    found[name] = replace(before, ttys=(*before.ttys, tty))
        yield from found.values()


def _read_link(link: str, form: re.Pattern[str]) -> tuple[str, Tty]:
    """Device and port by the name udev gave the link; any other name is a device of its own."""
    node = os.path.realpath(link)
    parts = form.fullmatch(Path(link).name)
    if parts is None:
        return link, Tty(path=link, node=node)
    interface = int(parts["interface"], 10 if form is BY_PATH else 16)
    tty = Tty(path=link, node=node, interface=interface, port=int(parts["port"] or 0))
    return parts["device"], tty


def _keys(path: str) -> set[Key]:
    """What two paths have in common that lead to the same port; empty where there is none.

    The device number, because a container has device files of its own; and the file.
    """
    try:
        behind = Path(path).stat()
    except OSError:
        return set()
    file = {(behind.st_dev, behind.st_ino)}
    return file | {(0, behind.st_rdev)} if behind.st_rdev else file


def _first_names(paths: Iterable[str], files: Mapping[Key, str]) -> dict[str, str]:
    """tty → the first of `paths` that leads to it."""
    found: dict[str, str] = {}
    for path in paths:
        for name in {files[key] for key in _keys(path) & set(files)}:
            found.setdefault(name, path)
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []  # no such folder here, or gone while we looked


def _target(entry: os.DirEntry[str]) -> str:
    try:
        return str(Path(entry.path).readlink())
    except OSError:
        return ""


def _stamp(path: str) -> tuple[int, int] | None:
    """Another one when there is another device behind the path; None when there is none.

    A link that is made anew tells it too: numbers of terminals and files are used again.
    """
    try:
        itself, behind = os.lstat(path), os.stat(path)  # noqa: PTH116 - every second, of each port
    except OSError:
        return None
    made = itself.st_ctime_ns if stat.S_ISLNK(itself.st_mode) else itself.st_ino
    return made, behind.st_rdev or behind.st_ino


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _number(file: Path, base: int) -> int | None:
    try:
        return int(_text(file) or "", base)
    except ValueError:
        return None


def _driver(folder: Path) -> str | None:
    try:
        return (folder / "driver").readlink().name
    except OSError:
        return None

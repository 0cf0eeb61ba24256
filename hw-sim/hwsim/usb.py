"""A made-up /sys and /dev below a folder: a hub, the sticks on it, their ports, and the switches.

Stdlib and `watch`. What the kernel would make is made here as files and links; what a host writes
to `authorized`, `bind`, `unbind` and a hub port's `disable` is told to the stick it is about.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hwsim.watch import Watch

BUS = Path("sys/devices/pci0000:00/0000:00:14.0/usb1")
HUB = BUS / "1-1"
BY_PATH = "pci-0000:00:14.0-usb-0"
MARK = Path("sys/.hw-sim")  # this tree is ours
TREES = ("sys", "dev", "bin")
CLAIMED = "usbfs"  # the "driver" of an interface that a program has taken for itself
STORAGE = "080650"  # class, subclass and protocol of a CD-ROM
UHUBCTL = """#!/bin/sh
# Switches the ports of the made-up hub, as uhubctl does: -l HUB -p PORT -a on|off|cycle.
action=show
while getopts l:p:a:d:r:fNS name; do
  case $name in l) hub=$OPTARG;; p) port=$OPTARG;; a) action=$OPTARG;; *) ;; esac
done
switch="{root}/sys/bus/usb/devices/${{hub:?}}:1.0/$hub-port${{port:?}}/disable"
[ -w "$switch" ] || {{ echo "No compatible devices detected at location $hub!"; exit 1; }}
show() {{
  read -r off < "$switch"
  if [ "$off" = 1 ]; then echo "  Port $port: 0000 off"; else echo "  Port $port: 0103 power"; fi
}}
echo "Current status for hub $hub [05e3:0608 USB2.0 Hub, USB 2.00, 16 ports, ppps]"
show
case $action in
  off) echo 1 > "$switch";;
  on) echo 0 > "$switch";;
  cycle) echo 1 > "$switch"; sleep 2; echo 0 > "$switch";;
  show) exit 0;;
esac
echo "Sent power $action request"
echo "New status for hub $hub [05e3:0608 USB2.0 Hub, USB 2.00, 16 ports, ppps]"
show
"""


class Switched(Protocol):
    """Who is told what hosts do to a stick."""

    def configure(self, *, on: bool, by: str) -> None:
        """It is authorized or bound, or no more; `by` which of them."""
        ...

    def hub_power(self, *, on: bool) -> None:
        """Its hub port has power, or none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a stick says of itself."""

    vid: str
    pid: str
    product: str
    manufacturer: str
    driver: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbPort:
    """An interface with a port, or without one: `device` is its terminal, `kind` as "ff0201"."""

    interface: int
    kind: str
    device: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A port in the tree: `tty` as "ttyUSB2", `path` its link by path."""

    tty: str
    path: Path
    interface: int


class Bus:
    """The tree below `root`, between `open()` and `close()`."""

    def __init__(self, root: Path, watch: Watch) -> None:
        self.root = root
        self._watch = watch
        self._sticks: dict[str, Stick] = {}
        self._ttys: set[int] = set()
        self._floor = 0
        self._devnum = 2

    def open(self) -> None:
        """Make the hub and the folders that are always there; OSError where a stranger's are."""
        for each in TREES:
            if (self.root / each).exists():
                raise FileExistsError(
                    f"{self.root / each} is not hw-sim's; move it away or name another folder"
                )
        (self.root / MARK).parent.mkdir(parents=True, exist_ok=True)
        (self.root / MARK).touch()
        for each in ("sys/class/tty", "sys/bus/usb/drivers/usb", "dev/serial/by-path", "bin"):
            (self.root / each).mkdir(parents=True, exist_ok=True)
        self._hub(BUS, "usb1", vid="1d6b", pid="0002", product="xHCI Host Controller")
        self._hub(HUB, "1-1", vid="05e3", pid="0608", product="USB2.0 Hub")
        self.folder(HUB / "1-1:1.0", {"bInterfaceNumber": "00", "bInterfaceClass": "09"})
        self.link(Path("sys/bus/usb/devices/1-1:1.0"), HUB / "1-1:1.0")
        for name in ("bind", "unbind"):
            file = self.root / "sys/bus/usb/drivers/usb" / name
            file.touch()
            self._watch.writes(str(file), lambda name=name: self._bound(name))  # type: ignore[misc]
        script = self.root / "bin/uhubctl"
        script.write_text(UHUBCTL.format(root=self.root.resolve()), encoding="ascii")
        script.chmod(0o755)

    def close(self) -> None:
        """Take the tree away."""
        clear(self.root)

    def stick(self, place: int, told: Switched) -> Stick:
        """A place on the hub: `place` 0 is port 1."""
        made = Stick(self, f"1-1.{place + 1}", told, self._watch)
        self._sticks[made.name] = made
        port = HUB / "1-1:1.0" / f"1-1-port{place + 1}"
        self.folder(port, {"disable": "0"})
        self._watch.writes(
            str(self.root / port / "disable"), lambda: made.port_written(port / "disable")
        )
        return made

    def renumber(self) -> None:
        """From now on ttys have numbers that none has had."""
        self._floor = max(self._ttys, default=self._floor - 1) + 1

    def take_tty(self) -> int:
        """The lowest free number, as the kernel gives it."""
        number = self._floor
        while number in self._ttys:
            number += 1
        self._ttys.add(number)
        return number

    def free_tty(self, number: int) -> None:
        """The port has gone."""
        self._ttys.discard(number)

    def next_devnum(self) -> int:
        """Another address for everything that comes."""
        self._devnum += 1
        return self._devnum

    # Files

    def folder(self, path: Path, files: dict[str, str]) -> None:
        """A folder of sysfs with its attributes."""
        for name, text in files.items():
            file = self.root / path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{text}\n", encoding="ascii")

    def link(self, path: Path, target: Path) -> None:
        """A link from `path` to `target`, both below the root, as sysfs makes them."""
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(target, path.parent))

    def _hub(self, path: Path, name: str, *, vid: str, pid: str, product: str) -> None:
        self.folder(
            path,
            {"idVendor": vid, "idProduct": pid, "product": product, "bDeviceClass": "09",
             "bNumInterfaces": " 1", "bmAttributes": "e0", "devnum": name[-1], "authorized": "1",
             "power/control": "auto"},
        )  # fmt: skip
        self.link(Path("sys/bus/usb/devices") / name, path)

    def _bound(self, switch: str) -> None:
        text = (self.root / "sys/bus/usb/drivers/usb" / switch).read_text(encoding="ascii")
        stick = self._sticks.get(text.strip())
        if stick is not None:
            stick.bound(on=switch == "bind")


class Stick:
    """One place on the hub and what is plugged in there."""

    def __init__(self, bus: Bus, name: str, told: Switched, watch: Watch) -> None:
        self.name = name  # as the kernel calls it: 1-1.4
        self.ports: list[Seen] = []
        self._bus = bus
        self._told = told
        self._watch = watch
        self._watched = -1
        self._path = HUB / name
        self._powered = True
        self._configured = False
        self._ttys: list[int] = []
        self._links: list[Path] = []

    def appear(self, facts: Facts, ports: Sequence[UsbPort]) -> None:
        """A device is there, with its interfaces."""
        bus = self._bus
        bus.folder(
            self._path,
            {"idVendor": facts.vid, "idProduct": facts.pid, "product": facts.product,
             "manufacturer": facts.manufacturer, "bDeviceClass": "00", "bmAttributes": "80",
             "bNumInterfaces": f"{len(ports):2d}", "devnum": str(bus.next_devnum()),
             "authorized": "1", "power/control": "on"},
        )  # fmt: skip
        bus.link(Path("sys/bus/usb/devices") / self.name, self._path)
        switch = self._bus.root / self._path / "authorized"
        self._watched = self._watch.writes(str(switch), self._authorized)
        self.configure(facts, ports)

    def configure(self, facts: Facts, ports: Sequence[UsbPort]) -> None:
        """Its interfaces come."""
        self._configured = True
        for port in ports:
            self._interface(facts, port)

    def steal(self) -> None:
        """A program has taken all interfaces for itself: they stay, and have no ports."""
        drivers = self._bus.root / "sys/bus/usb/drivers" / CLAIMED
        drivers.mkdir(parents=True, exist_ok=True)
        self._forget_ports()
        for folder in sorted((self._bus.root / self._path).glob(f"{self.name}:*")):
            for tty in folder.glob("tty*"):
                shutil.rmtree(tty)
            inside = self._path / folder.name
            self._bus.link(inside / "driver", Path("sys/bus/usb/drivers") / CLAIMED)
            self._link(Path("sys/bus/usb/devices") / folder.name, inside)

    def deconfigure(self) -> None:
        """Its interfaces go; the device stays."""
        self._configured = False
        self._forget_ports()
        for folder in (self._bus.root / self._path).glob(f"{self.name}:*"):
            shutil.rmtree(folder)

    def _forget_ports(self) -> None:
        for link in reversed(self._links):
            (self._bus.root / link).unlink(missing_ok=True)
        for tty in self._ttys:
            self._bus.free_tty(tty)
        self._ttys.clear()
        self._links.clear()
        self.ports.clear()

    def vanish(self) -> None:
        """Nothing is there any more."""
        self.deconfigure()
        self._watch.forget(self._watched)
        (self._bus.root / "sys/bus/usb/devices" / self.name).unlink(missing_ok=True)
        shutil.rmtree(self._bus.root / self._path, ignore_errors=True)

    def renumber(self) -> None:
        """Its ports, and those of others, come back under numbers that none has had."""
        self._bus.renumber()

    def serve(self, told: Switched) -> None:
        """Another stick is plugged in here next."""
        self._told = told

    # What hosts write

    def bound(self, *, on: bool) -> None:
        """The driver of the whole device was bound or unbound."""
        if on != self._configured and (self._bus.root / self._path).exists():
            self._told.configure(on=on, by="unbind")

    def port_written(self, switch: Path) -> None:
        """The hub port's `disable` was written."""
        powered = _read(self._bus.root / switch) != "1"
        if powered != self._powered:
            self._powered = powered
            self._told.hub_power(on=powered)

    def _authorized(self) -> None:
        on = _read(self._bus.root / self._path / "authorized") != "0"
        if on != self._configured:
            self._told.configure(on=on, by="authorized")

    # Files

    def _interface(self, facts: Facts, port: UsbPort) -> None:
        bus, name = self._bus, f"{self.name}:1.{port.interface}"
        path = self._path / name
        kind = port.kind
        bus.folder(
            path,
            {"bInterfaceNumber": f"{port.interface:02x}", "bInterfaceClass": kind[:2],
             "bInterfaceSubClass": kind[2:4], "bInterfaceProtocol": kind[4:]},
        )  # fmt: skip
        driver = "usb-storage" if kind == STORAGE else facts.driver
        (bus.root / "sys/bus/usb/drivers" / driver).mkdir(parents=True, exist_ok=True)
        bus.link(path / "driver", Path("sys/bus/usb/drivers") / driver)
        self._link(Path("sys/bus/usb/devices") / name, path)
        if port.device is not None:
            self._tty(path, port, port.device)

    def _tty(self, path: Path, port: UsbPort, device: str) -> None:
        bus, number = self._bus, self._bus.take_tty()
        tty = f"ttyUSB{number}"
        self._ttys.append(number)
        behind = os.stat(device).st_rdev  # noqa: PTH116 - a path of the system, given as text
        bus.folder(path / tty / "tty" / tty, {"dev": f"{os.major(behind)}:{os.minor(behind)}"})
        bus.link(path / tty / "tty" / tty / "device", path / tty)
        self._link(Path("sys/class/tty") / tty, path / tty / "tty" / tty)
        # For who follows the port to its terminal and looks for that.
        self._link(Path("sys/class/tty") / Path(device).name, Path("sys/class/tty") / tty)
        node = Path("dev") / tty
        self._links.append(node)
        (bus.root / node).unlink(missing_ok=True)
        (bus.root / node).symlink_to(device)
        place = self.name.partition("-")[2]
        by_path = Path("dev/serial/by-path") / f"{BY_PATH}:{place}:1.{port.interface}-port0"
        self._link(by_path, node)
        self.ports.append(Seen(tty=tty, path=bus.root / by_path, interface=port.interface))

    def _link(self, path: Path, target: Path) -> None:
        self._bus.link(path, target)
        self._links.append(path)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def clear(root: Path) -> None:
    """Take a tree away that a bus has made below `root`; nothing happens where there is none."""
    if (root / MARK).exists():
        for each in TREES:
            shutil.rmtree(root / each, ignore_errors=True)

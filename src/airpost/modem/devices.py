"""What a USB device with serial ports is: one modem, adapters with a modem each, or none yet.

May import profile and profiles. Pure: values in, values out; what is there `survey` sees. Never
goes by the name of a tty: ttyUSB2 is another port after every plug.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from airpost.modem.profile import DeviceMode, Role
from airpost.modem.profiles import Profiles

SWITCH_S = 60.0  # sticks leave their CD-ROM mode within 15 s where a program switches them

# The kernel's name: bus, then port by port.
USB_NAME = re.compile(r"[1-9]\d*-[1-9]\d*(\.[1-9]\d*)*")
HUB_CLASS = "09"  # bDeviceClass as sysfs writes it (USB 2.0, 11.23.1)
VENDOR_CLASS = 0xFF  # USB class codes
STORAGE = 0x08
CDC = 0x02
ABSTRACT_CONTROL = 0x02  # CDC 1.2, table 4: the subclass of modems
V250_PROTOCOLS = range(0x01, 0x07)  # CDC 1.2, table 5: AT commands of V.250 and its kin

# Drivers of Linux: their own lists of ids say what a device is where no profile does.
MODEM_DRIVERS = frozenset({"option", "qcserial", "sierra", "hso", "ipw", "qcaux", "ssu100"})
ONE_PORT_ADAPTERS = frozenset({"ch341", "cp210x", "ftdi_sio", "pl2303"})  # a port an interface
ADAPTERS = ONE_PORT_ADAPTERS | {
    "ark3116", "belkin_sa", "f81232", "f81534", "mct_u232", "mos7720", "mos7840", "mxuport",
    "oti6858", "quatech2", "ti_usb_3410_5052", "upd78f0730", "xr_serial",
}  # fmt: skip

# Which ports to ask first. A table can be wrong for one firmware, so diagnostics and positions are
# asked too, last; audio and what makes a modem fall over never.
ASKED = (Role.AT, Role.SPARE, None, Role.PPP, Role.NMEA, Role.DIAG)
WITH_MODEM = frozenset({DeviceMode.MODEM, DeviceMode.SERIAL_ADAPTER, DeviceMode.WEB_INBOX})

CLAIMED = "usbfs"  # the "driver" of an interface that a program has taken for itself

UNSWITCHED = (
    "it shows itself as a disc of drivers: `apt install usb-modeswitch`, then plug it in again"
)
NO_DRIVER = (
    "the kernel has made no serial port for it: `modprobe option`; if none comes, "
    "`echo {vid} {pid} > /sys/bus/usb-serial/drivers/option1/new_id`"
)
PORT_TAKEN = (
    "the kernel has taken its serial port away: brltty does so with adapters that Braille displays "
    "use too; `apt remove brltty`, then plug it in again"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One interface of a USB device; class, subclass and protocol as USB numbers them."""

    number: int
    cls: int
    subclass: int
    protocol: int
    driver: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tty:
    """One serial port as the kernel has it.

    `path` is the best name to open it by, `node` the device file itself; `port` tells ports of one
    interface apart; `tag` is AIRPOST_ROLE of udev; `named` says that the configuration names it.
    """

    path: str
    node: str
    interface: int | None = None
    port: int = 0
    tag: str | None = None
    named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A USB device, or a port without one, as it is at this moment.

    `usb_path` is the kernel's name ("1-1.4") or the port's own path; `address` is another one after
    every plug; ids are text as udev gives it ("12d1").
    """

    usb_path: str
    address: str = ""
    vid: str | None = None
    pid: str | None = None
    product: str | None = None
    serial: str | None = None
    announced: int = 0  # interfaces the device says it has; they arrive one after another
    interfaces: tuple[Interface, ...] = ()
    ttys: tuple[Tty, ...] = ()

    @property
    def named(self) -> bool:
        """True when the configuration names one of its ports."""
        return any(tty.named for tty in self.ttys)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortInfo:
    """A serial port of a device; `role` None: only asking it tells."""

    path: str
    interface: int | None
    role: Role | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What may be one modem; `ports` in the order in which they are to be asked.

    `usb_path` is the kernel's name of the USB device ("1-1.4"), of the interface where an adapter
    has several modems ("1-1.4:1.2"), or the port's own path where there is no USB. `remedy` says
    what a person should do about a mode that cannot send, or about ports that are missing.
    """

    usb_path: str
    vid: str | None
    pid: str | None
    product: str | None
    serial: str | None
    ports: tuple[PortInfo, ...]
    mode: DeviceMode
    remedy: str | None = None

    @property
    def at_ports(self) -> tuple[PortInfo, ...]:
        """Ports to try as AT port, the likeliest first; none in a mode that has no modem."""
        if self.mode not in WITH_MODEM:
            return ()
        return tuple(port for port in self.ports if port.role in ASKED)


def devices_of(seen: Sighting, profiles: Profiles) -> tuple[Device, ...]:
    """What to make of it; empty for what is no modem and never becomes one."""
    mode = _mode(seen, profiles)
    if mode is None:
        return ()
    if mode is DeviceMode.SERIAL_ADAPTER and len(seen.ttys) > 1:
        return tuple(
            _device(seen, profiles, mode, (tty,), _name_of_port(seen, tty)) for tty in seen.ttys
        )
    return (_device(seen, profiles, mode, seen.ttys, seen.usb_path),)


def complete(seen: Sighting, profiles: Profiles) -> bool:
    """True when nothing more will come: every port that is known by its interface is there."""
    if not seen.ttys:
        return False
    here = {tty.interface for tty in seen.ttys}
    if None in here:
        return True  # no USB: a port is all there is
    if not seen.announced or len(seen.interfaces) < seen.announced:
        return False
    drivers = {interface.driver for interface in seen.interfaces}
    if drivers <= ONE_PORT_ADAPTERS:
        return {interface.number for interface in seen.interfaces} <= here
    known = {each.number: _table_role(seen, each.number, profiles) for each in seen.interfaces}
    wanted = {number for number, role in known.items() if role in ASKED and role is not None}
    bound = {each.number for each in seen.interfaces if each.driver in MODEM_DRIVERS}
    return Role.AT in known.values() and wanted | bound <= here


def patience_s(seen: Sighting, profiles: Profiles) -> float:
    """How long nothing may change before it is told."""
    waits = _mode(seen, profiles) in (DeviceMode.MODEM, DeviceMode.CDROM) and not seen.ttys
    return SWITCH_S if waits else profiles.for_modem(seen.vid, seen.pid).timing.settle_s


def _mode(seen: Sighting, profiles: Profiles) -> DeviceMode | None:
    mode = profiles.mode(seen.vid, seen.pid, has_tty=bool(seen.ttys)) or _looks_like(seen, profiles)
    if seen.ttys or mode not in (DeviceMode.MODEM, DeviceMode.SERIAL_ADAPTER):
        return mode
    if mode is DeviceMode.SERIAL_ADAPTER:
        return mode if CLAIMED in (each.driver for each in seen.interfaces) else None
    classes = {each.cls for each in seen.interfaces}
    if classes == {STORAGE}:
        return DeviceMode.CDROM
    return mode if classes & {VENDOR_CLASS, CDC} else None  # a telephone of the same maker, say


def _looks_like(seen: Sighting, profiles: Profiles) -> DeviceMode | None:
    """By its interfaces, where its id tells nothing."""
    drivers = {each.driver for each in seen.interfaces}
    known = any(_table_role(seen, each.number, profiles) for each in seen.interfaces)
    if known or drivers & MODEM_DRIVERS:
        return DeviceMode.MODEM
    if drivers & ADAPTERS:
        return DeviceMode.SERIAL_ADAPTER
    no_usb = seen.vid is None and bool(seen.ttys)
    return DeviceMode.MODEM if no_usb or seen.named else None


def _device(
    seen: Sighting, profiles: Profiles, mode: DeviceMode, ttys: tuple[Tty, ...], name: str
) -> Device:
    ports = [
        PortInfo(path=tty.path, interface=tty.interface, role=_role(seen, tty, profiles))
        for tty in ttys
    ]
    named = {tty.path for tty in ttys if tty.named}
    ports.sort(key=lambda port: (port.path not in named, _place(port.role), port.interface or 0))
    return Device(
        usb_path=name,
        vid=seen.vid,
        pid=seen.pid,
        product=seen.product,
        serial=seen.serial,
        ports=tuple(ports),
        mode=mode,
        remedy=_remedy(seen, profiles, mode),
    )


def _remedy(seen: Sighting, profiles: Profiles, mode: DeviceMode) -> str | None:
    if mode is DeviceMode.SERIAL_ADAPTER and not seen.ttys:
        return PORT_TAKEN  # else it would not be told of
    told = profiles.remedy(seen.vid, seen.pid, has_tty=bool(seen.ttys))
    if told is not None or seen.ttys:
        return told
    if mode is DeviceMode.MODEM:
        return NO_DRIVER.format(vid=seen.vid, pid=seen.pid)
    return UNSWITCHED if mode is DeviceMode.CDROM else None


def _place(role: Role | None) -> int:
    return ASKED.index(role) if role in ASKED else len(ASKED)


def _role(seen: Sighting, tty: Tty, profiles: Profiles) -> Role | None:
    """The operator's word goes before udev's tag, and that before the tables."""
    if tty.named:
        return Role.AT
    if tty.tag in ROLE_TAGS:
        return ROLE_TAGS[tty.tag]
    return None if tty.interface is None else _table_role(seen, tty.interface, profiles)


ROLE_TAGS: Mapping[str | None, Role] = {role.value: role for role in Role}


def _table_role(seen: Sighting, number: int, profiles: Profiles) -> Role | None:
    """By the profiles, else by what USB itself says of the interface."""
    interface = next((each for each in seen.interfaces if each.number == number), None)
    if interface is None or interface.cls != VENDOR_CLASS:
        told = profiles.role(seen.vid, seen.pid, number)
    else:
        told = profiles.role(seen.vid, seen.pid, number, interface.subclass, interface.protocol)
    if told is None and interface is not None and _speaks_at(interface):
        return Role.AT
    return told


def _speaks_at(interface: Interface) -> bool:
    modem = (interface.cls, interface.subclass) == (CDC, ABSTRACT_CONTROL)
    return modem and interface.protocol in V250_PROTOCOLS


def _name_of_port(seen: Sighting, tty: Tty) -> str:
    shared = sum(tty.interface == other.interface for other in seen.ttys) > 1
    port = f".{tty.port}" if shared else ""
    return f"{seen.usb_path}:1.{tty.interface or 0}{port}"

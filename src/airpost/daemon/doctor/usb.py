"""The USB devices of this machine as sysfs tells them, and what is wrong with them.

Stdlib, and the profiles for what a device is. `usb_devices` looks; the checks are pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from airpost.daemon.doctor.finding import Finding, Severity, Write, error, note, warning
from airpost.daemon.doctor.roots import Roots, read
from airpost.modem.profile import DeviceMode
from airpost.modem.profiles import Profiles

HUB_CLASS = "09"  # bDeviceClass, USB 2.0 11.23.1
SELF_POWERED = 0x40  # bmAttributes, USB 2.0 table 9-10
# Chips of which brltty believes that a braille display hangs behind them (`modems.md` 8.4).
BRLTTY_CHIPS = frozenset({("1a86", "7523"), ("10c4", "ea60"), ("067b", "2303")})


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbDevice:
    """One device. `usb_path` is the kernel's name ("1-1.4"), `ports` its serial ports in /dev.

    `control` is power/control: "on" stays awake, "auto" may be put to sleep. `over_currents` counts
    how often its hub port was cut off for drawing too much.
    """

    usb_path: str
    vid: str
    pid: str
    product: str
    ports: tuple[str, ...]
    control: str | None
    hub: bool
    self_powered: bool
    over_currents: int

    @property
    def shown(self) -> str:
        """For people."""
        return f"USB {self.usb_path}"

    @property
    def named(self) -> str:
        """Its product and ids."""
        ids = f"{self.vid}:{self.pid}"
        return f"{self.product} ({ids})" if self.product else ids


def usb_devices(roots: Roots) -> tuple[UsbDevice, ...]:
    """Every device on every bus, root hubs left out."""
    bus = roots.sys / "bus" / "usb" / "devices"
    ports = _ports(roots)
    try:
        entries = sorted(bus.iterdir(), key=lambda each: each.name)
    except OSError:
        return ()
    return tuple(
        _device(each, ports.get(each.name, ()))
        for each in entries
        if "-" in each.name and ":" not in each.name and read(each / "idVendor")
    )


def _device(folder: Path, ports: tuple[str, ...]) -> UsbDevice:
    attributes = read(folder / "bmAttributes") or ""
    over = read(folder / "port" / "over_current_count") or ""
    return UsbDevice(
        usb_path=folder.name,
        vid=(read(folder / "idVendor") or "").lower(),
        pid=(read(folder / "idProduct") or "").lower(),
        product=read(folder / "product") or "",
        ports=ports,
        control=read(folder / "power" / "control"),
        hub=read(folder / "bDeviceClass") == HUB_CLASS,
        self_powered=_hexadecimal(attributes) & SELF_POWERED != 0,
        over_currents=int(over) if over.isdigit() else 0,
    )


def _hexadecimal(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0


def _ports(roots: Roots) -> Mapping[str, tuple[str, ...]]:
    """USB path → its ttys, by the device each hangs below."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        ttys = sorted((roots.sys / "class" / "tty").iterdir(), key=lambda each: each.name)
    except OSError:
        return found
    for tty in ttys:
        try:
            place = (tty / "device").resolve(strict=True)
        except (OSError, RuntimeError):
            continue  # a console
        for folder in (place, *place.parents):
            if (folder / "idVendor").exists():
                found[folder.name] = (*found.get(folder.name, ()), f"/dev/{tty.name}")
                break
    return found


# -- what they are -------------------------------------------------------------------------------
# Mode → how grave, and the line that helps, where there is one.
_MODES: Mapping[DeviceMode, tuple[Severity, str | None]] = {
    DeviceMode.CDROM: (Severity.ERROR, "sudo apt-get install usb-modeswitch"),
    DeviceMode.HILINK: (Severity.ERROR, None),
    DeviceMode.WEB_INBOX: (Severity.WARNING, None),
    DeviceMode.DOWNLOAD: (Severity.ERROR, None),
}


def check_modes(devices: Sequence[UsbDevice], profiles: Profiles) -> Iterator[Finding]:
    """Sticks that are no modem now, and modems that no driver has taken."""
    for each in devices:
        mode = profiles.mode(each.vid, each.pid, has_tty=bool(each.ports))
        if mode is not None and mode in _MODES:
            severity, fix = _MODES[mode]
            remedy = profiles.remedy(each.vid, each.pid, has_tty=bool(each.ports))
            yield Finding(
                check="mode",
                severity=severity,
                subject=each.shown,
                what=f"{each.named}: {remedy}",
                fix=fix,
            )
        elif mode is DeviceMode.MODEM and not each.ports:
            yield error(
                "mode",
                each.shown,
                f"{each.named} is a modem without a serial port: no driver has taken it",
                f"sudo modprobe option && echo {each.vid} {each.pid} | "
                "sudo tee /sys/bus/usb-serial/drivers/option1/new_id",
            )


# -- sleep and power -----------------------------------------------------------------------------
def check_autosuspend(devices: Sequence[UsbDevice], roots: Roots) -> Iterator[Finding]:
    """Modems that the kernel may put to sleep: some never wake (`modems.md` 8.4)."""
    for each in devices:
        if each.ports and each.control == "auto":
            path = f"/sys/bus/usb/devices/{each.usb_path}/power/control"
            yield Finding(
                check="autosuspend",
                severity=Severity.WARNING,
                subject=each.shown,
                what=f"{each.named} may be put to sleep by the kernel, and some modems restart "
                "or lose what comes first afterwards",
                fix=f"echo on | sudo tee {path}",
                mend=Write(path=roots.at(path), text="on"),
            )


def check_power(
    devices: Sequence[UsbDevice], *, uhubctl: bool, switched: frozenset[str]
) -> Iterator[Finding]:
    """Ports that were cut off, hubs that starve modems, and whether power can be switched.

    `switched` are the hubs the configuration says can switch the power of their ports.
    """
    hubs = {each.usb_path: each for each in devices if each.hub}
    modems = [each for each in devices if each.ports]
    for each in devices:
        if each.over_currents:
            yield error(
                "hub-power",
                each.shown,
                f"{each.named} has drawn too much: its port was cut off {each.over_currents} "
                "times; give it a hub with a power supply of its own, or another cable",
            )
    starved: dict[str, list[str]] = {}
    for each in modems:
        hub = hubs.get(each.usb_path.rpartition(".")[0])
        if hub is not None and not hub.self_powered:
            starved.setdefault(hub.usb_path, []).append(each.usb_path)
    for path, below in starved.items():
        yield warning(
            "hub-power",
            f"USB {path}",
            f"this hub has no power supply of its own and carries {len(below)} modem"
            f"{'s' if len(below) > 1 else ''}: sending draws 2 A for moments, and a modem that "
            "gets less restarts in the middle of a message; use a hub with a power supply",
        )
    for path in sorted(switched - hubs.keys()):
        yield error("hub-power", f"USB {path}", "is configured as a hub, and there is none")
    if switched and not uhubctl:
        yield error(
            "hub-power",
            "uhubctl",
            "hubs are configured that switch power, and the program that does it is not installed",
            "sudo apt-get install uhubctl",
        )
    elif modems and not switched:
        yield note(
            "hub-power",
            "hubs",
            "no hub is configured that can switch the power of a port: a modem that nothing else "
            "revives waits for a person",
        )


def check_brltty(devices: Sequence[UsbDevice], *, running: bool) -> Iterator[Finding]:
    """Adapters whose port the braille daemon has taken away."""
    for each in devices:
        if running and (each.vid, each.pid) in BRLTTY_CHIPS and not each.ports:
            yield error(
                "holder",
                each.shown,
                f"brltty has taken {each.named} for a braille display; its serial port is gone",
                "sudo systemctl disable --now brltty.service brltty-udev.service && "
                "sudo udevadm trigger",
            )

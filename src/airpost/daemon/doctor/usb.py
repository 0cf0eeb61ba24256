"""The USB devices of this machine as sysfs tells them, and what is wrong with them.

Stdlib, and the modem layer's survey for what a device is. `usb_devices` looks; the checks are pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from airpost.daemon.doctor.finding import Finding, Severity, Write, error, note, warning
from airpost.daemon.doctor.roots import Roots, read
from airpost.modem.devices import HUB_CLASS, Device, Sighting, devices_of
from airpost.modem.profile import DeviceMode
from airpost.modem.profiles import Profiles
from airpost.modem.survey import Surveyor

SELF_POWERED = 0x40  # bmAttributes, USB 2.0 table 9-10


@dataclass(frozen=True, slots=True, kw_only=True)
class UsbDevice:
    """One device. `usb_path` is the kernel's name ("1-1.4"), `ports` its serial ports in /dev,
    `modems` what may be a modem in it.

    `control` is power/control: "on" stays awake, "auto" may be put to sleep. `over_currents` counts
    how often its hub port was cut off for drawing too much.
    """

    usb_path: str
    vid: str
    pid: str
    product: str
    ports: tuple[str, ...]
    modems: tuple[Device, ...]
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


def usb_devices(roots: Roots, profiles: Profiles) -> tuple[UsbDevice, ...]:
    """Every device on every bus, root hubs left out."""
    seen = Surveyor(root=roots.root).look().sightings
    return tuple(_device(roots, each, profiles) for each in seen if each.vid is not None)


def _device(roots: Roots, seen: Sighting, profiles: Profiles) -> UsbDevice:
    folder = roots.sys / "bus" / "usb" / "devices" / seen.usb_path
    attributes = read(folder / "bmAttributes") or ""
    over = read(folder / "port" / "over_current_count") or ""
    return UsbDevice(
        usb_path=seen.usb_path,
        vid=seen.vid or "",
        pid=seen.pid or "",
        product=seen.product or "",
        ports=tuple(f"/dev/{tty.node.rpartition('/')[2]}" for tty in seen.ttys),
        modems=devices_of(seen, profiles),
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


# -- what they are -------------------------------------------------------------------------------
# What it is without a usable port → the line that helps, where there is one.
_FIXES: Mapping[DeviceMode, str] = {
    DeviceMode.CDROM: "sudo apt-get install usb-modeswitch",
    DeviceMode.MODEM: "sudo modprobe option && echo {vid} {pid} | "
    "sudo tee /sys/bus/usb-serial/drivers/option1/new_id",
    DeviceMode.SERIAL_ADAPTER: "sudo systemctl disable --now brltty.service brltty-udev.service",
}


def check_modes(devices: Sequence[UsbDevice]) -> Iterator[Finding]:
    """Sticks that are no modem now, modems without a port, adapters whose port was taken."""
    for each in devices:
        for modem in each.modems:
            if modem.remedy is not None:
                yield _mode(each, modem, modem.remedy)


def _mode(device: UsbDevice, modem: Device, remedy: str) -> Finding:
    if device.ports:  # it can be used; what it cannot do is worth knowing
        grave = modem.mode is not DeviceMode.SERIAL_ADAPTER
        severity, fix = Severity.WARNING if grave else Severity.NOTE, None
    else:
        severity, fix = Severity.ERROR, _FIXES.get(modem.mode)
    return Finding(
        check="mode",
        severity=severity,
        subject=device.shown,
        what=f"{device.named}: {remedy}",
        fix=None if fix is None else fix.format(vid=device.vid, pid=device.pid),
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

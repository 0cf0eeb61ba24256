"""A machine as a tree of files: processes, USB devices, accounts."""

from __future__ import annotations

from pathlib import Path

from airpost.daemon.doctor.roots import Roots

GROUPS = "root:x:0:\ndialout:x:20:airpost\nplugdev:x:46:\nairpost:x:990:\n"
PASSWD = "root:x:0:0:root:/root:/bin/sh\nairpost:x:990:990::/var/lib/airpost:/usr/sbin/nologin\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    return path


class Machine:
    """A tree below `root`; each method adds to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.roots = Roots(root)
        for folder in ("sys/bus/usb/devices", "sys/class/tty", "proc", "dev", "etc", "var/lib"):
            (root / folder).mkdir(parents=True)
        write(root / "etc" / "group", GROUPS)
        write(root / "etc" / "passwd", PASSWD)

    def process(self, pid: int, name: str, *devices: str, command: str = "") -> None:
        folder = self.root / "proc" / str(pid)
        write(folder / "comm", name)
        (folder / "cmdline").write_text(command.replace(" ", "\0"))
        (folder / "fd").mkdir()
        for number, device in enumerate(devices, 3):
            (folder / "fd" / str(number)).symlink_to(device)

    def device(self, path: str, ids: str, *ttys: str, **more: str) -> Path:
        """A USB device with its ttys; `more` are attributes, `__` for a slash."""
        folder = self.root / "sys" / "devices" / "usb1" / path
        vid, pid = ids.split(":")
        given = {"idVendor": vid, "idProduct": pid, "bDeviceClass": "00", "bmAttributes": "c0",
                 "power__control": "on", "product": "Stick"} | more  # fmt: skip
        for name, value in given.items():
            write(folder / name.replace("__", "/"), value)
        (self.root / "sys" / "bus" / "usb" / "devices" / path).symlink_to(folder)
        for number, tty in enumerate(ttys):
            place = folder / f"{path}:1.{number}" / tty / "tty" / tty
            place.mkdir(parents=True)
            (place / "device").symlink_to(place.parents[1])
            (self.root / "sys" / "class" / "tty" / tty).symlink_to(place)
            self.port(tty)
        return folder

    def interface(self, path: str, number: int, cls: str, driver: str | None = None) -> None:
        """An interface of a device that is there."""
        folder = self.root / "sys" / "devices" / "usb1" / path / f"{path}:1.{number}"
        write(folder / "bInterfaceNumber", f"{number:02x}")
        write(folder / "bInterfaceClass", cls)
        if driver is not None:
            (folder / "driver").symlink_to(f"/sys/bus/usb/drivers/{driver}")

    def port(self, tty: str) -> Path:
        """A port in /dev: a plain file stands for it."""
        return write(self.root / "dev" / tty, "")

"""Sticks that are only described: as a made-up /sys and /dev in a folder, or by umockdev.

The descriptions are in `umockdev/`, in the form of `umockdev-record`; the hub they hang on is there
too. Run as a program below `umockdev-wrapper`, this plugs and unplugs them as its argument says,
with a Discovery watching, and writes what that told as JSON.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airpost.clock import SystemClock
from airpost.modem.devices import Device
from airpost.modem.discover import Discovery
from airpost.modem.profiles import load_profiles
from airpost.tasks import spawn, stop

DESCRIPTIONS = Path(__file__).parent / "umockdev"
NEWS_S = 60.0  # at the most: it takes milliseconds on a machine that has nothing else to do
TRIES = 3
ITS_OWN_END = "libumockdev-preload.c:"  # it ends itself where a device goes while it looks at it
BETWEEN_S = 0.02  # the socket that umockdev sends its events through holds few of them


def describe(name: str) -> str:
    return (DESCRIPTIONS / f"{name}.umockdev").read_text(encoding="ascii")


def blocks(description: str) -> list[str]:
    return [each for each in description.split("\n\n") if each.strip()]


def sys_paths(description: str) -> list[str]:
    return re.findall(r"^P: (.*)$", description, re.MULTILINE)


class Tree:
    """Descriptions as files below `root`, as the kernel and udev would show them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._links: dict[str, list[Path]] = {}  # sysfs path → links that lead to it

    def plug(self, name: str, *, only: slice = slice(None), ttys: int | None = None) -> None:
        """`only` some of its blocks, as while it is still arriving; `ttys`: other numbers."""
        description = describe(name)
        if ttys is not None:
            description = renumbered(description, ttys)
        for block in blocks(description)[only]:
            self._add(block)

    def unplug(self, name: str, *, ttys: int | None = None) -> None:
        description = describe(name) if ttys is None else renumbered(describe(name), ttys)
        for path in reversed(sys_paths(description)):
            for link in self._links.pop(path, []):
                link.unlink()
            shutil.rmtree(self.root / "sys" / path[1:], ignore_errors=True)

    def drop_tty(self, node: str) -> None:
        """The driver lets go of one port."""
        for path in [path for path in self._links if path.endswith(f"/{node}")]:
            for link in self._links.pop(path):
                link.unlink()

    def _add(self, block: str) -> None:
        lines = [line.partition(": ") for line in block.splitlines()]
        path = next(rest for key, _, rest in lines if key == "P")
        folder = self.root / "sys" / path[1:]
        folder.mkdir(parents=True, exist_ok=True)
        links = self._links.setdefault(path, [])
        for key, _, rest in lines:
            name, _, value = rest.partition("=")
            if key == "A":
                (folder / name).parent.mkdir(exist_ok=True)
                (folder / name).write_text(value.replace("\\n", "\n"))
            elif key == "L":
                links.append(_link(folder / name, value))
            elif key == "N":
                node = self.root / "dev" / rest
                node.parent.mkdir(parents=True, exist_ok=True)
                node.write_text("")
                links.append(node)
            elif key == "S":
                up = "../" * rest.count("/")
                links.append(_link(self.root / "dev" / rest, up + Path(path).name))
        kind = next(rest.partition("=")[2] for key, _, rest in lines
                    if key == "E" and rest.startswith("SUBSYSTEM="))  # fmt: skip
        place = {"usb": "bus/usb/devices", "tty": "class/tty"}.get(kind)
        if place is not None:
            up = "../" * (place.count("/") + 1)
            links.append(_link(self.root / "sys" / place / Path(path).name, up + path[1:]))


def _link(link: Path, target: str) -> Path:
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    return link


def renumbered(description: str, first: int) -> str:
    """The same stick in the same place, plugged again: other ttys, another address on the bus."""
    numbers = sorted({int(each) for each in re.findall(r"ttyUSB(\d+)", description)})
    for at, number in enumerate(numbers):
        for form in ("ttyUSB{}", "188:{}", "MINOR={}"):
            old, new = form.format(number), form.format(f"-{first + at}")
            description = re.sub(rf"{old}\b", new, description)
    description = re.sub(r"(ttyUSB|188:|MINOR=)-", r"\1", description)
    return re.sub(r"devnum=\d+", f"devnum={first + 40}", description)


# -- umockdev ------------------------------------------------------------------------------------


def skip_without_umockdev() -> None:
    if shutil.which("umockdev-wrapper") is None:
        pytest.skip("needs the Debian package umockdev")


def staged(*steps: tuple[Any, ...], device: str | None = None, **options: Any) -> dict[str, Any]:
    """Do `steps` below umockdev in a process of its own: `{"news": […], "descriptors": […]}`.

    `device`: a description that is there before anything runs, given to `umockdev-run`.
    """
    skip_without_umockdev()
    run = ["umockdev-run", "--device", str(DESCRIPTIONS / f"{device}.umockdev"), "--"]
    program = [sys.executable, "-m", "tests.modem.testbed", json.dumps([options, *steps])]
    for _ in range(TRIES):
        done = subprocess.run(
            [*(run if device else ["umockdev-wrapper"]), *program],
            cwd=DESCRIPTIONS.parents[2], capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if ITS_OWN_END not in done.stderr:
            break
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


class _Umockdev:
    """What is needed of libumockdev, in this process."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libumockdev.so.0")
        self._lib.umockdev_testbed_new.restype = ctypes.c_void_p
        self._bed = ctypes.c_void_p(self._lib.umockdev_testbed_new())

    async def plug(self, description: str) -> None:
        for block in blocks(description):
            error = ctypes.c_void_p()
            added = self._lib.umockdev_testbed_add_from_string(
                self._bed, ctypes.c_char_p(block.encode()), ctypes.byref(error)
            )
            assert added, f"umockdev cannot read {block}"
            await asyncio.sleep(BETWEEN_S)

    def mark(self, path: str, **properties: str) -> None:
        """udev has applied another rule to a device."""
        device = ctypes.c_char_p(f"/sys{path}".encode())
        for name, value in properties.items():
            texts = (ctypes.c_char_p(each.encode()) for each in (name, value))
            self._lib.umockdev_testbed_set_property(self._bed, device, *texts)
        self._lib.umockdev_testbed_uevent(self._bed, device, ctypes.c_char_p(b"change"))

    async def unplug(self, description: str) -> None:
        for path in reversed(sys_paths(description)):  # the leaves first, as the kernel does
            name = ctypes.c_char_p(f"/sys{path}".encode())
            self._lib.umockdev_testbed_uevent(self._bed, name, ctypes.c_char_p(b"remove"))
            self._lib.umockdev_testbed_remove_device(self._bed, name)
            await asyncio.sleep(BETWEEN_S)


class Heard:
    """A listener that keeps what it is told, as values of JSON."""

    def __init__(self) -> None:
        self.news: list[dict[str, Any]] = []
        self._came = asyncio.Event()

    def found(self, device: Device) -> None:
        self._told("found", device.usb_path, device)

    def changed(self, device: Device) -> None:
        self._told("changed", device.usb_path, device)

    def gone(self, usb_path: str) -> None:
        self._told("gone", usb_path)

    def _told(self, kind: str, usb_path: str, device: Device | None = None) -> None:
        more: dict[str, Any] = {}
        if device is not None:
            at_ports = [port.path for port in device.at_ports]
            more = {"id": f"{device.vid}:{device.pid}", "mode": device.mode.value,
                    "remedy": device.remedy, "serial": device.serial, "at_ports": at_ports,
                    "roles": [port.role.value if port.role else None for port in device.ports],
                    "interfaces": [port.interface for port in device.ports]}  # fmt: skip
        now_s = asyncio.get_running_loop().time()
        self.news.append({"kind": kind, "usb": usb_path, "at_s": now_s, **more})
        self._came.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(NEWS_S):
            while len(self.news) < count:
                self._came.clear()
                await self._came.wait()

    @property
    def said(self) -> list[str]:
        return [f"{each['kind']} {each['usb']}" for each in self.news]


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _play(options: dict[str, Any], steps: list[list[Any]]) -> dict[str, Any]:
    bed = None if "UMOCKDEV_DIR" in os.environ else _Umockdev()
    heard = Heard()
    descriptors: list[int] = []

    def begin() -> asyncio.Task[None]:
        watch = Discovery(heard, load_profiles(), SystemClock(), udev=True, scan_s=60, **options)
        return spawn(watch.run(), name="discovery")

    async def step(what: str, *args: Any) -> None:
        nonlocal watching
        if what == "news":
            await heard.until(args[0])
        elif what == "wait":
            await asyncio.sleep(args[0])
        elif what == "mark":
            assert bed is not None
            bed.mark(args[0], **args[1])
        elif what == "again":
            await stop(watching)
            descriptors.append(_descriptors())
            watching = begin()
        else:
            description = (
                describe(args[0]) if len(args) == 1 else renumbered(describe(args[0]), args[1])
            )
            assert bed is not None
            await getattr(bed, what)(description)

    before = [each for each in steps if each[0] == "before"]
    for each in before:
        await step(*each[1:])
    watching = begin()
    for each in steps[len(before) :]:
        await step(*each)
    await stop(watching)
    return {"news": heard.news, "descriptors": descriptors}


if __name__ == "__main__":
    asked, *todo = json.loads(sys.argv[1])
    sys.stdout.write(json.dumps(asyncio.run(_play(asked, todo))))

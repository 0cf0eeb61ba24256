"""A USB device switched off and on: by the kernel, by its driver, by the power of its hub port.

May import tasks, clock, errors, devices and port (its threads). It does what it is told or says in
words why it cannot; whether to, `recovery` decides. Writes and programs run in threads: the kernel
may take seconds over a device that has hung. Whatever is switched off is switched on again, also
when cancelled.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import re
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import TypeVar

from airpost.clock import Clock
from airpost.errors import ModemError
from airpost.modem.devices import HUB_CLASS, USB_NAME
from airpost.modem.port import THREADS
from airpost.tasks import shielded

log = logging.getLogger("airpost.usbpower")
T = TypeVar("T")

LIMIT_S = 20.0  # for one write to sysfs or one run of uhubctl
OFF_S = 2.0  # long enough for a stick to lose its charge
ON_TRIES = 3  # a port that stays dark would need a person
PORT_LINE = re.compile(r"\s*Port (\d+): [0-9a-f]{4}\b(.*)")


class _HungError(ModemError):
    """It may still come to pass."""


def hub_of(usb_path: str) -> tuple[str, int]:
    """Hub and port a device hangs on: ("1-1", 4) for "1-1.4"; a root hub is its bus alone, "1".

    ModemError for what is no device on a port, root hubs among it.
    """
    if not USB_NAME.fullmatch(usb_path):
        raise ModemError(f"{usb_path!r} is no USB device on a port (such as 1-1.4)")
    hub, _, port = usb_path.rpartition("." if "." in usb_path else "-")
    return hub, int(port)


class UsbPower:
    """What this machine can do to a USB device. `hubs` may switch power: "1-1" and the like."""

    def __init__(
        self,
        clock: Clock,
        *,
        hubs: Collection[str] = (),
        sysfs: Path = Path("/sys"),
        uhubctl: str = "uhubctl",
        limit_s: float = LIMIT_S,
    ) -> None:
        self._clock = clock
        self._hubs = frozenset(hubs)
        self._bus = sysfs / "bus" / "usb"
        self._ttys = sysfs / "class" / "tty"
        self._uhubctl = uhubctl
        self._limit_s = limit_s

    def device_of(self, port: str) -> str | None:
        """The USB device behind a port or a link to one ("1-1.4"); None for none."""
        tty = self._ttys / Path(port).resolve().name / "device"
        folders = [folder.name for folder in (tty.resolve(), *tty.resolve().parents)]
        return next((name for name in folders if tty.exists() and USB_NAME.fullmatch(name)), None)

    def no_hub_power(self, usb_path: str) -> str | None:
        """Why the power of this device's port cannot be switched; None when it may be tried."""
        try:
            hub, _ = hub_of(usb_path)
        except ModemError as error:
            return str(error)
        if "-" not in hub:
            return f"it hangs on root hub {hub}: with power cut there it may never come back"
        if hub not in self._hubs:
            return f"hub {hub} is not configured as one that switches power"
        return None

    async def restart(self, usb_path: str) -> str:
        """Off and on by `authorized`, else by unbinding it; says which. No power is cut.

        ModemError says what kept both from working.
        """
        try:
            await self.reauthorize(usb_path)
        except ModemError as first:
            try:
                await self.rebind(usb_path)
            except ModemError as second:
                words = dict.fromkeys((str(first), str(second)))
                raise ModemError("; ".join(words)) from None
            return "unbound and bound again"
        return "its authorization was taken and given back"

    async def reauthorize(self, usb_path: str) -> None:
        """`authorized` 0, then 1: the kernel forgets the device and sets it up anew."""
        switch = self._device(usb_path) / "authorized"
        if not switch.exists():
            raise ModemError(f"{switch} is not there: this kernel cannot take a device back")
        await shielded(
            self._write_both((switch, "0"), (switch, "1")), name=f"reauthorize {usb_path}"
        )

    async def rebind(self, usb_path: str) -> None:
        """Unbound from the USB driver and bound again."""
        self._device(usb_path)
        driver = self._bus / "drivers" / "usb"
        await shielded(
            self._write_both((driver / "unbind", usb_path), (driver / "bind", usb_path)),
            name=f"rebind {usb_path}",
        )

    async def cycle(self, usb_path: str) -> None:
        """The power of its hub port off and on, and seen to be off meanwhile.

        ModemError where the hub is not configured, is a root hub, or does not really switch.
        """
        refused = self.no_hub_power(usb_path)
        if refused is not None:
            raise ModemError(refused)
        program = shutil.which(self._uhubctl)
        if program is None:
            raise ModemError("uhubctl is not installed; install it (package uhubctl)")
        hub, port = hub_of(usb_path)
        await shielded(self._power_cycle(program, hub, port), name=f"power {usb_path}")

    # -- inside ----------------------------------------------------------------------------------
    def _device(self, usb_path: str) -> Path:
        """Its folder; ModemError for root hubs, hubs and what is not there."""
        hub_of(usb_path)
        folder = self._bus / "devices" / usb_path
        try:
            kind = (folder / "bDeviceClass").read_text(encoding="ascii").strip()
        except OSError:
            raise ModemError(f"there is no USB device {usb_path}") from None
        if kind == HUB_CLASS:
            raise ModemError(f"{usb_path} is a hub: everything behind it would go")
        return folder

    async def _write_both(self, off: tuple[Path, str], on: tuple[Path, str]) -> None:
        await self._off_and_on(
            lambda: self._aside(lambda: _write(*off)),
            lambda: self._aside(lambda: _write(*on)),
            "switched off and not on again",
        )

    async def _power_cycle(self, program: str, hub: str, port: int) -> None:
        told = await self._off_and_on(
            lambda: self._uhub(program, hub, port, "off"),
            lambda: self._uhub(program, hub, port, "on"),
            f"port {port} of hub {hub} is without power and could not be switched on",
        )
        if still_powered(told, port):
            raise ModemError(f"hub {hub} says that it switches power and does not (port {port})")

    async def _off_and_on(
        self, off: Callable[[], Awaitable[T]], on: Callable[[], Awaitable[T]], left_off: str
    ) -> T:
        """What `off` returned. One that has hung may still have its effect: on it goes as well."""
        told: T | _HungError
        try:
            told = await off()
        except _HungError as error:
            told = error
        await self._clock.sleep(OFF_S)
        for tries_left in reversed(range(ON_TRIES)):
            try:
                await on()
            except ModemError as error:
                if not tries_left:
                    raise ModemError(f"{left_off}: {error}") from None
                await self._clock.sleep(OFF_S)
            else:
                break
        if isinstance(told, _HungError):
            raise told
        return told

    async def _uhub(self, program: str, hub: str, port: int, action: str) -> str:
        line = [program, "-l", hub, "-p", str(port), "-a", action]

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(  # noqa: S603 - fixed program, checked arguments
                line, capture_output=True, text=True, timeout=self._limit_s, check=False
            )

        try:
            done = await self._aside(run, self._limit_s + 1)  # it ends by itself
        except subprocess.TimeoutExpired:
            raise _HungError(f"uhubctl did not end within {self._limit_s:g} s") from None
        except OSError as error:
            raise ModemError(f"uhubctl cannot be run: {error.strerror}") from None
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[0]
            denied = "permission" in done.stderr
            hint = "; it needs a udev rule that lets airpost use the hub" if denied else ""
            raise ModemError(f"uhubctl failed on hub {hub}: {said}{hint}")
        return done.stdout

    async def _aside(self, work: Callable[[], T], limit_s: float | None = None) -> T:
        limit_s = self._limit_s if limit_s is None else limit_s
        doing = asyncio.get_running_loop().run_in_executor(THREADS, work)
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.shield(doing)
        except TimeoutError:
            doing.add_done_callback(_log_late)
            raise _HungError(f"the kernel did not come back within {limit_s:g} s") from None


def still_powered(told: str, port: int) -> bool:
    """True when uhubctl shows `port` with power after it switched it off, on any of its hubs."""
    after = False
    for line in told.splitlines():
        after = line.startswith("New status") or (after and not line.startswith("Current status"))
        found = PORT_LINE.match(line)
        if after and found and int(found[1]) == port and "power" in found[2].split("[")[0].split():
            return True
    return False


def _write(path: Path, value: str) -> None:
    """Into a file of sysfs; ModemError in words an operator can act on."""
    try:
        path.write_text(value, encoding="ascii")
    except OSError as error:
        raise ModemError(_explained(path, error)) from None


def _explained(path: Path, error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"no permission to write {path}; install the udev rules of airpost"
    if error.errno == errno.EROFS:
        return f"{path} is read-only here; allow it in the unit file (ReadWritePaths=)"
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENOTDIR):
        return f"{path} is not there (any more)"
    return f"{path} cannot be written: {error.strerror}"


def _log_late(doing: asyncio.Future[T]) -> None:
    if not doing.cancelled() and (error := doing.exception()) is not None:
        log.warning("usbpower.late %s", error)

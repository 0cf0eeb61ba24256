"""Finds modems by what they are and tells of those that come, change and go.

May import modem, L0 and pyudev; the only file that imports pyudev, and only where udev runs. udev's
monitor is read on the loop; what it says is only a bell, after which all is looked at in a thread,
so that an event too many, too few or out of order makes no difference. Where udev does not ring,
and for ports of the configuration, which need not be USB, the folders that change with every plug
are looked at every second.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from airpost.clock import Clock
from airpost.modem.census import Census, Changed, Found, News
from airpost.modem.devices import Device
from airpost.modem.port import THREADS
from airpost.modem.profiles import Profiles
from airpost.modem.survey import Survey, Surveyor
from airpost.modem.udevrules import MADE_BY, MAKER, ROLE_TAG
from airpost.tasks import set_within

if TYPE_CHECKING:
    import pyudev

T = TypeVar("T")
log = logging.getLogger("airpost.discover")

SCAN_S = 1.0
UDEV_SCAN_S = 30.0  # where udev rings and every port is on USB
EVENTS_AT_ONCE = 200  # then the loop has its turn
FINISHED = "USEC_INITIALIZED"  # in udev's database from when all rules have been applied


class Listener(Protocol):
    """Who is told, on the loop; returns soon and raises nothing."""

    def found(self, device: Device) -> None:
        """It has come, and its ports have settled."""
        ...

    def changed(self, device: Device) -> None:
        """It is still the same plug, with other ports or in another mode."""
        ...

    def gone(self, usb_path: str) -> None:
        """It was told and is gone; told at once."""
        ...


class Discovery:
    """Watches one machine for as long as `run()` runs.

    `ports` are those the configuration names, on USB or not; with `discover` False nothing else is
    told. `root` is where /sys, /dev and /run are. `udev` says whether udev's events and tags are
    to be had; None looks whether it runs. `scan_s`: another pause between looks than the usual.
    """

    def __init__(
        self,
        listener: Listener,
        profiles: Profiles,
        clock: Clock,
        *,
        discover: bool = True,
        ports: Sequence[str] = (),
        root: Path = Path("/"),
        udev: bool | None = None,
        scan_s: float | None = None,
    ) -> None:
        self._listener = listener
        self._clock = clock
        self._census = Census(profiles, named_only=not discover)
        self._surveyor = Surveyor(ports, root)
        self._udev = (root / "run" / "udev" / "control").exists() if udev is None else udev
        self._rings = not ports  # every change can be heard of
        self._scan_s = scan_s
        self._bell = asyncio.Event()

    async def run(self) -> None:
        """Tell the listener until cancelled; first of everything that is there already."""
        monitor = self._start_monitor()  # before the first look, or a device between is lost
        try:
            self._bell.set()
            mark = None
            while True:
                rung, mark_before = self._bell.is_set(), mark
                self._bell.clear()
                mark = await _aside(self._surveyor.mark)
                if not rung and mark_before not in (None, mark):
                    self._rings = False  # as in a container, where udev's events do not come
                if rung or mark != mark_before or self._is_due():
                    survey = await _aside(self._look)
                    self._take(survey)
                    if survey.withheld:
                        mark = None  # look again, whether udev rings or not
                await self._rest()
        finally:
            if monitor is not None:
                monitor.stop()

    def _start_monitor(self) -> _UdevMonitor | None:
        if not self._udev:
            return None
        try:
            return _UdevMonitor(self._bell.set)
        except (ImportError, OSError) as error:  # ImportError also where libudev is missing
            log.warning("discover.no_udev %s; ports are looked for every second", error)
            self._udev = False
            return None

    def _look(self) -> Survey:
        return self._surveyor.look(_finished_ttys() if self._udev else None)

    def _is_due(self) -> bool:
        due_s = self._census.due_s()
        return due_s is not None and due_s <= self._clock.mono()

    async def _rest(self) -> None:
        due_s = self._census.due_s()
        scan_s = self._scan_s or (UDEV_SCAN_S if self._udev and self._rings else SCAN_S)
        left_s = scan_s if due_s is None else max(0.0, due_s - self._clock.mono())
        await set_within(self._bell, min(scan_s, left_s))

    def _take(self, survey: Survey) -> None:
        for news in self._census.note(survey.sightings, self._clock.mono()):
            try:
                self._tell(news)
            except Exception:  # the others are told all the same
                log.exception("discover.listener_failed")

    def _tell(self, news: News) -> None:
        if isinstance(news, Found | Changed):
            device = news.device
            kind = "found" if isinstance(news, Found) else "changed"
            log.info("discover.%s usb=%s id=%s:%s mode=%s ports=%s %s", kind, device.usb_path,
                     device.vid, device.pid, device.mode.value,
                     ",".join(port.path for port in device.ports), device.remedy or "")  # fmt: skip
            (self._listener.found if isinstance(news, Found) else self._listener.changed)(device)
        else:
            log.info("discover.gone usb=%s", news.usb_path)
            self._listener.gone(news.usb_path)


async def _aside(work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(THREADS, work)


class _UdevMonitor:
    """Rings for every event of a USB device or tty; built anew when the kernel has dropped some."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._monitor = self._start()

    def _start(self) -> pyudev.Monitor:
        import pyudev  # needs libudev, which is not everywhere

        monitor = pyudev.Monitor.from_netlink(pyudev.Context(), source="udev")
        monitor.filter_by("usb")
        monitor.filter_by("tty")
        monitor.start()
        self._loop.add_reader(monitor.fileno(), self._readable)
        return monitor

    def _readable(self) -> None:
        self._ring()
        try:
            for _ in range(EVENTS_AT_ONCE):
                if self._monitor.poll(timeout=0) is None:
                    return
        except OSError as error:  # ENOBUFS: events were lost, so all is looked at anew
            log.warning("discover.events_lost %s", error.strerror)
            self.stop()
            self._monitor = self._start()

    def stop(self) -> None:
        """No event rings any more."""
        self._loop.remove_reader(self._monitor.fileno())


def _finished_ttys() -> dict[str, str | None]:
    """The ttys whose rules udev has applied, each with the role an operator's rule gave it.

    Roles by airpost's own rules are left out: they say what the packaged profiles say, and a
    profile of the operator goes before those.
    """
    import pyudev  # needs libudev, which is not everywhere

    finished: dict[str, str | None] = {}
    for device in pyudev.Context().list_devices(subsystem="tty"):
        if "/virtual/" in device.device_path or FINISHED not in device.properties:
            continue
        own = device.properties.get(MADE_BY) == MAKER
        finished[device.sys_name] = None if own else device.properties.get(ROLE_TAG)
    return finished

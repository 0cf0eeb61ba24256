"""Discovery on made-up machines, below umockdev with udev's own events, and on simulated ports."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airpost.clock import SystemClock
from airpost.modem import discover
from airpost.modem.devices import Device
from airpost.modem.discover import FINISHED, Discovery
from airpost.modem.profiles import load_profiles
from airpost.modem.udevrules import MADE_BY, MAKER, ROLE_TAG
from airpost.tasks import spawn, stop
from hwsim.ptys import Pty
from tests.modem.testbed import (
    Heard,
    Tree,
    describe,
    skip_without_umockdev,
    staged,
    sys_paths,
)

PROFILES = load_profiles()
SCAN_S = 0.02
PLUGGED = {  # description → what is told of it below umockdev
    "huawei-e3131": ("1-1.1", "12d1:1506", "modem", 2),
    "zte-mf190": ("1-1.2", "19d2:0117", "modem", 2),
    "quectel-ec25": ("1-1.3", "2c7c:0125", "modem", 2),
    "simcom-sim7600": ("1-1.4", "1e0e:9001", "modem", 2),
    "telit-le910c1": ("1-1.5", "1bc7:1201", "modem", 4),
    "adapter-ch340": ("1-1.6", "1a86:7523", "serial adapter", 0),
    "telit-he910": ("1-1.7", "1bc7:0021", "modem", 0),
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    made.plug("hub")
    return made


@asynccontextmanager
async def watching(tree: Tree, **options: Any) -> AsyncIterator[Heard]:
    heard = Heard()
    options = {"root": tree.root, "scan_s": SCAN_S} | options
    task = spawn(Discovery(heard, PROFILES, SystemClock(), **options).run(), name="discovery")
    try:
        yield heard
    finally:
        await stop(task)


class Silent:
    """A monitor that never rings."""

    def __init__(self, ring: Any) -> None:
        pass

    def stop(self) -> None:
        pass


# -- without udev --------------------------------------------------------------------------------


async def test_without_udev_sticks_come_and_go_by_looking(tree: Tree) -> None:
    tree.plug("quectel-ec25")
    async with watching(tree) as heard:
        await heard.until(1)
        tree.plug("adapter-ch340")
        await heard.until(2)
        tree.unplug("quectel-ec25")
        await heard.until(3)
    assert heard.said == ["found 1-1.3", "found 1-1.6", "gone 1-1.3"]
    assert heard.news[0]["at_ports"][0].endswith("usb-0:1.3:1.2-port0")


async def test_a_stick_that_comes_back_with_other_names_is_another_plug(tree: Tree) -> None:
    tree.plug("quectel-ec25")
    async with watching(tree) as heard:
        await heard.until(1)
        tree.unplug("quectel-ec25")
        tree.plug("quectel-ec25", ttys=30)
        await heard.until(3)
    assert heard.said == ["found 1-1.3", "gone 1-1.3", "found 1-1.3"]
    assert heard.news[0]["at_ports"] == heard.news[2]["at_ports"]  # a name that keeps its meaning


async def test_a_stick_is_told_once_with_all_its_ports(tree: Tree) -> None:
    async with watching(tree) as heard:
        for at in range(14):
            tree.plug("telit-le910c1", only=slice(at, at + 1))
            await asyncio.sleep(SCAN_S)
        assert heard.said == []
        tree.plug("telit-le910c1", only=slice(14, None))
        await heard.until(1)
        await asyncio.sleep(3 * SCAN_S)
    # A look may fall between two files of the made-up tree: then its last port is a change.
    assert heard.said[0] == "found 1-1.5"
    assert set(heard.said[1:]) <= {"changed 1-1.5"}
    assert heard.news[-1]["interfaces"] == [4, 5, 3, 0, 6]


async def test_named_ports_need_not_be_usb_and_nothing_else_is_told(tree: Tree) -> None:
    tree.plug("quectel-ec25")
    link = tree.root / "modem1"
    port = Pty(link, lambda _: None)
    loop = asyncio.get_running_loop()
    port.open(loop)
    try:
        async with watching(tree, discover=False, ports=[str(link)]) as heard:
            await heard.until(1)
            port.close()
            await heard.until(2)
            port.open(loop)
            await heard.until(3)
            port.close()
            port.open(loop)  # between two looks
            await heard.until(5)
    finally:
        port.close()
    name = str(link)
    assert heard.said == [f"{kind} {name}" for kind in ("found", "gone", "found", "gone", "found")]
    assert heard.news[0]["at_ports"] == [name]


async def test_a_listener_that_fails_does_not_keep_the_rest_from_being_told(
    tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Heard):
        def found(self, device: Device) -> None:
            if device.usb_path == "1-1.3":
                raise ValueError("not today")
            super().found(device)

    heard = Failing()
    tree.plug("quectel-ec25")
    tree.plug("adapter-ch340")
    task = spawn(Discovery(heard, PROFILES, SystemClock(), root=tree.root).run(), name="discovery")
    await heard.until(1)
    await stop(task)
    assert heard.said == ["found 1-1.6"]
    assert "discover.listener_failed" in caplog.text


async def test_no_look_is_made_while_nothing_changes(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    really = discover.Surveyor.look
    monkeypatch.setattr(
        discover.Surveyor, "look", lambda *args: looks.append(None) or really(*args)
    )
    tree.plug("adapter-ch340")
    async with watching(tree) as heard:
        await heard.until(1)
        await asyncio.sleep(5 * SCAN_S)
    assert len(looks) == 1


async def test_where_udev_cannot_be_had_it_is_said_and_ports_are_looked_for(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(*_: Any) -> None:
        raise ImportError("No library named udev")

    monkeypatch.setattr(discover, "_UdevMonitor", missing)
    tree.plug("adapter-ch340")
    async with watching(tree, udev=True) as heard:
        await heard.until(1)
    assert "discover.no_udev" in caplog.text


async def test_a_udev_that_does_not_ring_is_found_out(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discover, "_UdevMonitor", Silent)
    monkeypatch.setattr(discover, "_finished_ttys", lambda: {"ttyUSB20": None, "ttyUSB6": None})
    monkeypatch.setattr(discover, "UDEV_SCAN_S", 0.5)
    monkeypatch.setattr(discover, "SCAN_S", SCAN_S)
    async with watching(tree, udev=True, scan_s=None) as heard:
        await asyncio.sleep(0.1)
        tree.plug("adapter-ch340")
        await heard.until(1)
        began_s = asyncio.get_running_loop().time()
        tree.unplug("adapter-ch340")
        await heard.until(2)
        assert asyncio.get_running_loop().time() - began_s < 0.4
    assert heard.said == ["found 1-1.6", "gone 1-1.6"]


async def test_what_udev_has_not_finished_with_is_looked_at_again_without_a_ring(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last event may have come before udev's database was written."""
    looks = []

    def finished() -> dict[str, str | None]:
        looks.append(None)
        return {} if len(looks) < 3 else {"ttyUSB20": None, "ttyUSB6": None}

    monkeypatch.setattr(discover, "_UdevMonitor", Silent)
    monkeypatch.setattr(discover, "_finished_ttys", finished)
    tree.plug("adapter-ch340")
    async with watching(tree, udev=True) as heard:
        await heard.until(1)
        enough = len(looks)
        await asyncio.sleep(5 * SCAN_S)
        assert len(looks) == enough, "nothing is withheld any more"
    assert heard.said == ["found 1-1.6"]


class FakeUdev:
    """As much of pyudev as there is: ttys, and a monitor whose events get lost when it is told."""

    def __init__(self, ttys: dict[str, dict[str, str]]) -> None:
        self.ttys = ttys
        self.started: list[FakeMonitor] = []
        self.Monitor = SimpleNamespace(from_netlink=self._monitor)

    def Context(self) -> FakeUdev:  # noqa: N802 - its name there
        return self

    def list_devices(self, subsystem: str) -> list[Any]:
        assert subsystem == "tty"
        return [
            SimpleNamespace(
                sys_name=name, device_path=told.get("DEVPATH", f"/devices/{name}"), properties=told
            )
            for name, told in self.ttys.items()
        ]

    def _monitor(self, _context: Any, source: str) -> FakeMonitor:
        assert source == "udev"
        self.started.append(FakeMonitor())
        return self.started[-1]


class FakeMonitor:
    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.filters: set[str] = set()
        self.lost = False

    def filter_by(self, subsystem: str) -> None:
        self.filters.add(subsystem)

    def start(self) -> None:
        self.ours.setblocking(False)

    def fileno(self) -> int:
        return self.ours.fileno()

    def poll(self, timeout: float) -> bytes | None:
        assert timeout == 0
        if self.lost:
            raise OSError(errno.ENOBUFS, "No buffer space available")
        try:
            return self.ours.recv(1)
        except BlockingIOError:
            return None

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()


def test_roles_of_our_own_rules_and_ttys_of_no_device_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = {FINISHED: "1"}
    udev = FakeUdev({
        "ttyUSB0": done | {ROLE_TAG: "at", MADE_BY: MAKER},
        "ttyUSB1": done | {ROLE_TAG: "at", MADE_BY: "me"},
        "ttyUSB2": done | {ROLE_TAG: "diag"},
        "ttyUSB3": done,
        "ttyUSB4": {ROLE_TAG: "at"},
        "tty1": done | {"DEVPATH": "/devices/virtual/tty/tty1"},
    })  # fmt: skip
    monkeypatch.setitem(sys.modules, "pyudev", udev)
    assert discover._finished_ttys() == {
        "ttyUSB0": None, "ttyUSB1": "at", "ttyUSB2": "diag", "ttyUSB3": None,
    }  # fmt: skip


async def test_a_monitor_that_has_lost_events_is_made_anew_and_rings_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    udev = FakeUdev({})
    monkeypatch.setitem(sys.modules, "pyudev", udev)
    rings: list[None] = []
    monitor = discover._UdevMonitor(lambda: rings.append(None))
    (first,) = udev.started
    assert first.filters == {"usb", "tty"}

    async def event(of: FakeMonitor) -> None:
        of.theirs.send(b"x")
        await asyncio.sleep(0.02)

    await event(first)
    assert len(rings) == 1
    first.lost = True
    await event(first)
    assert len(rings) == 2  # what was lost may have been a plug
    _, second = udev.started
    await event(first)
    assert len(rings) == 2, "nobody listens to the old one any more"
    await event(second)
    assert len(rings) == 3
    monitor.stop()
    await event(second)
    assert len(rings) == 3
    for each in udev.started:
        each.close()


async def test_fifty_beginnings_and_ends_leak_nothing(tree: Tree) -> None:
    tree.plug("adapter-ch340")
    async with watching(tree) as heard:
        await heard.until(1)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a count is all that is wanted
    for _ in range(50):
        async with watching(tree) as heard:
            await heard.until(1)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - as above


# -- udev, by umockdev ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLUGGED)
def test_plugged_and_unplugged_by_udevs_events(name: str) -> None:
    usb, ids, mode, at_interface = PLUGGED[name]
    told = staged(("plug", "hub"), ("plug", name), ("news", 1), ("unplug", name), ("news", 2))
    found, gone = told["news"]
    assert [found["kind"], found["usb"], found["id"], found["mode"]] == ["found", usb, ids, mode]
    assert found["interfaces"][0] == at_interface
    assert found["at_ports"][0].startswith("/dev/serial/by-path/")
    assert [gone["kind"], gone["usb"]] == ["gone", usb]


@pytest.mark.parametrize("name", PLUGGED)
def test_there_before_anything_ran(name: str) -> None:
    (found,) = staged(("news", 1), device=name)["news"]
    assert [found["usb"], found["id"]] == list(PLUGGED[name][:2])


def test_eight_places_at_once_then_two_sticks_change_theirs() -> None:
    names = [each for each in PLUGGED if each != "telit-he910"]
    steps = [("before", "plug", "hub"), *(("before", "plug", each) for each in names)]
    told = staged(*steps, ("news", 6), ("unplug", "quectel-ec25"), ("plug", "quectel-ec25", 40),
                  ("news", 8), ("unplug", "zte-mf190"), ("news", 9))  # fmt: skip
    kinds = [(each["kind"], each["usb"]) for each in told["news"]]
    assert sorted(kinds[:6]) == [("found", f"1-1.{port}") for port in range(1, 7)]
    assert kinds[6:] == [("gone", "1-1.3"), ("found", "1-1.3"), ("gone", "1-1.2")]


def test_a_router_is_named_as_one() -> None:
    (found,) = staged(("news", 1), device="huawei-hilink")["news"]
    assert (found["mode"], found["at_ports"]) == ("hilink", [])
    assert "router" in found["remedy"]


def test_a_disc_is_not_told_before_its_minute() -> None:
    assert staged(("wait", 3), device="huawei-cdrom")["news"] == []


def test_a_named_port_alone() -> None:
    port = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.3:1.3-port0"
    told = staged(("before", "plug", "hub"), ("before", "plug", "zte-mf190"),
                  ("before", "plug", "quectel-ec25"), ("news", 1), ("wait", 0.5),
                  discover=False, ports=[port])  # fmt: skip
    (found,) = told["news"]
    assert (found["usb"], found["at_ports"][0]) == ("1-1.3", port)


def test_a_role_by_the_operators_rule_is_taken_and_one_by_our_own_is_not() -> None:
    nmea = next(
        path for path in sys_paths(describe("quectel-ec25")) if path.endswith("/tty/ttyUSB7")
    )
    own = {"AIRPOST_ROLE": "audio", "AIRPOST_ROLE_BY": "airpost"}
    another = {"AIRPOST_ROLE_BY": "me"}
    told = staged(("plug", "hub"), ("plug", "quectel-ec25"), ("news", 1), ("mark", nmea, own),
                  ("wait", 0.3), ("mark", nmea, another), ("news", 2))  # fmt: skip
    found, changed = told["news"]
    assert found["roles"] == ["at", "spare", "nmea", "diag"]
    assert (changed["kind"], changed["roles"]) == ("changed", ["at", "spare", "diag", "audio"])


def test_beginning_and_ending_leaks_no_descriptor() -> None:
    told = staged(("news", 1), *[("again",)] * 20, ("wait", 0.2), device="quectel-ec25")
    first, *later = told["descriptors"]
    assert max(later) <= first


async def test_events_that_were_lost_make_a_new_monitor_and_a_new_look(
    tree: Tree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    skip_without_umockdev()  # libudev comes with it
    rings = asyncio.Event()
    monitor = discover._UdevMonitor(rings.set)

    class Overrun:
        def __init__(self, real: Any) -> None:
            self.fileno = real.fileno

        def poll(self, timeout: float) -> None:
            raise OSError(105, "No buffer space available")

    before = monitor._monitor
    monitor._monitor = Overrun(before)
    monitor._readable()
    assert rings.is_set()
    assert monitor._monitor is not before
    assert "discover.events_lost No buffer space available" in caplog.text
    monitor.stop()

"""Switching USB devices on a made-up sysfs, and through a made-up uhubctl."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from airpost.clock import Instant, LoopClock, SystemClock
from airpost.errors import ModemError
from airpost.modem import usbpower
from airpost.modem.usbpower import UsbPower, hub_of, still_powered
from airpost.tasks import spawn, stop
from tests.virtual import VirtualLoop, run_virtual

Hub = Callable[..., tuple[str, Path]]
STATUS = """Current status for hub 1-1 [2109:2817 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports]
  Port 4: 0503 power highspeed enable connect [12d1:1506 power HUAWEI]
Sent power {action} request
New status for hub 1-1 [2109:2817 VIA Labs, Inc. USB2.0 Hub, USB 2.10, 4 ports]
  Port 4: {after}
"""


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usbpower, "OFF_S", 0.01)


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """A stick at 1-1.4 on a hub at 1-1, as the kernel shows them."""
    root = tmp_path / "sys"
    for name, kind in (("usb1", "09"), ("1-1", "09"), ("1-1.4", "00"), ("1-2", "00")):
        folder = root / "bus" / "usb" / "devices" / name
        folder.mkdir(parents=True)
        (folder / "bDeviceClass").write_text(f"{kind}\n")
        (folder / "authorized").write_text("1\n")
    driver = root / "bus" / "usb" / "drivers" / "usb"
    driver.mkdir(parents=True)
    for name in ("bind", "unbind"):
        (driver / name).write_text("")
    return root


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, sysfs: Path) -> list[str]:
    """What was written to sysfs, in order."""
    lines: list[str] = []
    really = usbpower._write

    def write(path: Path, value: str) -> None:
        really(path, value)
        lines.append(f"{path.relative_to(sysfs / 'bus' / 'usb')} {value}")

    monkeypatch.setattr(usbpower, "_write", write)
    return lines


def power(sysfs: Path, **changes: object) -> UsbPower:
    return UsbPower(SystemClock(), sysfs=sysfs, **changes)  # type: ignore[arg-type]


# -- names ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "found"),
    [("1-1.4", ("1-1", 4)), ("1-1", ("1", 1)), ("12-10.3.11", ("12-10.3", 11))],
)
def test_where_a_device_hangs(path: str, found: tuple[str, int]) -> None:
    assert hub_of(path) == found


@pytest.mark.parametrize(
    "path", ["", "usb1", "1", "1-", "1-0", "1-1.", "1-1:1.0", "../1-1", "1-1.4\n", "/dev/ttyUSB0"]
)
def test_what_is_no_device_is_refused(path: str) -> None:
    with pytest.raises(ModemError, match="no USB device on a port"):
        hub_of(path)


def test_which_device_is_behind_a_port(sysfs: Path, tmp_path: Path) -> None:
    interface = sysfs / "devices/pci0000:00/usb1/1-1/1-1.4/1-1.4:1.2/ttyUSB2"
    interface.mkdir(parents=True)
    (interface / "device").symlink_to(interface)
    built_in = sysfs / "devices/pnp0/00:05"
    built_in.mkdir(parents=True)
    ttys = sysfs / "class/tty"
    for name, device in (("ttyUSB2", interface), ("ttyS0", built_in)):
        (ttys / name).mkdir(parents=True)
        (ttys / name / "device").symlink_to(device)
    link = tmp_path / "by-path"
    link.symlink_to("/dev/ttyUSB2")
    found = {port: power(sysfs).device_of(port) for port in
             ("/dev/ttyUSB2", str(link), "/dev/ttyS0", "/dev/ttyUSB9", "/dev/pts/3")}  # fmt: skip
    assert found == {"/dev/ttyUSB2": "1-1.4", str(link): "1-1.4", "/dev/ttyS0": None,
                     "/dev/ttyUSB9": None, "/dev/pts/3": None}  # fmt: skip


# -- authorized and unbind -----------------------------------------------------------------------


async def test_authorization_is_taken_and_given_back(sysfs: Path, written: list[str]) -> None:
    assert "authorization" in await power(sysfs).restart("1-1.4")
    assert written == ["devices/1-1.4/authorized 0", "devices/1-1.4/authorized 1"]


async def test_without_authorized_it_is_unbound(sysfs: Path, written: list[str]) -> None:
    (sysfs / "bus/usb/devices/1-1.4/authorized").unlink()
    assert await power(sysfs).restart("1-1.4") == "unbound and bound again"
    assert written == ["drivers/usb/unbind 1-1.4", "drivers/usb/bind 1-1.4"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("usb1", "no USB device on a port"),
        ("1-1", "is a hub: everything behind it would go"),
        ("1-1.3", "there is no USB device 1-1.3"),
    ],
)
async def test_what_must_not_be_switched_is_not(
    sysfs: Path, written: list[str], path: str, words: str
) -> None:
    for switch in (power(sysfs).reauthorize, power(sysfs).rebind):
        with pytest.raises(ModemError, match=words):
            await switch(path)
    assert written == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (13, r"no permission to write .*authorized; install the udev rules"),
        (30, r"authorized is read-only here; allow it in the unit file"),
        (19, r"is not there \(any more\)"),
        (5, r"cannot be written: Input/output error"),
    ],
)
async def test_every_refusal_of_the_kernel_is_explained(
    sysfs: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def refuse(*_args: object, **_named: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(ModemError, match=words):
        await power(sysfs).reauthorize("1-1.4")


async def test_what_hangs_holds_up_nobody(sysfs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    came = threading.Event()
    values: list[str] = []

    def write(_path: Path, value: str) -> None:
        values.append(value)
        if value == "0":
            came.wait(100)

    monkeypatch.setattr(usbpower, "_write", write)
    with pytest.raises(ModemError, match=r"did not come back within 0\.1 s"):
        await power(sysfs, limit_s=0.1).reauthorize("1-1.4")
    assert not came.is_set()
    assert values == ["0", "1"], "it may go off later: then it is on again"
    came.set()


async def test_a_device_that_does_not_come_on_is_tried_again(
    sysfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    def write(_path: Path, value: str) -> None:
        tries.append(value)
        if value == "1" and tries.count("1") < usbpower.ON_TRIES:
            raise ModemError("made for the test")

    monkeypatch.setattr(usbpower, "_write", write)
    await power(sysfs).reauthorize("1-1.4")
    assert tries == ["0", "1", "1", "1"]


async def test_one_that_stays_off_is_said_loudly(
    sysfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_path: Path, value: str) -> None:
        if value == "1":
            raise ModemError("made for the test")

    monkeypatch.setattr(usbpower, "_write", never)
    with pytest.raises(ModemError, match="switched off and not on again: made for the test"):
        await power(sysfs).reauthorize("1-1.4")


def test_cancelled_while_off_it_is_still_switched_on(
    sysfs: Path, written: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usbpower, "OFF_S", 60)

    async def main(loop: VirtualLoop) -> float:
        clock = LoopClock(loop.time, Instant(0))
        switch = UsbPower(clock, sysfs=sysfs).reauthorize("1-1.4")
        task = spawn(switch, name="to be cancelled")
        while not written:  # noqa: ASYNC110 - another thread writes
            await asyncio.sleep(0.001)
        await stop(task)
        return loop.time()

    assert run_virtual(main) == pytest.approx(60, abs=1)
    assert written == ["devices/1-1.4/authorized 0", "devices/1-1.4/authorized 1"]


# -- hub power -----------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """A program in place of uhubctl and what it was called with."""

    def make(after_off: str = "0000 off", script: str = "") -> tuple[str, Path]:
        program, calls = tmp_path / "uhubctl", tmp_path / "calls"
        off = STATUS.format(action="off", after=after_off)
        on = STATUS.format(action="on", after="0100 power")
        program.write_text(
            f'#!/bin/sh\necho "$@" >> {calls}\n{script}\n'
            f'case "$6" in off) cat <<END\n{off}END\n;; on) cat <<END\n{on}END\n;; esac\n'
        )
        program.chmod(0o755)
        return str(program), calls

    return make


async def test_the_port_is_switched_off_and_on(sysfs: Path, hub: Hub) -> None:
    program, calls = hub()
    await power(sysfs, hubs=["1-1"], uhubctl=program).cycle("1-1.4")
    assert calls.read_text().splitlines() == ["-l 1-1 -p 4 -a off", "-l 1-1 -p 4 -a on"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("1-2", "root hub 1: with power cut there it may never come back"),
        ("2-1.4", "hub 2-1 is not configured"),
        ("usb1", "no USB device on a port"),
    ],
)
async def test_root_hubs_and_hubs_nobody_configured_are_left_alone(
    sysfs: Path, hub: Hub, path: str, words: str
) -> None:
    """`modems.md` fault 73; a root hub is refused also where it is configured."""
    program, calls = hub()
    switch = power(sysfs, hubs=["1", "1-1"], uhubctl=program)
    assert words in (switch.no_hub_power(path) or "")
    with pytest.raises(ModemError, match=words):
        await switch.cycle(path)
    assert not calls.exists()
    assert switch.no_hub_power("1-1.4") is None


async def test_a_hub_that_only_says_that_it_switches_is_found_out(sysfs: Path, hub: Hub) -> None:
    program, calls = hub("0503 power highspeed enable connect [12d1:1506]")
    with pytest.raises(ModemError, match="says that it switches power and does not"):
        await power(sysfs, hubs=["1-1"], uhubctl=program).cycle("1-1.4")
    assert calls.read_text().splitlines()[-1].endswith("-a on")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'No compatible devices detected at location 1-1!' >&2; exit 1",
         r"uhubctl failed on hub 1-1: No compatible devices detected at location 1-1!$"),
        ("echo 'No compatible devices!' >&2; echo 'There were permission problems' >&2; exit 1",
         r"No compatible devices!; it needs a udev rule that lets airpost use the hub"),
        ("exit 3", r"uhubctl failed on hub 1-1: nothing"),
    ],
)  # fmt: skip
async def test_what_uhubctl_complains_about_is_passed_on(
    sysfs: Path, hub: Hub, script: str, words: str
) -> None:
    program, calls = hub(script=script)
    with pytest.raises(ModemError, match=words):
        await power(sysfs, hubs=["1-1"], uhubctl=program, limit_s=0.3).cycle("1-1.4")
    assert len(calls.read_text().splitlines()) == 1, "what was never switched off is left alone"


async def test_a_uhubctl_that_hangs_may_have_switched_off(sysfs: Path, hub: Hub) -> None:
    program, calls = hub(script='if [ "$6" = off ]; then exec sleep 5; fi')
    with pytest.raises(ModemError, match=r"uhubctl did not end within 0\.3 s"):
        await power(sysfs, hubs=["1-1"], uhubctl=program, limit_s=0.3).cycle("1-1.4")
    assert calls.read_text().splitlines()[-1] == "-l 1-1 -p 4 -a on"


async def test_power_that_cannot_be_given_back_is_said_loudly(sysfs: Path, hub: Hub) -> None:
    program, calls = hub(script='if [ "$6" = on ]; then echo broken >&2; exit 1; fi')
    with pytest.raises(ModemError, match=r"port 4 of hub 1-1 is without power.*broken"):
        await power(sysfs, hubs=["1-1"], uhubctl=program).cycle("1-1.4")
    assert len(calls.read_text().splitlines()) == 1 + usbpower.ON_TRIES


async def test_no_uhubctl_is_named(sysfs: Path) -> None:
    with pytest.raises(ModemError, match="uhubctl is not installed"):
        await power(sysfs, hubs=["1-1"], uhubctl="no-such-uhubctl").cycle("1-1.4")


def test_a_twin_hub_that_keeps_its_power_is_seen() -> None:
    both = STATUS.format(action="off", after="0000 off") + STATUS.format(
        action="off", after="02a0 power 5gbps Rx.Detect"
    )
    assert still_powered(both, 4)
    assert not still_powered(both, 3)
    assert not still_powered(STATUS.format(action="off", after="0000 off"), 4)

"""USB devices of a fake /sys, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

from airpost.daemon.doctor.finding import Finding, Severity, Write
from airpost.daemon.doctor.usb import (
    check_autosuspend,
    check_modes,
    check_power,
    usb_devices,
)
from airpost.modem.profiles import load_profiles
from tests.daemon.doctor.tree import Machine

PROFILES = load_profiles()
HUB = {"bDeviceClass": "09", "product": "Hub"}


def power(machine: Machine, *, uhubctl: bool = False, switched: frozenset[str] = frozenset()
          ) -> list[Finding]:  # fmt: skip
    found = check_power(usb_devices(machine.roots, PROFILES), uhubctl=uhubctl, switched=switched)
    return [each for each in found if each.severity is not Severity.NOTE]


def test_devices_with_all_their_ports(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.device("1-1.4", "2c7c:0125", "ttyUSB2", "ttyUSB3", product="EC25")
    machine.device("1-1", "05e3:0608", **HUB)
    hub, modem = usb_devices(machine.roots, PROFILES)
    assert (hub.usb_path, hub.hub, hub.self_powered, hub.ports) == ("1-1", True, True, ())
    assert modem.ports == ("/dev/ttyUSB2", "/dev/ttyUSB3")
    assert modem.named == "EC25 (2c7c:0125)"
    assert usb_devices(Machine(tmp_path / "empty").roots, PROFILES) == ()


def test_sticks_that_are_no_modem_now(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.device("1-1", "12d1:14dc", product="E3372 HiLink")
    machine.device("1-2", "12d1:1f01", product="Mass storage")
    machine.device("1-3", "05c6:9008")
    machine.device("1-4", "2c7c:0125", "ttyUSB0")
    machine.device("1-5", "2c7c:0125")
    machine.interface("1-5", 2, "ff")
    machine.device("1-6", "046d:c52b", product="Mouse")
    machine.device("1-7", "1a86:7523")
    machine.interface("1-7", 0, "ff", "usbfs")
    machine.device("1-8", "1a86:7523", "ttyUSB1")
    found = {each.subject: each for each in check_modes(usb_devices(machine.roots, PROFILES))}
    errors = {name for name, each in found.items() if each.severity is Severity.ERROR}
    assert errors == {"USB 1-1", "USB 1-2", "USB 1-3", "USB 1-5", "USB 1-7"}
    assert found.keys() - errors == {"USB 1-8"}
    assert "HiLink" in found["USB 1-1"].what
    assert found["USB 1-2"].fix == "sudo apt-get install usb-modeswitch"
    assert "2c7c 0125" in str(found["USB 1-5"].fix)
    assert "brltty" in found["USB 1-7"].what
    assert "brltty" in str(found["USB 1-7"].fix)


def test_a_modem_that_may_be_put_to_sleep(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.device("1-1", "2c7c:0125", "ttyUSB0", power__control="auto")
    machine.device("1-2", "2c7c:0125", "ttyUSB1", power__control="on")
    machine.device("1-3", "046d:c52b", power__control="auto")
    (found,) = check_autosuspend(usb_devices(machine.roots, PROFILES), machine.roots)
    assert found.fix == "echo on | sudo tee /sys/bus/usb/devices/1-1/power/control"
    path = tmp_path / "sys" / "bus" / "usb" / "devices" / "1-1" / "power" / "control"
    assert found.mend == Write(path=path, text="on")


def test_a_hub_without_power_of_its_own(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.device("1-1", "05e3:0608", **(HUB | {"bmAttributes": "a0"}))
    machine.device("1-1.1", "2c7c:0125", "ttyUSB0")
    machine.device("1-1.2", "2c7c:0125", "ttyUSB1")
    machine.device("1-2", "05e3:0608", **HUB)
    machine.device("1-2.1", "2c7c:0125", "ttyUSB2")
    (found,) = power(machine)
    assert found.subject == "USB 1-1"
    assert "2 modems" in found.what


def test_a_port_that_was_cut_off(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.device("1-1", "2c7c:0125", "ttyUSB0", port__over_current_count="3")
    (found,) = power(machine)
    assert "3 times" in found.what


def test_hubs_that_are_configured_to_switch(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.device("1-1", "05e3:0608", **HUB)
    assert power(machine, uhubctl=True, switched=frozenset({"1-1"})) == []
    (found,) = power(machine, switched=frozenset({"1-1"}))
    assert found.fix == "sudo apt-get install uhubctl"
    (found,) = power(machine, uhubctl=True, switched=frozenset({"1-9"}))
    assert found.subject == "USB 1-9"

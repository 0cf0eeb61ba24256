"""Clock, disk, udev rule and supply of a fake machine."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from airpost.clock import SECOND_US, Instant
from airpost.daemon.doctor.finding import Severity, Write
from airpost.daemon.doctor.host import (
    EARLIEST,
    HostFacts,
    check_clock,
    check_disk,
    check_rule,
    check_voltage,
    host_facts,
    synchronised,
)
from airpost.modem.profiles import load_profiles
from airpost.modem.udevrules import udev_rules
from tests.daemon.doctor.tree import Machine, write

STORE = Path("/var/lib/airpost/airpost.db")
NOW = Instant(1_767_323_045_678_000)


def facts(machine: Machine, *, in_step: bool | None = True, room: int = 2**30, flags: int = 0
          ) -> HostFacts:  # fmt: skip
    def free(path: Path) -> os.statvfs_result:
        if not path.exists():
            raise FileNotFoundError(path)
        return os.statvfs_result((4096, 1, 0, room, room, 0, 0, 0, flags, 255))

    return host_facts(
        machine.roots, STORE, NOW, in_step=lambda: in_step, free=free, which=lambda _name: None
    )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_clock(machine: Machine) -> None:
    good = facts(machine)
    assert list(check_clock(good)) == []
    assert list(check_clock(replace(good, synchronised=None))) == []
    (found,) = check_clock(replace(good, synchronised=False))
    assert (found.severity, found.fix) == (Severity.WARNING, "sudo timedatectl set-ntp true")
    for now in (Instant(0), Instant(EARLIEST - SECOND_US), Instant(9_999_999_999 * SECOND_US)):
        (found,) = check_clock(replace(good, now=now))
        assert found.severity is Severity.ERROR
    assert "1970-01-01" in next(check_clock(replace(good, now=Instant(0)))).what


def test_this_machine_says_something_of_its_clock() -> None:
    assert synchronised() in (True, False, None)


@pytest.mark.parametrize(
    ("room", "flags", "severity"),
    [
        (2**30, 0, None),
        (100 * 2**20, 0, Severity.WARNING),
        (2**20, 0, Severity.ERROR),
        (2**30, os.ST_RDONLY, Severity.ERROR),
    ],
)
def test_the_disk(machine: Machine, room: int, flags: int, severity: Severity | None) -> None:
    host = facts(machine, room=room, flags=flags)
    assert host.disk.folder == "/var/lib"
    assert [each.severity for each in check_disk(host)] == ([severity] if severity else [])


def test_the_udev_rule(machine: Machine) -> None:
    (found,) = check_rule(facts(machine), machine.roots)
    target = machine.root / "etc" / "udev" / "rules.d" / "60-airpost.rules"
    assert isinstance(found.mend, Write)
    assert found.mend.path == target
    assert found.mend.text == udev_rules(load_profiles())
    assert found.fix is not None
    printing, _, _ = found.fix.partition("|")
    done = subprocess.run(shlex.split(printing), capture_output=True, text=True, check=True)
    assert done.stdout == found.mend.text
    write(machine.root / "usr" / "lib" / "udev" / "rules.d" / "60-airpost.rules", "x")
    assert list(check_rule(facts(machine), machine.roots)) == []


def test_the_services_user_and_its_groups(machine: Machine) -> None:
    unit = machine.root / "etc" / "systemd" / "system" / "airpost.service"
    write(unit, "[Service]\nUser=airpost\nSupplementaryGroups=dialout absent\n")
    host = facts(machine)
    assert host.groups == {20}
    assert host.user is not None
    assert host.user.uid == 990


def test_a_board_that_starves(machine: Machine) -> None:
    sensor = machine.root / "sys" / "class" / "hwmon" / "hwmon1"
    write(sensor / "name", "rpi_volt")
    write(sensor / "in0_lcrit_alarm", "0")
    assert list(check_voltage(facts(machine))) == []
    write(sensor / "in0_lcrit_alarm", "1")
    (found,) = check_voltage(facts(machine))
    assert "voltage" in found.what

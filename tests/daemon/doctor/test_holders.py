"""Who holds a port."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from airpost.daemon.doctor.holders import Holder, holders
from airpost.daemon.doctor.roots import Roots
from tests.daemon.doctor.tree import Machine


def test_holders_by_name(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.process(12, "ModemManager", "/dev/ttyUSB0", "/dev/null", command="ModemManager")
    machine.process(13, "agetty", "/dev/ttyUSB1", command="/sbin/agetty ttyUSB1")
    machine.process(14, "bash", "socket:[1]", "/dev/ttyUSB9")
    held = holders(machine.roots, ["/dev/ttyUSB0", "/dev/ttyUSB1", "/dev/ttyUSB2"])
    assert [each.shown for each in held.of("/dev/ttyUSB0")] == ["ModemManager (process 12)"]
    assert held.of("/dev/ttyUSB2") == ()
    assert held.running == {"ModemManager"}
    assert not held.blind


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("ModemManager", "sudo systemctl disable --now ModemManager.service"),
        ("agetty", "sudo systemctl disable --now serial-getty@ttyUSB1.service"),
        ("minicom", "sudo kill 13"),
    ],
)
def test_the_line_that_ends_it(name: str, line: str) -> None:
    assert Holder(pid=13, name=name, command=name).stop_line("/dev/ttyUSB1") == line


def test_the_service_knows_itself() -> None:
    service = "/usr/bin/python3 /usr/bin/airpost serve --config x"
    assert Holder(pid=1, name="python3", command=service).is_airpost
    module = "/usr/bin/python3 -m airpost.daemon.cli.main serve --config x"
    assert Holder(pid=1, name="python3", command=module).is_airpost
    assert not Holder(pid=1, name="cat", command="cat --show /var/lib/airpost").is_airpost


def test_on_this_machine_the_one_at_the_terminal_is_found_and_not_its_maker() -> None:
    master, slave = pty.openpty()
    name = os.ttyname(slave)
    reader = subprocess.Popen(["cat"], stdin=slave)
    try:
        assert [each.pid for each in holders(Roots(), [name]).of(name)] == [reader.pid]
    finally:
        reader.terminate()
        reader.wait()
        os.close(master)
        os.close(slave)


def test_no_proc(tmp_path: Path) -> None:
    assert holders(Roots(tmp_path), ["/dev/ttyUSB0"]).by_device == {}

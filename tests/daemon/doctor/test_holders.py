"""Who holds a port."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
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


IN_A_CONTAINER = """
mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
mount --bind /dev/pts/ptmx /dev/ptmx
exec "$0" -c 'import os, pty, subprocess, sys
while True:
    _, slave = pty.openpty()
    if os.ttyname(slave) == sys.argv[1]:
        break
reader = subprocess.Popen(["cat"], stdin=slave)
print(reader.pid, flush=True)
sys.stdin.read()
reader.kill()
reader.wait()' "$1"
"""


def may_unshare() -> bool:
    """Whether a mount namespace may be made here: root may, in most places."""
    command = ["unshare", "--mount", "true"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not may_unshare(), reason="a mount namespace may not be made here")
def test_a_terminal_of_the_same_name_in_a_container_is_another_one() -> None:
    master, slave = pty.openpty()
    name = os.ttyname(slave)
    command = ["unshare", "--mount", "sh", "-c", IN_A_CONTAINER, sys.executable, name]
    inside = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert inside.stdout is not None
        theirs = int(inside.stdout.readline())
        assert Path(f"/proc/{theirs}/fd/0").readlink() == Path(name)
        assert theirs not in [each.pid for each in holders(Roots(), [name]).of(name)]
    finally:
        inside.communicate()
        os.close(master)
        os.close(slave)


def test_no_proc(tmp_path: Path) -> None:
    assert holders(Roots(tmp_path), ["/dev/ttyUSB0"]).by_device == {}

"""A machine below a folder."""

from __future__ import annotations

from pathlib import Path

from airpost.daemon.doctor.roots import Roots, read
from tests.daemon.doctor.tree import Machine, write


def test_paths_there_and_back(tmp_path: Path) -> None:
    roots = Roots(tmp_path)
    assert roots.at("/dev/ttyUSB0") == tmp_path / "dev" / "ttyUSB0"
    assert roots.named(tmp_path / "dev" / "ttyUSB0") == "/dev/ttyUSB0"
    assert roots.sys == tmp_path / "sys"
    assert Roots().proc == Path("/proc")


def test_what_a_link_is_in_the_end(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.port("ttyUSB2")
    link = tmp_path / "dev" / "serial" / "by-path" / "x-port0"
    link.parent.mkdir(parents=True)
    link.symlink_to("../../ttyUSB2")
    assert machine.roots.device_of("/dev/serial/by-path/x-port0") == "/dev/ttyUSB2"
    assert machine.roots.device_of("/dev/gone") == "/dev/gone"


def test_users_and_groups(tmp_path: Path) -> None:
    roots = Machine(tmp_path).roots
    user = roots.account("airpost")
    assert user is not None
    assert (user.uid, user.gids) == (990, {990, 20})
    assert roots.account("nobody") is None
    assert roots.group_name(20) == "dialout"
    assert roots.gid_of("plugdev") == 46
    assert roots.gid_of("absent") is None


def test_reading(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a", " text ")) == "text"
    assert read(tmp_path / "b") is None
    assert Roots(tmp_path).first(("/b", "/a")) == tmp_path / "a"

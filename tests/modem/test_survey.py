"""Looking at a made-up machine: descriptions of sticks as files of /sys and /dev."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from airpost.modem.devices import Sighting
from airpost.modem.survey import Surveyor
from tests.modem.testbed import Tree


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path)
    made.plug("hub")
    return made


@pytest.fixture
def terminal() -> Iterator[str]:
    master, slave = pty.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def look(tree: Tree, *ports: str | Path) -> dict[str, Sighting]:
    survey = Surveyor([str(port) for port in ports], tree.root).look()
    return {each.usb_path: each for each in survey.sightings}


def test_what_a_stick_says_of_itself(tree: Tree) -> None:
    tree.plug("quectel-ec25")
    stick = look(tree)["1-1.3"]
    assert (stick.vid, stick.pid, stick.product, stick.serial) == (
        "2c7c",
        "0125",
        "Android",
        "0000",
    )
    assert (stick.address, stick.announced) == ("12", 5)
    assert [(each.number, each.cls, each.driver) for each in stick.interfaces] == [
        (0, 255, "option"), (1, 255, "option"), (2, 255, "option"), (3, 255, "option"),
        (4, 255, "qmi_wwan")]  # fmt: skip
    assert [(tty.interface, Path(tty.node).name) for tty in stick.ttys] == [
        (0, "ttyUSB6"), (1, "ttyUSB7"), (2, "ttyUSB8"), (3, "ttyUSB9")]  # fmt: skip


def test_ports_are_named_by_what_stays(tree: Tree) -> None:
    tree.plug("adapter-ch340")
    by_path = tree.root / "dev/serial/by-path/pci-0000:00:14.0-usb-0:1.6:1.0-port0"
    assert [tty.path for tty in look(tree)["1-1.6"].ttys] == [str(by_path)]
    ours = tree.root / "dev/airpost/1-1.6-if00"
    ours.parent.mkdir()
    ours.symlink_to("../ttyUSB20")
    assert [tty.path for tty in look(tree)["1-1.6"].ttys] == [str(ours)]
    ours.unlink()
    by_path.unlink()
    assert [tty.path for tty in look(tree)["1-1.6"].ttys] == [str(tree.root / "dev/ttyUSB20")]


def test_a_cdc_acm_port_is_found_by_its_control_interface(tree: Tree) -> None:
    tree.plug("telit-he910")
    assert [tty.interface for tty in look(tree)["1-1.7"].ttys] == [0, 2]


def test_hubs_and_sticks_without_ports_are_seen_too(tree: Tree) -> None:
    tree.plug("huawei-cdrom")
    assert [each.usb_path for each in look(tree).values()] == ["1-1", "1-1.7"]
    assert look(tree)["1-1.7"].ttys == ()


def test_a_port_that_is_not_usb_stays_out_unless_it_is_named(tree: Tree, terminal: str) -> None:
    link = tree.root / "modem1"
    link.symlink_to(terminal)
    assert "1-1" in look(tree)
    assert len(look(tree)) == 1
    named = look(tree, link)[str(link)]
    assert named.named
    assert [(tty.path, tty.node, tty.interface) for tty in named.ttys] == [
        (str(link), terminal, None)
    ]
    assert str(link) not in look(tree, tree.root / "absent")


def test_a_named_port_on_usb_is_that_port_of_its_stick(tree: Tree) -> None:
    tree.plug("quectel-ec25")
    own = tree.root / "my-modem"
    own.symlink_to("dev/serial/by-path/pci-0000:00:14.0-usb-0:1.3:1.3-port0")
    seen = look(tree, own)
    assert list(seen) == ["1-1", "1-1.3"]
    assert [(tty.interface, tty.path == str(own), tty.named) for tty in seen["1-1.3"].ttys] == [
        (0, False, False), (1, False, False), (2, False, False), (3, True, True)]  # fmt: skip


def test_links_alone_are_enough(tmp_path: Path, terminal: str) -> None:
    """A machine that does not show sysfs: the names of the links tell what belongs together."""
    other_master, other = pty.openpty()
    try:
        by_path, by_id = tmp_path / "dev/serial/by-path", tmp_path / "dev/serial/by-id"
        by_path.mkdir(parents=True)
        by_id.mkdir()
        (by_path / "pci-0000:00:14.0-usb-0:1.4:1.2-port0").symlink_to(terminal)
        (by_path / "pci-0000:00:14.0-usb-0:1.4:1.3-port0").symlink_to(os.ttyname(other))
        (by_id / "usb-HUAWEI_Mobile-if02-port0").symlink_to(terminal)
        (by_path / "pci-0000:00:14.0-usb-0:1.5:1.0").symlink_to("/dev/absent")
        seen = look(Tree(tmp_path))
        assert {name: [tty.interface for tty in each.ttys] for name, each in seen.items()} == {
            "pci-0000:00:14.0-usb-0:1.4": [2, 3]}  # fmt: skip
        for link in by_path.iterdir():
            link.unlink()
        (by_id / "mine").symlink_to(os.ttyname(other))
        seen = look(Tree(tmp_path))
        assert {name: [tty.interface for tty in each.ttys] for name, each in seen.items()} == {
            str(by_id / "mine"): [None], "usb-HUAWEI_Mobile": [2]}  # fmt: skip
    finally:
        os.close(other_master)
        os.close(other)


def test_ttys_that_udev_is_not_through_with_are_withheld(tree: Tree) -> None:
    tree.plug("adapter-ch340")
    tree.plug("telit-he910")
    survey = Surveyor((), tree.root).look({"ttyACM0": "at", "ttyACM1": None})
    seen = {each.usb_path: each for each in survey.sightings}
    assert survey.withheld == {"ttyUSB20"}
    assert seen["1-1.6"].ttys == ()
    assert [tty.tag for tty in seen["1-1.7"].ttys] == ["at", None]


def test_a_named_port_that_is_withheld_is_not_taken_for_one_without_usb(tree: Tree) -> None:
    tree.plug("adapter-ch340")
    port = str(tree.root / "dev/ttyUSB20")
    survey = Surveyor([port], tree.root).look({})
    assert [each.usb_path for each in survey.sightings if each.ttys] == []


def test_a_port_that_a_container_has_not_got_is_left_out(tree: Tree) -> None:
    tree.plug("adapter-ch340")
    (tree.root / "dev/ttyUSB20").unlink()
    (tree.root / "dev/serial/by-path/pci-0000:00:14.0-usb-0:1.6:1.0-port0").unlink()
    assert look(tree)["1-1.6"].ttys == ()


def test_the_mark_changes_with_every_plug(tree: Tree, terminal: str) -> None:
    link = tree.root / "modem1"
    surveyor = Surveyor([str(link)], tree.root)
    marks = [surveyor.mark()]
    assert surveyor.mark() == marks[0]
    tree.plug("adapter-ch340")
    marks.append(surveyor.mark())
    link.symlink_to(terminal)
    marks.append(surveyor.mark())
    tree.unplug("adapter-ch340")
    marks.append(surveyor.mark())
    assert len(set(marks)) == 4


def test_no_sysfs_and_no_dev_is_an_empty_machine(tmp_path: Path) -> None:
    assert look(Tree(tmp_path / "none")) == {}
    assert Surveyor((), tmp_path / "none").mark() == frozenset()

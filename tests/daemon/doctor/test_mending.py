"""What --fix changes, and nothing else."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from airpost.daemon.doctor.finding import Share, Write, warning
from airpost.daemon.doctor.mending import mended

FINDING = warning("x", "y", "z", "paste this")


def test_a_finding_without_a_mend_stays_as_it_is() -> None:
    assert mended([FINDING]) == (FINDING,)


def test_a_file_is_written_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "rules.d" / "60-airpost.rules"
    (done,) = mended([replace(FINDING, mend=Write(path=path, text="rule\n"))])
    assert done.mended == f"done: {path} written"
    assert path.read_text() == "rule\n"
    assert path.stat().st_mode & 0o777 == 0o644


def test_what_cannot_be_done_is_said(tmp_path: Path) -> None:
    write = Write(path=tmp_path, text="on")
    share = Share(path=tmp_path / "gone", group="dialout", gid=os.getgid())
    assert [each.mended for each in mended([replace(FINDING, mend=m) for m in (write, share)])] == [
        "not done: Is a directory",
        "not done: No such file or directory",
    ]


def test_a_device_alone_is_given_to_a_group(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    before = file.stat().st_mode
    (done,) = mended([replace(FINDING, mend=Share(path=file, group="g", gid=os.getgid()))])
    assert done.mended == "not done: it is no device"
    assert file.stat().st_mode == before


def test_a_terminal_is_shared() -> None:
    master, slave = os.openpty()
    try:
        path = Path(os.ttyname(slave))
        path.chmod(0o600)
        (done,) = mended([replace(FINDING, mend=Share(path=path, group="g", gid=os.getgid()))])
        assert done.mended == f"done: group g may use {path.name}"
        assert path.stat().st_mode & 0o060 == 0o060
    finally:
        os.close(master)
        os.close(slave)

from __future__ import annotations

from pathlib import Path

import pytest

from hwsim.folder import Folder, FolderError


def in_it(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_one_at_a_time(tmp_path: Path) -> None:
    first, second = Folder(tmp_path / "a" / "b"), Folder(tmp_path / "a" / "b")
    first.take()
    with pytest.raises(FolderError, match=r"running in .* already"):
        second.take()
    first.release()
    first.release()
    second.take()
    second.release()


def test_what_a_killed_pool_left_is_taken_away_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "modem7").symlink_to("/dev/pts/9999")
    (tmp_path / "letters").touch()
    folder = Folder(tmp_path)
    folder.take()
    assert in_it(tmp_path) == ["letters"]
    folder.release()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_strangers_file_is_refused_and_stays(tmp_path: Path, kind: str) -> None:
    (tmp_path / "modem0").symlink_to("/dev/pts/9999")
    theirs = tmp_path / "modem1"
    match kind:
        case "file":
            theirs.write_text("mine")
        case "folder":
            theirs.mkdir()
        case "link":
            theirs.symlink_to("/dev/null")
    folder = Folder(tmp_path)
    with pytest.raises(FolderError, match="modem1 is not a link to a terminal"):
        folder.take()
    assert in_it(tmp_path) == ["modem0", "modem1"]
    theirs.rmdir() if kind == "folder" else theirs.unlink()
    folder.take()  # the refusal let go of it
    folder.release()


@pytest.mark.parametrize("path", ["file", "file/below", "/proc/none"])
def test_what_cannot_be_made_is_told(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FolderError, match=r"cannot be used: .*name a folder"):
        Folder(tmp_path / path).take()

"""The air journal: what it tells, and when its silence proves anything."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from airpost.clock import Instant
from airpost.store.api import MOST_PREPARED
from airpost.store.journal import (
    HEAD_OCTETS,
    LANE_OCTETS,
    LANES_AT_ONCE,
    NO_BOOT,
    NONCE_OCTETS,
    RECORD_OCTETS,
    RECORDS,
    AirJournal,
    Told,
    boot_id,
    new_nonce,
)

NONCE = bytes(range(NONCE_OCTETS))
BOOT, OTHER_BOOT = b"b" * 16, b"c" * 16


@pytest.fixture
def path(place: Path) -> Path:
    (place / "airpost.db").write_bytes(b"the store")
    return place / "airpost.db"


def journal(path: Path, boot: bytes = BOOT) -> AirJournal:
    return AirJournal(path, boot=boot)


def written(path: Path) -> AirJournal:
    made = journal(path)
    made.create(NONCE)
    return made


def at(n: int) -> Instant:
    return Instant(1_767_225_600_000_000 + n)


def test_a_lane_tells_its_last_result_and_its_last_beginning(path: Path) -> None:
    made = written(path)
    made.begun("gate-1", 1, at(1))
    made.ended("gate-1", 1, 255, at(2))
    made.begun("gate-1", 2, at(3))
    made.begun("gate-2", 3, at(4))
    made.ended("gate-2", 3, None, at(5))
    assert journal(path).read(NONCE) == Told(
        nonce=NONCE,
        ended={1: (255, at(2)), 3: (None, at(5))},
        begun={1: at(1), 2: at(3), 3: at(4)},
        whole=True,
    )


def test_all_that_may_begin_and_end_before_a_commit_is_told(path: Path) -> None:
    """Nothing whose commit has not come is written over by what comes after it."""
    made = written(path)
    for attempt in range(100):
        made.begun("gate-1", attempt, at(attempt))
        made.ended("gate-1", attempt, attempt, at(attempt))
        told = journal(path).read(NONCE)
        last = range(max(1, attempt - MOST_PREPARED), attempt + 1)
        assert set(last) <= set(told.ended)
        assert set(last) <= set(told.begun)
    assert len(told.begun) == RECORDS // 2


def test_a_torn_record_proves_nothing_and_the_others_still_tell(path: Path) -> None:
    made = written(path)
    made.ended("gate-1", 1, 7, at(1))
    made.begun("gate-1", 2, at(2))
    with (path.parent / "airpost.db-air").open("r+b") as file:
        file.seek(HEAD_OCTETS + RECORD_OCTETS + 20)
        file.write(b"\xff")
    assert journal(path).read(NONCE) == Told(
        nonce=NONCE, ended={1: (7, at(1))}, begun={}, whole=False
    )


def test_a_record_at_the_place_of_another_is_none(path: Path) -> None:
    made = written(path)
    made.ended("gate-1", 1, 7, at(1))
    file = path.parent / "airpost.db-air"
    octets = bytearray(file.read_bytes())
    moved = octets[HEAD_OCTETS : HEAD_OCTETS + RECORD_OCTETS]
    octets[HEAD_OCTETS + LANE_OCTETS : HEAD_OCTETS + LANE_OCTETS + RECORD_OCTETS] = moved
    file.write_bytes(octets)
    assert journal(path).read(NONCE) == Told(
        nonce=NONCE, ended={1: (7, at(1))}, begun={}, whole=False
    )


def test_after_a_start_of_the_machine_silence_proves_nothing(path: Path) -> None:
    made = written(path)
    made.ended("gate-1", 1, 7, at(1))
    told = journal(path, OTHER_BOOT).read(NONCE)
    assert (told.ended, told.whole) == ({1: (7, at(1))}, False)
    unknown = journal(path, NO_BOOT)
    unknown.create(NONCE)
    assert not journal(path, NO_BOOT).read(NONCE).whole


def test_of_another_run_nothing_is_believed(path: Path) -> None:
    made = written(path)
    made.begun("gate-1", 1, at(1))
    assert journal(path).read(new_nonce()) == Told(nonce=NONCE)
    assert journal(path).read(b"") == Told(nonce=NONCE)


def test_beside_a_copy_silence_proves_nothing(path: Path, place: Path) -> None:
    made = written(path)
    made.begun("gate-1", 1, at(1))
    copy = place / "copy.db"
    shutil.copy(path, copy)
    shutil.copy(place / "airpost.db-air", place / "copy.db-air")
    assert journal(copy).read(NONCE) == Told(nonce=NONCE, begun={1: at(1)}, whole=False)


@pytest.mark.parametrize("size", [0, 5, HEAD_OCTETS - 1])
def test_half_a_head_is_none(path: Path, size: int) -> None:
    written(path)
    os.truncate(path.parent / "airpost.db-air", size)
    assert journal(path).read(NONCE) == Told()


def test_without_a_file_nothing_is_told(path: Path) -> None:
    assert journal(path).read(NONCE) == Told(nonce=b"")


def test_a_new_journal_has_forgotten_the_old_one(path: Path) -> None:
    made = written(path)
    made.begun("gate-1", 1, at(1))
    made.create(NONCE)
    assert journal(path).read(NONCE) == Told(nonce=NONCE, whole=True)


def test_more_lanes_than_it_was_made_for(path: Path) -> None:
    made = written(path)
    for n in range(LANES_AT_ONCE + 1):
        made.begun(f"gate-{n}", n + 1, at(n))
    told = journal(path).read(NONCE)
    assert (len(told.begun), told.whole) == (LANES_AT_ONCE + 1, True)


def test_a_disk_that_takes_no_journal_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int, _octets: bytes, _at: int) -> int:
        raise OSError(28, "No space left on device")

    made = written(path)
    made.begun("gate-1", 1, at(1))
    monkeypatch.setattr("airpost.store.journal.os.pwrite", full)
    with pytest.raises(OSError, match="No space"):
        made.begun("gate-1", 2, at(2))
    with pytest.raises(OSError, match="No space"):
        made.create(new_nonce())
    assert not made.open
    with pytest.raises(OSError, match="not open"):
        made.ended("gate-1", 1, 1, at(3))
    assert list(path.parent.glob("*.new")) == []
    assert journal(path).read(NONCE).begun == {1: at(1)}


def test_the_boot_id_of_this_machine(place: Path) -> None:
    (place / "id").write_text("0f7a7f52-6a6b-4d58-9c44-0a6b6f3f8f10\n")
    assert len(boot_id(place / "id")) == 16
    (place / "id").write_text("none")
    assert boot_id(place / "id") == boot_id(place / "missing") == NO_BOOT


def test_the_newest_time_is_told() -> None:
    told = Told(begun={1: Instant(5)}, ended={1: (7, Instant(9)), 2: (None, Instant(8))})
    assert (told.newest_at, Told().newest_at) == (9, 0)


@pytest.mark.parametrize("by", ["another", "nobody"])
def test_nothing_begins_in_a_file_that_no_start_would_read(path: Path, by: str) -> None:
    """Another process has put its own in place, or somebody has removed it."""
    made = written(path)
    made.begun("gate-1", 1, at(1))
    if by == "another":
        journal(path).create(bytes(NONCE_OCTETS))
    else:
        path.with_name("airpost.db-air").unlink()
    with pytest.raises(OSError, match="removed or replaced"):
        made.begun("gate-1", 2, at(2))
    assert not made.open

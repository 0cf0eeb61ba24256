"""The lock of a store."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airpost.errors import ConfigError
from airpost.store.lock import StoreLock

HOLD = """
import sys, pathlib
from airpost.store.lock import StoreLock
StoreLock(pathlib.Path(sys.argv[1])).take()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_one_is_told_who_holds_it(place: Path) -> None:
    first, second = StoreLock(place / "a.db"), StoreLock(place / "a.db")
    first.take()
    with pytest.raises(ConfigError, match=rf"a\.db is in use by .* \(process {os.getpid()}\)"):
        second.take()
    first.release()
    second.take()
    second.release()
    second.release()


def test_it_ends_with_its_process_however_that_ends(place: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place / "a.db")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=f"process {child.pid}"):
            StoreLock(place / "a.db").take()
        child.kill()
    lock = StoreLock(place / "a.db")
    lock.take()
    lock.release()


def test_a_folder_that_is_not_there_is_named(place: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written: No such file"):
        StoreLock(place / "none" / "a.db").take()

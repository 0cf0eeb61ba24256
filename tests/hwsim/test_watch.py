from __future__ import annotations

import asyncio
import os
import tty
from pathlib import Path

import pytest

from hwsim.watch import Watch


async def test_a_terminal_is_opened() -> None:
    watch, told = Watch(asyncio.get_running_loop()), list[str]()
    master, slave = os.openpty()
    tty.setraw(master)
    path = os.ttyname(slave)
    watch.opens(path, lambda: told.append("open"))
    os.write(slave, b"x")
    watch.drain()
    assert told == []
    host = os.open(path, os.O_RDWR | os.O_NOCTTY)
    watch.drain()
    os.write(host, b"x")
    os.close(host)
    watch.drain()
    assert told == ["open"]
    watch.close()
    watch.close()
    os.close(master)
    os.close(slave)


async def test_a_file_is_written_and_told_on_the_loop(tmp_path: Path) -> None:
    watch, told = Watch(asyncio.get_running_loop()), asyncio.Event()
    file = tmp_path / "authorized"
    file.touch()
    number = watch.writes(str(file), told.set)
    file.read_text()
    await asyncio.sleep(0)
    assert not told.is_set()
    file.write_text("0")
    async with asyncio.timeout(60):
        await told.wait()
    told.clear()
    file.write_text("1")
    watch.forget(number)
    watch.forget(number)
    watch.drain()
    assert not told.is_set()
    with pytest.raises(FileNotFoundError):
        watch.writes(str(tmp_path / "nothing"), told.set)
    watch.close()


async def test_a_file_that_goes_is_no_write(tmp_path: Path) -> None:
    watch, told = Watch(asyncio.get_running_loop()), list[str]()
    file = tmp_path / "file"
    file.touch()
    watch.writes(str(file), lambda: told.append("write"))
    file.unlink()
    watch.drain()
    assert told == []
    watch.close()

from __future__ import annotations

import array
import asyncio
import fcntl
import os
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from hwsim.ptys import BUFFER_OCTETS, Pty
from tests.virtual import VirtualLoop, run_virtual


async def until(arrived: Callable[[], bool]) -> None:
    """Real time may pass before the kernel has handed bytes over."""
    for _ in range(4000):
        if arrived():
            return
        await asyncio.sleep(0.001)
    raise TimeoutError


def waiting(fd: int) -> int:
    count = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, count)
    return count[0]


def test_bytes_both_ways_and_counters(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        got: list[bytes] = []
        pty = Pty(tmp_path / "modem0", got.append)
        pty.open(loop)
        assert (tmp_path / "modem0").resolve() == Path(pty.device)
        host = os.open(pty.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        os.write(host, b"AT\r\x1a\x03")
        await until(lambda: pty.rx_bytes == 5)
        pty.write(b"\r\nOK\r\n")
        await until(lambda: waiting(host) == 6)
        assert b"".join(got) == b"AT\r\x1a\x03"  # raw: nothing is translated, nothing a signal
        assert os.read(host, 100) == b"\r\nOK\r\n"
        assert (pty.tx_bytes, pty.rx_bytes) == (6, 5)
        os.close(host)
        pty.close()

    run_virtual(main)


def test_output_is_not_echoed_back_and_waits_for_a_host(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        got: list[bytes] = []
        pty = Pty(tmp_path / "m", got.append)
        pty.open(loop)
        pty.write(b"RDY\r\n")
        host = os.open(pty.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        await until(lambda: waiting(host) == 5)
        assert got == []
        assert os.read(host, 100) == b"RDY\r\n"
        os.close(host)
        await asyncio.sleep(0.01)  # no host any more: the kept slave prevents EIO
        assert pty.is_open
        pty.close()

    run_virtual(main)


def test_unplug_hangs_up_and_plug_makes_a_new_terminal(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        pty = Pty(tmp_path / "m", lambda _data: None)
        pty.open(loop)
        pty.open(loop)  # again changes nothing
        host = os.open(pty.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        pty.close()
        pty.close()
        assert not pty.link.is_symlink()
        assert pty.device == ""
        try:
            gone = os.read(host, 10) == b""
        except OSError:
            gone = True
        assert gone
        pty.write(b"nobody hears it")
        os.close(host)
        pty.open(loop)
        assert pty.link.is_symlink()
        pty.close()

    run_virtual(main)


def test_a_host_that_does_not_read_loses_what_is_too_much(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        pty = Pty(tmp_path / "m", lambda _data: None)
        pty.open(loop)
        sent = 3 * BUFFER_OCTETS
        for _ in range(3):
            pty.write(b"x" * BUFFER_OCTETS)
        assert pty.pending == BUFFER_OCTETS
        assert pty.dropped_bytes == sent - pty.tx_bytes - BUFFER_OCTETS
        host = os.open(pty.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        read = 0
        while read < sent - pty.dropped_bytes:
            await until(lambda: waiting(host) > 0)
            read += len(os.read(host, 100_000))
        assert pty.pending == 0
        os.close(host)
        pty.close()

    run_virtual(main)


def test_what_nobody_read_may_be_lost_wherever_it_is(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        pty = Pty(tmp_path / "m", lambda _data: None)
        pty.open(loop)
        host = os.open(pty.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        for octets in (1, 2_000, 3 * BUFFER_OCTETS) * 50:  # with the kernel's worker or before it
            pty.write(b"x" * octets)
            pty.lose_unread()
            pty.write(b"now")
            await until(lambda: waiting(host) >= len(b"now"))
            assert os.read(host, 100_000) == b"now"
            assert pty.pending == 0
        os.close(host)
        pty.close()
        pty.lose_unread()  # nothing is there

    run_virtual(main)


def test_a_dead_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "m").symlink_to("/dev/pts/gone")

    async def main(loop: VirtualLoop) -> None:
        pty = Pty(tmp_path / "m", lambda _data: None)
        pty.open(loop)
        assert (tmp_path / "m").exists()
        pty.close()

    run_virtual(main)


@pytest.mark.parametrize("data", [b"", b"x"])
def test_writing_before_it_is_open_does_nothing(tmp_path: Path, data: bytes) -> None:
    pty = Pty(tmp_path / "m", lambda _data: None)
    pty.write(data)
    assert pty.tx_bytes == 0

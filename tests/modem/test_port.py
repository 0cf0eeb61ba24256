"""The port transport against pseudo-terminals: every measured trap of the libraries under it."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import pty
import resource
import struct
import termios
import threading
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from airpost.errors import PortBusy, PortError, PortLost, PortRefused
from airpost.modem import port as port_module
from airpost.modem.port import PortSettings, PortTransport, open_port, present

TIOCGEXCL = 0x80045440  # asm-generic/ioctls.h; termios has no name for it
REAL_S = 60.0  # what takes milliseconds, on a machine that has other things to do


class Wire:
    """A raw pseudo-terminal; unplug() closes both ends."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.master)
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        os.set_blocking(self.master, False)

    def unplug(self) -> None:
        for fd in (self.master, self.slave):
            if fd >= 0:
                os.close(fd)
        self.master = self.slave = -1


class Heard(asyncio.Protocol):
    def __init__(self) -> None:
        self.data = b""
        self.lost: list[Exception | None] = []
        self.gone = asyncio.Event()
        self.got = asyncio.Event()
        self.made = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made += 1

    def data_received(self, data: bytes) -> None:
        self.data += data
        self.got.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)
        self.gone.set()


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.unplug()


async def shut(transport: PortTransport, heard: Heard) -> None:
    transport.abort()
    async with asyncio.timeout(REAL_S):
        await heard.gone.wait()


async def test_bytes_go_both_ways_and_are_counted(wire: Wire) -> None:
    heard = Heard()
    transport = await open_port(wire.path, heard)
    transport.write(b"AT\r")
    assert os.read(wire.master, 100) == b"AT\r"
    os.write(wire.master, b"\r\nOK\r\n")
    async with asyncio.timeout(REAL_S):
        await heard.got.wait()
    assert heard.data == b"\r\nOK\r\n"
    assert (transport.tx_bytes, transport.rx_bytes, heard.made) == (3, 6, 1)
    await shut(transport, heard)


async def test_a_descriptor_above_1023_works(wire: Wire) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1300:
        pytest.skip(f"the limit of descriptors is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1300), hard))
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
    try:
        heard = Heard()
        transport = await open_port(wire.path, heard)
        assert transport.serial.fd >= 1024
        os.write(wire.master, b"+CMTI")
        async with asyncio.timeout(REAL_S):
            await heard.got.wait()
        assert heard.data == b"+CMTI"
        await shut(transport, heard)
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_full_terminal_costs_no_cpu_and_loses_nothing(wire: Wire) -> None:
    heard = Heard()
    transport = await open_port(wire.path, heard)
    sent = os.urandom(50_000)
    for at in range(0, len(sent), 5000):
        transport.write(sent[at : at + 5000])
    before = time.process_time()
    await asyncio.sleep(0.1)
    assert time.process_time() - before < 0.05
    assert 0 < transport.tx_bytes < len(sent)
    got = b""
    async with asyncio.timeout(REAL_S):
        while len(got) < len(sent):
            try:
                got += os.read(wire.master, 65_536)
            except BlockingIOError:
                await asyncio.sleep(0.001)
    assert got == sent
    assert transport.tx_bytes == len(sent)
    await shut(transport, heard)


async def test_unplugging_is_told_once_with_the_port_named(wire: Wire) -> None:
    heard = Heard()
    transport = await open_port(wire.path, heard)
    wire.unplug()
    async with asyncio.timeout(REAL_S):
        await heard.gone.wait()
    (error,) = heard.lost
    assert isinstance(error, PortLost)
    assert error.path == transport.path
    transport.close()
    transport.abort()
    transport.write(b"AT\r")
    await asyncio.sleep(0.01)
    assert len(heard.lost) == 1


async def test_a_second_reader_is_not_a_hang_up(wire: Wire) -> None:
    heard = Heard()
    transport = await open_port(wire.path, heard)
    stop = threading.Event()
    os.set_blocking(wire.slave, False)

    def steal() -> None:
        while not stop.is_set():
            try:
                os.read(wire.slave, 100)
            except BlockingIOError:
                pass

    thread = threading.Thread(target=steal)
    thread.start()
    try:
        for _ in range(50):
            os.write(wire.master, b"+CMTI: 1\r\n")
            await asyncio.sleep(0.001)
    finally:
        stop.set()
        thread.join()
    assert heard.lost == []
    await shut(transport, heard)


async def test_closing_with_output_pending_ends_at_once(wire: Wire) -> None:
    heard = Heard()
    transport = await open_port(wire.path, heard)
    transport.write(b"x" * 300_000)
    transport.close()
    async with asyncio.timeout(REAL_S):
        await heard.gone.wait()
    assert heard.lost == [None]


async def test_loss_is_told_when_the_port_can_be_opened_again(wire: Wire) -> None:
    again: list[serial.Serial] = []

    class Reopens(Heard):
        def connection_lost(self, exc: Exception | None) -> None:
            again.append(serial.Serial(wire.path, exclusive=True, timeout=0))
            super().connection_lost(exc)

    heard = Reopens()
    transport = await open_port(wire.path, heard)
    await shut(transport, heard)
    assert again[0].is_open
    again[0].close()


async def test_loss_never_drains(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def drain(_fd: int) -> None:
        raise AssertionError("tcdrain blocks for ever on some devices")

    monkeypatch.setattr(termios, "tcdrain", drain)
    heard = Heard()
    transport = await open_port(wire.path, heard)
    await shut(transport, heard)
    assert heard.lost == [None]


async def test_a_close_that_hangs_stops_nobody(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port_module, "CLOSE_S", 0.05)
    heard = Heard()
    transport = await open_port(wire.path, heard)
    release = threading.Event()
    really = transport.serial.close

    def hangs() -> None:
        release.wait(REAL_S)
        really()

    monkeypatch.setattr(transport.serial, "close", hangs)
    transport.abort()
    async with asyncio.timeout(REAL_S):
        await heard.gone.wait()
    with pytest.raises(PortBusy, match="unplug"):
        await open_port(wire.path, Heard())
    other = Wire()
    heard_other = Heard()
    await shut(await open_port(other.path, heard_other), heard_other)
    other.unplug()
    release.set()
    async with asyncio.timeout(REAL_S):
        while wire.path in port_module._hung:  # noqa: ASYNC110 - another thread ends it
            await asyncio.sleep(0.005)
    heard_again = Heard()
    await shut(await open_port(wire.path, heard_again), heard_again)
    assert heard.lost == [None]


async def test_opening_does_not_block_the_loop_and_a_late_descriptor_is_closed(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[serial.Serial] = []
    release = threading.Event()
    really = port_module._open

    def slow(path: str, settings: PortSettings) -> serial.Serial:
        release.wait(REAL_S)
        opened.append(really(path, settings))
        return opened[0]

    monkeypatch.setattr(port_module, "_open", slow)
    with pytest.raises(PortLost, match="longer than"):
        await open_port(wire.path, Heard(), open_s=0.02)
    with pytest.raises(PortBusy):
        await open_port(wire.path, Heard())
    release.set()
    async with asyncio.timeout(REAL_S):
        while not opened or opened[0].is_open:  # noqa: ASYNC110 - another thread ends it
            await asyncio.sleep(0.005)


async def test_a_cancelled_open_closes_its_late_descriptor(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[serial.Serial] = []
    release = threading.Event()
    really = port_module._open

    def slow(path: str, settings: PortSettings) -> serial.Serial:
        release.wait(REAL_S)
        opened.append(really(path, settings))
        return opened[0]

    monkeypatch.setattr(port_module, "_open", slow)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await open_port(wire.path, Heard())
    release.set()
    async with asyncio.timeout(REAL_S):
        while not opened or opened[0].is_open:  # noqa: ASYNC110 - another thread ends it
            await asyncio.sleep(0.005)


async def test_a_port_is_held_against_others_by_lock(wire: Wire) -> None:
    heard = Heard()
    transport = await open_port(wire.path, heard)
    with pytest.raises(PortBusy, match="another program"):
        await open_port(wire.path, Heard())
    await shut(transport, heard)


async def test_real_ports_are_held_against_plain_opens_too(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exclusive() -> bool:
        return struct.unpack("i", fcntl.ioctl(wire.slave, TIOCGEXCL, b"\0" * 4))[0] == 1

    heard = Heard()
    transport = await open_port(wire.path, heard)
    assert not exclusive()  # a pseudo-terminal would keep the flag past our death
    await shut(transport, heard)
    monkeypatch.setattr(port_module, "_is_pty", lambda _fd: False)
    heard = Heard()
    transport = await open_port(wire.path, heard)
    assert exclusive()
    await shut(transport, heard)
    assert not exclusive()


async def test_the_line_stays_up_when_we_close(wire: Wire) -> None:
    heard = Heard()
    transport = await open_port(wire.path, heard, PortSettings(baud=9600))
    attributes = termios.tcgetattr(wire.slave)
    assert not attributes[2] & termios.HUPCL
    assert attributes[4] == termios.B9600
    assert attributes[6][termios.VMIN] in (1, b"\x01")
    await shut(transport, heard)


@pytest.mark.parametrize(
    ("code", "kind", "says"),
    [
        (errno.ENOENT, PortLost, "plug the modem in"),
        (errno.EACCES, PortRefused, "to the group"),
        (errno.EBUSY, PortBusy, "ModemManager"),
        (errno.EAGAIN, PortBusy, "stop it"),
        (errno.EIO, PortLost, "does not react"),
        (errno.EMFILE, PortLost, "cannot be opened: too many"),
    ],
)
def test_each_failure_says_what_to_do(code: int, kind: type[PortError], says: str) -> None:
    error = port_module._explained("/dev/null", code, "too many open files")
    assert type(error) is kind
    assert says in error.reason


@pytest.mark.parametrize("code", [errno.EPIPE, errno.EIO])
async def test_a_device_without_dtr_and_rts_is_opened_and_a_dead_one_is_not(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real, asked = fcntl.ioctl, []

    def without_lines(fd: int, request: int, *rest: object) -> object:
        if request == termios.TIOCMBIS:
            asked.append(request)
            raise OSError(code, os.strerror(code))
        return real(fd, request, *rest)  # type: ignore[call-overload]

    monkeypatch.setattr(fcntl, "ioctl", without_lines)
    heard = Heard()
    if code == errno.EPIPE:  # how a USB device says that it knows no such request
        await shut(await open_port(wire.path, heard), heard)
        assert len(asked) == 2
    else:
        with pytest.raises(PortLost):
            await open_port(wire.path, heard)


async def test_a_missing_port_and_a_plain_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(PortLost, match="no such port"):
        await open_port(str(tmp_path / "ttyUSB0"), Heard())
    plain = tmp_path / "file"
    plain.write_text("no port")
    with pytest.raises(PortRefused, match="not a serial port"):
        await open_port(str(plain), Heard())


def test_present_follows_the_path(wire: Wire) -> None:
    path = wire.path
    assert present(path)
    wire.unplug()
    assert not present(path)

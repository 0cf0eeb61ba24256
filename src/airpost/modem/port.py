"""A serial port as an asyncio transport that neither spins, nor blocks the loop, nor dies half.

May import errors, pyserial, pyserial-asyncio; the only file that does. Bytes enter and leave
airpost here alone. It keeps the libraries' port settings and transport interface and replaces what
was measured to fail: reads and writes go to the descriptor itself (`Serial.read` breaks at
descriptor 1024, `Serial.write` spins on a full terminal), loss is told after the port is closed,
opening and closing never run on the loop.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import grp
import os
import stat
import termios
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import serial
import serial_asyncio

from airpost.errors import PortBusy, PortError, PortLost, PortRefused

T = TypeVar("T")

READ_OCTETS = 4096  # a terminal holds no more
OPEN_S = 10.0  # a driver that needs longer has hung; sticks open within milliseconds
CLOSE_S = 2.0  # os.close can block for seconds on a dying USB device: then loss is told before it
PTY_MAJORS = range(136, 144)  # Linux devices.txt: Unix98 pseudo-terminals


class _PortThreads(Executor):
    """A thread for each call, none kept: a call that hangs for ever holds up nobody.

    They are daemon threads, because the end of the process must not wait for a dead driver either.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - handed to the waiter
                future.set_exception(error)

        Thread(target=work, name="airpost-port", daemon=True).start()
        return future


THREADS = _PortThreads()  # for every call to hardware that may hang
_hung: set[str] = set()  # paths with an open or close that has not come back in its time


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSettings:
    """Line settings; USB modems ignore the rate, UART boards do not."""

    baud: int = 115_200


class _Serial(serial.Serial):
    """pyserial's port, configured once, where it is opened: off the loop."""

    def _reconfigure_port(self, force_update: bool = False) -> None:
        # The transport base sets timeouts on an open port; they mean nothing to os.read.
        if force_update:
            super()._reconfigure_port(force_update)  # type: ignore[misc]

    def open(self) -> None:
        super().open()
        try:
            _claim(self.fileno())
        except (OSError, termios.error):
            self.close()
            raise

    def _update_dtr_state(self) -> None:
        _unless_stalled(super()._update_dtr_state)  # type: ignore[misc]

    def _update_rts_state(self) -> None:
        _unless_stalled(super()._update_rts_state)  # type: ignore[misc]

    def close(self) -> None:
        if self.is_open and self.fd is not None:
            try:
                termios.tcflush(self.fd, termios.TCIOFLUSH)  # or close() drains to a dead device
                fcntl.ioctl(self.fd, termios.TIOCNXCL)
            except (OSError, termios.error):
                pass  # already gone: there is nothing to give back
        super().close()


def _unless_stalled(raise_line: Callable[[], None]) -> None:
    """A USB interface without DTR and RTS refuses the request, and works all the same.

    The kernel leaves the request out only for the interfaces it knows to have none.
    """
    try:
        raise_line()
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise


def _is_pty(fd: int) -> bool:
    return os.major(os.fstat(fd).st_rdev) in PTY_MAJORS


def _claim(fd: int) -> None:
    """Keep others out, and DTR up when we go.

    flock keeps out only who asks; TIOCEXCL makes every later open() fail. A pseudo-terminal would
    keep that flag past our death, because its other end holds it open: there flock is enough.
    """
    if not _is_pty(fd):
        fcntl.ioctl(fd, termios.TIOCEXCL)
    attributes = termios.tcgetattr(fd)
    attributes[2] &= ~termios.HUPCL  # DTR falling on close resets some modems
    termios.tcsetattr(fd, termios.TCSANOW, attributes)


class PortTransport(serial_asyncio.SerialTransport):  # type: ignore[misc]
    """One open port. `tx_bytes` and `rx_bytes` count what the kernel took and gave.

    `abort()` and `close()` are the same, may be called at any time and any number of times. The
    protocol's `connection_lost` is called once, after the port is closed (or has hung in closing).
    """

    _closing: bool
    _write_buffer: list[bytes]

    def __init__(
        self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol, port: serial.Serial
    ) -> None:
        super().__init__(loop, protocol, port)
        self.path = str(port.port)
        self.tx_bytes = 0
        self.rx_bytes = 0
        self._fd = port.fileno()
        self._told = False

    def write(self, data: bytes) -> None:
        """Hand `data` to the kernel now as far as it takes it; the rest follows by itself."""
        if self._closing or not data:
            return
        if not self._write_buffer:
            data = data[self._write_now(data) :]
            if not data or self._closing:
                return
            self._ensure_writer()
        self._write_buffer.append(data)
        self._maybe_pause_protocol()

    def _write_now(self, data: bytes) -> int:
        try:
            written = os.write(self._fd, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self._lose(error)
            return 0
        self.tx_bytes += written
        return written

    def _write_ready(self) -> None:
        data = b"".join(self._write_buffer)
        self._write_buffer.clear()
        data = data[self._write_now(data) :]
        if self._closing:
            return
        if data:
            self._write_buffer.append(data)
        else:
            self._remove_writer()
        self._maybe_resume_protocol()

    def _read_ready(self) -> None:
        try:
            data = os.read(self._fd, READ_OCTETS)
        except (BlockingIOError, InterruptedError):
            return  # a second reader was faster
        except OSError as error:
            self._lose(error)
            return
        if not data:  # VMIN is 1: no data would be EAGAIN, so this is a hang-up
            self._lose(OSError(errno.ENODEV, os.strerror(errno.ENODEV)))
            return
        self.rx_bytes += len(data)
        self._protocol.data_received(data)

    def close(self) -> None:
        """As `abort()`: a modem has no graceful close."""
        self._abort(None)

    def abort(self) -> None:
        """Drop what is unsent and close."""
        self._abort(None)

    def _lose(self, error: OSError) -> None:
        self._abort(PortLost(self.path, f"the modem went away ({error.strerror})"))

    def _abort(self, exc: PortError | None) -> None:
        if self._closing:
            return
        self._closing = True
        self._remove_reader()
        self._remove_writer()
        self._write_buffer.clear()
        closing = self._loop.run_in_executor(THREADS, self._serial.close)
        late = self._loop.call_later(CLOSE_S, self._close_hangs, exc)
        closing.add_done_callback(lambda done: self._closed(done, late, exc))

    def _close_hangs(self, exc: PortError | None) -> None:
        _hung.add(self.path)
        self._tell(exc)

    def _closed(
        self, closing: asyncio.Future[None], late: asyncio.TimerHandle, exc: PortError | None
    ) -> None:
        late.cancel()
        _hung.discard(self.path)
        if not closing.cancelled():
            closing.exception()  # an error of close() changes nothing: the descriptor is gone
        self._tell(exc)

    def _tell(self, exc: PortError | None) -> None:
        if not self._told:
            self._told = True
            self._protocol.connection_lost(exc)


async def open_port(
    path: str,
    protocol: asyncio.Protocol,
    settings: PortSettings | None = None,
    *,
    open_s: float = OPEN_S,
) -> PortTransport:
    """Open `path` for `protocol`, whose `connection_made` is called soon after.

    Raises PortBusy when another program holds it, PortRefused when it may not be used at all,
    PortLost when it cannot be opened for any other reason; all say what to do. Bytes that waited in
    the port are lost (list stored messages).
    """
    if path in _hung:
        raise PortBusy(path, "its driver has not let go of it; unplug the modem and plug it in")
    loop = asyncio.get_running_loop()
    opening = loop.run_in_executor(THREADS, _open, path, settings or PortSettings())
    try:
        async with asyncio.timeout(open_s):
            port = await asyncio.shield(opening)
    except TimeoutError:
        _hung.add(path)
        opening.add_done_callback(lambda done: _drop_late(path, done))
        raise PortLost(
            path, f"opening takes longer than {open_s:g} s; unplug the modem and plug it in"
        ) from None
    except asyncio.CancelledError:
        opening.add_done_callback(lambda done: _drop_late(path, done))
        raise
    return PortTransport(loop, protocol, port)


def _drop_late(path: str, opening: asyncio.Future[serial.Serial]) -> None:
    _hung.discard(path)
    if not opening.cancelled() and opening.exception() is None:
        THREADS.submit(opening.result().close)


def _open(path: str, settings: PortSettings) -> serial.Serial:
    port = _Serial(
        baudrate=settings.baud,
        exclusive=True,
        timeout=0,
        write_timeout=0,
        inter_byte_timeout=0,  # sets VMIN to 1, so that no data and hang-up read differently
    )
    port.port = path
    try:
        port.open()
    except (OSError, ValueError, termios.error) as error:  # SerialException is an OSError
        raise _explained(path, getattr(error, "errno", None), str(error)) from None
    return port


def _explained(path: str, code: int | None, text: str) -> PortError:
    """What the operator should know and do about a failed open."""
    if code in (errno.EBUSY, errno.EAGAIN):
        return PortBusy(
            path,
            "held by another program; stop it (ModemManager, gammu, minicom or a second airpost; "
            f"`fuser {path}` names it)",
        )
    if code in (errno.EACCES, errno.EPERM):
        return PortRefused(
            path,
            f"permission denied; add the user airpost runs as to the group {_group(path)} and "
            "start it again",
        )
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return PortLost(path, "no such port; plug the modem in, or correct `port`")
    if code in (errno.EIO, errno.ETIMEDOUT):
        return PortLost(path, "the device does not react; unplug the modem and plug it in")
    if not _is_terminal(path):
        return PortRefused(path, "is not a serial port; correct `port`")
    return PortLost(path, f"cannot be opened: {text}")


def _group(path: str) -> str:
    try:
        return grp.getgrgid(Path(path).stat().st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"


def _is_terminal(path: str) -> bool:
    try:
        return stat.S_ISCHR(Path(path).stat().st_mode)
    except OSError:
        return False


def present(path: str) -> bool:
    """True while the path exists: the cheap look that waits for a modem to come back."""
    return Path(path).exists()

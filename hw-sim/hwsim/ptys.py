"""One pseudo-terminal as a modem's port: master and a kept slave, behind a stable symbolic link.

Stdlib and `watch`. The slave copy stays open, because a master without any slave reads EIO for
ever; both ends are raw, because a cooked terminal echoes the modem's own output back to it as if
typed.
"""

from __future__ import annotations

import asyncio
import os
import termios
import tty
from collections.abc import Callable
from pathlib import Path

from hwsim.watch import Watch

READ_OCTETS = 65_536
BUFFER_OCTETS = 65_536  # what a modem keeps for a host that does not read; the rest is lost


class Pty:
    """A port that can be opened, lost and opened again.

    `link`, if there is one, is what hosts open; it points at the terminal while plugged. `received`
    is called on the loop with every chunk the host wrote, `opened` when a host has opened it and
    before what it wrote; that takes a `watch`. `tx_bytes` counts what the kernel took for the host,
    `rx_bytes` what came from it, `dropped_bytes` what the full buffer lost.
    """

    def __init__(
        self,
        link: Path | None,
        received: Callable[[bytes], None],
        *,
        watch: Watch | None = None,
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self.link = link
        self.tx_bytes = 0
        self.rx_bytes = 0
        self.dropped_bytes = 0
        self._received = received
        self._watch = watch
        self._watched = -1
        self._opened = opened
        self._own = False  # it is opened here
        self._loop: asyncio.AbstractEventLoop | None = None
        self._master = -1
        self._slave = -1
        self._pending = bytearray()
        self._mode: int | None = None

    @property
    def is_open(self) -> bool:
        """True between `open()` and `close()`."""
        return self._master >= 0

    @property
    def pending(self) -> int:
        """Bytes that wait because the host does not read."""
        return len(self._pending)

    @property
    def device(self) -> str:
        """The terminal behind the link, such as /dev/pts/7; empty while unplugged."""
        return os.ttyname(self._slave) if self.is_open else ""

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Make the terminal, read from it on `loop`, and put the link in place."""
        if self.is_open:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._loop = loop
        loop.add_reader(self._master, self._readable)
        if self._watch is not None:
            self._watched = self._watch.opens(self.device, self._told_open)
        if self.link is not None:
            self.link.unlink(missing_ok=True)
            self.link.symlink_to(self.device)
        if self._mode is not None:
            os.fchmod(self._slave, self._mode)

    def close(self) -> None:
        """Unplug: the host sees a hang-up, the link goes, what was not written is lost."""
        if not self.is_open or self._loop is None:
            return
        if self._watch is not None:
            self._watch.forget(self._watched)
        self._loop.remove_reader(self._master)
        self._loop.remove_writer(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = self._slave = -1
        self._pending.clear()
        if self.link is not None:
            self.link.unlink(missing_ok=True)

    def change_mode(self, mode: int) -> None:
        """Who may open the terminal, now and after it was plugged anew."""
        self._mode = mode
        if self.is_open:
            os.fchmod(self._slave, mode)

    def open_again(self) -> int:
        """A descriptor of the terminal, as another program gets one: no host that is counted."""
        self._drain()
        self._own = True
        try:
            return os.open(self.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        finally:
            self._drain()
            self._own = False

    def _told_open(self) -> None:
        if not self._own:
            self._opened()

    def _drain(self) -> None:
        if self._watch is not None:
            self._watch.drain()

    def write(self, data: bytes) -> None:
        """Send to the host now as far as the kernel takes it, the rest when it reads again."""
        if not self.is_open or self._loop is None:
            return
        if not self._pending:
            data = data[self._push(data) :]
            if not data:
                return
            self._loop.add_writer(self._master, self._writable)
        room = BUFFER_OCTETS - len(self._pending)
        self._pending += data[:room]
        self.dropped_bytes += max(0, len(data) - room)

    def lose_unread(self) -> None:
        """What was sent and no host has read is lost, also what the kernel has on its way."""
        self._pending.clear()
        if self.is_open and self._loop is not None:
            self._loop.remove_writer(self._master)
            termios.tcflush(self._master, termios.TCOFLUSH)  # before the line discipline
            termios.tcflush(self._slave, termios.TCIFLUSH)  # and in it

    def _push(self, data: bytes) -> int:
        try:
            taken = os.write(self._master, data)
        except BlockingIOError:
            return 0
        self.tx_bytes += taken
        return taken

    def _writable(self) -> None:
        del self._pending[: self._push(bytes(self._pending))]
        if not self._pending and self._loop is not None:
            self._loop.remove_writer(self._master)

    def _readable(self) -> None:
        try:
            data = os.read(self._master, READ_OCTETS)
        except BlockingIOError:
            return
        self.rx_bytes += len(data)
        self._drain()  # who opened it comes before what they wrote
        self._received(data)

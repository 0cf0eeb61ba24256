"""Who opens a terminal, and who writes to a file: told on the loop, in the order it happened.

Stdlib only; inotify through the C library, because a terminal that stays open at both ends tells
nothing of those who come and go.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable

IN_CLOSE_WRITE, IN_OPEN, IN_IGNORED = 0x08, 0x20, 0x8000
EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name behind it
READ_OCTETS = 65_536

_LIBC = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


class Watch:
    """All that one pool watches. OSError when the system gives no more of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self._file = _checked(_LIBC.inotify_init1(flags), "inotify")
        self._told: dict[int, Callable[[], None]] = {}
        self._loop = loop
        loop.add_reader(self._file, self.drain)

    def opens(self, path: str, told: Callable[[], None]) -> int:
        """Call `told` when `path` is opened; a number to `forget`."""
        return self._add(path, IN_OPEN, told)

    def writes(self, path: str, told: Callable[[], None]) -> int:
        """Call `told` when `path`, opened for writing, is closed; a number to `forget`."""
        return self._add(path, IN_CLOSE_WRITE, told)

    def _add(self, path: str, mask: int, told: Callable[[], None]) -> int:
        number = _checked(_LIBC.inotify_add_watch(self._file, os.fsencode(path), mask), path)
        self._told[number] = told
        return number

    def forget(self, number: int) -> None:
        """Watch no more; what has happened and was not told yet is not told."""
        if self._told.pop(number, None) is not None:
            _LIBC.inotify_rm_watch(self._file, number)  # fails where the file has gone: the same

    def drain(self) -> None:
        """Tell what has happened by now."""
        while self._file >= 0:
            try:
                data = os.read(self._file, READ_OCTETS)
            except BlockingIOError:
                return
            at = 0
            while at < len(data):
                number, mask, _, length = EVENT.unpack_from(data, at)
                at += EVENT.size + length
                told = self._told.get(number)
                if told is not None and not mask & IN_IGNORED:
                    told()

    def close(self) -> None:
        """Watch nothing any more."""
        if self._file >= 0:
            self._loop.remove_reader(self._file)
            os.close(self._file)
            self._file = -1
            self._told.clear()

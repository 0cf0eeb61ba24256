"""One process owns a store: a lock on a file beside it.

May import L0. The lock is the kernel's (flock): it ends with its process, whatever ended that.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from airpost.errors import ConfigError
from airpost.store.faults import refused


class StoreLock:
    """The lock of the store at `path`: the file `path` + ".lock", which stays."""

    def __init__(self, path: Path) -> None:
        path = path.resolve()  # by whatever link it is named, it is one store
        self._path = path.with_name(path.name + ".lock")
        self._fd: int | None = None

    def take(self) -> None:
        """ConfigError when another holds it, or the folder cannot be written.

        StoreUnavailable when the disk is full or read-only.
        """
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise refused(self._path, error) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(fd, 32).decode("ascii", "replace").strip()
            os.close(fd)
            who = f" (process {holder})" if holder else ""
            words = (
                f"{self._path.with_suffix('')} is in use by another airpost{who}; stop that first"
            )
            raise ConfigError("store.url", words) from error
        self._fd = fd
        try:
            os.ftruncate(fd, 0)
            os.write(fd, f"{os.getpid()}\n".encode())
        except OSError:
            pass  # a full disk: the number is for people, the lock holds without it

    def release(self) -> None:
        """Give it back; nothing when it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

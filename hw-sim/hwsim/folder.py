"""The folder that holds the ports' links: held by one pool at a time, and never a stranger's file.

Stdlib and `usb`.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

from hwsim import usb

TERMINALS = Path("/dev/pts")
_LINK = re.compile(r"modem\d+")


class FolderError(OSError):
    """The folder cannot be used; the text says what to do."""


class Folder:
    """`path`, made where it is missing; held between `take()` and `release()`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = -1

    def take(self) -> None:
        """Hold the folder, and take away links that a killed pool left behind.

        FolderError when it cannot be made, when another pool holds it, or when something that is
        no link to a terminal has the name of a port. Only links to terminals are ever removed.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            why = error.strerror or str(error)
            raise FolderError(
                f"{self.path} cannot be used: {why}; name a folder that is yours"
            ) from None
        try:
            # On the folder itself: nothing is left behind, and kill -9 lets go of it as well.
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise FolderError(
                f"modems are running in {self.path} already; stop them or name another folder"
            ) from None
        try:
            self._clear()
        except OSError:
            self.release()
            raise

    def release(self) -> None:
        """Let go; nothing happens when it is not held."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _clear(self) -> None:
        usb.clear(self.path)
        found = [each for each in self.path.iterdir() if _LINK.fullmatch(each.name)]
        for each in found:
            if not (each.is_symlink() and each.readlink().is_relative_to(TERMINALS)):
                raise FolderError(
                    f"{each} is not a link to a terminal; move it away or name another folder"
                )
        for each in found:
            each.unlink()

"""Where the machine is looked at: /sys, /proc, /dev and the rest below one folder, and who is who.

Stdlib only. With another root than "/" a tree of files stands for the machine: a test, or the disk
of a box that does not start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


def read(path: Path) -> str | None:
    """The text of a small file without blanks at its ends; None where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Account:
    """A user: its number and the groups it is a member of, the main one among them."""

    name: str
    uid: int
    gids: frozenset[int]


@dataclass(frozen=True, slots=True)
class Roots:
    """One folder as the root of a machine."""

    root: Path = Path("/")
    sys: Path = field(init=False)
    proc: Path = field(init=False)
    etc: Path = field(init=False)

    def __post_init__(self) -> None:
        for name in ("sys", "proc", "etc"):
            object.__setattr__(self, name, self.root / name)

    def at(self, path: str | Path) -> Path:
        """An absolute path of the machine as a file here."""
        return self.root / str(path).lstrip("/")

    def named(self, path: Path) -> str:
        """A file here as a path of the machine."""
        try:
            return f"/{path.relative_to(self.root)}"
        except ValueError:
            return str(path)

    def first(self, paths: Iterable[str]) -> Path | None:
        """The first of these files of the machine that is there."""
        return next((found for each in paths if (found := self.at(each)).is_file()), None)

    def device_of(self, port: str) -> str:
        """What a port is in the end: `/dev/ttyUSB2` for a link in /dev/serial/by-path."""
        try:
            return self.named(self.at(port).resolve(strict=True))
        except (OSError, RuntimeError):
            return port

    def group_name(self, gid: int) -> str | None:
        """The group with this number."""
        return next((name for name, number, _ in self._groups() if number == gid), None)

    def gid_of(self, group: str) -> int | None:
        """The number of a group."""
        return next((number for name, number, _ in self._groups() if name == group), None)

    def account(self, user: str) -> Account | None:
        """A user of /etc/passwd with the groups of /etc/group."""
        for line in (read(self.etc / "passwd") or "").splitlines():
            fields = line.split(":")
            if len(fields) > 3 and fields[0] == user and fields[2].isdigit():
                own = {int(fields[3])} if fields[3].isdigit() else set()
                also = {gid for _, gid, members in self._groups() if user in members}
                return Account(user, int(fields[2]), frozenset(own | also))
        return None

    def _groups(self) -> Iterable[tuple[str, int, list[str]]]:
        for line in (read(self.etc / "group") or "").splitlines():
            fields = line.split(":")
            if len(fields) > 3 and fields[2].isdigit():
                yield fields[0], int(fields[2]), fields[3].split(",")

"""The air journal: what began and ended on the air, kept past the end of the process at once.

Stdlib and L0. A file beside the store with a few records for each lane, each written by one
pwrite(2) without an fsync: what the kernel has taken, kill -9 does not take back. Only the end of
the machine does, and then its boot id tells the next start that what is missing here proves
nothing.

A lane's records are written in turn. The oldest one is always on disk in the store when it is
written over: nothing begins before the commit that prepared it, that commit holds everything that
happened before, and fewer are prepared at once than there are records for their begin and end.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from airpost.clock import Instant

MAGIC = b"apstair1"
NONCE_OCTETS = 16
HEAD_OCTETS = 4096
RECORD_OCTETS = 64
RECORDS = 32  # of a lane
LANE_OCTETS = RECORDS * RECORD_OCTETS
LANES_AT_ONCE = 64  # what the file grows by
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NO_BOOT = bytes(16)
GONE = "the file of the air journal was removed or replaced; from now on every segment waits"

_HEAD = struct.Struct("<8s16s16sQQ")  # magic, nonce, boot id, device and inode of the store
_RECORD = struct.Struct("<QqhQq")  # ended attempt (0: none), when, TP-MR (-1: none), begun, when
_CRC = struct.Struct("<I")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a journal tells of the run before.

    `ended` are attempts the network took, with TP-MR and time, `begun` those that began, with their
    time. `whole` is True where an attempt that is not in `begun` is proved not to have begun.
    `nonce` is the number of the journal that is there; empty: there is none, None: it is not
    readable.
    """

    nonce: bytes | None = None

    ended: Mapping[int, tuple[int | None, Instant]] = field(default_factory=dict)
    begun: Mapping[int, Instant] = field(default_factory=dict)
    whole: bool = False

    @property
    def newest_at(self) -> Instant:
        """The newest time in it; 0 where it tells of nothing."""
        ended = (at for _, at in self.ended.values())
        return max([*self.begun.values(), *ended], default=Instant(0))


def boot_id(path: Path = BOOT_ID) -> bytes:
    """What is another after each start of the machine; NO_BOOT where that is not to be known."""
    try:
        return UUID(path.read_text().strip()).bytes
    except (OSError, ValueError):
        return NO_BOOT


def new_nonce() -> bytes:
    """A number for a journal that no other has; nothing else depends on it."""
    return os.urandom(NONCE_OCTETS)


class AirJournal:
    """The journal of the store at `path`: the file `path` + "-air"."""

    def __init__(self, path: Path, *, boot: bytes | None = None) -> None:
        path = path.resolve()
        self._store = path
        self._path = path.with_name(path.name + "-air")
        self._boot = boot_id() if boot is None else boot
        self._fd: int | None = None
        self._nonce = b""
        self._lanes: dict[str, int] = {}
        self._newer: dict[str, tuple[int, bytes]] = {}  # lane → how many, and the newest result
        self._room = 0

    # -- the run before --------------------------------------------------------------------------
    def read(self, nonce: bytes) -> Told:
        """What the journal with this number tells; nothing, where there is none."""
        try:
            octets = self._path.read_bytes()
        except FileNotFoundError:
            return Told(nonce=b"")
        except OSError:
            return Told()
        head, crc = octets[: _HEAD.size], octets[_HEAD.size : _HEAD.size + _CRC.size]
        if len(octets) < HEAD_OCTETS or crc != _CRC.pack(zlib.crc32(head)):
            return Told()
        magic, theirs, boot, device, inode = _HEAD.unpack(head)
        if magic != MAGIC:
            return Told()
        if theirs != nonce:
            return Told(nonce=theirs)  # of another run: of a copy, or of what was put back
        whole = boot == self._boot != NO_BOOT and (device, inode) == self._identity()
        ended: dict[int, tuple[int | None, Instant]] = {}
        begun: dict[int, Instant] = {}
        for at in range(HEAD_OCTETS, len(octets), RECORD_OCTETS):
            record = octets[at : at + RECORD_OCTETS]
            body, crc = record[: _RECORD.size], record[_RECORD.size :][: _CRC.size]
            if not any(record):
                continue
            if crc != _CRC.pack(self._sum(nonce, at, body)):
                whole = False  # torn: what it was to say is not known
                continue
            last, ended_at, mr, first, begun_at = _RECORD.unpack(body)
            if last:
                ended[last] = (mr if mr >= 0 else None, Instant(ended_at))
            if first:
                begun[first] = Instant(begun_at)
        return Told(nonce=nonce, ended=ended, begun=begun, whole=whole)

    def _identity(self) -> tuple[int, int]:
        found = self._store.stat()
        return found.st_dev, found.st_ino

    @staticmethod
    def _sum(nonce: bytes, at: int, body: bytes) -> int:
        return zlib.crc32(body, zlib.crc32(at.to_bytes(8, "little"), zlib.crc32(nonce)))

    # -- this run --------------------------------------------------------------------------------
    def create(self, nonce: bytes) -> None:
        """A new journal in place of the old one; OSError when the disk does not let us."""
        self.close()
        head = _HEAD.pack(MAGIC, nonce, self._boot, *self._identity())
        fresh = self._path.with_name(self._path.name + ".new")
        fd = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write(fd, (head + _CRC.pack(zlib.crc32(head))).ljust(HEAD_OCTETS, b"\0"), 0)
            self._nonce, self._lanes, self._newer, self._room = nonce, {}, {}, 0
            self._fd = fd
            self._grow()
            os.fsync(fd)  # its octets are reserved: no record is refused for want of room
            fresh.replace(self._path)
            _sync_folder(self._path.parent)  # that it is there is proof of something, too
        except OSError:
            self.close()
            fresh.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """Write nothing more; the file stays."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    @property
    def open(self) -> bool:
        """True while it takes records."""
        return self._fd is not None

    def _grow(self) -> None:
        assert self._fd is not None
        end = HEAD_OCTETS + self._room * LANE_OCTETS
        _write(self._fd, bytes(LANES_AT_ONCE * LANE_OCTETS), end)
        self._room += LANES_AT_ONCE

    def ended(self, lane: str, attempt_id: int, mr: int | None, at: Instant) -> None:
        """The network has taken an attempt. OSError when that could not be written."""
        newest, _ = self._newer.get(lane, (-1, b""))
        told = struct.pack("<Qqh", attempt_id, at, -1 if mr is None else mr)
        self._write(lane, newest + 1, told, 0, 0)

    def begun(self, lane: str, attempt_id: int, at: Instant) -> None:
        """An attempt begins; the lane's newest result stands beside it. OSError as above, and where
        no start would find it: then the journal is closed.
        """
        if self._fd is not None and os.fstat(self._fd).st_nlink == 0:
            self.close()
            raise OSError(GONE)
        newest, told = self._newer.get(lane, (-1, b""))
        self._write(lane, newest + 1, told, attempt_id, at)

    def _write(self, lane: str, count: int, told: bytes, attempt_id: int, at: int) -> None:
        if self._fd is None:
            raise OSError("the air journal is not open")
        n = self._lanes.get(lane)
        if n is None:
            if len(self._lanes) == self._room:
                self._grow()
            n = self._lanes[lane] = len(self._lanes)
        where = HEAD_OCTETS + n * LANE_OCTETS + count % RECORDS * RECORD_OCTETS
        body = (told or bytes(18)) + struct.pack("<Qq", attempt_id, at)
        _write(self._fd, body + _CRC.pack(self._sum(self._nonce, where, body)), where)
        self._newer[lane] = count, told


def _write(fd: int, octets: bytes, at: int) -> None:
    if os.pwrite(fd, octets, at) != len(octets):
        raise OSError("a record was written in part")


def _sync_folder(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

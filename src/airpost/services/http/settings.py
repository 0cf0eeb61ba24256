"""What the HTTP service is told: where it listens, who may call, and its limits.

Stdlib and L0 only, so that configuration and command line can read it without loading a server.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from airpost.policy import CLASS_POLICY, Policies
from airpost.services.http.tls import TlsSettings
from airpost.store.keeping import Retention
from airpost.store.people import PeopleLimits

MAX_PARTS = 255
DEFAULT_PARTS = 10
DEFAULT_CONNECTIONS = 500
DEFAULT_IDLE_S = 75.0
DEFAULT_BODY_S = 30.0
DEFAULT_ROOM_S = 2.0
DEFAULT_BATCH = 100_000
DEFAULT_BATCH_MB = 16
DEFAULT_BATCHES = 4
DEFAULT_BODY_KB = 256  # 255 parts of \u-escaped text are 205 kB
DEFAULT_SCHEDULES = 1_000
DEFAULT_BLOCKED = 5_000
DEFAULT_IDEMPOTENCY_S = 86_400
DEFAULT_SOCKET = "/run/airpost/http.sock"
DEFAULT_LISTEN = ("127.0.0.1:8775", f"unix:{DEFAULT_SOCKET}")
MEMBER_OCTETS = 32  # of a member in JSON: a number, or a contact with a name of usual length
MAX_SOCKET_PATH = 107  # octets: sun_path of unix(7), without its closing zero

_TCP = re.compile(
    r"(?:(?P<scheme>https?)://)?(?:\[(?P<six>[0-9a-fA-F:.]+)\]|(?P<host>[A-Za-z0-9_.\-]+)):(?P<port>[0-9]{1,5})"
)


class AuthMode(Enum):
    """Who may call over TCP; a Unix socket always asks the kernel who is there."""

    KEYS = "keys"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpListen:
    """A TCP listener; port 0 lets the system choose.

    `tls`: False says that it speaks none, True that it must; None: where there is a certificate.
    """

    host: str
    port: int
    tls: bool | None = None

    @property
    def loopback(self) -> bool:
        """True when only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False  # a name may resolve to anything

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnixListen:
    """A Unix socket at `path`."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"

    def or_beside(self, folder: Path) -> UnixListen:
        """This socket, or one of the same name in `folder` where its own folder cannot be made."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError:
            return UnixListen(path=folder / self.path.name)
        return self


Listen = TcpListen | UnixListen


def parse_listen(text: str) -> Listen:
    """`host:port`, `[v6]:port`, with or without a scheme, or `unix:/path`; ValueError."""
    if text.startswith("unix:"):
        path = Path(text.removeprefix("unix:"))
        if not path.is_absolute():
            raise ValueError("a Unix socket needs an absolute path, such as unix:/run/airpost.sock")
        if len(str(path).encode()) > MAX_SOCKET_PATH:
            raise ValueError(f"the path of a Unix socket has at most {MAX_SOCKET_PATH} octets")
        return UnixListen(path=path)
    found = _TCP.fullmatch(text)
    if found is None or int(found["port"]) > 65_535:
        raise ValueError("is neither host:port, [IPv6]:port nor unix:/path")
    if found["six"] is not None:
        ipaddress.IPv6Address(found["six"])  # its ValueError names what is wrong
    return TcpListen(
        host=found["six"] or found["host"],
        port=int(found["port"]),
        tls={"https": True, "http": False}.get(found["scheme"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Everything the HTTP service can be told. `body_limit` is in octets."""

    listen: tuple[Listen, ...] = tuple(parse_listen(each) for each in DEFAULT_LISTEN)
    auth: AuthMode = AuthMode.KEYS
    max_connections: int = DEFAULT_CONNECTIONS  # of all listeners together
    idle_s: float = (
        DEFAULT_IDLE_S  # a connection without a request, or that takes no answer, is closed
    )
    body_s: float = DEFAULT_BODY_S  # from the head of a request to the end of its body
    room_s: float = DEFAULT_ROOM_S  # who keeps us waiting so long makes room for one too many
    body_limit: int = DEFAULT_BODY_KB << 10
    max_schedules: int = DEFAULT_SCHEDULES  # of an owner
    max_blocked: int = DEFAULT_BLOCKED  # numbers in one request
    max_batch: int = DEFAULT_BATCH  # rows
    batch_limit: int = DEFAULT_BATCH_MB << 20  # octets of a batch
    batches_at_once: int = DEFAULT_BATCHES
    idempotency_s: int = DEFAULT_IDEMPOTENCY_S
    max_parts: int = DEFAULT_PARTS
    people: PeopleLimits = field(default_factory=PeopleLimits)
    classes: Policies = field(default_factory=lambda: CLASS_POLICY)
    concat_bits: int = 8
    page_limit: int = 50  # where a list is asked for without `limit`
    max_page: int = 500
    max_wait_s: int = 60
    stream_clients: int = 250
    stream_stall_s: float = 10.0  # a client that takes nothing for so long is cut
    stream_heartbeat_s: float = 15.0
    tls: TlsSettings | None = None  # for TCP listeners
    # What a prune by hand goes by.
    retention: Retention = field(default_factory=Retention)

    @property
    def groups_limit(self) -> int:
        """Octets of a body with groups: the largest one has its place in it."""
        return max(self.body_limit, MEMBER_OCTETS * self.people.max_members)

"""What the configuration says about webhooks and commands.

Stdlib only, so that configuration can read it without loading a client.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Seconds from one try to the next: the example of Standard Webhooks, some 75 hours in all.
SCHEDULE_S = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
_ENTRY = re.compile(
    r"(?:\[(?P<six>[0-9a-fA-F:.]+(?:/[0-9]{1,3})?)\]|(?P<name>[^:\[\]\s]+))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_HOST = re.compile(r"(?:\*\.)?[a-z0-9]([a-z0-9_\-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_\-]*[a-z0-9])?)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """A target that events may go to: a network or a host, `port` None: any."""

    network: Network | None = None
    host: str | None = None  # "*.example.com": every host below it
    port: int | None = None

    def names(self, host: str, port: int) -> bool:
        """True where it allows a host by its name."""
        if self.host is None or self.port not in (None, port):
            return False
        return host == self.host or (self.host[:2] == "*." and host.endswith(self.host[1:]))


def parse_allowed(text: str) -> Allowed:
    """`10.0.0.0/8`, `192.168.1.5:8080`, `[fd00::/8]`, `erp.example.com`; ValueError with words."""
    found = _ENTRY.fullmatch(text.strip().lower())
    words = 'is no target such as "192.168.0.0/16", "10.1.2.3:8080" or "erp.example.com"'
    if found is None:
        raise ValueError(words)
    port = None if found["port"] is None else int(found["port"])
    if port is not None and not 0 < port <= 65_535:
        raise ValueError("has a port that is none")
    name = found["six"] or found["name"]
    try:
        return Allowed(network=ipaddress.ip_network(name), port=port)
    except ValueError as error:
        if "host bits" in str(error):
            raise ValueError(f"is no network: {error}") from None
    if found["six"] or "/" in name or not _HOST.fullmatch(name):
        raise ValueError(words)
    return Allowed(host=name, port=port)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """`[webhooks]`. Nothing is allowed until it is named."""

    allow: tuple[Allowed, ...] = ()
    ca_file: Path | None = None  # of targets whose certificates nobody else knows
    timeout_s: float = 15.0
    concurrency: int = 4  # requests at a time, for each endpoint
    most: int = 50  # endpoints of an owner
    keep_d: float = 7.0  # events are kept so long for an endpoint that does not take them
    schedule_s: tuple[float, ...] = SCHEDULE_S


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSettings:
    """`[[exec]]`: a command that is run for each event."""

    name: str
    command: tuple[str, ...]
    types: tuple[str, ...] = ()
    timeout_s: float = 10.0
    concurrency: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSettings:
    """Both."""

    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    execs: tuple[ExecSettings, ...] = ()

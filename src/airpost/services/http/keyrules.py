"""What a key may do beyond its scopes, as text and as what is checked: rate, networks, expiry.

Stdlib and L0 only.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from airpost.clock import SECOND_US, Instant, parse_rfc3339

UNIX = "unix"  # as a network: the Unix socket of this machine
_RATE = re.compile(
    r"(?P<count>[1-9]\d{0,6})/(?P<per>s|min|h|d)(?:,? burst (?P<burst>[1-9]\d{0,6}))?"
)
_PER_S = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"([1-9]\d{0,4})(s|m|h|d|w)")
_SPAN_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`count` requests or messages in `per_s` seconds, `burst` of them at once."""

    count: int
    per_s: int
    burst: int


@lru_cache(maxsize=1024)
def read_rate(text: str) -> Rate:
    """The rate in `60/min` or `60/min, burst 10`; ValueError with words for people."""
    found = _RATE.fullmatch(text)
    if found is None:
        raise ValueError('is a rate such as "10/s", "60/min" or "1000/h, burst 50"')
    count = int(found["count"])
    return Rate(count=count, per_s=_PER_S[found["per"]], burst=int(found["burst"] or count))


@lru_cache(maxsize=1024)
def read_network(text: str) -> _Network | None:
    """The network in `10.0.0.0/8`, `::1`; None for `unix`; ValueError with words for people."""
    if text == UNIX:
        return None
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ValueError('is a network such as "192.168.1.0/24", an address, or "unix"') from None


def comes_from(networks: Sequence[str], address: str | None) -> bool:
    """True when an address (None: the Unix socket) is in one of the networks."""
    if address is None:
        return UNIX in networks
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if found.version == 6 and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any((net := read_network(each)) is not None and found in net for each in networks)


def read_expiry(text: str, now: Instant) -> Instant:
    """The instant of an RFC 3339 time, or of a span from now such as `30m`, `12h`, `90d`, `4w`."""
    found = _SPAN.fullmatch(text)
    if found is not None:
        return Instant(now + int(found[1]) * _SPAN_S[found[2]] * SECOND_US)
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise ValueError('is a time such as "2027-01-31T12:00:00Z", or a span: "90d"') from None


class Meters:
    """How much of its rate each key has used, in memory: a restart begins anew."""

    def __init__(self) -> None:
        self._paid_s: dict[str, float] = {}  # key → until when what it has used is paid off

    def take(self, key_id: str, rate: Rate, now_s: float, cost: int = 1) -> int:
        """0 when all of it may go now, else whole seconds to wait; then nothing is taken.

        What costs more than `burst` never may.
        """
        each_s = rate.per_s / rate.count
        owed_s = max(0.0, self._paid_s.get(key_id, now_s) - now_s)
        # A hundredth of one more or less is no reason to refuse: sums of floats are not exact.
        over_s = owed_s - (rate.burst - cost + 0.01) * each_s
        if over_s > 0:
            return math.ceil(over_s)
        self._paid_s[key_id] = now_s + owed_s + cost * each_s
        return 0

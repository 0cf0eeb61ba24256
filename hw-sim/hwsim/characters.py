"""Ports of a modem that are no AT ports: what they say to whom.

Stdlib only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import xor
from random import Random

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOISE_OCTETS = 48
FLAG = 0x7E  # ends a frame of the diagnostic protocol


class Character:
    """A port that says nothing, whatever is said to it; the others are kinds of it."""

    def __init__(self, rng: Random, now_us: Callable[[], int]) -> None:
        self._rng = rng
        self._now_us = now_us

    def heard(self, data: bytes) -> bytes:  # noqa: ARG002
        """What it says to `data`."""
        return b""

    def tick(self) -> bytes:
        """What it says by itself every second."""
        return b""


class Parrot(Character):
    """Says OK to everything, without the CR LF in front, as old "APP" ports do."""

    def heard(self, data: bytes) -> bytes:
        """An OK a line."""
        return b"OK\r\n" * data.count(b"\r")


class Nmea(Character):
    """Positions: a receiver that sees no satellite."""

    def tick(self) -> bytes:
        """Two sentences of NMEA 0183."""
        now = _EPOCH + timedelta(microseconds=self._now_us())
        return sentence("GPGGA,,,,,,0,,,,,,,,") + sentence(
            f"GPRMC,{now:%H%M%S}.00,V,,,,,,,{now:%d%m%y},,,N"
        )


class Diagnostic(Character):
    """Binary frames, as the vendor's own tools speak them."""

    def heard(self, data: bytes) -> bytes:
        """An error frame."""
        return bytes((0x13, *data[:8], FLAG))

    def tick(self) -> bytes:
        """Noise."""
        noise = bytes(self._rng.randrange(256) for _ in range(NOISE_OCTETS))
        return noise.replace(bytes((FLAG,)), b"\x7d") + bytes((FLAG,))


def sentence(body: str) -> bytes:
    """`body` as NMEA 0183 sends it: $, the body, * and its checksum."""
    return f"${body}*{reduce(xor, body.encode('ascii')):02X}\r\n".encode("ascii")


CHARACTERS: Mapping[str, type[Character]] = {
    "parrot": Parrot,
    "nmea": Nmea,
    "diag": Diagnostic,
    "silent": Character,
}

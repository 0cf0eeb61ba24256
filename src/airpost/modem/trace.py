"""What went over one modem's wire: a ring in memory and a logger, both redacted by one table.

May import model, clock and the standard library. Bytes are cut into lines before they are redacted,
so that a number split over two reads is masked all the same. Never raises, never blocks.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable

from airpost.clock import Clock, Instant
from airpost.model import Lane, Way, WireLine, masked

LEVEL = 5  # below DEBUG: wire traces are asked for by name
RING_LINES = 1000
LINE_LIMIT = 4096  # a modem that never ends its line must not fill the memory

logging.addLevelName(LEVEL, "TRACE")


def _octets(match: re.Match[str]) -> str:
    return f"<{len(match[0]) // 2} octets>"


def _words(match: re.Match[str]) -> str:
    return f"{match[1]}<{len(match[2])} characters>"


# In this order: what is found by its command first, then anything that looks like content.
REDACTIONS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"([+^]CPIN2?=).+", re.IGNORECASE), r"\1****"),
    (re.compile(r"(\+CPWD=[^,]*,).+", re.IGNORECASE), r"\1****"),
    (re.compile(r"(AT\+CLCK=[^,]*,\d,).+", re.IGNORECASE), r"\1****"),
    (re.compile(r'(\+CUSD: ?\d+ ?, ?")(.*)', re.IGNORECASE), _words),
    (re.compile(r'(\+CUSD=\d+ ?, ?")(.*)', re.IGNORECASE), _words),
    # Digits alone are a number, an IMEI or an ICCID; longer or with letters it is a PDU.
    (re.compile(r"(?<![0-9A-Fa-f])(?!\d{6,22}(?![0-9A-Fa-f]))[0-9A-Fa-f]{16,}"), _octets),
    (re.compile(r"\+?(?<![0-9A-Za-z])\d{6,22}"), lambda match: masked(match[0])),
)


def redacted(text: str) -> str:
    """`text` with PINs, PDUs, texts and numbers masked."""
    for pattern, by in REDACTIONS:
        text = pattern.sub(by, text)
    return text


def _visible(data: bytes) -> str:
    return "".join(
        chr(each) if 32 <= each < 127 else _NAMES.get(each, f"<{each:02X}>") for each in data
    )


_NAMES = {13: "", 26: "<Ctrl-Z>", 27: "<ESC>"}


class _Lines:
    """Received bytes, put together and cut into lines. `whole`: they begin with a line."""

    def __init__(self, *, whole: bool = True) -> None:
        self._pending = b""
        self._whole = whole

    def of(self, data: bytes) -> list[bytes]:
        """The lines that end in `data`; a prompt is one too, and what is longer than any."""
        lines = (self._pending + data).split(b"\n")
        self._pending = b""
        if not self._whole:
            self._whole = len(lines) > 1
            lines[0] = b""
        if lines[-1].lstrip(b"\r\n")[:1] != b">" and len(lines[-1]) <= LINE_LIMIT:
            self._pending = lines.pop()
        return [line for line in lines if line.strip(b"\r")]


class Trace:
    """The trace of one lane; told by the session of every write and read.

    They are kept as they are: lines are made of them when somebody looks.
    """

    def __init__(self, lane: Lane, clock: Clock, size: int = RING_LINES) -> None:
        self._clock = clock
        self._log = logging.getLogger(f"airpost.trace.{lane}")
        self._size = size
        self._ring: deque[tuple[Instant, Way, bytes]] = deque(maxlen=size)
        self._logged = _Lines()

    def sent(self, data: bytes) -> None:
        """Bytes handed to the port."""
        self._keep(Way.SENT, data)

    def received(self, data: bytes) -> None:
        """Bytes that came."""
        self._keep(Way.RECEIVED, data)

    def note(self, text: str) -> None:
        """Something that is no bytes: opened, lost, resynchronised."""
        self._keep(Way.NOTE, text.encode())

    def lines(self) -> tuple[WireLine, ...]:
        """What was sent, received and noted last, oldest first.

        What began before that is left out: a piece of a number or a text could not be told as one.
        """
        received = _Lines(whole=len(self._ring) < self._size)
        shown = [
            WireLine(at=at, way=way, text=redacted(_visible(line)))
            for at, way, data in self._ring
            for line in (received.of(data) if way is Way.RECEIVED else (data,))
        ]
        return tuple(shown[-self._size :])

    def _keep(self, way: Way, data: bytes) -> None:
        self._ring.append((self._clock.now(), way, data))
        if self._log.isEnabledFor(LEVEL):
            for line in self._logged.of(data) if way is Way.RECEIVED else (data,):
                self._log.log(LEVEL, "%s %s", way.value, redacted(_visible(line)))

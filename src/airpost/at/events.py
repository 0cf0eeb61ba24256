"""What the channel tells the session, one value an event.

Pure. Lines are str as received (Latin-1), without line ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from airpost.at.command import Command


class FinalKind(Enum):
    """The kind of a final result code (TS 27.007 4.1, TS 27.005 3.2.5)."""

    OK = "OK"
    ERROR = "ERROR"  # plain, or the makers' own words
    CME = "CME"
    CMS = "CMS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """A final result code; `code` None for plain errors and for words instead of a number.

    `assumed` marks an OK the modem never said (some leave it out after AT+CPIN?).
    """

    kind: FinalKind
    code: int | None = None
    text: str = ""
    assumed: bool = False

    @property
    def ok(self) -> bool:
        """True for OK."""
        return self.kind is FinalKind.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A command ended; `lines` are its information lines."""

    command: Command
    lines: tuple[str, ...]
    final: Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Urc:
    """An unsolicited line; `payload` is the PDU that followed +CMT, +CDS or +CBM."""

    prefix: str
    line: str
    payload: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteNow:
    """The prompt is there: write the payload, or cancel."""

    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """An answer to a command that was given up: a line of it, or its error."""

    command: Command
    line: str | None = None
    final: Final | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """A line that means nothing here: echo, garbage, a final nobody waits for."""

    line: str
    ours: bool = False  # an echo, or the answer to a probe


@dataclass(frozen=True, slots=True, kw_only=True)
class Resynced:
    """The probe's own answer came: what is read next belongs to what is written next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """The probe's answer came in the middle of a dialogue: the modem has forgotten the dialogue."""

    command: Command


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """The modem asks for the payload again after it was written: it has not taken it."""

    command: Command


Event = Reply | Urc | WriteNow | Late | Noise | Resynced | Dropped | Stuck

"""The data coding scheme as a value, TS 23.038 4.

Pure; all 256 values are worked out once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Alphabet(Enum):
    """What the user data is coded in."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"
    DATA = "8bit"


class Waiting(Enum):
    """What kind of message waits (bits 1-0 of groups C to E)."""

    VOICEMAIL = "voicemail"
    FAX = "fax"
    EMAIL = "email"
    OTHER = "other"


_WAITING = tuple(Waiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageWaiting:
    """A message waiting indication group: which kind, on or off, and whether to store the text."""

    type: Waiting
    active: bool
    store: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dcs:
    """TP-DCS. `reserved` values are read as GSM 7-bit; compressed data is no text."""

    octet: int
    alphabet: Alphabet
    cls: int | None = None
    compressed: bool = False
    auto_delete: bool = False
    reserved: bool = False
    waiting: MessageWaiting | None = None

    @property
    def text(self) -> bool:
        """True when the octets can be read as text."""
        return self.alphabet is not Alphabet.DATA and not self.compressed


_ALPHABETS = (Alphabet.GSM7, Alphabet.DATA, Alphabet.UCS2, Alphabet.GSM7)


def _general(octet: int) -> Dcs:
    """Groups 0 to 7: compression, class and alphabet in their own bits."""
    alphabet = octet >> 2 & 3
    return Dcs(
        octet=octet,
        alphabet=_ALPHABETS[alphabet],
        cls=octet & 3 if octet & 0x10 else None,
        compressed=bool(octet & 0x20),
        auto_delete=bool(octet & 0x40),
        reserved=alphabet == 3,
    )


def _decode(octet: int) -> Dcs:
    group = octet >> 4
    if group <= 7:
        return _general(octet)
    if group <= 0xB:
        return Dcs(octet=octet, alphabet=Alphabet.GSM7, reserved=True)
    if group <= 0xE:
        return Dcs(
            octet=octet,
            alphabet=Alphabet.UCS2 if group == 0xE else Alphabet.GSM7,
            waiting=MessageWaiting(
                type=_WAITING[octet & 3], active=bool(octet & 8), store=group != 0xC
            ),
        )
    # Bit 3 is reserved but set by real networks; bit 2 alone decides.
    return Dcs(octet=octet, alphabet=Alphabet.DATA if octet & 4 else Alphabet.GSM7, cls=octet & 3)


ALL = tuple(_decode(octet) for octet in range(256))
_BITS = {Alphabet.GSM7: 0x00, Alphabet.DATA: 0x04, Alphabet.UCS2: 0x08}


def octet_for(alphabet: Alphabet, cls: int | None = None) -> int:
    """The TP-DCS of group 0 or 1 for an alphabet and an optional display class 0 to 3."""
    return _BITS[alphabet] | (0 if cls is None else 0x10 | cls & 3)

"""Text to septets and back: TS 23.038 6.2.1 with extension and national language shifts.

Pure. `locking` and `single` are language numbers of 6.2.1.2.4; 0 is the default alphabet and its
extension table.
"""

from __future__ import annotations

import codecs
from enum import Enum
from functools import cache

from airpost.codec.septets import ESC
from airpost.codec.tables import LOCKING, SINGLE
from airpost.errors import CodecError

UNDEFINED = "\N{REPLACEMENT CHARACTER}"  # a code that a locking table leaves empty


class Language(Enum):
    """Languages with tables of their own (TS 23.038 annex A), by ISO 639-1, in the order there."""

    TURKISH = "tr"
    SPANISH = "es"
    PORTUGUESE = "pt"
    BENGALI = "bn"
    GUJARATI = "gu"
    HINDI = "hi"
    KANNADA = "kn"
    MALAYALAM = "ml"
    ORIYA = "or"
    PUNJABI = "pa"
    TAMIL = "ta"
    TELUGU = "te"
    URDU = "ur"

    @property
    def number(self) -> int:
        """The National Language Identifier (TS 23.038 6.2.1.2.4)."""
        return list(Language).index(self) + 1


class Gsm7:
    """One pair of a locking and a single shift table. Use `gsm7()`, which keeps them."""

    def __init__(self, locking: int, single: int) -> None:
        # A language that is not assigned reads as the default one (TS 23.040 9.2.3.24.15, .16).
        main = LOCKING.get(locking, LOCKING[0])
        extra = SINGLE.get(single, SINGLE[0])
        self._decoding = "".join(char or UNDEFINED for char in main)
        # 6.2.1.1: a code without an entry shows the main table's character; ESC ESC shows a space.
        self._extra = "".join(e or m or UNDEFINED for e, m in zip(extra, main, strict=True))
        self._extra = self._extra[:ESC] + " " + self._extra[ESC + 1 :]
        self._codes: dict[int, int | bytes] = {
            ord(char): bytes((ESC, code)) for code, char in enumerate(extra) if char
        }
        self._codes |= {ord(char): code for code, char in enumerate(main) if char}

    def decode(self, septets: bytes) -> str:
        """The text of septets, one an octet; ESC at the end shows a space."""
        if ESC not in septets:
            return codecs.charmap_decode(septets, "strict", self._decoding)[0]
        out: list[str] = []
        begin = 0
        while (at := septets.find(ESC, begin)) >= 0:
            out.append(codecs.charmap_decode(septets[begin:at], "strict", self._decoding)[0])
            out.append(self._extra[septets[at + 1]] if at + 1 < len(septets) else " ")
            begin = at + 2
        out.append(codecs.charmap_decode(septets[begin:], "strict", self._decoding)[0])
        return "".join(out)

    def encode(self, text: str) -> bytes:
        """The septets of `text`, one an octet; CodecError names the first character without one."""
        try:
            return codecs.charmap_encode(text, "strict", self._codes)[0]
        except UnicodeEncodeError as error:
            at = error.start
        name = f"U+{ord(text[at]):04X}"
        raise CodecError("text", at, f"{name} is not in the GSM 7-bit alphabet")

    def encodable(self, text: str) -> bool:
        """True when every character has a code."""
        return all(ord(char) in self._codes for char in text)


@cache
def gsm7(locking: int = 0, single: int = 0) -> Gsm7:
    """The tables of a pair of languages."""
    return Gsm7(locking, single)

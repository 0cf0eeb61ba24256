"""Text in letters that GSM 7-bit has: what it lacks becomes the nearest that it holds.

Pure; the tables are anyascii's, but for what the alphabet has itself: "Ä" and "é" stay.
"""

from __future__ import annotations

import unicodedata
from enum import Enum
from functools import lru_cache

from anyascii import anyascii

from airpost.codec.alphabets import gsm7


class Transliterate(Enum):
    """Whether letters that GSM 7-bit lacks may become the nearest that it has."""

    NEVER = "never"
    IF_IT_SAVES_A_PART = "if_it_saves_a_part"
    ALWAYS = "always"


_STAND_IN = str.maketrans({"`": "'", "\t": " "})  # of ASCII, what GSM 7-bit lacks
_UNSEEN = frozenset({"Mn", "Me", "Cf"})  # marks and joiners, which may go without a trace


@lru_cache(maxsize=8192)
def _letter(char: str) -> str:
    """What stands for one character; itself where nothing does."""
    plain = gsm7()
    if plain.encodable(char):
        return char
    for form in ("NFKC", "NFKD"):
        apart = unicodedata.normalize(form, char)
        bare = "".join(each for each in apart if not unicodedata.combining(each))
        if bare and plain.encodable(bare):
            return bare
    told = anyascii(char).translate(_STAND_IN)
    return told if told or unicodedata.category(char) in _UNSEEN else char


def transliterate(text: str) -> str:
    """`text` in the letters of GSM 7-bit, but for characters that nothing stands for."""
    if gsm7().encodable(text):
        return text
    return "".join(map(_letter, unicodedata.normalize("NFC", text)))

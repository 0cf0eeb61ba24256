"""Text in letters that GSM 7-bit has: what it lacks becomes the nearest that it holds.

Pure; the tables are anyascii's, but for what the alphabet has itself ("Ä" and "é" stay) and for
pictures. These it has as the names of a chat program, ":snowman2:": who reads a message has no use
for them and pays for every letter, so pictures are left out, but for signs that say something.
"""

from __future__ import annotations

import re
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
_SIGNS = {sign: plain for plain, signs in {
    "v": "✔✅☑⬇", "x": "✖❌❎", "!": "❗❕⚠", "?": "❓❔", "+": "➕", "-": "➖", "/": "➗",
    ">": "➡▶", "<": "⬅◀", "^": "⬆", "<>": "↔",
}.items() for sign in signs}  # fmt: skip
_NAME = re.compile(r":\S+:")  # how anyascii has a picture
_SKINS = range(0x1F3FB, 0x1F400)  # of what is left out anyway
_PICTURE = "\ufffc"
_CLOSES = frozenset(".,;:!?)\n\r")  # what no space stands before
_UNSEEN = frozenset({"Mn", "Me", "Cf"})  # marks and joiners, which may go without a trace


@lru_cache(maxsize=8192)
def _letter(char: str) -> str:
    """What stands for one character; itself where nothing does, _PICTURE for one of these."""
    plain = gsm7()
    if plain.encodable(char):
        return char
    for form in ("NFKC", "NFKD"):
        apart = unicodedata.normalize(form, char)
        bare = "".join(each for each in apart if not unicodedata.combining(each))
        if bare and plain.encodable(bare):
            return bare
    if (sign := _SIGNS.get(char)) is not None:
        return sign
    told = anyascii(char).translate(_STAND_IN)
    if char == _PICTURE or ord(char) in _SKINS or _NAME.fullmatch(told):
        return _PICTURE
    return told if told or unicodedata.category(char) in _UNSEEN else char


def transliterate(text: str) -> str:
    """`text` in the letters of GSM 7-bit, but for characters that nothing stands for.

    Pictures are left out: of a text of nothing else nothing remains.
    """
    if gsm7().encodable(text):
        return text
    told = "".join(map(_letter, unicodedata.normalize("NFC", text)))
    return _without_pictures(told) if _PICTURE in told else told


def _without_pictures(told: str) -> str:
    """One space is left between words, none at the ends of lines and before what closes a word."""
    first, *others = told.split(_PICTURE)
    out = [first.rstrip(" ")]
    before, gap = out[0], out[0] != first
    for piece in others:
        begins = piece.lstrip(" ")
        gap = gap or begins != piece
        core = begins.rstrip(" ")
        if not core:
            continue
        if gap and before and before[-1] not in "\n\r" and core[0] not in _CLOSES:
            out.append(" ")
        out.append(core)
        before, gap = core, core != begins
    return "".join(out)

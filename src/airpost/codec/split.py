"""Text to parts: choice of the alphabet, and cuts that keep characters whole.

Pure. TS 23.040 9.2.3.24.1 (concatenation) and 9.2.3.24.15/.16 (national language). The reference of
the concatenation is 0 in what is built here; `udh.stamp_reference` sets it when it is known.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from airpost.codec import ucs2
from airpost.codec.alphabets import gsm7
from airpost.codec.dcs import Alphabet, octet_for
from airpost.codec.septets import ESC, pack
from airpost.codec.tpdu import fill_bits
from airpost.codec.udh import (
    LOCKING_SHIFT,
    SINGLE_SHIFT,
    Concat,
    Element,
    Ports,
    Udh,
    concat_element,
    ports_element,
)
from airpost.errors import CodecError

MAX_PARTS = 255
UD_OCTETS = 140  # 9.2.3.16

# Pairs of characters that are one on a screen, beside the marks that unicodedata knows: joiners,
# skin tones, tags of flags, Hangul letters that make a syllable, vowel signs encoded as letters.
_CLINGING = re.compile(
    ".[\u200c\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\u1160-\u11ff\ud7b0-\ud7fb\u0e33\u0eb3"
    "\uff9e\uff9f]|\u200d.|[\u1100-\u115f\ua960-\ua97c][\u1100-\u115f\ua960-\ua97c\uac00-\ud7a3]",
    re.DOTALL,
)
_VIRAMA = 9  # the combining class of what ties consonants together
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]+\\Z")  # pairs of regional indicators


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPart:
    """One part: what TP-PID, TP-DCS and TP-UD will be, and the text in it (None for data)."""

    pid: int
    dcs: int
    udh: bytes
    ud: bytes
    udl: int
    text: str | None
    units: int  # septets, UTF-16 units or octets behind the header


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The parts of a message; `units` is their sum, the languages are 0 where none is used."""

    alphabet: Alphabet
    parts: tuple[SplitPart, ...]
    units: int
    single_shift: int = 0
    locking_shift: int = 0


@lru_cache(maxsize=1024)
def _header(extra: tuple[Element, ...], bits: int, total: int, seq: int) -> bytes:
    """The header of a part: its concatenation, if there are several, and what all of them carry."""
    if total == 1:
        return Udh(elements=extra).build()
    concat = concat_element(Concat(bits=bits, ref=0, total=total, seq=seq))
    return Udh(elements=(concat, *extra)).build()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coding:
    """What every part of one message shares; `extra` stands in each header."""

    alphabet: Alphabet
    dcs: int
    concat_bits: int
    extra: tuple[Element, ...]
    locking: int
    single: int
    unit: int  # octets of `encode` that count as one
    room: int  # how much of `encode` fits the only part
    part_room: int  # and each of several

    def encode(self, text: str) -> bytes:
        """UTF-16, or septets one an octet."""
        if self.alphabet is Alphabet.UCS2:
            return ucs2.encode(text)
        return gsm7(self.locking, self.single).encode(text)

    def part_end(self, code: bytes, begin: int) -> int:
        """Where a part that begins at `begin` is full; surrogate and escape pairs stay whole."""
        end = begin + self.part_room
        if end >= len(code):
            return len(code)
        if self.alphabet is Alphabet.UCS2:
            return end - 2 if 0xDC <= code[end] <= 0xDF else end
        return end - 1 if code[end - 1] == ESC else end

    def characters(self, code: bytes) -> int:
        """How many characters a piece of code holds."""
        if self.alphabet is Alphabet.UCS2:
            return len(ucs2.decode(code))
        return len(code) - code.count(ESC)


@lru_cache(maxsize=256)
def _coding(
    alphabet: Alphabet, cls: int | None, ports: Ports | None, bits: int, tables: tuple[int, int]
) -> _Coding:
    locking, single = tables
    extra: tuple[Element, ...] = () if ports is None else (ports_element(ports),)
    if single:
        extra += (Element(iei=SINGLE_SHIFT, data=bytes((single,))),)
    if locking:
        extra += (Element(iei=LOCKING_SHIFT, data=bytes((locking,))),)
    unit = 2 if alphabet is Alphabet.UCS2 else 1
    octets, part_octets = (UD_OCTETS - len(_header(extra, bits, total, 1)) for total in (1, 2))
    septets = alphabet is Alphabet.GSM7
    return _Coding(
        alphabet=alphabet,
        dcs=octet_for(alphabet, cls),
        concat_bits=bits,
        extra=extra,
        locking=locking,
        single=single,
        unit=unit,
        room=octets * 8 // 7 if septets else octets // unit * unit,
        part_room=part_octets * 8 // 7 if septets else part_octets // unit * unit,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """A message cut up: text and code of each part."""

    coding: _Coding
    pieces: Sequence[tuple[str | None, bytes]]

    @property
    def cost(self) -> tuple[int, int]:
        """Parts, then length of code."""
        return len(self.pieces), sum(len(body) for _, body in self.pieces)

    def build(self) -> Split:
        coding, total = self.coding, len(self.pieces)
        parts = []
        for seq, (text, body) in enumerate(self.pieces, start=1):
            header = _header(coding.extra, coding.concat_bits, total, seq)
            ud, udl = body, len(header) + len(body)
            if coding.alphabet is Alphabet.GSM7:
                fill = fill_bits(len(header))
                ud, udl = pack(body, fill), (8 * len(header) + fill) // 7 + len(body)
            units = len(body) // coding.unit
            parts.append(SplitPart(pid=0, dcs=coding.dcs, udh=header, ud=ud, udl=udl,
                                   text=text, units=units))  # fmt: skip
        return Split(
            alphabet=coding.alphabet,
            parts=tuple(parts),
            units=sum(part.units for part in parts),
            single_shift=coding.single,
            locking_shift=coding.locking,
        )


def _clings(text: str, at: int) -> bool:
    """True when the character at `at` and the one before it are one on a screen."""
    char = text[at]
    if unicodedata.category(char)[0] == "M" or _CLINGING.match(text, at - 1):
        return True
    if unicodedata.combining(text[at - 1]) == _VIRAMA and char.isalpha():
        return True
    if not "\U0001f1e6" <= char <= "\U0001f1ff":
        return False
    run = _FLAG.search(text, 0, at)
    return run is not None and len(run[0]) % 2 == 1


def _uncut(text: str, begin: int, end: int) -> int:
    """The last offset up to `end` that cuts nothing apart; `end` where a part holds no such."""
    at = end
    while at > begin and _clings(text, at):
        at -= 1
    return at if at > begin else end


def _cut(text: str, coding: _Coding) -> _Cut:
    """The pieces of `text`; CodecError when it does not fit the alphabet or 255 parts."""
    body = coding.encode(text)
    if len(body) <= coding.room:
        return _Cut(coding=coding, pieces=[(text, body)])
    pieces: list[tuple[str | None, bytes]] = []
    begin = at = 0  # in the text, in its code
    while at < len(body):
        if len(pieces) == MAX_PARTS:
            raise CodecError("text", begin, f"needs more than {MAX_PARTS} parts")
        stop = coding.part_end(body, at)
        end = begin + coding.characters(body[at:stop])
        if end < len(text) and (whole := _uncut(text, begin, end)) < end:
            stop -= len(coding.encode(text[whole:end]))
            end = whole
        pieces.append((text[begin:end], body[at:stop]))
        begin, at = end, stop
    return _Cut(coding=coding, pieces=pieces)


def _fitting(text: str, codings: Iterable[_Coding]) -> Iterator[_Cut]:
    """The cuts by those codings that hold the text."""
    for coding in codings:
        try:
            yield _cut(text, coding)
        except CodecError:
            continue


def _national(
    text: str, languages: Iterable[int], seven: Callable[[tuple[int, int]], _Coding]
) -> Iterator[_Cut]:
    """The cuts worth comparing for the languages a message may use."""
    for language in languages:
        # Where the locking table alone holds the text, nothing of that language is shorter.
        yield from list(_fitting(text, [seven((language, 0))])) or _fitting(
            text, [seven((0, language)), seven((language, language))]
        )


def split(
    text: str,
    *,
    concat_bits: int = 8,
    alphabet: Alphabet | None = None,
    national: Sequence[int] = (),
    tables: Sequence[tuple[int, int]] = (),
    cls: int | None = None,
    ports: Ports | None = None,
) -> Split:
    """The parts of `text`; CodecError when it does not fit the alphabet or 255 parts.

    GSM 7-bit with the default tables if they hold the text, else UCS-2; or the national tables that
    need the fewest parts, if those are fewer: of the languages `national` (numbers of TS 23.038
    6.2.1.2.4), or `tables` as (locking, single). `alphabet` forces one of the two. `cls` is the
    display class, 0 flashes.
    """

    def seven(tables: tuple[int, int]) -> _Coding:
        return _coding(Alphabet.GSM7, cls, ports, concat_bits, tables)

    if alphabet is Alphabet.DATA:
        raise CodecError("text", 0, "text cannot be sent as data")
    wide = _coding(Alphabet.UCS2, cls, ports, concat_bits, (0, 0))
    plain = [each for each in (seven((0, 0)), wide) if alphabet in (None, each.alphabet)]
    cut = next(_fitting(text, plain), None)
    if alphabet is not Alphabet.UCS2 and (cut is None or len(cut.pieces) > 1):
        allowed = chain(_national(text, national, seven), _fitting(text, map(seven, tables)))
        shifted = min(allowed, key=lambda each: each.cost, default=None)
        if shifted and (cut is None or len(shifted.pieces) < len(cut.pieces)):
            cut = shifted
    if cut is None:  # the one it should have been says why not
        cut = _cut(text, plain[0] if gsm7().encodable(text) else plain[-1])
    return cut.build()


def split_data(
    data: bytes, *, ports: Ports | None = None, concat_bits: int = 8, cls: int | None = None
) -> Split:
    """The parts of 8-bit data; CodecError past 255."""
    coding = _coding(Alphabet.DATA, cls, ports, concat_bits, (0, 0))
    room = coding.room if len(data) <= coding.room else coding.part_room
    if len(data) > room * MAX_PARTS:
        raise CodecError("data", room * MAX_PARTS, f"needs more than {MAX_PARTS} parts")
    pieces = [(None, data[at : at + room]) for at in range(0, len(data), room)]
    return _Cut(coding=coding, pieces=pieces or [(None, b"")]).build()

"""Text to parts: choice of the alphabet, and cuts that keep characters whole.

Pure. TS 23.040 9.2.3.24.1 (concatenation) and 9.2.3.24.15/.16 (national language). The reference of
the concatenation is 0 in what is built here; `udh.stamp_reference` sets it when it is known.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

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
_ZWJ = "\N{ZERO WIDTH JOINER}"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """What every part of one message shares."""

    dcs: int
    extra: tuple[Element, ...]
    concat_bits: int

    def header(self, concat: Concat | None) -> bytes:
        front = () if concat is None else (concat_element(concat),)
        return Udh(elements=front + self.extra).build()

    def headers(self, total: int) -> Iterator[bytes]:
        if total == 1:
            yield self.header(None)
            return
        for seq in range(1, total + 1):
            yield self.header(Concat(bits=self.concat_bits, ref=0, total=total, seq=seq))

    def room(self, *, several: bool) -> int:
        """Octets behind the header."""
        concat = Concat(bits=self.concat_bits, ref=0, total=2, seq=1) if several else None
        return UD_OCTETS - len(self.header(concat))


def _too_many() -> CodecError:
    return CodecError("text", 0, f"needs more than {MAX_PARTS} parts")


def _clings(text: str, at: int) -> bool:
    """True when the character at `at` belongs to the one before it on a screen."""
    char, before = text[at], text[at - 1]
    if char == _ZWJ or before == _ZWJ or unicodedata.category(char)[0] == "M":
        return True
    if "\U0001f3fb" <= char <= "\U0001f3ff":  # skin tones
        return True
    if "\U0001f1e6" <= char <= "\U0001f1ff":  # flags are pairs of regional indicators
        run = 0
        while at - 1 - run >= 0 and "\U0001f1e6" <= text[at - 1 - run] <= "\U0001f1ff":
            run += 1
        return run % 2 == 1
    return False


def _may_cling(text: str) -> bool:
    return not text.isascii() and any(_clings(text, at) for at in range(1, len(text)))


def _cuts(costs: Sequence[int], text: str, room: int, *, whole: bool) -> list[int]:
    """Character offsets at which parts end; with `whole`, never inside what clings together."""
    ends = []
    begin = at = used = 0
    while at < len(text):
        if used + costs[at] <= room:
            used += costs[at]
            at += 1
            continue
        end = at
        if whole:
            while end > begin and _clings(text, end):
                end -= 1
            if end == begin:  # one cluster longer than a part: cut it after all
                end = at
        ends.append(end)
        begin = at = end
        used = 0
    ends.append(len(text))
    return ends


def _cut(costs: Sequence[int], text: str, room: int) -> list[str]:
    """The texts of the parts; what clings together stays whole where that costs no further part."""
    ends = _cuts(costs, text, room, whole=False)
    if _may_cling(text):
        kept = _cuts(costs, text, room, whole=True)
        if len(kept) == len(ends):
            ends = kept
    if len(ends) > MAX_PARTS:
        raise _too_many()
    return [text[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def _even_cut(septets: bytes, text: str, room: int) -> list[str]:
    """As `_cut` for text whose characters stand alone: by septets, an escape is never the last."""
    pieces = []
    at = chars = 0
    while at < len(septets):
        end = min(at + room, len(septets))
        if end < len(septets) and septets[end - 1] == ESC:
            end -= 1
        count = end - at - septets.count(ESC, at, end)
        pieces.append(text[chars : chars + count])
        at, chars = end, chars + count
        if len(pieces) > MAX_PARTS:
            raise _too_many()
    return pieces


def _split_gsm7(text: str, frame: _Frame, locking: int, single: int) -> Split:
    tables = gsm7(locking, single)
    septets = tables.encode(text)
    if len(septets) <= frame.room(several=False) * 8 // 7:
        pieces = [text]
    else:
        room = frame.room(several=True) * 8 // 7
        if locking or single:
            costs = [len(tables.encode(char)) for char in text]
            pieces = _cut(costs, text, room)
        else:
            pieces = _even_cut(septets, text, room)
    parts = []
    at = 0
    for piece, header in zip(pieces, frame.headers(len(pieces)), strict=True):
        body = septets if len(pieces) == 1 else tables.encode(piece)
        at += len(body)
        fill = fill_bits(len(header))
        parts.append(
            SplitPart(
                pid=0,
                dcs=frame.dcs,
                udh=header,
                ud=pack(body, fill),
                udl=(8 * len(header) + fill) // 7 + len(body),
                text=piece,
                units=len(body),
            )
        )
    return Split(
        alphabet=Alphabet.GSM7,
        parts=tuple(parts),
        units=at,
        single_shift=single,
        locking_shift=locking,
    )


def _split_ucs2(text: str, frame: _Frame) -> Split:
    octets = ucs2.encode(text)
    if len(octets) <= frame.room(several=False):
        pieces = [text]
    else:
        costs = [2 if char > "\uffff" else 1 for char in text]
        pieces = _cut(costs, text, frame.room(several=True) // 2)
    parts = []
    for piece, header in zip(pieces, frame.headers(len(pieces)), strict=True):
        body = ucs2.encode(piece)
        parts.append(
            SplitPart(
                pid=0,
                dcs=frame.dcs,
                udh=header,
                ud=body,
                udl=len(header) + len(body),
                text=piece,
                units=len(body) // 2,
            )
        )
    return Split(alphabet=Alphabet.UCS2, parts=tuple(parts), units=len(octets) // 2)


def _language_pairs(national: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(locking, single) pairs worth trying for the languages a message may use."""
    for language in national:
        yield 0, language
        yield language, 0
        yield language, language


def _frame(
    alphabet: Alphabet, cls: int | None, ports: Ports | None, bits: int, locking: int, single: int
) -> _Frame:
    extra: tuple[Element, ...] = () if ports is None else (ports_element(ports),)
    if single:
        extra += (Element(iei=SINGLE_SHIFT, data=bytes((single,))),)
    if locking:
        extra += (Element(iei=LOCKING_SHIFT, data=bytes((locking,))),)
    return _Frame(dcs=octet_for(alphabet, cls), extra=extra, concat_bits=bits)


def split(
    text: str,
    *,
    concat_bits: int = 8,
    alphabet: Alphabet | None = None,
    national: Sequence[int] = (),
    languages: tuple[int, int] | None = None,
    cls: int | None = None,
    ports: Ports | None = None,
) -> Split:
    """The parts of `text`; CodecError when it does not fit the alphabet or 255 parts.

    Without `alphabet`: GSM 7-bit with the default tables if they hold the text; else the language
    of `national` (numbers of TS 23.038 6.2.1.2.4) that needs the fewest parts, if that is fewer
    than UCS-2 needs; else UCS-2. `alphabet` GSM7 forces the cheapest 7-bit tables that hold the
    text, `languages` (locking, single) forces those. `cls` is the display class, 0 flashes.
    """

    def seven(locking: int, single: int) -> Split:
        frame = _frame(Alphabet.GSM7, cls, ports, concat_bits, locking, single)
        return _split_gsm7(text, frame, locking, single)

    def wide() -> Split:
        return _split_ucs2(text, _frame(Alphabet.UCS2, cls, ports, concat_bits, 0, 0))

    if alphabet is Alphabet.DATA:
        raise CodecError("text", 0, "text cannot be sent as data")
    if languages is not None:
        return seven(*languages)
    if alphabet is Alphabet.UCS2:
        return wide()
    if gsm7().encodable(text):
        return seven(0, 0)
    shifted = _cheapest(seven, [pair for pair in _language_pairs(national)
                                if gsm7(*pair).encodable(text)])  # fmt: skip
    if alphabet is Alphabet.GSM7:
        return shifted or seven(0, 0)  # the latter names the first character without a code
    if shifted is None:
        return wide()
    try:
        plain = wide()
    except CodecError:
        return shifted  # more than 255 parts of UCS-2
    return shifted if len(shifted.parts) < len(plain.parts) else plain


def _cheapest(seven: Callable[[int, int], Split], pairs: Sequence[tuple[int, int]]) -> Split | None:
    """The split with the fewest parts, then units; None without any that fits."""
    found = [seven(*pair) for pair in pairs]
    return min(found, key=lambda each: (len(each.parts), each.units), default=None)


def split_data(
    data: bytes, *, ports: Ports | None = None, concat_bits: int = 8, cls: int | None = None
) -> Split:
    """The parts of 8-bit data; CodecError past 255."""
    frame = _frame(Alphabet.DATA, cls, ports, concat_bits, 0, 0)
    room = frame.room(several=len(data) > frame.room(several=False))
    pieces = [data[at : at + room] for at in range(0, len(data), room)] or [b""]
    if len(pieces) > MAX_PARTS:
        raise CodecError("data", room * MAX_PARTS, f"needs more than {MAX_PARTS} parts")
    parts = tuple(
        SplitPart(
            pid=0,
            dcs=frame.dcs,
            udh=header,
            ud=piece,
            udl=len(header) + len(piece),
            text=None,
            units=len(piece),
        )
        for piece, header in zip(pieces, frame.headers(len(pieces)), strict=True)
    )
    return Split(alphabet=Alphabet.DATA, parts=parts, units=len(data))

"""Parts to text, and which parts are missing: TS 23.040 9.2.3.24.1.

Pure. UCS-2 octets are joined before they are decoded, so that a surrogate pair cut between parts
reads right; GSM 7-bit parts are decoded one by one, each by its own coding and tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airpost.codec import ucs2
from airpost.codec.dcs import ALL as DCS
from airpost.codec.dcs import Alphabet
from airpost.codec.tpdu import decode_user_data
from airpost.codec.udh import Concat, Ports, parse_udh

_ALONE = Concat(bits=8, ref=0, total=1, seq=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinPart:
    """What joining needs of a part: `udh` with its length octet, `ud` behind it, TP-UDL."""

    dcs: int
    udh: bytes
    ud: bytes
    udl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A message from its parts. `text` is None where the parts hold data, and the other way round.

    `missing` are the sequence numbers that are not there.
    """

    text: str | None
    data: bytes | None
    encoding: Alphabet
    parts: int
    missing: tuple[int, ...]
    display_class: int | None
    port: int | None

    @property
    def partial(self) -> bool:
        """True when parts are missing."""
        return bool(self.missing)


def concat_of(udh: bytes) -> Concat | None:
    """The concatenation that a header states, if any."""
    return parse_udh(udh).concat if udh else None


def ports_of(udh: bytes) -> Ports | None:
    """The ports that a header states, if any."""
    return parse_udh(udh).ports if udh else None


def _by_number(parts: Sequence[JoinPart]) -> list[JoinPart | None]:
    """The parts in order, None for those missing; of repeats the first counts."""
    ordered: list[JoinPart | None] = []
    for part in parts:
        concat = concat_of(part.udh) or _ALONE
        ordered += [None] * (concat.total - len(ordered))
        ordered[concat.seq - 1] = ordered[concat.seq - 1] or part
    return ordered


def _text(parts: Sequence[JoinPart | None]) -> str:
    out: list[str] = []
    wide = b""
    for part in parts:
        if part is not None and DCS[part.dcs].alphabet is Alphabet.UCS2:
            wide += part.ud
            continue
        out.append(ucs2.decode(wide))  # nothing is joined across a gap
        wide = b""
        if part is not None:
            out.append(decode_user_data(DCS[part.dcs], part.udh, part.ud, part.udl) or "")
    out.append(ucs2.decode(wide))
    return "".join(out)


def join(parts: Sequence[JoinPart]) -> Joined:
    """The message of `parts`, in any order, repeats tolerated, missing ones skipped.

    Any part that is data makes the whole data. ValueError without parts, CodecError never: what a
    part holds was measured when it was parsed.
    """
    if not parts:
        raise ValueError("no parts to join")
    ordered = _by_number(parts)
    present = [part for part in ordered if part is not None]
    codings = [DCS[part.dcs] for part in present]
    ports = next((found for part in present if (found := ports_of(part.udh))), None)
    display = next((each.cls for each in codings if each.cls is not None), None)
    if all(each.text for each in codings):
        wide = any(each.alphabet is Alphabet.UCS2 for each in codings)
        encoding = Alphabet.UCS2 if wide else Alphabet.GSM7
        text, data = _text(ordered), None
    else:
        encoding, text = Alphabet.DATA, None
        data = b"".join(part.ud for part in present)
    return Joined(
        text=text,
        data=data,
        encoding=encoding,
        parts=len(ordered),
        missing=tuple(seq for seq, part in enumerate(ordered, start=1) if part is None),
        display_class=display,
        port=ports.dst if ports else None,
    )

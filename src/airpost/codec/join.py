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


def _ordered(parts: Sequence[JoinPart]) -> tuple[list[JoinPart], tuple[int, ...], int]:
    """The parts by number, what is missing, and the total; of repeats the first counts."""
    by_number: dict[int, JoinPart] = {}
    total = 1
    for part in parts:
        concat = concat_of(part.udh)
        by_number.setdefault(concat.seq if concat else 1, part)
        total = max(total, concat.total if concat else 1)
    missing = tuple(seq for seq in range(1, total + 1) if seq not in by_number)
    return [by_number[seq] for seq in sorted(by_number)], missing, total


def _text(parts: Sequence[JoinPart]) -> str:
    out: list[str] = []
    wide = b""
    for part in parts:
        coding = DCS[part.dcs]
        if coding.alphabet is Alphabet.UCS2:
            wide += part.ud
            continue
        out.append(ucs2.decode(wide))
        wide = b""
        out.append(decode_user_data(coding, part.udh, part.ud, part.udl) or "")
    out.append(ucs2.decode(wide))
    return "".join(out)


def join(parts: Sequence[JoinPart]) -> Joined:
    """The message of `parts`, in any order, repeats tolerated, missing ones skipped.

    Any part that is data makes the whole data. ValueError without parts, CodecError never: what a
    part holds was measured when it was parsed.
    """
    if not parts:
        raise ValueError("no parts to join")
    ordered, missing, total = _ordered(parts)
    codings = [DCS[part.dcs] for part in ordered]
    ports = next((found for part in ordered if (found := ports_of(part.udh))), None)
    display = next((each.cls for each in codings if each.cls is not None), None)
    if all(each.text for each in codings):
        wide = any(each.alphabet is Alphabet.UCS2 for each in codings)
        encoding = Alphabet.UCS2 if wide else Alphabet.GSM7
        text, data = _text(ordered), None
    else:
        encoding, text = Alphabet.DATA, None
        data = b"".join(part.ud for part in ordered)
    return Joined(
        text=text,
        data=data,
        encoding=encoding,
        parts=total,
        missing=missing,
        display_class=display,
        port=ports.dst if ports else None,
    )

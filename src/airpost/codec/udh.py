"""User data headers, TS 23.040 9.2.3.24.

Pure. Unknown elements are kept; an element whose content makes no sense is ignored, never the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from airpost.errors import CodecError

CONCAT_8 = 0x00
SPECIAL = 0x01
PORTS_8 = 0x04
PORTS_16 = 0x05
CONCAT_16 = 0x08
SINGLE_SHIFT = 0x24
LOCKING_SHIFT = 0x25
_CONCAT_LENGTHS = {CONCAT_8: 3, CONCAT_16: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One information element."""

    iei: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat:
    """Which part of which message: 8 or 16 bit reference, total and sequence number from 1."""

    bits: int
    ref: int
    total: int
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Application port addressing with 8 or 16 bit ports."""

    bits: int
    dst: int
    src: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialIndication:
    """Special SMS message indication (9.2.3.24.2): kind, whether to store, number waiting."""

    type: int
    store: bool
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Udh:
    """A header. `ignored` when its last element ran past the end: then it has no elements."""

    elements: tuple[Element, ...] = ()
    ignored: bool = False

    def last(self, *ieis: int, length: int | None = None) -> Element | None:
        """The last element of any of `ieis` (of repeated elements the last counts)."""
        for element in reversed(self.elements):
            if element.iei in ieis and length in (None, len(element.data)):
                return element
        return None

    @property
    def concat(self) -> Concat | None:
        """The concatenation; None also when total or number is 0, or the number above the total."""
        for element in reversed(self.elements):
            if len(element.data) != _CONCAT_LENGTHS.get(element.iei):
                continue
            *ref, total, seq = element.data
            if 0 < seq <= total:
                value = int.from_bytes(bytes(ref), "big")
                return Concat(bits=8 * len(ref), ref=value, total=total, seq=seq)
        return None

    @property
    def ports(self) -> Ports | None:
        """The application ports."""
        if (element := self.last(PORTS_16, length=4)) is not None:
            dst, src = element.data[:2], element.data[2:]
            return Ports(bits=16, dst=int.from_bytes(dst, "big"), src=int.from_bytes(src, "big"))
        if (element := self.last(PORTS_8, length=2)) is not None:
            return Ports(bits=8, dst=element.data[0], src=element.data[1])
        return None

    @property
    def single_shift(self) -> int:
        """The language of the single shift table, 0 for none."""
        element = self.last(SINGLE_SHIFT, length=1)
        return element.data[0] if element is not None else 0

    @property
    def locking_shift(self) -> int:
        """The language of the locking shift table, 0 for none."""
        element = self.last(LOCKING_SHIFT, length=1)
        return element.data[0] if element is not None else 0

    @property
    def special_indications(self) -> tuple[SpecialIndication, ...]:
        """Message waiting indications; several kinds may stand side by side."""
        return tuple(
            SpecialIndication(
                type=element.data[0] & 0x7F,
                store=bool(element.data[0] & 0x80),
                count=element.data[1],
            )
            for element in self.elements
            if element.iei == SPECIAL and len(element.data) == 2
        )

    def build(self) -> bytes:
        """The octets with the length octet; b"" without elements. CodecError past 140."""
        body = b"".join(bytes((e.iei, len(e.data))) + e.data for e in self.elements)
        if len(body) > 139:
            raise CodecError("TP-UD.udh", 139, f"{len(body)} octets, at most 139 fit")
        return bytes((len(body),)) + body if body else b""


@lru_cache(maxsize=1024)
def parse_udh(octets: bytes) -> Udh:
    """The header of `octets`, its length octet included and right; no octets, no elements."""
    elements = []
    at = 1
    while at < len(octets):
        begin = at + 2
        end = begin + octets[at + 1] if begin <= len(octets) else len(octets) + 1
        if end > len(octets):
            return Udh(ignored=True)  # 9.2.3.24: then the whole header is ignored
        elements.append(Element(iei=octets[at], data=octets[begin:end]))
        at = end
    return Udh(elements=tuple(elements))


def concat_element(concat: Concat) -> Element:
    """The element of a concatenation."""
    ref = concat.ref.to_bytes(concat.bits // 8, "big")
    iei = CONCAT_16 if concat.bits == 16 else CONCAT_8
    return Element(iei=iei, data=ref + bytes((concat.total, concat.seq)))


def ports_element(ports: Ports) -> Element:
    """The element of application ports; CodecError when one does not fit its bits."""
    size = ports.bits // 8
    for port in (ports.dst, ports.src):
        if not 0 <= port < 1 << ports.bits:
            raise CodecError("port", 0, f"{port} does not fit {ports.bits} bits")
    data = ports.dst.to_bytes(size, "big") + ports.src.to_bytes(size, "big")
    return Element(iei=PORTS_16 if size == 2 else PORTS_8, data=data)


def stamp_reference(udh: bytes, ref: int) -> bytes:
    """A header with the reference of its concatenation elements set to `ref`."""
    out = bytearray(udh)
    at = 1
    while at + 1 < len(out) and (length := out[at + 1]) <= len(out) - at - 2:
        if out[at] == CONCAT_8 and length == 3:
            out[at + 2] = ref & 0xFF
        elif out[at] == CONCAT_16 and length == 4:
            out[at + 2 : at + 4] = (ref & 0xFFFF).to_bytes(2, "big")
        at += 2 + length
    return bytes(out)

"""Addresses: TP-OA, TP-DA, TP-RA and the SMSC's, TS 23.040 9.1.2.5 and TS 24.011 8.2.5.

Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airpost.codec import semioctets
from airpost.codec.alphabets import gsm7
from airpost.codec.septets import pack, unpack
from airpost.errors import CodecError

INTERNATIONAL = 1
ALPHANUMERIC = 5
ISDN = 1
MAX_SEMI_OCTETS = 20

# Blanks of every width, but none that ends a line: two numbers must not become one.
_SEPARATORS = re.compile(r"[^\S\x00-\x1f\x85\u2028\u2029]|[.\-()/\u2010-\u2015]")
_DIALLED = re.compile(r"[0-9]{3,20}|\+[1-9][0-9]{2,19}")
_SERVICE = re.compile(r"[*#][0-9*#]{1,19}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """`ton` and `npi` as in the type-of-address octet; `addr` is digits, or text for ton 5."""

    ton: int
    npi: int
    addr: str

    @classmethod
    def from_number(cls, number: str) -> Address:
        """International with a leading "+"; letters make it alphanumeric; else of unknown type."""
        if number.startswith("+"):
            return cls(ton=INTERNATIONAL, npi=ISDN, addr=number[1:])
        if number.strip(semioctets.DIGITS):
            return cls(ton=ALPHANUMERIC, npi=0, addr=number)
        return cls(ton=0, npi=ISDN, addr=number)

    @property
    def number(self) -> str:
        """As people write it: "+" in front of an international number."""
        return f"+{self.addr}" if self.ton == INTERNATIONAL and self.addr else self.addr

    def _value(self) -> tuple[int, bytes]:
        if self.ton == ALPHANUMERIC:
            septets = gsm7().encode(self.addr)
            return (7 * len(septets) + 3) // 4, pack(septets)
        return len(self.addr), semioctets.encode(self.addr, "address")

    def _type(self) -> int:
        return 0x80 | (self.ton & 7) << 4 | self.npi & 15

    def build(self) -> bytes:
        """Length in semi-octets, type of address, value. CodecError past 20 semi-octets."""
        count, value = self._value()
        if count > MAX_SEMI_OCTETS:
            raise CodecError("address", MAX_SEMI_OCTETS, f"{count} semi-octets, at most 20 fit")
        return bytes((count, self._type())) + value

    def build_smsc(self) -> bytes:
        """Length in octets with the type, type of address, value (TS 27.005 3.1 `<pdu>`)."""
        _, value = self._value()
        return bytes((1 + len(value), self._type())) + value


def _read_value(type_: int, count: int, value: bytes) -> Address:
    ton, npi = type_ >> 4 & 7, type_ & 15
    if ton != ALPHANUMERIC:
        return Address(ton=ton, npi=npi, addr=semioctets.decode(value, count))
    septets = 4 * count // 7
    text = gsm7().decode(unpack(value, septets))
    # Seven characters are 13 semi-octets; senders that count whole octets say 14, which reads as
    # an eighth character of value 0.
    if count % 2 == 0 and 4 * count == 7 * septets and text.endswith("@"):
        text = text[:-1]
    return Address(ton=ton, npi=npi, addr=text)


def parse_address(octets: bytes, at: int, field: str) -> tuple[Address, int]:
    """The address whose length octet (in semi-octets) is at `at`, and the offset behind it."""
    if at + 2 > len(octets):
        raise CodecError(field, len(octets), "ends before the type of address")
    count = octets[at]
    end = at + 2 + (count + 1) // 2
    if end > len(octets):
        raise CodecError(field, at, f"{count} semi-octets run past the end")
    return _read_value(octets[at + 1], count, octets[at + 2 : end]), end


def parse_smsc(octets: bytes, at: int = 0) -> tuple[Address | None, int]:
    """The SMSC address whose length octet (in octets) is at `at`; None for length 0."""
    if at >= len(octets):
        raise CodecError("SMSC", at, "the length octet is missing")
    length = octets[at]
    end = at + 1 + length
    if end > len(octets):
        raise CodecError("SMSC", at, f"{length} octets run past the end")
    if length == 0:
        return None, end
    return _read_value(octets[at + 1], 2 * (length - 1), octets[at + 2 : end]), end


def dialable(number: str) -> str:
    """`number` as a modem can dial it, or CodecError.

    Spaces, dots, dashes, slashes and brackets go; 00 in front becomes "+". Left must be 3 to 20
    digits with an optional "+" and no 0 behind that, or a code of digits, * and # that begins with
    * or #.
    """
    plain = _SEPARATORS.sub("", number)
    if plain.startswith("00"):
        plain = "+" + plain[2:]
    if _DIALLED.fullmatch(plain) or _SERVICE.fullmatch(plain):
        return plain
    if not plain:
        raise CodecError("to", 0, "is empty")
    allowed = set("+0123456789*#")
    bad = next(
        (i for i, c in enumerate(number) if c not in allowed and not _SEPARATORS.match(c)), None
    )
    if bad is not None:
        raise CodecError("to", bad, f"{number[bad]!r} cannot be dialled")
    if "+" in plain[1:]:
        raise CodecError("to", number.rindex("+"), 'has a "+" behind its beginning')
    if plain.startswith("+0"):
        raise CodecError("to", 0, "is international and begins with 0, as no country code does")
    digits = sum(c.isdigit() for c in plain)
    if plain.lstrip("+").isdigit():
        raise CodecError("to", 0, f"has {digits} digits; 3 to 20 can be dialled")
    raise CodecError("to", 0, "is neither a number nor a *# code")

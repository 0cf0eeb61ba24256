"""A PDU as AT commands carry it: SMSC address, then the TPDU, in hexadecimal (TS 27.005 3.1).

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from airpost.codec.address import Address, parse_smsc
from airpost.codec.tpdu import Direction, Tpdu, parse_tpdu
from airpost.errors import CodecError


@dataclass(frozen=True, slots=True, kw_only=True)
class Pdu:
    """A parsed PDU; `raw` holds all octets, `tpdu_octets` those after the SMSC address."""

    smsc: Address | None
    tpdu: Tpdu
    tpdu_octets: bytes
    raw: bytes


def read_hex(text: str) -> bytes:
    """The octets of hexadecimal text, either case, white space around it ignored."""
    text = text.strip()
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if 2 * len(octets) == len(text):
        return octets
    bad = next((i for i, c in enumerate(text) if c not in "0123456789abcdefABCDEF"), None)
    if bad is not None:
        raise CodecError("hex", bad // 2, f"{text[bad]!r} is no hexadecimal digit")
    raise CodecError("hex", len(text) // 2, "an odd number of digits")


def parse_octets(octets: bytes, direction: Direction, *, rp_error: bool = False) -> Pdu:
    """As `parse_pdu`, from octets."""
    smsc, at = parse_smsc(octets)
    tpdu = octets[at:]
    try:
        parsed = parse_tpdu(tpdu, direction, rp_error=rp_error)
    except CodecError as error:
        raise error.moved(at) from None
    return Pdu(smsc=smsc, tpdu=parsed, tpdu_octets=tpdu, raw=octets)


def parse_pdu(text: str, direction: Direction, *, rp_error: bool = False) -> Pdu:
    """The PDU of hexadecimal `text`, SMSC address in front; CodecError when it cannot be read."""
    return parse_octets(read_hex(text), direction, rp_error=rp_error)


def build_pdu(tpdu: bytes, smsc: Address | None = None) -> tuple[str, int]:
    """Upper-case hexadecimal with the SMSC address in front, and the `<length>` of `+CMGS`.

    The length counts the TPDU alone (TS 27.005 3.1).
    """
    prefix = b"\0" if smsc is None else smsc.build_smsc()
    return (prefix + tpdu).hex().upper(), len(tpdu)

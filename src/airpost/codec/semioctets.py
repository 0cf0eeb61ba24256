"""Semi-octets: BCD digits with * # a b c, TS 23.040 9.1.2.3.

Pure. The low half of an octet comes first.
"""

from __future__ import annotations

import re

from airpost.errors import CodecError

DIGITS = "0123456789*#abc"
FILL = "f"
_BAD = re.compile(f"[^{DIGITS}]")
_SWAP = bytes((value & 15) << 4 | value >> 4 for value in range(256))
_TO_DIGITS = str.maketrans("abcdef", "*#abcf")
_TO_HEX = str.maketrans("*#abc", "abcde")


def decode(octets: bytes, count: int) -> str:
    """The first `count` digits; fill among them is left out. Octets must hold them."""
    return octets.translate(_SWAP).hex()[:count].translate(_TO_DIGITS).replace(FILL, "")


def encode(digits: str, field: str = "digits") -> bytes:
    """The octets of `digits`, the last half filled with F; CodecError at what is no digit."""
    if (bad := _BAD.search(digits)) is not None:
        raise CodecError(field, bad.start(), f"{bad[0]!r} is no digit, *, #, a, b or c")
    padded = digits.translate(_TO_HEX) + FILL * (len(digits) % 2)
    return bytes.fromhex(padded).translate(_SWAP)


def decimal(octet: int) -> tuple[int, bool]:
    """The two-digit number of an octet and whether a half was above 9.

    Such a half counts as 0 and the field is kept (TS 23.040 9.2.3.11).
    """
    tens, ones = octet & 15, octet >> 4
    bad = tens > 9 or ones > 9
    return (0 if tens > 9 else tens) * 10 + (0 if ones > 9 else ones), bad

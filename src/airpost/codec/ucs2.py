"""UCS-2 as UTF-16BE, TS 23.038 6.2.3: surrogate pairs are kept whole.

Pure.
"""

from __future__ import annotations

from airpost.errors import CodecError


def decode(octets: bytes) -> str:
    """The text; half a surrogate pair and a last odd octet each show U+FFFD."""
    return octets.decode("utf-16-be", "replace")


def encode(text: str) -> bytes:
    """The octets; CodecError at half a surrogate pair."""
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError as error:
        raise CodecError("text", error.start, "half a surrogate pair is no character") from None

"""Packing of septets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.codec.septets import pack, pack_ussd, unpack, unpack_ussd
from airpost.errors import CodecError

septets_of = st.binary(max_size=600).map(lambda octets: bytes(octet & 0x7F for octet in octets))


def packed_bit_by_bit(septets: bytes, fill: int) -> bytes:
    """The rule of TS 23.038 6.1.2.1.1 taken literally."""
    bits = [0] * fill + [each >> bit & 1 for each in septets for bit in range(7)]
    bits += [0] * (-len(bits) % 8)
    return bytes(sum(bits[at + i] << i for i in range(8)) for at in range(0, len(bits), 8))


@given(septets_of, st.integers(0, 6))
def test_pack_is_the_rule_taken_literally(septets: bytes, fill: int) -> None:
    assert pack(septets, fill) == packed_bit_by_bit(septets, fill)


@given(septets_of, st.integers(0, 6), st.binary(max_size=3))
def test_unpack_reads_by_count_whatever_follows(septets: bytes, fill: int, after: bytes) -> None:
    assert unpack(pack(septets, fill) + after, len(septets), fill) == septets


@given(septets_of.filter(bool), st.integers(0, 6))
def test_too_few_octets_are_an_error(septets: bytes, fill: int) -> None:
    with pytest.raises(CodecError):
        unpack(pack(septets, fill)[:-1], len(septets), fill)


@given(septets_of)
def test_ussd_padding_comes_off_again(septets: bytes) -> None:
    # A CR of the text at an octet boundary is doubled, so it reads back as two (6.1.2.3.1).
    back = unpack_ussd(pack_ussd(septets))
    assert back == septets or back == septets + b"\r"


def test_seven_spare_bits_hold_cr() -> None:
    assert pack_ussd(b"1234567") == bytes.fromhex("31D98C56B3DD1A")
    assert unpack_ussd(bytes.fromhex("31D98C56B3DD1A")) == b"1234567"

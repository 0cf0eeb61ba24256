"""Semi-octets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.codec.semioctets import DIGITS, decimal, decode, encode
from airpost.errors import CodecError


@given(st.text(DIGITS))
def test_round_trip(digits: str) -> None:
    octets = encode(digits)
    assert len(octets) == (len(digits) + 1) // 2
    assert decode(octets, len(digits)) == digits


def test_the_low_half_comes_first_and_f_fills() -> None:
    assert encode("123") == bytes.fromhex("21F3")
    assert decode(bytes.fromhex("2103"), 3) == "123"  # fill may be something else than F


@pytest.mark.parametrize("digits", ["12x", "+12", "A", "١"])
def test_what_is_no_digit_is_refused(digits: str) -> None:
    with pytest.raises(CodecError):
        encode(digits)


@given(st.integers(0, 99))
def test_decimal(value: int) -> None:
    assert decimal(value % 10 << 4 | value // 10) == (value, False)


def test_a_half_above_9_counts_as_0() -> None:
    assert decimal(0xE1) == (10, True)
    assert decimal(0x1A) == (1, True)

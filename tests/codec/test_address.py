"""Addresses and what can be dialled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.codec.address import Address, dialable, parse_address, parse_smsc
from airpost.codec.semioctets import DIGITS
from airpost.errors import CodecError

digits = st.builds(
    Address, ton=st.sampled_from([0, 1, 2, 3, 4, 6, 7]), npi=st.integers(0, 15),
    addr=st.text(DIGITS, max_size=20),
)  # fmt: skip
letters = st.builds(
    Address, ton=st.just(5), npi=st.integers(0, 15),
    addr=st.text("ABCxyz 019_ÄΩ", max_size=11).filter(lambda text: not text.endswith("@")),
)  # fmt: skip


@given(st.one_of(digits, letters), st.binary(max_size=3))
def test_round_trip(address: Address, after: bytes) -> None:
    octets = address.build()
    assert parse_address(octets + after, 0, "TP-OA") == (address, len(octets))


@given(st.one_of(digits))
def test_smsc_round_trip(address: Address) -> None:
    octets = address.build_smsc()
    assert parse_smsc(octets) == (address, len(octets))


@given(st.binary(max_size=16))
def test_anything_parses_or_is_a_codec_error(octets: bytes) -> None:
    offsets: list[int] = []
    for parse in (lambda: parse_address(octets, 0, "x"), lambda: parse_smsc(octets)):
        try:
            parse()
        except CodecError as caught:
            offsets.append(caught.offset)
    assert all(0 <= offset <= len(octets) for offset in offsets)


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("0DD1EDF27C1E3E9701", "message"),  # 7 characters are 13 semi-octets
        ("0ED1EDF27C1E3E9701", "message"),  # some say 14: the eighth is padding
    ],
)
def test_length_of_text_is_in_useful_semi_octets(octets: str, text: str) -> None:
    address, _ = parse_address(bytes.fromhex(octets), 0, "TP-OA")
    assert address.addr.startswith(text)


def test_a_true_trailing_at_sign_stays() -> None:
    address = Address(ton=5, npi=0, addr="ab@")
    assert parse_address(address.build(), 0, "x")[0] == address


@pytest.mark.parametrize(
    ("number", "ton", "addr", "shown"),
    [
        ("+8613800138000", 1, "8613800138000", "+8613800138000"),
        ("10086", 0, "10086", "10086"),
        ("*#06#", 0, "*#06#", "*#06#"),
        ("Bank", 5, "Bank", "Bank"),
    ],
)
def test_from_number(number: str, ton: int, addr: str, shown: str) -> None:
    address = Address.from_number(number)
    assert (address.ton, address.addr, address.number) == (ton, addr, shown)


def test_too_long_is_refused() -> None:
    with pytest.raises(CodecError, match="at most 20"):
        Address.from_number("1" * 21).build()
    with pytest.raises(CodecError, match="at most 20"):
        Address.from_number("twelve chars").build()


@pytest.mark.parametrize(
    ("typed", "dialled"),
    [
        ("+86 138-0013.8000", "+8613800138000"),
        ("0086 13800138000", "+8613800138000"),
        ("(030) 12 34 56/7", "0301234567"),
        ("110", "110"),
        ("*100#", "*100#"),
        ("#31#123", "#31#123"),
        ("12345678901234567890", "12345678901234567890"),
        ("+49\u00a030\u2011123", "+4930123"),
    ],
)
def test_what_can_be_dialled(typed: str, dialled: str) -> None:
    assert dialable(typed) == dialled


@pytest.mark.parametrize(
    "typed",
    ["", " ", "12", "1" * 21, "abc", "+", "++123", "12+34", "123a", "*", "١٢٣٤", "+*123#", "0" * 25,
     "12\x0034", "１２３４"],
)  # fmt: skip
def test_what_cannot_be_dialled_says_why(typed: str) -> None:
    with pytest.raises(CodecError) as caught:
        dialable(typed)
    assert caught.value.field == "to"
    assert caught.value.message


@pytest.mark.parametrize("typed", ["+004917012345", "+0170 1234567", "0000491701234", "00 0170123"])
def test_no_international_number_begins_with_zero(typed: str) -> None:
    with pytest.raises(CodecError, match="begins with 0"):
        dialable(typed)


@pytest.mark.parametrize("end", ["\n", "\r", "\t", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"])
def test_what_ends_a_line_joins_no_two_numbers(end: str) -> None:
    with pytest.raises(CodecError, match="cannot be dialled") as caught:
        dialable(f"+49170{end}1234567")
    assert caught.value.offset == 6


@pytest.mark.parametrize("typed", ["++4917012345", "00+4917012345", "12+34", "+49 (+170) 1"])
def test_a_plus_behind_the_beginning_is_the_reason(typed: str) -> None:
    with pytest.raises(CodecError, match='has a "\\+" behind its beginning'):
        dialable(typed)

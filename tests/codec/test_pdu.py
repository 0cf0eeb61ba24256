"""PDUs as AT commands carry them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.codec.address import Address
from airpost.codec.pdu import build_pdu, parse_pdu, read_hex
from airpost.codec.tpdu import Direction, Submit
from airpost.errors import CodecError

SUBMIT = Submit(da=Address.from_number("+4912345"), ud=b"\xe8\x32\x9b\xfd\x06", udl=5)


@pytest.mark.parametrize("smsc", [None, Address.from_number("+49170")])
def test_build_and_parse(smsc: Address | None) -> None:
    text, length = build_pdu(SUBMIT.build(), smsc)
    parsed = parse_pdu(text, Direction.MO)
    assert (parsed.smsc, parsed.tpdu, length) == (smsc, SUBMIT, len(SUBMIT.build()))
    assert text == text.upper()
    assert parse_pdu(f" {text.lower()}\r\n", Direction.MO) == parsed


@pytest.mark.parametrize(
    ("text", "offset"), [("0", 0), ("001", 1), ("00ZZ", 1), ("00 0", 1), ("0x00", 0), ("é0", 0)]
)
def test_what_is_no_hexadecimal(text: str, offset: int) -> None:
    with pytest.raises(CodecError) as caught:
        read_hex(text)
    assert (caught.value.field, caught.value.offset) == ("hex", offset)


def test_offsets_count_from_the_first_octet_of_the_pdu() -> None:
    with pytest.raises(CodecError) as caught:
        parse_pdu("0491947100" + "04", Direction.MT)
    assert (caught.value.field, caught.value.offset) == ("TP-OA", 6)


@given(st.text(max_size=60))
def test_any_text_is_a_pdu_or_a_codec_error(text: str) -> None:
    try:
        parse_pdu(text, Direction.MT)
    except CodecError as error:
        message = str(error)
    else:
        message = "parsed"
    assert message

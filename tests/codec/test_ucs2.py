"""UCS-2 as UTF-16BE."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.codec.ucs2 import decode, encode
from airpost.errors import CodecError


@given(st.text())
def test_round_trip(text: str) -> None:
    assert decode(encode(text)) == text


@given(st.binary())
def test_anything_decodes_to_text_that_can_be_written(octets: bytes) -> None:
    decode(octets).encode("utf-8")


def test_half_a_pair_is_refused_with_its_place() -> None:
    with pytest.raises(CodecError) as caught:
        encode("ab\ud83d")
    assert caught.value.offset == 2

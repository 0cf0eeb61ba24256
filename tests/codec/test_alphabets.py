"""Text and septets, all language tables."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.codec.alphabets import UNDEFINED, gsm7
from airpost.codec.tables import LANGUAGES
from airpost.errors import CodecError

PAIRS = list(itertools.product([0, *LANGUAGES], repeat=2))


@pytest.mark.parametrize(("locking", "single"), PAIRS)
def test_every_code_that_shows_a_character_encodes_back(locking: int, single: int) -> None:
    tables = gsm7(locking, single)
    for septets in [bytes((c,)) for c in range(128) if c != 0x1B] + [
        bytes((0x1B, c)) for c in range(128) if c != 0x1B
    ]:
        text = tables.decode(septets)
        assert len(text) == 1
        if text != UNDEFINED:
            assert tables.decode(tables.encode(text)) == text


@given(st.binary(max_size=200).map(lambda o: bytes(x & 0x7F for x in o)), st.sampled_from(PAIRS))
def test_any_septets_decode(septets: bytes, pair: tuple[int, int]) -> None:
    text = gsm7(*pair).decode(septets)
    assert len(text) <= len(septets)


@given(st.text(), st.sampled_from(PAIRS))
def test_encode_says_what_encodable_says(text: str, pair: tuple[int, int]) -> None:
    tables = gsm7(*pair)
    if tables.encodable(text):
        assert tables.decode(tables.encode(text)) == text
    else:
        with pytest.raises(CodecError) as caught:
            tables.encode(text)
        assert not tables.encodable(text[caught.value.offset])
        assert tables.encodable(text[: caught.value.offset])


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        (b"\x1b\x1b", " "),  # ESC ESC shows a space
        (b"a\x1b", "a "),  # ESC at the end too
        (b"\x1b\x00", "@"),  # no entry: the main table's character
        (b"\x1b\x65", "€"),
        (b"\x1b\x1bA", " A"),
        (b"\x00", "@"),
    ],
)
def test_escapes_of_ts_23_038_6_2_1_1(septets: bytes, text: str) -> None:
    assert gsm7().decode(septets) == text


def test_an_unassigned_language_reads_as_the_default() -> None:
    assert gsm7(200, 99).decode(b"\x00\x1b\x65") == "@€"


def test_the_escape_itself_cannot_be_sent() -> None:
    with pytest.raises(CodecError):
        gsm7().encode("a\x1bb")

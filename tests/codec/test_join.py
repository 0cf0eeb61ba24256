"""Joining parts."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.codec.dcs import Alphabet
from airpost.codec.join import JoinPart, concat_of, join, ports_of
from airpost.codec.split import split, split_data
from airpost.codec.udh import Concat, Ports, Udh, concat_element


def parts_of(text: str) -> list[JoinPart]:
    return [JoinPart(dcs=p.dcs, udh=p.udh, ud=p.ud, udl=p.udl) for p in split(text).parts]


def part(dcs: int, ud: bytes, udl: int, seq: int, total: int) -> JoinPart:
    udh = Udh(elements=(concat_element(Concat(bits=8, ref=1, total=total, seq=seq)),)).build()
    return JoinPart(dcs=dcs, udh=udh, ud=ud, udl=udl)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=500), st.integers(0, 9))
def test_any_order_and_repeats(text: str, seed: int) -> None:
    parts = parts_of(text)
    shuffled = parts + parts
    Random(seed).shuffle(shuffled)
    assert join(shuffled).text == text


def test_what_is_missing_is_named_and_skipped() -> None:
    parts = parts_of("a" * 400)
    joined = join([parts[2], parts[0]])
    assert (joined.missing, joined.partial, joined.parts) == ((2,), True, 3)
    assert joined.text == "a" * (153 + 94)


def test_a_surrogate_pair_cut_between_parts_reads_right() -> None:
    octets = "字🍔".encode("utf-16-be")
    first, second = octets[:4], octets[4:]
    joined = join([part(8, first, 10, 1, 2), part(8, second, 8, 2, 2)])
    assert joined.text == "字🍔"


def test_halves_on_both_sides_of_a_gap_are_no_character() -> None:
    first, third = part(8, b"\xd8\x3c", 8, 1, 3), part(8, b"\xdf\x54", 8, 3, 3)
    assert join([third, first]).text == "\ufffd\ufffd"


def test_parts_in_different_alphabets() -> None:
    wide = part(8, "字".encode("utf-16-be"), 8, 1, 2)
    narrow = parts_of("b" * 200)[1]
    joined = join([wide, narrow])
    assert joined.text == "字" + "b" * 47
    assert joined.encoding is Alphabet.UCS2


def test_data_joins_as_data() -> None:
    made = split_data(bytes(range(256)) * 2, ports=Ports(bits=16, dst=5000, src=1))
    joined = join([JoinPart(dcs=p.dcs, udh=p.udh, ud=p.ud, udl=p.udl) for p in made.parts])
    assert (joined.data, joined.text, joined.encoding) == (
        bytes(range(256)) * 2, None, Alphabet.DATA)  # fmt: skip
    assert joined.port == 5000


def test_class_and_headers() -> None:
    flash = split("now", cls=0).parts[0]
    joined = join([JoinPart(dcs=flash.dcs, udh=flash.udh, ud=flash.ud, udl=flash.udl)])
    assert (joined.display_class, joined.port, joined.parts) == (0, None, 1)
    assert concat_of(b"") is None
    assert ports_of(b"") is None


def test_nothing_to_join() -> None:
    with pytest.raises(ValueError, match="no parts"):
        join([])

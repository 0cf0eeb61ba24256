"""User data headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.codec.udh import (
    Concat,
    Element,
    Ports,
    SpecialIndication,
    Udh,
    concat_element,
    parse_udh,
    ports_element,
    stamp_reference,
)
from airpost.errors import CodecError

elements = st.lists(
    st.builds(Element, iei=st.integers(0, 255), data=st.binary(max_size=12)), max_size=8
)


@given(elements)
def test_round_trip_keeps_unknown_elements(each: list[Element]) -> None:
    header = Udh(elements=tuple(each))
    assert parse_udh(header.build()) == header


@given(st.binary(max_size=40))
def test_any_header_reads(octets: bytes) -> None:
    header = parse_udh(bytes((len(octets),)) + octets)
    assert header.ignored <= (not header.elements)
    assert header.concat is None or 0 < header.concat.seq <= header.concat.total
    _ = (header.ports, header.single_shift, header.locking_shift, header.special_indications)


def test_an_element_that_overruns_spoils_the_whole_header() -> None:
    assert parse_udh(bytes.fromhex("06000301020105")) == Udh(ignored=True)


@pytest.mark.parametrize("bad", ["000301 0200", "000301 0203", "000301 0001", "00020102"])
def test_a_concatenation_that_makes_no_sense_is_ignored(bad: str) -> None:
    body = bytes.fromhex(bad)
    assert parse_udh(bytes((len(body),)) + body).concat is None


def test_of_repeated_elements_the_last_good_one_counts() -> None:
    body = bytes.fromhex("0003010201" + "0003070302" + "0003090000")
    assert parse_udh(bytes((len(body),)) + body).concat == Concat(bits=8, ref=7, total=3, seq=2)


def test_ports_and_concatenation_in_any_order() -> None:
    concat, ports = Concat(bits=16, ref=513, total=2, seq=1), Ports(bits=16, dst=2948, src=9200)
    for order in ((concat_element(concat), ports_element(ports)),
                  (ports_element(ports), concat_element(concat))):  # fmt: skip
        header = parse_udh(Udh(elements=order).build())
        assert (header.concat, header.ports) == (concat, ports)


def test_eight_bit_ports_and_languages_and_waiting() -> None:
    header = parse_udh(bytes.fromhex("0E0402643224010625010701028105"))
    assert header.ports == Ports(bits=8, dst=100, src=50)
    assert (header.single_shift, header.locking_shift) == (6, 7)
    assert header.special_indications == (SpecialIndication(type=1, store=True, count=5),)


@given(elements, st.integers(0, 65535), st.sampled_from([8, 16]))
def test_stamping_changes_the_reference_alone(each: list[Element], ref: int, bits: int) -> None:
    others = tuple(e for e in each if e.iei not in (0, 8))
    concat = Concat(bits=bits, ref=0, total=3, seq=2)
    stamped = parse_udh(
        stamp_reference(Udh(elements=(*others, concat_element(concat))).build(), ref)
    )
    assert stamped.elements[:-1] == others
    assert stamped.concat == Concat(bits=bits, ref=ref % (1 << bits), total=3, seq=2)


def test_nothing_to_stamp() -> None:
    assert stamp_reference(b"", 5) == b""


def test_what_does_not_fit() -> None:
    with pytest.raises(CodecError):
        Udh(elements=(Element(iei=9, data=bytes(140)),)).build()
    with pytest.raises(CodecError):
        ports_element(Ports(bits=8, dst=256, src=0))

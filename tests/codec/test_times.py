"""Time stamps and validity periods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.codec.times import (
    TimeStamp,
    ValidityFormat,
    ValidityPeriod,
    parse_stamp,
    parse_validity,
    relative_seconds,
)
from airpost.errors import CodecError

Y2000_S, Y2099_S = 946_771_200, 4_102_358_399  # a zone off either end would leave the century


@given(st.integers(Y2000_S, Y2099_S), st.integers(-79, 79))
def test_stamp_round_trip_in_any_zone(seconds: int, quarters: int) -> None:
    stamp = TimeStamp.from_instant(seconds * 1_000_000, quarters)
    assert stamp.instant_us == seconds * 1_000_000
    assert stamp.offset_quarters == quarters
    assert not stamp.bad_digit


@given(st.binary(min_size=7, max_size=7))
def test_any_octets_are_kept_and_read_or_are_no_date(octets: bytes) -> None:
    stamp, end = parse_stamp(octets, 0, "TP-SCTS")
    assert (stamp.octets, end) == (octets, 7)
    assert (stamp.iso is None) == (stamp.instant_us is None)


@pytest.mark.parametrize(
    ("quarters", "octet"), [(-1, 0x18), (33, 0x33), (-33, 0x3B), (0, 0x00), (32, 0x23)]
)
def test_the_sign_is_bit_3_of_the_octet_as_sent(quarters: int, octet: int) -> None:
    assert TimeStamp.from_instant(Y2000_S * 1_000_000, quarters).octets[6] == octet


def test_all_zero_is_no_date_and_no_error() -> None:
    assert TimeStamp(bytes(7)).iso is None


@pytest.mark.parametrize("quarters", [-80, 80])
def test_a_zone_that_does_not_fit(quarters: int) -> None:
    with pytest.raises(CodecError, match="quarter"):
        TimeStamp.from_instant(Y2000_S * 1_000_000, quarters)


def test_a_year_without_two_digits() -> None:
    with pytest.raises(CodecError, match="1970"):
        TimeStamp.from_instant(0)


def test_a_cut_stamp_is_an_error() -> None:
    with pytest.raises(CodecError, match="seven"):
        parse_stamp(bytes(9), 3, "TP-DT")


def test_relative_octets_rise_through_all_four_ranges() -> None:
    seconds = [relative_seconds(octet) for octet in range(256)]
    assert seconds == sorted(set(seconds))
    assert [seconds[at] for at in (0, 143, 144, 167, 168, 196, 197, 255)] == [
        300, 43_200, 45_000, 86_400, 172_800, 2_592_000, 3_024_000, 38_102_400]  # fmt: skip


@given(st.floats(300, 60 * 604_800))
def test_a_relative_period_is_never_longer_than_asked_and_the_longest_such(asked: float) -> None:
    period = ValidityPeriod.relative(asked)
    got = period.seconds
    assert got is not None
    assert got <= asked
    octet = period.octets[0]
    assert octet == 255 or relative_seconds(octet + 1) > asked


@given(st.integers(1, 359_999), st.booleans())
def test_enhanced_keeps_its_seconds(seconds: int, single_shot: bool) -> None:
    period = ValidityPeriod.enhanced(seconds, single_shot=single_shot)
    assert (period.seconds, period.single_shot, len(period.octets)) == (seconds, single_shot, 7)


@pytest.mark.parametrize("seconds", [0, 360_000])
def test_what_does_not_fit_enhanced(seconds: int) -> None:
    with pytest.raises(CodecError):
        ValidityPeriod.enhanced(seconds)


@given(st.binary(max_size=9), st.integers(0, 3))
def test_any_validity_octets_parse_or_are_a_codec_error(octets: bytes, format_: int) -> None:
    try:
        period, end = parse_validity(octets, 0, format_)
    except CodecError:
        assert format_ != 0
        return
    assert (period is None) == (format_ == 0)
    if period is not None:
        assert period.octets == octets[:end]
        assert period.seconds is None or period.seconds >= 0


def test_absolute_is_a_stamp() -> None:
    stamp = TimeStamp.from_instant(Y2000_S * 1_000_000)
    period = ValidityPeriod.absolute(stamp)
    assert (period.stamp, period.seconds, period.format) == (stamp, None, ValidityFormat.ABSOLUTE)


def test_an_extension_octet_moves_the_value() -> None:
    period = ValidityPeriod(format=ValidityFormat.ENHANCED, octets=bytes([0x82, 0, 9, 0, 0, 0, 0]))
    assert (period.extension, period.seconds) == (True, 9)

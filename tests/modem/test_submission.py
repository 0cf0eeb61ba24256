"""The SMS-SUBMIT of a segment: its validity, its flags, and when it is built anew."""

from __future__ import annotations

from typing import Any

import pytest

from airpost.clock import SECOND_US, Instant
from airpost.codec.times import ValidityFormat
from airpost.codec.tpdu import Direction, Submit, parse_tpdu
from airpost.model import Claimed, MessageClass, MessageId, SegmentBody
from airpost.modem.submission import KEPT, Composer
from hwsim.pool import START_US
from tests.modem.rig import PHONE


def submit_of(tpdu: bytes) -> Submit:
    submit = parse_tpdu(tpdu, Direction.MO)
    assert isinstance(submit, Submit)
    return submit


def segment(left_s: int = 3600, *, udh: bytes = b"", **changes: Any) -> Claimed:
    values: dict[str, Any] = {
        "segment_id": 1, "message_seq": 1, "message_id": MessageId("1"), "to": PHONE,
        "class_": MessageClass.NORMAL, "seq": 1, "of": 1,
        "body": SegmentBody(pid=0, dcs=4, udh=udh, ud=b"\x01", udl=len(udh) + 1),
        "concat_ref": 0, "attempts": 0, "resends": 0, "want_report": True,
        "waiting_since": Instant(START_US),
        "expires_at": Instant(START_US + left_s * SECOND_US),
    }  # fmt: skip
    return Claimed(**values | changes)


@pytest.mark.parametrize(
    ("left_s", "seconds"),
    [(300, 300), (599, 300), (3600, 3600), (43_199, 42_900), (45_000, 45_000), (46_000, 45_000),
     (86_400, 86_400), (200_000, 172_800), (40_000_000, 38_102_400)],
)  # fmt: skip
def test_validity_is_what_is_left_rounded_down(left_s: int, seconds: int) -> None:
    now = Instant(START_US)
    period = submit_of(Composer().build(segment(left_s), now)).vp
    assert period is not None
    assert period.format is ValidityFormat.RELATIVE
    assert period.seconds == seconds
    assert seconds <= left_s


@pytest.mark.parametrize("left_s", [299, 60, 1, -5])
def test_below_five_minutes_validity_is_a_moment(left_s: int) -> None:
    period = submit_of(Composer().build(segment(left_s), Instant(START_US))).vp
    assert period is not None
    assert period.stamp is not None
    assert period.stamp.instant_us == START_US + left_s * SECOND_US


def test_what_was_composed_before_is_built_anew_once_its_validity_has_changed() -> None:
    composer, first = Composer(), segment(3600)
    other = segment(3600, to="+4915112345679")
    before = composer.build(first, Instant(START_US))
    assert composer.build(first, Instant(START_US)) is before
    later = composer.build(first, Instant(START_US + SECOND_US))
    assert later == Composer().build(first, Instant(START_US + SECOND_US)) != before
    assert submit_of(composer.build(other, Instant(START_US))).da.number == "+4915112345679"


def test_flags_follow_the_segment() -> None:
    now = Instant(START_US)
    first = submit_of(Composer().build(segment(), now))
    again = submit_of(Composer().build(segment(resends=1, want_report=False), now))
    assert (first.rd, first.srr, first.da.number) == (False, True, PHONE)
    assert (again.rd, again.srr) == (True, False)


def test_the_reference_is_stamped_into_each_part() -> None:
    udh = bytes.fromhex("050003000201")
    tpdu = Composer().build(segment(udh=udh, concat_ref=0xA7), Instant(START_US))
    assert submit_of(tpdu).udh == bytes.fromhex("050003A70201")


def test_the_oldest_is_forgotten() -> None:
    composer, now = Composer(), Instant(START_US)
    segments = [segment(segment_id=at) for at in range(KEPT + 1)]
    built = [composer.build(each, now) for each in segments]
    assert composer.build(segments[1], now) is built[1]
    assert composer.build(segments[0], now) is not built[0]

"""Quiet hours and send windows, over changes of the clock too."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from airpost.clock import parse_rfc3339, rfc3339
from airpost.pool.sendwindow import WEEK_MIN, SendWindow, quiet_window, send_window

BERLIN = ZoneInfo("Europe/Berlin")
DAYTIME = send_window(["08:00-21:00"])


def opens(window: SendWindow, at: str, *zones: str) -> str:
    found = window.opens_at(parse_rfc3339(at), [ZoneInfo(each) for each in zones])
    return rfc3339(found).replace(":00.000Z", "Z")


@pytest.mark.parametrize(
    ("at", "opens_at"),
    [
        ("2026-06-03T05:59:00Z", "2026-06-03T06:00Z"),
        ("2026-06-03T06:00:00Z", "2026-06-03T06:00Z"),
        ("2026-06-03T18:59:00Z", "2026-06-03T18:59Z"),
        ("2026-06-03T19:00:00Z", "2026-06-04T06:00Z"),
        ("2026-01-03T19:30:00Z", "2026-01-03T19:30Z"),
        ("2026-01-03T20:00:00Z", "2026-01-04T07:00Z"),
        # The nights in which the clock changes.
        ("2026-03-28T22:00:00Z", "2026-03-29T06:00Z"),
        ("2026-10-24T22:00:00Z", "2026-10-25T07:00Z"),
    ],
)
def test_daytime_in_berlin(at: str, opens_at: str) -> None:
    assert opens(DAYTIME, at, "Europe/Berlin") == opens_at


def test_an_opening_in_the_hour_that_is_left_out_comes_an_hour_later_by_the_wall() -> None:
    window = send_window(["02:30-04:00"])
    assert opens(window, "2026-03-29T00:59:00Z", "Europe/Berlin") == "2026-03-29T01:30Z"
    gone = send_window(["02:15-02:45"])
    assert opens(gone, "2026-03-29T00:59:00Z", "Europe/Berlin") == "2026-03-30T00:15Z"


def test_an_hour_that_comes_twice_is_open_both_times() -> None:
    window = send_window(["02:15-02:45"])
    for at, expected in (
        ("2026-10-25T00:00:00Z", "2026-10-25T00:15Z"),
        ("2026-10-25T00:20:00Z", "2026-10-25T00:20Z"),
        ("2026-10-25T01:05:00Z", "2026-10-25T01:15Z"),
        ("2026-10-25T01:20:00Z", "2026-10-25T01:20Z"),
        ("2026-10-25T01:45:00Z", "2026-10-26T01:15Z"),
    ):
        assert opens(window, at, "Europe/Berlin") == expected


def test_days_of_the_week() -> None:
    office = send_window(["mon-fri 08:00-18:00", "sat 10:00-14:00"])
    for at, expected in (
        ("2026-06-05T15:59:00Z", "2026-06-05T15:59Z"),  # a Friday
        ("2026-06-05T16:00:00Z", "2026-06-06T08:00Z"),
        ("2026-06-06T12:00:00Z", "2026-06-08T06:00Z"),
    ):
        assert opens(office, at, "Europe/Berlin") == expected


def test_over_midnight_and_over_the_week() -> None:
    night = send_window(["fri-sun 22:00-02:00"])
    for at, expected in (
        ("2026-06-07T23:30:00Z", "2026-06-07T23:30Z"),  # Monday 01:30 belongs to Sunday
        ("2026-06-08T00:00:00Z", "2026-06-12T20:00Z"),
    ):
        assert opens(night, at, "Europe/Berlin") == expected


def test_quiet_hours_are_the_rest() -> None:
    assert quiet_window(["21:00-08:00"]) == DAYTIME
    assert quiet_window(["sun 00:00-24:00"]).open == ((0, WEEK_MIN - 24 * 60),)


def test_of_several_zones_all_must_be_open() -> None:
    zones = ("Europe/Moscow", "Asia/Yekaterinburg", "Asia/Vladivostok")
    assert opens(DAYTIME, "2026-06-03T00:00:00Z", *zones) == "2026-06-03T05:00Z"
    assert opens(DAYTIME, "2026-06-03T11:00:00Z", *zones) == "2026-06-04T05:00Z"


def test_zones_without_a_common_hour_count_as_the_middle_one() -> None:
    short = send_window(["10:00-11:00"])
    zones = ("Europe/Moscow", "Asia/Yekaterinburg", "Asia/Vladivostok")
    assert opens(short, "2026-06-03T00:00:00Z", *zones) == "2026-06-03T05:00Z"


@pytest.mark.parametrize(
    "span", ["8-21", "08:00", "25:00-26:00", "08:00-08:00", "mo-fr 08:00-18:00", "24:00-08:00"]
)
def test_what_is_no_time_is_refused(span: str) -> None:
    with pytest.raises(ValueError, match=r"time|day"):
        send_window([span])


def test_no_time_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no time at all"):
        quiet_window(["00:00-24:00"])
    with pytest.raises(ValueError, match="no time at all"):
        send_window([])

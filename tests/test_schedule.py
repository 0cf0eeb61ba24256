"""Cron expressions, over both changes of the clock."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from airpost.clock import parse_rfc3339, rfc3339
from airpost.schedule import check_cron, missed, next_firing, zone_of

BERLIN = ZoneInfo("Europe/Berlin")


def firings(cron: str, after: str, count: int, zone: ZoneInfo = BERLIN) -> list[str]:
    found = []
    at = parse_rfc3339(after)
    for _ in range(count):
        at = next_firing(cron, zone, at)
        found.append(rfc3339(at)[5:16])
    return found


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        # 29 March: 02:00 becomes 03:00.
        ("0 8 * * *", "2026-03-28T00:00:00Z", ["03-28T07:00", "03-29T06:00", "03-30T06:00"]),
        ("30 2 * * *", "2026-03-28T00:00:00Z", ["03-28T01:30", "03-29T01:00", "03-30T00:30"]),
        ("0 * * * *", "2026-03-28T23:30:00Z", ["03-29T00:00", "03-29T01:00", "03-29T02:00"]),
        # 25 October: 03:00 becomes 02:00.
        ("0 8 * * *", "2026-10-24T00:00:00Z", ["10-24T06:00", "10-25T07:00", "10-26T07:00"]),
        ("30 2 * * *", "2026-10-24T00:00:00Z", ["10-24T00:30", "10-25T00:30", "10-26T01:30"]),
        ("15 * * * *", "2026-10-24T23:30:00Z", ["10-25T00:15", "10-25T01:15", "10-25T02:15"]),
        # Also asked in the hour that comes twice.
        ("30 2 * * *", "2026-10-25T00:45:00Z", ["10-26T01:30"]),
        ("30 2 * * *", "2026-10-25T01:15:00Z", ["10-26T01:30"]),
        ("0 9 * * mon-fri", "2026-06-05T12:00:00Z", ["06-08T07:00", "06-09T07:00"]),
        ("0 9 L * *", "2026-02-01T00:00:00Z", ["02-28T08:00", "03-31T07:00"]),
    ],
)
def test_firings_in_berlin(cron: str, after: str, expected: list[str]) -> None:
    assert firings(cron, after, len(expected)) == expected


def test_strictly_later() -> None:
    assert firings("* * * * *", "2026-06-05T12:00:00Z", 1) == ["06-05T12:01"]
    assert firings("* * * * *", "2026-06-05T11:59:59.999Z", 1) == ["06-05T12:00"]


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("0 * * * * *", "five fields"),
        ("@daily", "five fields"),
        ("61 * * * *", "bad minute"),
        ("* * * * someday", "bad day-of-week"),
        ("0 0 30 2 *", "bad day-of-month"),
        (" ".join(["0"] * 5) + " " * 200, "five fields"),
    ],
)
def test_what_is_no_expression_is_said(cron: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_cron(cron, BERLIN, parse_rfc3339("2026-01-01T00:00:00Z"))


def test_zones() -> None:
    assert zone_of("Asia/Shanghai").key == "Asia/Shanghai"
    for name in ("Berlin", "", "../etc/passwd", "CEST", "/etc/localtime"):
        with pytest.raises(ValueError, match="is no time zone"):
            zone_of(name)


def test_of_what_was_missed_the_newest_counts() -> None:
    due = parse_rfc3339("2026-06-05T12:00:00Z")
    now = parse_rfc3339("2026-06-05T12:03:30Z")
    newest, older, following = missed("* * * * *", BERLIN, due, now)
    assert (rfc3339(newest)[11:16], older, rfc3339(following)[11:16]) == ("12:03", 3, "12:04")
    assert missed("* * * * *", BERLIN, due, due)[:2] == (due, 0)


def test_years_of_minutes_are_not_counted() -> None:
    due = parse_rfc3339("2020-06-05T12:00:00Z")
    now = parse_rfc3339("2026-06-05T12:03:30Z")
    newest, older, following = missed("* * * * *", BERLIN, due, now)
    assert (rfc3339(newest)[:16], older) == ("2026-06-05T12:03", 1000)
    assert rfc3339(following)[11:16] == "12:04"

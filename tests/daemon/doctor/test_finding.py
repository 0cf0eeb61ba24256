"""Findings: order and JSON."""

from __future__ import annotations

from airpost.daemon.doctor.finding import error, finding_json, in_order, note, warning


def test_the_gravest_come_first_and_equals_stay_as_found() -> None:
    found = [
        note("a", "x", "1"),
        error("b", "x", "2"),
        warning("c", "x", "3"),
        error("d", "x", "4"),
    ]
    assert [each.what for each in in_order(found)] == ["2", "4", "3", "1"]


def test_as_json() -> None:
    found = error("disk", "store", "full", "rm").after("done: gone")
    assert finding_json(found) == {
        "check": "disk",
        "severity": "error",
        "subject": "store",
        "what": "full",
        "fix": "rm",
        "fixed": "done: gone",
    }

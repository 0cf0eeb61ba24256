"""What is printed."""

from __future__ import annotations

import json

import pytest

from airpost.daemon.cli.tables import printable, say_fields, say_json, say_table, short_time


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, ""), (5, "5"), ("a\nb\tc", "a b c"), ("\x1b[31m", "\ufffd[31m"), ("日 é", "日 é"),
     ("\u202e", "\ufffd")],
)  # fmt: skip
def test_nothing_moves_the_cursor(value: object, shown: str) -> None:
    assert printable(value) == shown


def test_times() -> None:
    assert short_time("2026-01-02T03:04:05.678Z") == "2026-01-02 03:04:05"
    assert short_time(None) == ""


def test_a_table_takes_no_markup_and_cuts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(("a", "b"), [("[red]x", None), ("y" * 100, "z" * 100)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].strip() == "[red]x"
    assert lines[2].split() == ["y" * 100, "z" * 100]


def test_fields_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    say_fields([("a", 0), ("b", None), ("c", "")])
    say_json({"t": "日"})
    one, two = capsys.readouterr().out.splitlines()
    assert one == "a: 0"
    assert json.loads(two) == {"t": "日"}
    assert "日" in two

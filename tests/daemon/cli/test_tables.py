"""What is printed."""

from __future__ import annotations

import json

import pytest

from airpost.daemon.cli import tables
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


@pytest.mark.parametrize(
    ("room", "lines"),
    [
        (40, ["id  created              state   note", "m1  2026-01-02 03:04:05  queued      "]),
        (34, ["id  created              state", "m1  2026-01-02 03:04:05  queued"]),
        (30, ["id: m1", "created: 2026-01-02 03:04:05", "state: queued"]),
    ],
)
def test_a_table_fits_the_terminal_and_cuts_nothing(
    room: int, lines: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_room", lambda: room)
    say_table(("id", "created", "state", "note"), [("m1", "2026-01-02 03:04:05", "queued", None)])
    assert [each.rstrip() for each in capsys.readouterr().out.splitlines()] == [
        each.rstrip() for each in lines
    ]


def test_only_the_last_column_is_folded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_room", lambda: 30)
    say_table(("id", "text"), [("m1", "y" * 60), ("m2", "z")])
    head, *rows = capsys.readouterr().out.splitlines()
    assert (head.split(), len(rows)) == (["id", "text"], 4)
    assert "".join(row.replace("m1", "").strip() for row in rows[:3]) == "y" * 60


def test_rows_without_room_are_told_one_by_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_room", lambda: 10)
    say_table(("id", "a", "b"), [("m1", "x" * 20, None), ("m2", None, "y" * 20)])
    out = capsys.readouterr().out
    assert out == f"id: m1\na: {'x' * 20}\n\nid: m2\nb: {'y' * 20}\n"


def test_fields_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    say_fields([("a", 0), ("b", None), ("c", "")])
    say_json({"t": "日"})
    one, two = capsys.readouterr().out.splitlines()
    assert one == "a: 0"
    assert json.loads(two) == {"t": "日"}
    assert "日" in two


def test_no_colour_goes_into_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(("a", "b"), [("1", "2")])
    assert "\x1b" not in capsys.readouterr().out

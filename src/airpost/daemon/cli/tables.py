"""What commands print: tables for people, one JSON object a line for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

PIPE_WIDTH = 240  # columns where nobody's screen is the limit
_STAND_IN = dict.fromkeys("\n\r\t", " ")


def say_json(value: Any) -> None:
    """One JSON value on one line."""
    click.echo(json.dumps(value, ensure_ascii=False))


def printable(value: Any) -> str:
    """`value` for a terminal: nothing for None, control characters replaced."""
    if value is None:
        return ""
    # A received text must not move the cursor or set colours.
    return "".join(
        char if char.isprintable() else _STAND_IN.get(char, "\ufffd") for char in str(value)
    )


def short_time(value: str | None) -> str:
    """`2026-01-02 03:04:05` of an RFC 3339 time in UTC."""
    return "" if value is None else value[:19].replace("T", " ")


def say_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with headings; the last column takes what room is left."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    console.print(table)


def say_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """`name: value` lines; what is None is left out."""
    for name, value in fields:
        if value is not None and value != "":
            click.echo(f"{name}: {printable(value)}")

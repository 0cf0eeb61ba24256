"""What commands print: tables for people, one JSON object a line for programs."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

PIPE_WIDTH = 240  # columns where nobody's screen is the limit
LAST_WIDTH = 24  # into which the last column of a table may be folded
GAP = 2  # columns between two of a table
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


def exact_time(value: str | None) -> str:
    """As `short_time`, to the millisecond: to see the order."""
    return "" if value is None else value[:23].replace("T", " ").removesuffix("Z")


def say_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with headings that fits the terminal and cuts nothing; the last column is folded.

    Where there is no room for it, columns without any value go, and then each row is told as
    `name: value` lines.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    told = [[printable(cell) for cell in row] for row in rows]
    room = _room()
    if not _fits(columns, told, room, cell_len):
        kept = [n for n in range(len(columns)) if n == 0 or any(row[n] for row in told)]
        columns, told = [columns[n] for n in kept], [[row[n] for n in kept] for row in told]
        if not _fits(columns, told, room, cell_len):
            for n, row in enumerate(told):
                if n:
                    click.echo()
                say_fields(zip(columns, row, strict=True))
            return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    for row in told:
        table.add_row(*map(Text, row))
    Console(file=sys.stdout, width=room or PIPE_WIDTH).print(table)


def _room() -> int | None:
    """Columns of the terminal; None where what is said goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _fits(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    room: int | None,
    width: Callable[[str], int],
) -> bool:
    if room is None:
        return True
    widths = [max(map(width, column)) for column in zip(columns, *rows, strict=True)]
    return sum(widths[:-1]) + GAP * (len(widths) - 1) + min(widths[-1], LAST_WIDTH) <= room


def say_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """`name: value` lines; what is None is left out."""
    for name, value in fields:
        if value is not None and value != "":
            click.echo(f"{name}: {printable(value)}")

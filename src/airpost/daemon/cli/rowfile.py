"""Recipients from a CSV file, as rows of a batch."""

from __future__ import annotations

import csv
import io
from typing import Any, BinaryIO

import click

TO = ("to", "number", "phone", "mobile")  # what people call the column


def rows_of(file: BinaryIO, *, template: bool) -> list[tuple[int, dict[str, Any]]]:
    """The rows, each with its line; `template`: further columns are its values.

    A file whose first line names no column of numbers has them in its first one. Separated by
    commas, semicolons or tabs, whichever the first line has.
    """
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{file.name} is not UTF-8 (octet {error.start + 1})") from None
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    if not rows:
        raise click.UsageError(f"{file.name} has no rows")
    names = [cell.strip() for cell in rows[0][1]]
    column = next((at for at, name in enumerate(names) if name.lower() in TO), None)
    if column is None:
        return [(line, {"to": row[0].strip()}) for line, row in rows]
    return [(line, _row(names, row, column, template)) for line, row in rows[1:]]


def _row(names: list[str], row: list[str], column: int, template: bool) -> dict[str, Any]:
    cells = dict(zip(names, row, strict=False))
    made: dict[str, Any] = {"to": cells.pop(names[column], "").strip()}
    if template:
        made["values"] = {name: value for name, value in cells.items() if name}
    elif cells.get("text"):
        made["text"] = cells["text"]
    return made

"""CSV files of people: read by their heading, written for the same reader.

Stdlib and L0 only, so that the command line can read and write them too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from airpost.errors import InvalidRequest

CSV = "text/csv"
CSV_WORDS = "UTF-8, commas or semicolons, with a heading:"


def read_sheet(
    octets: bytes, known: Sequence[str], needs: Sequence[str], most: int
) -> Iterator[dict[str, str]]:
    """The rows of a CSV file, at most `most`, by column; InvalidRequest where it is none.

    Columns of `known` are known in any case, `needs` must be there. Empty rows are passed over.
    """
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest("body", "is not UTF-8") from None
    heading = text.lstrip().split("\n", 1)[0]
    separator = ";" if heading.count(";") > heading.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    names: list[str] | None = None
    count = 0
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if names is None:
                names = _heading(row, known, needs)
                continue
            count += 1
            if count > most:
                raise InvalidRequest("body", f"has at most {most} rows")
            yield dict(zip(names, (cell.strip() for cell in row), strict=False))
    except csv.Error as error:
        raise InvalidRequest("body", f"line {reader.line_num}: {error}") from None
    if names is None:
        raise InvalidRequest("body", f"needs a heading: {','.join(needs)}")


def _heading(row: Sequence[str], known: Sequence[str], needs: Sequence[str]) -> list[str]:
    given = [cell.strip() for cell in row]
    names = [each.casefold() if each.casefold() in known else each for each in given]
    if missing := [each for each in needs if each not in names]:
        raise InvalidRequest("body", f"the heading lacks {', '.join(missing)}")
    if len(set(names)) != len(names):
        raise InvalidRequest("body", "the heading names a column twice")
    return names


def write_sheet(rows: Iterable[Mapping[str, str]], first: Sequence[str]) -> str:
    """Rows as a file, with the columns of `first` before all others."""
    given = list(rows)
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, list(dict.fromkeys(chain(first, *given))), restval="")
    writer.writeheader()
    writer.writerows(given)
    return out.getvalue()

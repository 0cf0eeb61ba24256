"""CSV: what is written is read back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from airpost.services.http.sheets import read_sheet, write_sheet

cell = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12).map(
    str.strip
)


@given(st.lists(st.tuples(cell, cell), max_size=5))
def test_what_is_written_is_read_back(rows: list[tuple[str, str]]) -> None:
    known = ("name", "note")
    written = write_sheet([{"name": a, "note": b} for a, b in rows], known)
    found = list(read_sheet(written.encode(), known, known, 10))
    assert found == [{"name": a, "note": b} for a, b in rows if a or b]

"""Cursors by name: opaque, and no other list's."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.errors import InvalidRequest
from airpost.services.http.places import read_place, write_place

names = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)


@given(st.lists(names, min_size=1, max_size=3))
def test_a_place_is_read_as_it_was_written(at: list[str]) -> None:
    cursor = write_place("b", *at)
    assert cursor.isascii()
    assert read_place("b", cursor, len(at)) == tuple(at)
    for kind, count in (("c", len(at)), ("b", len(at) + 1)):
        with pytest.raises(InvalidRequest):
            read_place(kind, cursor, count)


@given(st.one_of(st.text(min_size=1), st.binary(min_size=1).map(
    lambda octets: base64.urlsafe_b64encode(octets).decode().rstrip("=")
)))  # fmt: skip
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="cursor"):
        read_place("b", cursor)


def test_no_cursor_is_the_beginning() -> None:
    assert read_place("b", "", 2) == ("", "")

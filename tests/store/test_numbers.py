"""The tail of a number."""

from __future__ import annotations

import pytest

from airpost.store.numbers import tail_of


@pytest.mark.parametrize(
    ("number", "tail"),
    [
        ("+4915112345678", "12345678"),
        ("015112345678", "12345678"),
        ("12345678", "12345678"),
        ("10086", "10086"),
        ("*100#", "100"),
        ("Bank", ""),
        ("Bank24", "24"),
        ("١٢٣", ""),  # digits of another script are no digits of a number
        ("", ""),
    ],
)
def test_the_last_eight_digits(number: str, tail: str) -> None:
    assert tail_of(number) == tail

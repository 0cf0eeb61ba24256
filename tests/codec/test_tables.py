"""The tables' own consistency; the corpus test compares every cell."""

from __future__ import annotations

from airpost.codec.tables import DEFAULT, EXTENSION, LANGUAGES, LOCKING, SINGLE


def test_every_table_has_128_cells_and_an_escape() -> None:
    for table in (DEFAULT, EXTENSION, *LOCKING.values(), *SINGLE.values()):
        assert len(table) == 128
        assert table[0x1B] is None


def test_every_language_has_both_tables() -> None:
    assert set(LANGUAGES) == set(range(1, 14))
    assert set(LOCKING) == set(SINGLE) == {0, *LANGUAGES}


def test_no_locking_table_shows_one_character_twice() -> None:
    for table in LOCKING.values():
        shown = [char for char in table if char is not None]
        assert len(shown) == len(set(shown))


def test_every_single_shift_has_the_euro_sign_and_the_default_its_ten() -> None:
    assert all("€" in table for table in SINGLE.values())
    assert {char for char in EXTENSION if char} == set("\f^{}\\[~]|€")

"""Coding schemes; the corpus test compares all 256."""

from __future__ import annotations

import pytest

from airpost.codec.dcs import ALL, Alphabet, octet_for


@pytest.mark.parametrize(
    ("octet", "alphabet"),
    [
        (0xF5, Alphabet.DATA),  # group F: bit 2 alone decides
        (0xFB, Alphabet.GSM7),
        (0xF9, Alphabet.GSM7),
        (0xD8, Alphabet.GSM7),  # groups C and D are 7-bit, E is UCS-2
        (0xE0, Alphabet.UCS2),
        (0x8C, Alphabet.GSM7),  # reserved groups read as 7-bit
        (0x0C, Alphabet.GSM7),
    ],
)
def test_the_groups_others_get_wrong(octet: int, alphabet: Alphabet) -> None:
    assert ALL[octet].alphabet is alphabet


def test_compressed_octets_are_no_text() -> None:
    assert not ALL[0x20].text
    assert not ALL[0x28].text
    assert ALL[0x08].text


@pytest.mark.parametrize("alphabet", Alphabet)
@pytest.mark.parametrize("cls", [None, 0, 1, 2, 3])
def test_octet_for_reads_back(alphabet: Alphabet, cls: int | None) -> None:
    dcs = ALL[octet_for(alphabet, cls)]
    assert (dcs.alphabet, dcs.cls, dcs.reserved) == (alphabet, cls, False)

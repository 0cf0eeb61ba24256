"""Identities out of what modems tell."""

from __future__ import annotations

import pytest

from airpost.modem.identity import (
    ModemIdentity,
    clean_iccid,
    clean_imei,
    identity_json,
    identity_of,
    sim_identity,
)


@pytest.mark.parametrize(
    ("told", "imei"),
    [
        ("490154203237518", "490154203237518"),
        ('"490154203237518"', "490154203237518"),
        ("+CGSN: 490154203237518", "490154203237518"),
        ("490154203237518,ABC123", "490154203237518"),
        ("4901542032375199", "490154203237518"),  # IMEISV: the check digit is worked out
        ("49015420323751", "490154203237518"),
        ("no digits", None),
        ("123", None),
        ("12345678901234567890", None),
    ],
)
def test_imei(told: str, imei: str | None) -> None:
    assert clean_imei(told) == imei


@pytest.mark.parametrize(
    ("told", "iccid"),
    [
        ("+CCID: 8986001234567890123F", "8986001234567890123"),
        ('+CCID: "89860012345678901234"', "89860012345678901234"),
        ("98680021436587092143", "89860012345678901234"),
        ("986800214365870921F3", "8986001234567890123"),
        ("^ICCID: 898600123456789012", "898600123456789012"),
        ("+CCID: ERROR", None),
    ],
)
def test_iccid(told: str, iccid: str | None) -> None:
    assert clean_iccid(told) == iccid


def test_the_sim_gets_the_best_name_there_is() -> None:
    assert sim_identity("490154203237518", "8986", "46001").id == "8986"
    assert sim_identity("490154203237518", None, "46001").id == "imsi:46001"
    assert sim_identity("490154203237518", None, None).id == "imei:490154203237518"


def test_an_identity_is_remembered_as_it_was_told() -> None:
    modem = ModemIdentity(imei="490154203237518", manufacturer="a", model=None)
    assert identity_of(identity_json(modem)) == modem
    for text in (None, "", "{}", "[]", '{"imei": "1", "colour": "red"}'):
        assert identity_of(text) is None

"""Field names of decoded PDUs; the corpus test compares their values."""

from __future__ import annotations

from airpost.codec.pdu import parse_pdu
from airpost.codec.tpdu import Direction
from airpost.daemon.cli.pdu_json import concat_json, tpdu_json


def test_a_deliver_has_every_field() -> None:
    shown = tpdu_json(
        parse_pdu("0004038121F3" + "00" * 9 + "05E8329BFD06", Direction.MT), smsc_prefix=True
    )
    assert list(shown) == ["type", "flags", "address", "pid", "dcs", "alphabet", "class",
                           "compressed", "scts", "udl", "text", "first_octet", "smsc"]  # fmt: skip


def test_no_concatenation_is_null() -> None:
    assert concat_json(None) is None

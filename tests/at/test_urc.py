"""Which lines are unsolicited, and which bring a second one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airpost.at.urc import Caller, caller, has_pdu, looks_like_pdu, prefix_of, text_is_open


@pytest.mark.parametrize(
    ("line", "prefix"),
    [
        ('+CMTI: "SM",1', "+CMTI"),
        ("^BOOT:27710117,0,0,0,75", "^BOOT"),
        ("*PSUTTZ: 1", "*PSUTTZ"),
        ("#STN: 1", "#STN"),
        ("$QCRMCALL: 1", "$QCRMCALL"),
        ("_OSIGQ: 1,0", "_OSIGQ"),
        ("DST: 0", "DST"),
        ("RING", "RING"),
        ("Call Ready", "CALL READY"),
        ("UNDER-VOLTAGE WARNNING", "UNDER-VOLTAGE"),
        ("OVER_VOLTAGE POWER DOWN", "OVER_VOLTAGE"),
        ("+NEWTHING: 1", "+NEWTHING"),
        ("$GPGGA,123519,4807.038,N", "NMEA"),
        ("E1752", None),
        ("Revision: 11.126", None),
        ("0791448720003023040C91", None),
        ("", None),
    ],
)
def test_prefix(line: str, prefix: str | None) -> None:
    assert prefix_of(line) == prefix


def test_every_recorded_line_is_known(corpus: Path) -> None:
    rows = (corpus / "at" / "urc.jsonl").read_text(encoding="utf-8").splitlines()
    lines = [
        line
        for row in map(json.loads, rows)
        for line in "".join(row["response"]).splitlines()
        if line and line != "<pdu>"
    ]
    assert len(lines) > 30
    assert [line for line in lines if prefix_of(line) is None] == []


@pytest.mark.parametrize("line", ["+CDS: 25", "+CDS:25", "+CDS: ,25", '+CMT: "Ann",24', "+CBM: 88"])
def test_a_pdu_follows(line: str) -> None:
    assert has_pdu(line.split(":")[0], line)


@pytest.mark.parametrize(
    "line",
    [
        '+CDS: 6,20,"0870",129,"15/01/01,12:00:00+00","15/01/01,12:00:00+00",0',
        '+CMT: "+4479",,"15/01/01,12:00:00+00"',
        '+CMTI: "SM",1',
        "+CMT:",
        '+CMT: "+4479","x"',
    ],
)
def test_no_pdu_follows(line: str) -> None:
    assert not has_pdu(line.split(":")[0], line)


def test_hexadecimal_looks_like_a_pdu() -> None:
    assert looks_like_pdu("0791AbCd")
    assert not any(looks_like_pdu(text) for text in ("", "0", "OK", "07 91", "0BD04=96p"))


def test_a_long_text_is_open_until_its_quotes_close() -> None:
    assert text_is_open('+CUSD: 1,"Balance')
    assert text_is_open('+CUSD: 1,"say "hi", then')
    for closed in ("+CUSD: 2", '+CUSD: 1,"a",15', '+CUSD: 1,"a"', '+CUSD: 1,"a\nb", 72 '):
        assert not text_is_open(closed)


def test_caller() -> None:
    assert caller('+CLIP: "+27820000000",145,,,,0') == Caller(number="+27820000000", toa=145)
    assert caller('+CLIP: "",128') == Caller(number="", toa=128)
    assert caller("+CLIP:") is None
    assert caller("RING") is None

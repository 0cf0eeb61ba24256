"""Which lines are unsolicited, and which bring a second one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airpost.at.urc import (
    Call,
    Kind,
    call,
    call_ended,
    has_pdu,
    kind_of,
    looks_like_pdu,
    prefix_of,
    text_is_open,
)


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
        ("+SIM: Removed", "+SIM"),
        ("+sim ready", "+SIM READY"),
        ("VOICE CALL: BEGIN", "VOICE CALL"),
        ("+CUSATEND", "+CUSATEND"),
        ("Ringtone", None),
        ("+NEWTHING", None),
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
    assert [line for line in lines if kind_of(line) is None] == []


# Each kind with lines in every spelling on record.
KINDS = {
    Kind.ANNOUNCED: ['+CMTI: "SM",1', "+CMTI: ,-1", '+CDSI: "SR",1'],
    Kind.PUSHED: ["+CMT: ,24", "+CDS:25", "+CDS: ,25", "+CBM: 88"],
    Kind.CALL: [
        "RING", "+CRING: VOICE", '+CLIP: "+27820000000",145,,,,0', '+CCWA: "+27820000000",145,1',
        "NO CARRIER", "BUSY", "NO ANSWER", "VOICE CALL: BEGIN", "MISSED_CALL: 11:01AM 0771",
        "^ORIG:1,0", "^CONF:1", "^CONN:1,0", "^CEND:1,5,29,16", "^DSCI: 1,1,4,0,0", "+WIND: 5,1",
        "HANGUP: 1", '+CLCC: 1,1,0,0,0,"1",161',
    ],
    Kind.USSD: ["+CUSD: 2"],
    Kind.NETWORK: [
        "+CREG: 3", "+CGREG: 0", "+CEREG: 1", "+C5GREG: 3", "^SRVST:0", "^MODE:3,3", "^SIMST:1",
        '+ZDONR: "Vodafone",655,1,"CS_PS","ROAM_OFF"', '+ZPASR: "UMTS"', "+CNSMOD: 8",
        '+QNWINFO: "FDD LTE"', '*PSNWID: "655","01"', '+SPNWNAME: "432", "11"', "+PSBEARER: 24, 0",
        "+PACSP0", "+PACSP1", "+PACSP: 1",
    ],
    Kind.SIGNAL: [
        "^RSSI:18", '^HCSQ:"LTE",59,50,161,24', "^CSNR:-93,-23", "^RSSILVL:80", "^HRSSILVL:80",
        "+CSQ: 9,99", "+CSQN: 9,99", "+CIEV: 7,1", "_OSIGQ: 1,0", "+ZRSSI: 50", "^LTERSRP:-90,-9",
    ],
    Kind.STORE: ['^SMMEMFULL:"SM"', "+SMS FULL", '+QIND: SMS,"full"', '+QIND: "SMS","full"'],
    Kind.START: [
        "RDY", "^SYSSTART", "^SYSSTART AIRPLANE MODE", "*ATREADY: 1", "+CFUN: 1", "+CPIN: READY",
        "Call Ready", "SMS Ready", "SMS DONE", "PB DONE", "+PBREADY", "+QIND: SMS DONE",
        "+QIND: PB DONE", "+QUSIM: 1", "+SIM READY", "*EMRDY: 1", "#QSS: 1", "+SIM: Removed",
        "+SIM DROP",
    ],
    Kind.POWER: [
        "NORMAL POWER DOWN", "POWERED DOWN", "UNDER-VOLTAGE WARNNING", "UNDER_VOLTAGE POWER DOWN",
        "OVER-VOLTAGE WARNNING", "OVER_VOLTAGE WARNING", "^SHUTDOWN", "+CMTE: 1",
        "CHARGE-ONLY MODE",
    ],
    Kind.NOISE: [
        "^BOOT:27710117,0,0,0,75", "^DSFLOWRPT:00000124,00000082", "^STIN: 7, 0, 0",
        "^DSDORMANT:1", "^NDISSTAT:1,,,\"IPV4\"", "^NDISSTATQry:1", "^EONS:1", "^LWURC: 1",
        "^ECCLIST:1", "^CSCHANNELINFO: 1", "+CUSATP: D0", "+CUSATEND", "*PSUTTZ: 1", "DST: 0",
        "+NITZ: 18/03/09", "^NWTIME: 18/03/09", "^TIME: 18/03/09", "+CTZV: 4", "+CGEV: DETACH",
        "+ZUSIMR:2", "+ZEND", "#STN: 1", "*E2NAP: 1", "*EMWI: 1", "*ESTKSMENU: 1", "_OBS: 1",
        "^SCN: 1", "+MBAN: 1", "+CLASS0: 1", '+QGPSURC: "x"', "+QLWURC: 1", "$GPGGA,1,2",
        "$GNRMC,1,2",
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", Kind)
def test_what_a_line_is_about(kind: Kind) -> None:
    lines = KINDS[kind]
    assert {line: kind_of(line) for line in lines} == dict.fromkeys(lines, kind)


@pytest.mark.parametrize("line", ["+NEWTHING: 1", "E1752", "0791448720003023040C91", "", "OK"])
def test_what_nobody_knows(line: str) -> None:
    assert kind_of(line) is None


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


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("RING", Call()),
        ("+CRING: VOICE", Call()),
        ('+CLIP: "+27820000000",145,,,,0', Call(number="+27820000000", toa=145)),
        ('+CLIP: "002B00340034",145', Call(number="+44", toa=145)),
        ("+CLIP: 0771,129", Call(number="0771", toa=129)),
        ('+CLIP: "",128', Call(toa=128)),
        ("+CLIP: ,128", Call(toa=128)),
        ('+CCWA: "0771",129,1', Call(number="0771", toa=129)),
        ("MISSED_CALL: 11:01AM 07712345678", Call(number="07712345678")),
        ("MISSED_CALL: 11:01AM", Call()),
        ("+CLIP: 1,1", None),  # what is set, as AT+CLIP? tells it
        ("+CLIP:", None),
        ("NO CARRIER", None),
        ('+CMTI: "SM",1', None),
    ],
)
def test_who_calls(line: str, expected: Call | None) -> None:
    assert call(line) == expected


def test_a_call_that_is_over() -> None:
    over = ["NO CARRIER", "BUSY", "NO ANSWER", "VOICE CALL: END: 000012", "^CEND:1,5,29,16",
            "HANGUP: 1", "MISSED_CALL: 11:01AM 0771", "+WIND: 6,1"]  # fmt: skip
    assert [line for line in over if not call_ended(line)] == []
    on = ["RING", "VOICE CALL: BEGIN", "+WIND: 5,1", '+CLIP: "1",129', "^CONN:1,0", "OK"]
    assert [line for line in on if call_ended(line)] == []

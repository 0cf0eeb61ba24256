"""Recordings into fields: how streams are cut, and what each kind of line says."""

from __future__ import annotations

from typing import Any

import pytest

from airpost.at import command as catalogue
from airpost.at.command import Command
from airpost.daemon.cli.at_json import parsed

PDU = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"
OF_THE_CATALOGUE = [
    *(each for each in vars(catalogue).values() if isinstance(each, Command)),
    *catalogue.ICCID_OTHERWISE,
    *catalogue.PIN_TRIES_OTHERWISE,
    catalogue.read_message(1),
    catalogue.delete_message(1),
    catalogue.use_stores("SM"),
    catalogue.set_indications((2, 1)),
    catalogue.set_smsc("+491"),
    catalogue.send_pdu(20),
    catalogue.ussd("*100#"),
    catalogue.enter_pin("0000"),
]


@pytest.mark.parametrize("command", OF_THE_CATALOGUE, ids=lambda command: command.text)
def test_all_the_service_asks_is_known(command: Command) -> None:
    assert "unknown" not in parsed("\r\nOK\r\n", command.text)


@pytest.mark.parametrize("asked", ["AT+CCLK?", "AT+COPS=?", "AT^SYSINFO", "ATD1;", "AT+CMGR=?"])
def test_what_the_service_never_asks_is_not(asked: str) -> None:
    assert parsed("\r\nOK\r\n", asked) == {"unknown": True}


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        ("+CMS ERROR: 310", {"class": "CMS", "code": 310}),
        ("+CME ERROR: SIM busy", {"class": "CME", "code": 14}),
        ("+CME ERROR: bananas", {"class": "CME", "code": None, "text": "bananas"}),
        ("COMMAND NOT SUPPORT", {"class": "ERROR", "code": None, "text": "COMMAND NOT SUPPORT"}),
    ],
)
def test_errors(stream: str, expected: dict[str, Any]) -> None:
    assert parsed(stream, "AT+CSQ") == {"error": expected}
    echoed = parsed(f"AT+CSQ\r\r\n{stream}\r\n")
    assert echoed["final"] == expected
    assert echoed["meaning"]


@pytest.mark.parametrize(
    ("error", "meaning", "name"),
    [
        ("+CME ERROR: 132", "not supported", "service option not supported"),
        ("+CME ERROR: 515", "busy, retry", "device busy"),
        ("+CMS ERROR: 27", "retry later", "destination out of service"),
        ("+CMS ERROR: 28", "refused", "unidentified subscriber"),
        ("+CMS ERROR: 500", "outcome unknown", "unknown error"),
    ],
)
def test_what_an_error_means(error: str, meaning: str, name: str) -> None:
    got = parsed(f"AT+CMGS=20\r\r\n{error}\r\n")
    assert (got["meaning"], got["name"]) == (meaning, name)


@pytest.mark.parametrize(
    ("stream", "found", "error"),
    [
        ("\r\nOK\r\n\r\n+CIEV: 7,1\r\n", True, False),
        ("\r\nERROR\r\n", True, True),
        ("\r\n+CME ERROR: raspberry\r\n", True, True),
        ("\r\nNO CARRIER\r\n", True, True),
        ("\r\nUNKNOWN COMMAND\r\n", False, False),
    ],
)
def test_finals_alone(stream: str, found: bool, error: bool) -> None:
    assert parsed(stream) == {"final_result_found": found, "is_error": error}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('+CMTI: "SM",3', {"mem": "SM", "index": 3}),
        ("+CDSI: ,-1", {"mem": None, "index": None}),
        (f"+CDS: 30\r\n{PDU}", {"length": 30, "pdu": PDU}),
        ("+CDS: 30", {"length": 30, "pdu": ""}),
        ('+CLIP: "123",129,,,,0', {"number": "123", "type": 129}),
        ('+CCWA: "123",129,1', {"number": "123", "type": 129}),
        ("+CRING: VOICE", {"number": None, "type": None}),
        ("+CMGL: 4,1,,30", {"index": 4, "stat": 1, "alpha": "", "length": 30}),
        ('+CMGR: 0,"Ann",30', {"stat": 0, "alpha": "Ann", "length": 30}),
        ('+CMGR:"REC READ","9","10/06/18,12 :16 :48",0',
         {"stat": "REC READ", "oa": "9", "scts": "10/06/18,12:16:48"}),
        ("+CPIN: READY", {"status": "READY"}),
        ("+CFUN: 1", {"cfun": 1}),
        ("+CMGS: 7", {"mr": 7}),
        ("+CSQ: 99,99", {"rssi": None, "ber": None, "dbm": None}),
        ("+CREG: 1,0 5,B,2", {"unsolicited": True, "which": "CREG", "state": "home", "lac": 0,
                              "ci": 11, "act": "umts"}),
        ("+CUSD: 5", {"ok": True, "m": 5, "text": "", "dcs": -1, "coding": "plain"}),
        ('+CUSD: 0,"00410042",72', {"ok": True, "m": 0, "text": "00410042", "dcs": 72,
                                    "coding": "ucs2-hex"}),
        ("+CUSD: 0, 49B4", {"ok": True, "m": 0, "text": "49B4", "dcs": None, "quoted": False,
                            "coding": "gsm7-packed-hex"}),
        ("+CUSD: x", {"ok": False}),
        ("41201", {"unknown": True}),
        ("^NDISSTATQry:1", {"unknown": True}),
        ("", {"unknown": True}),
    ],
)  # fmt: skip
def test_lines_nobody_asked_for(line: str, expected: dict[str, Any]) -> None:
    assert parsed(line) == expected


def test_a_message_read() -> None:
    got = parsed(f"+CMGR: 0,,30\r\n{PDU}\r\n\r\nOK\r\n", "AT+CMGR=1")
    assert got["fields"] == ["0", "", "30"]
    assert (got["declared_length"], got["tpdu_octets"], got["pdu_octets"]) == (30, 30, 38)
    assert (got["length_matches"], got["accepted_by_gammu"]) == (True, True)
    assert got["parsed"] == [0, PDU[-22:], "+31641600986", PDU[-22:], "How are you?"]


@pytest.mark.parametrize("pdu", ["0BD04259=96p", PDU[:-6], "00", "01", "", "0001"])
def test_a_message_that_cannot_be_read(pdu: str) -> None:
    got = parsed(f"+CMGR: 2,,164\r\n{pdu}\r\nOK", "AT+CMGR=1")
    assert (got["accepted_by_gammu"], "parsed" in got, got["pdu"]) == (False, False, pdu)


def test_a_submit_in_a_store() -> None:
    got = parsed("+CMGR: 3,,13\r\n000100048121430000 05E8329BFD06".replace(" ", ""), "AT+CMGR=1")
    assert (got["accepted_by_gammu"], "parsed" in got) == (True, False)


def test_messages_listed() -> None:
    stream = f'+CMGL: 1,0,,30\r\n{PDU}\r\n+CMGL: 2,"REC READ","+4","13/01/28,14:51:42+08"\r\nHi\r\n'
    assert parsed(stream + "OK\r\n", "AT+CMGL=4") == {
        "entries": [
            {"index": 1, "status": 0, "pdu": PDU},
            {"index": 2, "stat": "REC READ", "oa": "+4", "scts": "13/01/28,14:51:42+08",
             "text": "Hi"},
        ]
    }  # fmt: skip


def test_registration_read() -> None:
    assert parsed("OK\r\n", "AT+CREG?") == {"present": False, "final": "OK"}
    assert parsed('+CREG: 0,1,"5E25","605F",2\r\nOK', "AT+CREG?") == {
        "n": 0, "stat": 1, "lac": "5E25", "ci": "605F", "act": 2,
    }  # fmt: skip
    broken = parsed('+CREG: 2,1,"0B,"0100701",7\r\nOK', "AT+CREG?")
    assert broken == {"n": 2, "stat": 1, "raw_lac": "0B"}


@pytest.mark.parametrize(
    ("command", "line", "expected"),
    [
        ("AT^CPIN?", "^CPIN: SIM PIN,3,10,2,10,3", (2, 10, None)),
        ("AT#PCT", "#PCT: 1", (None, None, 1)),
        ("AT+QPINC?", '+QPINC: "SC",3,10', (3, 10, None)),
        ("AT+CPINR", "ERROR", (None, None, None)),
    ],
)
def test_tries(command: str, line: str, expected: tuple[int | None, ...]) -> None:
    got = parsed(f"{line}\r\n" if line != "ERROR" else "", command)
    assert (got["pin_tries"], got["puk_tries"], got["asked_tries"]) == expected


def test_the_modem_itself() -> None:
    assert parsed("+CPAS: 3\r\nOK", "AT+CPAS") == {"activity": "ringing"}
    assert parsed("+CPAS: 9\r\nOK", "AT+CPAS") == {"activity": None}
    assert parsed("^GETPORTMODE: TYPE: X: pcui:1,mdm:0,new:2", "AT^GETPORTMODE") == {
        "ports_in_order": ["modem", "pcui", None]
    }
    got = parsed("Manufacturer: huawei\r\nModel: E1550\r\nIMEI: 235012412595195\r\nOK", "ATI")
    assert (got["manufacturer"], got["model"], got["revision"]) == ("huawei", "E1550", None)
    assert got["imei"] == "235012412595195"


def test_stores() -> None:
    assert parsed('+CPMS: "XX",1,9,"BM",5,10', "AT+CPMS?")["mem1_mem2"] == [None, "BM"]
    assert parsed('+CPMS:"SM",3,30\r\nOK', 'AT+CPMS="SM"') == {"cpms_set": [["SM", 3, 30]]}
    assert parsed("+CPMS: (),,( )", "AT+CPMS=?") == {"cpms": [[], [], []]}


def test_the_first_of_several_answers_to_identification() -> None:
    got = parsed("AT+CGMR\r\nNokia\r\nLinux #1\r\nOK")
    assert (got["final"], got["lines"], got["revision"]) == ("OK", 2, "Nokia Linux #1")

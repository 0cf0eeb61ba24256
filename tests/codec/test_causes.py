"""Error codes as data, compared with what others recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airpost.codec.causes import (
    CMS,
    STATUS,
    Cause,
    Phase,
    cause_of,
    classify,
    code_of_words,
    status_outcome,
    words_of,
)
from airpost.codec.status import StatusClass, status_class
from airpost.outcome import OutcomeClass, Scope

UNKNOWN, TRANSIENT, PERMANENT = (
    OutcomeClass.UNKNOWN,
    OutcomeClass.TRANSIENT,
    OutcomeClass.PERMANENT,
)


@pytest.mark.parametrize("code", [255, 332, 500])
def test_a_catch_all_leaves_the_fate_open_only_after_the_pdu(code: int) -> None:
    assert classify("CMS", code, "", Phase.AFTER_PDU).cls is UNKNOWN
    assert classify("CMS", code, "", Phase.BEFORE_PDU).cls is TRANSIENT


@pytest.mark.parametrize(("kind", "code"), [("ERROR", None), ("CMS", 9999), ("CME", 4711)])
def test_what_no_table_knows_is_unknown_and_concerns_the_modem(kind: str, code: int | None) -> None:
    outcome = classify(kind, code, "MODEM ERROR: 3", Phase.AFTER_PDU)
    assert (outcome.cls, outcome.scope) == (UNKNOWN, Scope.MODEM)
    assert classify(kind, code, "", Phase.BEFORE_PDU).cls is TRANSIENT


def test_the_label_names_the_source() -> None:
    assert classify("CMS", 38, "", Phase.AFTER_PDU).code == "CMS 38"
    assert classify("ERROR", None, "", Phase.AFTER_PDU).code == "ERROR"


@pytest.mark.parametrize("code", [21, 30, 50, 69, 304])
def test_codes_that_often_mean_the_sim_are_marked(code: int) -> None:
    cause = cause_of("CMS", code)
    assert cause is not None
    assert cause.sim_doubt


def test_scope_tells_whom_to_slow_down() -> None:
    assert classify("CMS", 1, "", Phase.AFTER_PDU).scope is Scope.DESTINATION
    assert classify("CMS", 304, "", Phase.AFTER_PDU).scope is Scope.MESSAGE
    assert classify("CMS", 38, "", Phase.AFTER_PDU).scope is Scope.SIM
    assert classify("CME", 515, "", Phase.AFTER_PDU).scope is Scope.MODEM


@pytest.mark.parametrize(
    ("kind", "words", "code"),
    [("CME", "SIM busy", 14), ("CME", "sim BUSY", 14), ("CMS", "SMSC address unknown", 330),
     ("CME", "SIM not inserted", 10), ("CMS", "unknown error", 500), ("CMS", "gibberish", None),
     ("ERROR", "SIM busy", None)],
)  # fmt: skip
def test_words_become_codes(kind: str, words: str, code: int | None) -> None:
    assert code_of_words(kind, words) == code


@pytest.mark.parametrize("status", range(256))
def test_every_status_has_words_and_the_class_of_its_bits(status: int) -> None:
    outcome = status_outcome(status)
    assert outcome.text
    assert outcome.ok == (status_class(status) is StatusClass.DELIVERED)
    assert (outcome.cls is TRANSIENT) == (status_class(status) is StatusClass.TRYING)
    if status >= 0x80:  # 9.2.3.15: a reserved value is read as service rejected
        assert (outcome.cls, outcome.scope) == (PERMANENT, status_outcome(0x63).scope)


def test_every_defined_code_on_record_is_known(corpus: Path) -> None:
    record = json.loads((corpus / "codes.json").read_text(encoding="utf-8"))
    status = {each["code"] for each in record["tp_st"]["codes"] if each["kind"] == "defined"}
    assert status == set(STATUS)
    fcs = {each["code"] for each in record["tp_fcs"]["codes"]
           if each["kind"] == "defined" and each["class"] != "application"}  # fmt: skip
    assert fcs <= set(CMS)
    cms = {each["code"] for each in record["cms_error"]["codes"] if each["confirmed"]}
    assert cms <= set(CMS)


def every(*codes: int | range) -> set[int]:
    return {code for each in codes for code in ([each] if isinstance(each, int) else each)}


# What the field knows, before any table: the class once the PDU was handed over.
FIELD = [
    ("CMS", TRANSIENT, every(17, 22, 27, 31, 34, 38, 41, 42, 47, 81, 98, 111, 127, 192, 194,
                             range(210, 213), 300, 301, 302, 314, 331)),
    ("CMS", TRANSIENT, every(512, 521, 522, 532, 615, 616)),
    ("CME", TRANSIENT, every(0, 1, 3, 14, 30, 31, 32, 53, 134, 148, 515, 767)),
    ("CMS", PERMANENT, every(1, 8, 10, 21, 28, 29, 30, 50, 69, range(95, 98), 99, 304,
                             range(128, 192), 193, range(195, 200))),
    ("CMS", PERMANENT, every(208, 209, 303, 305, range(310, 314), range(315, 319), 320, 321, 322,
                             330, 340)),
    ("CME", PERMANENT, every(5, range(10, 14), range(15, 19), 20, 23)),
    ("CMS", UNKNOWN, {255, 332, 500}),
]  # fmt: skip


def test_what_is_known_from_the_field() -> None:
    for kind, cls, codes in FIELD:
        for code in codes:
            assert classify(kind, code, "", Phase.AFTER_PDU).cls is cls, (kind, code)


@pytest.mark.parametrize(
    ("kind", "codes"),
    [("CMS", every(208, 209, range(310, 314), range(315, 319), 320, 322)),
     ("CME", every(5, range(10, 14), range(15, 19), 20, 23))],
)  # fmt: skip
def test_what_stops_the_modem_and_not_the_message(kind: str, codes: set[int]) -> None:
    scopes = {classify(kind, code, "", Phase.AFTER_PDU).scope for code in codes}
    assert scopes <= {Scope.SIM, Scope.MODEM}


def test_reserved_causes_read_as_the_standard_says() -> None:
    temporary = cause_of("CMS", 41)
    reserved = cause_of("CMS", 44)  # TS 24.011 8.2.5.4: as 41
    assert temporary is not None
    assert reserved is not None
    assert (reserved.cls, reserved.scope) == (temporary.cls, temporary.scope)
    assert cause_of("CMS", 0) is None


# Where recorded judgements and ours differ on purpose, and why.
ARGUED = {
    **dict.fromkeys(
        [("CMS", code) for code in (27, 81, 98, 111, 127, 210, 302, 522)] + [("CME", 3)],
        "seen to pass when tried again",
    ),
    **dict.fromkeys(
        [("CMS", 208), ("CMS", 320)],
        "the SIM or memory needs attention; the message goes by another modem",
    ),
    **dict.fromkeys(
        [("CMS", 255), ("CMS", 332), ("CMS", 500)],
        "catch-alls: the message may have gone out",
    ),
    **dict.fromkeys(
        [("CMS", 259), ("CMS", 767), ("CMS", 769), ("CME", 52), ("CME", 53), ("CME", 54)],
        "the modem was disturbed or could not then: nothing is wrong with what was asked",
    ),
    ("CME", 56): "fixed dialling is a setting of the SIM; another modem may send it",
    ("CMS", 513): "two makers use it for opposite things; the radio's meaning is the retryable one",
    ("CMS", 514): "the same",
    ("CMS", 515): "the same",
}


def test_classes_on_record(corpus: Path) -> None:
    record = json.loads((corpus / "codes.json").read_text(encoding="utf-8"))
    fits: dict[str, Callable[[Cause], bool]] = {
        "temporary": lambda cause: cause.cls is TRANSIENT,
        "permanent": lambda cause: cause.cls is PERMANENT,
        "device": lambda cause: cause.scope in (Scope.SIM, Scope.MODEM),
        "request": lambda cause: cause.cls is PERMANENT and cause.scope is not Scope.SIM,
    }
    differ = set()
    for part, kind in (("tp_fcs", "CMS"), ("cms_error", "CMS"), ("cme_error", "CME")):
        for each in record[part]["codes"]:
            if each["class"] in fits:
                cause = cause_of(kind, each["code"])
                assert cause is not None, (kind, each["code"])
                if not fits[each["class"]](cause):
                    differ.add((kind, each["code"]))
    assert differ <= set(ARGUED)


DISPOSITIONS = {
    "transient": TRANSIENT,
    "permanent": PERMANENT,
    "configuration": PERMANENT,
    "hardware-or-sim": PERMANENT,
    "unknown-outcome": UNKNOWN,
}


def test_dispositions_on_record(corpus: Path) -> None:
    lines = (corpus / "at" / "error-codes.jsonl").read_text(encoding="utf-8").splitlines()
    differ = set()
    for record in map(json.loads, lines):
        kind, code = record["error"]["class"], record["error"].get("code")
        if kind in ("CMS", "CME"):
            cause = cause_of(kind, code)
            if cause is None or cause.cls is not DISPOSITIONS[record["disposition"]]:
                differ.add((kind, code))
    assert differ <= {("CMS", 513), ("CMS", 514), ("CMS", 515)}


def test_a_label_is_told_in_words() -> None:
    assert words_of("CMS 38") == "network out of order"
    assert words_of("CME 30") == "no network service"
    assert words_of("TP-ST 65") == "incompatible destination"
    for other in ("CMS 4711", "TP-ST 256", "ERROR", "ttl", "OK", "CMS", "XYZ 38", "CMS ²"):
        assert words_of(other) is None

"""Error codes as data, compared with what others recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airpost.codec.causes import (
    CME,
    CMS,
    STATUS,
    Phase,
    cause_of,
    classify,
    code_of_words,
    status_outcome,
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


@pytest.mark.parametrize("code", [21, 30, 50, 69])
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


def test_every_defined_code_on_record_is_known(corpus: Path) -> None:
    record = json.loads((corpus / "codes.json").read_text(encoding="utf-8"))
    status = {each["code"] for each in record["tp_st"]["codes"] if each["kind"] == "defined"}
    assert status == set(STATUS)
    fcs = {each["code"] for each in record["tp_fcs"]["codes"]
           if each["kind"] == "defined" and each["class"] != "application"}  # fmt: skip
    assert fcs <= set(CMS)
    cms = {each["code"] for each in record["cms_error"]["codes"] if each["confirmed"]}
    assert cms <= set(CMS)


# Where the recorded judgement of error-codes.jsonl and ours differ on purpose, and why.
ARGUED = {
    ("CMS", 513): "two makers use it for opposite things; the radio's meaning is the retryable one",
    ("CMS", 514): "the same",
    ("CMS", 515): "the same",
    ("CMS", 512): "collision with an incoming message is retried (modems.md 4.2)",
}
DISPOSITIONS = {
    "transient": {TRANSIENT},
    "permanent": {PERMANENT},
    "configuration": {PERMANENT},
    "hardware-or-sim": {PERMANENT},
    "unknown-outcome": {UNKNOWN},
}


def test_dispositions_on_record(corpus: Path) -> None:
    lines = (corpus / "at" / "error-codes.jsonl").read_text(encoding="utf-8").splitlines()
    wrong = []
    for record in map(json.loads, lines):
        kind, code = record["error"]["class"], record["error"].get("code")
        if kind not in ("CMS", "CME") or (kind, code) in ARGUED:
            continue
        cause = cause_of(kind, code)
        known = code in (CMS if kind == "CMS" else CME)
        if not known and record["disposition"] in ("configuration", "transient"):
            continue
        if cause is None or cause.cls not in DISPOSITIONS[record["disposition"]]:
            wrong.append((kind, code, record["disposition"], cause))
    assert wrong == []

"""`airpost pdu`: the corpus test runs its records; here are the manners."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner

from airpost.daemon.cli.pdu import pdu

DELIVER = "0004038121F3" + "00" * 9 + "05E8329BFD06"


def run(*args: str, given: str | bytes) -> list[Any]:
    result = CliRunner().invoke(pdu, list(args), input=given)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_decode_reads_one_pdu_a_line() -> None:
    good, bad, again = run("decode", given=f"{DELIVER}\nzz\n\n{DELIVER.lower()}\n")
    assert (good["type"], good["text"], good["address"]["addr"]) == ("deliver", "hello", "123")
    assert bad["error"] == {"field": "hex", "offset": 0, "message": "'z' is no hexadecimal digit"}
    assert again == good


def test_decode_the_other_way_and_without_smsc() -> None:
    [submit] = run("decode", "--direction", "mo", "--no-smsc", given="010004812143000005E8329BFD06")
    assert (submit["type"], submit["text"], "smsc" in submit) == ("submit", "hello", False)
    [report] = run("decode", "--form", "rp-error", "--no-smsc", "--direction", "mo", given="00D300")
    assert (report["type"], report["fcs"]) == ("deliver-report", 0xD3)


def test_one_bad_record_never_stops_the_rest() -> None:
    good = json.dumps({"id": "ok", "input": {"hex": DELIVER, "smsc_prefix": True, "dir": "mt"}})
    bad = [
        "not json", "[]", "17", "{}", '{"id": 1}', '{"id": 2, "input": []}',
        '{"id": 3, "input": {"hex": 5}}', '{"id": 4, "input": {"hex": "00", "dir": "up"}}',
        '{"id": 5, "input": {"hex": "00", "smsc_prefix": "yes"}}', "[" * 10_000, '{"id": NaN}',
        '{"id": 6, "input": {"hex": "00", "form": 3}}',
        '{"id": 7, "input": {"hex": "00", "form": "rp-data"}}',
    ]  # fmt: skip
    for command in ("decode", "split", "join"):
        answers = run(command, "--jsonl", given="\n".join([*bad, good]).encode() + b"\n\xff\xfe\n")
        assert len(answers) == len(bad) + 2
        assert all("error" in each for each in answers[: len(bad)])
    assert run("decode", "--jsonl", given=good)[0]["text"] == "hello"


def test_null_reads_as_absent() -> None:
    given = {"hex": DELIVER, "smsc_prefix": None, "dir": None, "form": None}
    assert run("decode", "--jsonl", given=json.dumps({"id": 1, "input": given}))[0]["udl"] == 5


def test_split_shapes() -> None:
    records = [
        {"id": "t", "input": {"text": "a" * 161}},
        {"id": "r", "input": {"text_repeat": ["ab", 100], "ref_bits": 16}},
        {"id": "p", "input": {"text_pieces": [["a", 5], ["字", 1]]}},
        {"id": "n", "input": {"text": "ş" * 80, "single": 1, "locking": 1}},
        {"id": "x", "input": {"text": "字", "national_language": 1}},
        {"id": "huge", "input": {"text_repeat": ["a", 10**12]}},
        {"id": "sum", "input": {"text_pieces": [["a", 10**6]] * 9}},
        {"id": "bits", "input": {"text": "a", "ref_bits": 7}},
        {"id": "many", "input": {"text_repeat": ["a", 153 * 255 + 1]}},
        {"id": "lang", "input": {"text": "a", "single": 900}},
    ]
    got = {
        row["id"]: row for row in run("split", "--jsonl", given="\n".join(map(json.dumps, records)))
    }
    assert got["t"] == {"id": "t", "segments": 2, "alphabet": "gsm7", "units": 161,
                        "part_chars": [153, 8]}  # fmt: skip
    assert got["r"]["part_chars"] == [152, 48]
    assert got["p"]["alphabet"] == "ucs2"
    assert (got["n"]["alphabet"], got["n"]["segments"]) == ("gsm7", 1)
    assert got["x"]["alphabet"] == "ucs2"
    assert got["many"]["error"]["offset"] == 153 * 255
    assert all("error" in got[each] for each in ("huge", "sum", "bits", "lang"))


def test_split_and_join_plain_lines() -> None:
    assert run("split", given=" hello \r\n")[0]["units"] == 7
    assert run("join", given=DELIVER + "\n") == [
        {"parts": [None], "complete": True, "text": "hello"}
    ]
    assert "error" in run("join", given="00\n")[0]
    assert "error" in run("join", given="")[0]

"""`airpost at parse`: the corpus test runs its records; here are the manners."""

from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner

from airpost.daemon.cli.at import at


def run(*args: str, given: str | bytes) -> list[Any]:
    result = CliRunner().invoke(at, ["parse", *args], input=given)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_records() -> None:
    records = [
        {"id": 1, "command": "AT+CSCA?\r", "response": ['+CSCA: "+491",145\r\n', "OK\r\n"]},
        {"id": 2, "command": None, "response": "\r\n+CREG: 3\r\n"},
        {"id": 3, "command": "AT+CCLK?\r", "response": ['+CCLK: "80/01/06"\r\n']},
        {"id": 4, "charset": "ucs2", "response": ["0056006500720069"]},
    ]
    one, two, three, four = run("--jsonl", given="\n".join(map(json.dumps, records)))
    assert one == {"id": 1, "smsc": "+491", "toa": 145}
    assert (two["which"], two["state"], two["unsolicited"]) == ("CREG", "denied", True)
    assert three == {"id": 3, "unknown": True}
    assert four == {"id": 4, "operator": "Veri"}


def test_one_bad_record_never_stops_the_rest() -> None:
    bad = [
        "not json", "[]", "17", '{"id": 1}', '{"id": 2, "response": 5}',
        '{"id": 3, "response": ["a", 5]}', '{"id": 4, "response": [], "command": 7}',
        '{"id": 5, "response": "OK", "charset": []}', "[" * 10_000, '{"id": NaN}',
    ]  # fmt: skip
    good = '{"id": "ok", "command": "AT+CFUN?", "response": ["+CFUN: 1\\r\\n"]}'
    got = run("--jsonl", given="\n".join([*bad, good]).encode() + b"\n\xff\xfe\n")
    assert len(got) == len(bad) + 2
    assert all("error" in each for each in [*got[:-2], got[-1]])
    assert got[-2] == {"id": "ok", "cfun": 1}
    fields = [each["error"]["field"] for each in got[3:8]]
    assert fields == ["response", "response", "response", "command", "charset"]
    assert got[6]["id"] == 4


def test_one_answer_as_it_came() -> None:
    stream = b'AT+COPS?\r\r\n+COPS: 0,0,"\xc9T\xc9",2\r\n\r\nOK\r\n'
    [got] = run(given=stream)
    assert (got["operator"], got["act"], got["final"]) == ("ÉTÉ", 2, "OK")
    [told] = run("--command", "AT+CSQ", given="+CSQ: 9,99\r\n\r\nOK\r\n")
    assert told == {"rssi": 9, "ber": None, "dbm": -95}
    assert run(given="") == [{"unknown": True}]

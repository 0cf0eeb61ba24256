"""Every recorded vector of other implementations, through `airpost at parse` and the channel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from airpost.at import command as at
from airpost.at import messages, network, replies
from airpost.at.channel import Channel
from airpost.at.command import Command
from airpost.at.events import Event, Reply
from airpost.daemon.cli.at import at as at_command

Json = dict[str, Any]

# What is recorded and airpost never asks: calls, data sessions, clocks, makers' own system states,
# looking for networks (it blocks the modem for minutes), character sets.
NOT_ASKED = re.compile(
    r"AT(\+CCFC=.*|\+CCLK\?|\+CESQ|\+CIND=\?|\+CLAC|\+CLCC|\+COPS=\?|\+CSCS(=\?|\?)"
    r"|\^NWTIME\?|\^SYSINFO(EX)?)"
)
NOT_READ = re.compile(r"\^NDISSTAT|[0-9A-Z]{3,7}$|AT\+CSCS\?")  # data sessions; MCC and MNC alone


def rows(corpus: Path, name: str) -> list[Json]:
    lines = (corpus / "at" / name).read_text(encoding="utf-8").splitlines()
    assert lines
    return [json.loads(line) for line in lines]


def through_cli(records: list[Json]) -> dict[str, Json]:
    given = "\n".join(json.dumps(record) for record in records)
    result = CliRunner().invoke(at_command, ["parse", "--jsonl"], input=given)
    assert result.exit_code == 0, result.output
    return {row["id"]: row for row in map(json.loads, result.output.splitlines())}


def asked(row: Json) -> bool:
    """True for a vector of something airpost asks or listens to."""
    if row.get("command"):
        return not NOT_ASKED.fullmatch(row["command"].strip())
    return bool(row.get("charset")) or not NOT_READ.match("".join(row["response"]).strip())


def wrong(row: Json, got: Json) -> str | None:
    if not asked(row):
        return None if got == {"id": row["id"], "unknown": True} else f"{row['id']}: {got}"
    expect: Json = row.get("expected") or {}
    seen = {key: got.get(key, "absent") for key in expect}
    if "unknown" in got or seen != expect:
        return f"{row['id']}: {seen} instead of {expect}"
    return None


def test_vectors_through_the_command_line(corpus: Path) -> None:
    records = rows(corpus, "parse-vectors.jsonl")
    got = through_cli(records)
    assert [said for row in records if (said := wrong(row, got[row["id"]]))] == []
    assert sum(map(asked, records)) > 130


# Command → (how the service asks it, how it reads the answer).
ASKED: dict[str, tuple[Command, Any]] = {
    "AT+CGMI": (at.MANUFACTURER, replies.manufacturer),
    "AT+CGMM": (at.MODEL, replies.model),
    "AT+CGMR": (at.REVISION, replies.revision),
    "AT+CGSN": (at.IMEI, replies.imei),
    "AT+CIMI": (at.IMSI, replies.imsi),
    "AT+CPIN?": (at.PIN_STATE, replies.sim_status),
    "AT+CREG?": (at.REGISTRATION, network.registration),
    "AT+CSQ": (at.SIGNAL, network.signal),
    "AT+COPS?": (at.OPERATOR, network.operator),
    "AT+CSCA?": (at.SMSC, replies.smsc),
    "AT+CNMI=?": (at.INDICATIONS_OFFERED, messages.indications_offered),
    "AT+CNMI?": (at.INDICATIONS, messages.indications),
    "AT+CPMS=?": (at.STORES_OFFERED, messages.stores_offered),
    "AT+CPMS?": (at.STORES, messages.stores),
    'AT+CPMS="SM","SM"': (at.use_stores("SM", "SM"), messages.stores),
    "AT+CMGR=1": (at.read_message(1), messages.read),
}
NO_ANSWER = {
    # No IMEI: a CDMA telephone tells an ESN.
    ("lg", "AT+CGSN"),
}


def drained(channel: Channel, data: str) -> list[Event]:
    channel.receive_data(data.encode("latin-1", "replace"))
    events = []
    while (event := channel.next_event()) is not None:
        events.append(event)
    return events


def recorded(corpus: Path) -> Iterator[tuple[Json, Command, Any]]:
    for row in rows(corpus, "responses.jsonl"):
        pair = ASKED.get((row.get("command") or "").strip())
        if pair and row["kind"] == "response":
            yield row, *pair


def test_recorded_answers_through_the_channel(corpus: Path) -> None:
    """What devices answered, as the service would meet it: one reply, and a value in it."""
    checked = 0
    for row, command, read in recorded(corpus):
        channel = Channel()
        channel.send(command)
        stream = "".join(row["response"])
        events = drained(channel, stream)
        if not any(isinstance(event, Reply) for event in events):  # the recorder left the OK out
            events += drained(channel, "\r\nOK\r\n")
        [reply] = [event for event in events if isinstance(event, Reply)]
        if not reply.final.ok:
            continue
        value = read(reply.lines)
        expected = (row["vendor"], command.text) not in NO_ANSWER
        assert bool(value) is expected, (row["id"], reply.lines, value)
        checked += 1
    assert checked > 60

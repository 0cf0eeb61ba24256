"""The answers of the personalities against recorded ones: values differ, forms do not.

The form of a line is its prefix with the space behind it and the kind of each field: number, word,
quoted string, bracket of one of these, nothing. Lines of one form in a row count as one. Where the
record has every byte, blank lines and the echo count too.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from hwsim.modem import SimModem
from hwsim.personality import load
from hwsim.pool import SimPool
from tests.hwsim.client import Client, started, submit_pdu
from tests.virtual import VirtualLoop, run_virtual

Record = dict[str, Any]
PHONE = "+491701234567"

# Whose recorded answers each personality gives: vendor and model.
LIKE = {
    "huawei-e3372-like": "huawei ",
    "zte-mf626-like": "zte |qualcomm .*zte",
    "quectel-m26-like": "quectel ",
    "simcom-sim800-like": "simcom ",
    "wavecom-q24-like": "wavecom ",
    "cinterion-ehs5-like": r"cinterion\?? ",
}
FINAL = re.compile(r"OK|ERROR|COMMAND NOT SUPPORT|\+CM[ES] ERROR: .*")
PREFIX = re.compile(r"([+^*]\w+|[A-Z]\w+):( ?)(?=\S)")
FIELD = re.compile(r'"[^"]*"|\((?:[^()]|\([^()]*\))*\)|[^,]+|(?<=,)(?=,|$)|^(?=,)')


def kind(field: str) -> str:
    field = field.strip(" ")
    if field.startswith("("):
        kinds = [kind(each) for each in FIELD.findall(field[1:-1])]
        # How many values a bracket holds is a value; brackets within it are form.
        return f"({','.join(kinds if '(' in field[1:-1] else sorted(set(kinds)))})"
    if field.startswith('"'):
        return "quoted"
    if re.fullmatch(r"[+-]?\d+(-\d+)?", field):
        return "number"
    return "word" if field else ""


def form(line: str) -> str:
    """The form of one line; an extra CR at its end is a part of it."""
    extra, line = line[len(line.rstrip("\r")) :], line.rstrip("\r")
    found = PREFIX.match(line)
    if FINAL.fullmatch(line) or not line:
        out = line
    elif found is None:
        pdu = re.fullmatch(r"[0-9A-F]{30,}", line)
        out = "pdu" if pdu else "number" if line.isdigit() else " "[: line[0] == " "] + "text"
    elif line[0] not in "+^*":  # Model: E1550
        out = f"{found.group()}text"
    else:
        out = found.group() + ",".join(kind(each) for each in FIELD.findall(line[found.end() :]))
    return out + extra


def forms(text: str) -> list[str]:
    """Blank lines left out."""
    all_ = [form(line) for line in re.split(r"\r?\n", text) if line.strip("\r")]
    return [each for at, each in enumerate(all_) if not at or all_[at - 1] != each]


def layout(text: str) -> list[str]:
    """Blank lines and the echo with them."""
    return [form(line) for line in text.split("\r\n")]


def records(corpus: Path, name: str) -> dict[str, Record]:
    with (corpus / "at" / f"{name}.jsonl").open(encoding="ascii") as file:
        return {(made := json.loads(line))["id"]: made for line in file}


def recorded(corpus: Path, name: str, personality: str) -> list[Record]:
    return [
        each
        for each in records(corpus, name).values()
        if re.match(LIKE[personality], f"{each['vendor']} {each['model']}".lower())
    ]


def in_order(few: Iterable[str], many: Iterable[str]) -> bool:
    rest = iter(many)
    return all(each in rest for each in few)


# Answers to one command


async def prepared(client: Client, modem: SimModem, said: str) -> None:
    """In the state that the recorded answer tells of."""
    if "SIM PIN" in said or "ERROR: 11" in said:
        await client.ask("AT+CMEE=1")
        modem.card.lock("1234")
    elif "ERROR: unknown" in said:
        await client.ask("AT+CMEE=2")


@pytest.mark.parametrize("personality", LIKE)
def test_answers(corpus: Path, tmp_path: Path, personality: str) -> None:
    asked = [each for each in recorded(corpus, "responses", personality) if "command" in each]
    assert asked
    wrong: list[str] = []

    async def main(_loop: VirtualLoop) -> None:
        for each in asked:
            said, command = "".join(each["response"]), each["command"]
            async with started(tmp_path / each["id"], personalities=(personality,), fresh=True) as (
                pool,
                (client,),
            ):
                await prepared(client, pool.modems[0], said)
                client.write(command)
                got = (await client.nothing()).decode("latin-1").removeprefix(command)
            theirs = forms(said)
            if not FINAL.fullmatch(theirs[-1]) and "no final OK" not in each.get("notes", ""):
                theirs.append("OK")  # some recorders kept the body alone
            if forms(got) != theirs:
                wrong.append(f"{each['id']} {command!r}: {said!r}, not {got!r}")

    run_virtual(main)
    assert wrong == []


# Lines of their own


@pytest.mark.parametrize(
    ("personality", "heads"),
    [
        ("huawei-e3372-like", {"^SIMST", "^SRVST", "^SMMEMFULL", "^HCSQ"}),
        ("zte-mf626-like", {"+ZUSIMR", "+CDS"}),
        ("simcom-sim800-like", {"+SMS FULL"}),
        ("cinterion-ehs5-like", {"^SYSSTART"}),
    ],
)
def test_lines_of_their_own(corpus: Path, personality: str, heads: set[str]) -> None:
    made = load(personality)
    ours = [line for _, line in made.boot] + [made.full_line, f"+CDS: {made.cds_lead}25"]
    ours += [line for lines in made.commands.values() for line in lines]
    theirs = [
        line.strip().replace("<length>", "25")
        for each in recorded(corpus, "urc", personality)
        for line in each["response"]
    ]
    for head in heads:
        known = {form(line) for line in theirs if line.partition(":")[0] == head}
        said = {form(line) for line in ours if line.partition(":")[0] == head}
        assert said
        assert said <= known


# Dialogues


async def boots(client: Client, modem: SimModem) -> None:
    modem.restart()
    await client.until(b"RDY\r\n")


async def locked(_client: Client, modem: SimModem) -> None:
    modem.card.lock("1234")


async def pin_entered(client: Client, modem: SimModem) -> None:
    await client.ask("AT+CMEE=1")
    modem.card.lock("1234")
    await client.ask("AT+CPIN=1234")


async def switched_off(client: Client, _modem: SimModem) -> None:
    await client.ask("AT+CMEE=1")
    await client.ask("AT+CFUN=4")


async def words(client: Client, _modem: SimModem) -> None:
    await client.ask("AT+CMGF=1")


async def ready(_client: Client, _modem: SimModem) -> None:
    pass


DIALOGUES = [
    ("huawei-e3372-like", "exchange-huawei-huawei-e173-ab196ed1", ready),
    ("huawei-e3372-like", "exchange-huawei-huawei-e1752-0b3378e1", ready),
    ("huawei-e3372-like", "exchange-huawei-huawei-e1752-8b136821", ready),
    ("huawei-e3372-like", "exchange-huawei-huawei-e1752-bfa76201", locked),
    ("zte-mf626-like", "exchange-qualcomm-qualcomm-m6280-zte-modem-3f154477", ready),
    ("zte-mf626-like", "exchange-qualcomm-qualcomm-m6280-zte-modem-fe3e845d", pin_entered),
    ("quectel-ec25-like", "exchange-quectel-quectel-ec25-e-50e05c5e", ready),
    ("simcom-sim800-like", "exchange-simcom-simcom-sim800l-242374aa", boots),
    ("wavecom-q24-like", "exchange-wavecom-genpro-e10-wavecom-b1cacd69", ready),
    ("wavecom-q24-like", "exchange-wavecom-wavecom-multiband-900e-1800-f432d576", switched_off),
    ("generic", "exchange-telit-telit-le910-v2-5d759093", ready),
    ("generic", "exchange-telit-telit-le910c-457b804f", words),
]


def typed(send: str) -> str:
    pdu, length = submit_pdu(PHONE, "x", report=True)
    for found, value in (("<pin>", "1234"), ("<n>", str(length)), ("<number>", PHONE),
                         ("<pdu with report requested>", pdu)):  # fmt: skip
        send = send.replace(found, value)
    return send


def by_sending(steps: list[Record]) -> list[tuple[str, str, list[str], bool]]:
    """What was sent, what came back, lines of their own after it, and whether it was repeated."""
    out: list[tuple[str, str, list[str], bool]] = []
    for step in steps:
        if "send" in step:
            out.append((typed(step["send"]), "", [], False))
            continue
        send, recv, urcs, repeated = out[-1]
        recv += "".join(step.get("recv", ())).replace("<mr>", "1")
        out[-1] = (send, recv, [*urcs, *step.get("urc", ())], repeated or "repeat" in step)
    return out


@pytest.mark.parametrize(("personality", "name", "before"), DIALOGUES)
def test_dialogues(corpus: Path, tmp_path: Path, personality: str, name: str, before: Any) -> None:
    record = records(corpus, "exchanges")[name]

    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, personalities=(personality,), fresh=True, report_delay_s=1.0
        ) as (pool, (client,)):
            await before(client, pool.modems[0])
            client.seen.clear()
            for send, recv, urcs, repeated in by_sending(record["steps"]):
                client.write(send)
                raw = (await client.nothing(10.0 if urcs or repeated else 1.0)).decode("latin-1")
                if recv.startswith(send):  # the record has the echo and so every byte
                    assert layout(raw)[: len(layout(recv)) - 1] == layout(recv)[:-1]
                got = forms(raw.removeprefix(send.rstrip("\x1a")))
                theirs = forms(recv.removeprefix(send)) or [""]
                assert got[: len(theirs)] == theirs or not recv
                assert in_order(forms("".join(urcs)), got[len(theirs) :])

    run_virtual(main)


# Answers that were recorded without their command


async def message(client: Client, pool: SimPool) -> None:
    pool.handset(PHONE).send(pool.modems[0].number, "a few words, and more")
    await asyncio.sleep(1)
    client.seen.clear()


async def report(client: Client, pool: SimPool) -> None:
    await client.send(submit_pdu(PHONE, "x", report=True))
    await asyncio.sleep(5)
    client.seen.clear()


async def nothing(_client: Client, _pool: SimPool) -> None:
    pass


LONE = [
    ("cinterion-ehs5-like", "parse-cinterion-cinterion-40377dc5", nothing, "AT+CNMI=?"),
    ("cinterion-ehs5-like", "parse-cinterion-cinterion-e7a240ab", nothing, "AT+CPMS=?"),
    ("huawei-e3372-like", "parse-huawei-huawei-e160g-ee89c5e1", nothing, "AT+CREG=2|AT+CREG?"),
    ("huawei-e3372-like", "parse-huawei-huawei-chan-dongle-0823c3e1", nothing,
     "AT+COPS=3,0|AT+COPS?"),
    ("huawei-e3372-like", "parse-huawei-huawei-chan-dongle-0be441f7", message, "AT+CMGR=0"),
    ("huawei-e3372-like", "parse-huawei-huawei-e160-a89cbaec", nothing,
     'AT+CUSD=1,"AA180C3602",15'),
    ("zte-mf626-like", "parse-unknown-unidentified-device-9d094483", report,
     'AT+CPMS="SR"|AT+CMGR=0'),
    ("generic", "parse-generic-generic-ee83126c", message, 'AT+CMGF=1|AT+CMGL="ALL"'),
    ("generic", "parse-unknown-unidentified-device-ed5f811b", message,
     "AT+CMGF=1|AT+CSDH=1|AT+CMGR=1"),
    ("generic", "parse-unknown-unidentified-device-df9f51ad", nothing, "AT+CSCA?"),
]  # fmt: skip


@pytest.mark.parametrize(("personality", "name", "before", "commands"), LONE)
def test_lone_answers(
    corpus: Path, tmp_path: Path, personality: str, name: str, before: Any, commands: str
) -> None:
    said = forms("".join(records(corpus, "parse-vectors")[name]["response"]))

    async def main(_loop: VirtualLoop) -> None:
        async with started(
            tmp_path, personalities=(personality,), fresh=True, report_delay_s=1.0
        ) as (pool, (client,)):
            assert await client.ask("ATE0")
            assert await client.ask("AT+CNMI=1,1,0,2,0")
            await before(client, pool)
            *first, last = commands.split("|")
            for each in first:
                await client.ask(each)
            client.write(f"{last}\r")
            got = forms((await client.nothing()).decode("latin-1"))
            assert in_order(said, got)

    run_virtual(main)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('+CPMS: (("SM","BM"),("SM"))', "+CPMS: ((quoted),(quoted))"),
        ("+CNMI:(0-2),(0,1),1,", "+CNMI:(number),(number),number,"),
        ("+CMGR: ,,27", "+CMGR: ,,number"),
        ("+CDS: ,25", "+CDS: ,number"),
        ('+CREG: 2,1,8BE3,"2BAF"', "+CREG: number,number,word,quoted"),
        (" WAVECOM MODEM", " text"),
        ("&C\r", "text\r"),
        ("111111111111111", "number"),
        ("+CME ERROR: 11", "+CME ERROR: 11"),
    ],
)
def test_the_form_of_a_line(line: str, expected: str) -> None:
    assert form(line) == expected

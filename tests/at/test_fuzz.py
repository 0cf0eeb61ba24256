"""Whatever bytes come, the buffer and the readers of answers raise nothing.

AIRPOST_FUZZ is the number of inputs of each kind; a million takes some eight minutes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airpost.at import messages, network, replies, urc
from airpost.at.channel import final_of
from airpost.at.grammar import fields_of, number_text, split_prefix, ucs2_text, values_of
from airpost.at.lines import LINE_LIMIT, LineBuffer
from airpost.at.messages import Record
from airpost.daemon.cli.at_json import parsed

ROUNDS = int(os.environ.get("AIRPOST_FUZZ", "4000"))

READERS: tuple[Callable[[Iterable[str]], object], ...] = (
    replies.manufacturer, replies.model, replies.revision, replies.imei, replies.imsi,
    replies.iccid, replies.numbers, replies.sim_status, replies.functionality, replies.smsc,
    replies.identification, replies.tries, replies.activity, replies.port_uses,
    network.registration, network.signal, network.operator,
    messages.read, messages.listed, messages.reference, messages.indications_offered,
    messages.indications, messages.stores_offered, messages.stores, messages.services,
    messages.more_to_send_offered,
)  # fmt: skip
OF_ONE_LINE: tuple[Callable[[str], object], ...] = (
    replies.ussd, network.operator_name, messages.announced, urc.call, urc.call_ended,
    urc.kind_of, urc.text_is_open, urc.looks_like_pdu, final_of, ucs2_text, number_text,
)  # fmt: skip

# One of each, to be mutated: made up, in the forms on record.
SEEDS = [
    b'AT+CREG?\r\r\n+CREG: 2,1,"0B,"0100701",7\r\n\r\nOK\r\n',
    b'\r\n+CEREG: 1,"1F00","79D903",7\r\n+C5GREG: 1,1F00,79D903,11,6,ABCDEF\r\n',
    b"+CSQ: 17,99\r\n\r\nOK\r\n",
    b'+COPS: 0,0,"0059004F00490047004F",7\r\nOK\r\n',
    b"+CSCA: 002B0034003900310037,145\r\nOK\r\n",
    b"+CNMI: (0-3),(0,1),(0,2,3),(0-2),(1)\r\n+CNMI: 2,1,0,1,0\r\nOK\r\n",
    b'+CPMS: (("SM","BM","SR"),("SM"))\r\n+CPMS: "SM",3,30,"ME",0,255\r\n+CPMS: 3,30,3,30\r\n',
    b"+CMGR: 1,,30\r\n07911326040000F0040B911346610089F600002080629173140801C8\r\n\r\nOK\r\n",
    b'+CMGL: 1,"REC READ","+4479",,"16/05/10,10:33:31+08"\r\nwords\r\n+CMGL: 2,,,30\r\n07',
    b'+CDS: ,25\r\n0006\r\n+CMTI: "SM",3\r\n+CDSI: ,-1\r\n+CMGS: 255\r\n',
    b'+CUSD: 1,"Balance\r\n1) "top" up",72\r\n+CLIP: "+4479",145,,,,0\r\n',
    b'ERROR+CNUM: "Own","+4479",145\r\n+CPIN: SIM PIN2\r\n+CFUN: (0-1,4)\r\n+CSMS: 0,1,1,1\r\n',
    b'+CGSN: "490154203237518,SER"\r\n"GSM900","MODEL=X"\r\n+CCID: 8949020000012345678F\r\n',
    b'^CPIN: SIM PIN,3,10,3,10,3\r\n+QPINC: "SC",3,10\r\n#PCT: 3\r\n+CPINR: SIM PUK,10,10\r\n',
    b"^GETPORTMODE: TYPE: WCDMA: huawei,,pcui:0,3g_modem:1,mass:2\r\n+CPAS: 4\r\nRING\r\n",
    b'MISSED_CALL: 11:01AM 0771\r\n+CCWA: "0031",129\r\nModel: +GMM: Model:X\r\nIMEI: 49015\r\n',
    b"+CME ERROR: SIM busy\r\n+CMS ERROR: 500\r\nMODEM ERROR: 5\r\nCOMMAND NOT SUPPORT\r\n",
]


def lines_of(data: bytes) -> list[str]:
    buffer = LineBuffer()
    buffer.feed(data)
    found = []
    while (line := buffer.next_line()) is not None:
        found.append(line)
    return [*found, buffer.pending]


def read_everything(data: bytes) -> None:
    lines = lines_of(data)
    for reader in READERS:
        reader(lines)
    for line in (*lines, "\n".join(lines)):
        for of_line in OF_ONE_LINE:
            of_line(line)
        prefix, rest = split_prefix(line)
        urc.has_pdu(prefix, line)
        for field in fields_of(rest):
            values_of(field)
        for record in (messages.pushed(line, None), messages.pushed(line, lines[-1])):
            touch(record)
    touch(messages.read(lines))
    for record in messages.listed(lines):
        touch(record)


def touch(record: Record | None) -> None:
    if record is not None:
        assert record.octets is None or record.octets.hex() == record.pdu.lower()
        assert record.length_matches is (record.length == record.tpdu_octets)


def mutated(random: Random) -> bytes:
    data = bytearray(random.choice(SEEDS))
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(data) + 1)
        match random.randrange(5):
            case 0:
                data[at:at] = bytes([random.choice(b'"",():+\r\n 0F\x00\xff>')])
            case 1:
                del data[at : at + random.randint(1, 8)]
            case 2:
                data[at : at + 1] = random.randbytes(1)
            case 3:
                data[at:at] = random.choice(SEEDS)
            case 4:
                data[at:at] = data[at : at + 20]
    return bytes(data)


def test_mutated_answers() -> None:
    random = Random(27005)
    for _ in range(ROUNDS):
        read_everything(mutated(random))


def test_random_bytes() -> None:
    random = Random(27007)
    for _ in range(ROUNDS):
        read_everything(random.randbytes(random.randrange(1, 80)))


@settings(max_examples=300)
@given(st.lists(st.text('"(),:-+0123456789AFX \r\n', max_size=30), max_size=6))
def test_the_alphabet_of_answers(pieces: list[str]) -> None:
    names = ("+CREG:", "+CPMS:", "+CNMI:", "+CMGR:", "+CMGL:", "+CUSD:", "+CDS:", "+CSCA:", "")
    read_everything("\r\n".join(f"{n}{p}" for n in names for p in pieces).encode())


@settings(max_examples=300)
@given(st.text(max_size=200), st.sampled_from([None, "AT+CMGR=1", "AT+CREG?", "AT", "\0"]))
def test_recordings_of_anything(stream: str, command: str | None) -> None:
    assert isinstance(parsed(stream, command), dict)


@pytest.mark.parametrize(
    "piece", ['"', "(", ")", ",", '",', '"a,"', "(0-1024),", "0", "+CMGL:", " ", '"a" ']
)
def test_no_line_takes_long(piece: str) -> None:
    line = ("+CNMI: " + piece * LINE_LIMIT)[: LINE_LIMIT - 1]
    began = time.process_time()
    read_everything(line.encode() + b"\r\n")
    assert time.process_time() - began < 2.0

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.hwsim.client import Client, started, submit_pdu, submit_pdus
from tests.virtual import VirtualLoop, run_virtual

PHONE = "+491701"

ANSWERS = [
    ("AT+CNMI=?", ["+CNMI: (0-2),(0-3),(0,2),(0-2),(0,1)", "OK"]),
    ("AT+CNMI=2,,,2;+CNMI?", ["+CNMI: 2,1,0,2,0", "OK"]),
    ("AT+CNMI=3,1", ["+CMS ERROR: 303"]),
    ("AT+CNMI=1,1,1", ["+CMS ERROR: 303"]),
    ("AT+CPMS=?", ['+CPMS: ("SM","ME","SR"),("SM","ME"),("SM","ME")', "OK"]),
    ("AT+CPMS?", ['+CPMS: "SM",0,30,"SM",0,30,"SM",0,30', "OK"]),
    ('AT+CPMS="ME","ME","ME"', ["+CPMS: 0,50,0,50,0,50", "OK"]),
    ('AT+CPMS="SR"', ["+CPMS: 0,20,0,30,0,30", "OK"]),
    ('AT+CPMS="XX"', ["+CMS ERROR: 302"]),
    ('AT+CPMS="SM","SR"', ["+CMS ERROR: 302"]),
    ("AT+CSMS?", ["+CSMS: 0,1,1,1", "OK"]),
    ("AT+CSMS=1", ["+CSMS: 1,1,1", "OK"]),
    ("AT+CSMS=128", ["+CMS ERROR: 303"]),
    ("AT+CSCA?", ['+CSCA: "+4915550000999",145', "OK"]),
    ('AT+CSCA="4917",145;+CSCA?', ['+CSCA: "+4917",145', "OK"]),
    ('AT+CSCA="49,7",145', ["+CMS ERROR: 304"]),
    ("AT+CMMS=2;+CMMS?", ["+CMMS: 2", "OK"]),
    ("AT+CMGF=1;+CMGF?", ["+CMGF: 1", "OK"]),
    ("AT+CMGF=?", ["+CMGF: (0,1)", "OK"]),
    ("AT+CSMP=49,167,0,0;+CSMP?", ["+CSMP: 49,167,0,0", "OK"]),
    ("AT+CNMA=?", ["+CNMA: (0-2)", "OK"]),
    ("AT+CMGR=1", ["+CMS ERROR: 321"]),
    ("AT+CMGR=99", ["+CMS ERROR: 321"]),
    ("AT+CMGL", ["OK"]),
    ("AT+CMGL=5", ["+CMS ERROR: 302"]),
    ("AT+CMGL=?", ["+CMGL: (0-4)", "OK"]),
    ("AT+CMGD=99", ["+CMS ERROR: 321"]),
    ("AT+CMGD=1,9", ["+CMS ERROR: 302"]),
    ("AT+CMGS=?", ["OK"]),
    ("AT+CMGS=x", ["ERROR"]),
]


@pytest.mark.parametrize(("command", "lines"), ANSWERS, ids=[each[0] for each in ANSWERS])
def test_answers(tmp_path: Path, command: str, lines: list[str]) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (_, (client,)):
            assert await client.ask(command) == lines

    run_virtual(main)


def test_sending_a_long_text(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            text = "A long message. " * 20
            for number, pdu in enumerate(submit_pdus(PHONE, text)):
                assert await client.send(pdu) == [f"+CMGS: {number}", "OK"]
            await asyncio.sleep(1)
            (got,) = pool.handset(PHONE).inbox
            assert (got.text, got.parts, got.sender) == (text, 3, pool.modems[0].number)

    run_virtual(main)


@pytest.mark.parametrize("typed", ["", "zz", "0011", "00" * 30, "0011000691947110000001"])
def test_bad_pdus(tmp_path: Path, typed: str) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (_, (client,)):
            assert await client.send((typed, 14)) == ["+CMS ERROR: 304"]

    run_virtual(main)


def test_a_wrong_length_is_refused_and_an_own_smsc_taken(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pdu, length = submit_pdu(PHONE, "x")
            assert await client.send((pdu, length + 1)) == ["+CMS ERROR: 304"]
            pool.modems[0].card.smsc = ""
            assert await client.send((pdu, length)) == ["+CMS ERROR: 330"]
            own = "0791945155000099" + pdu[2:]
            assert await client.send((own.lower(), length)) == ["+CMGS: 0", "OK"]

    run_virtual(main)


def test_reading_marks_and_deletes(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem, phone = pool.modems[0], pool.handset(PHONE)
            for text in ("one", "two", "three", "four"):
                phone.send(modem.number, text)
            await client.nothing()
            header, pdu, _ = await client.ask("AT+CMGR=1")
            assert header == "+CMGR: 0,,19"
            assert len(pdu) // 2 == 19 + 9
            assert (await client.ask("AT+CMGR=1"))[0] == "+CMGR: 1,,19"
            assert [line[:10] for line in (await client.ask("AT+CMGL=1"))[:-1:2]] == ["+CMGL: 1,1"]
            assert len(await client.ask("AT+CMGL=4")) == 9
            assert await client.ask("AT+CMGD=?") == ["+CMGD: (1,2,3,4),(0-4)", "OK"]
            assert await client.ask("AT+CMGD=2") == ["OK"]
            phone.send(modem.number, "five")
            await client.nothing()
            assert await client.ask("AT+CMGD=1,1") == ["OK"]
            assert [index for index, _ in modem.card.sms.items()] == [2]

    run_virtual(main)


def test_writing_into_the_store(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pdu, length = submit_pdu(PHONE, "kept")
            for typed, said in ((pdu, b"\r\n+CMGW: 1\r\n\r\nOK\r\n"),
                                ("zz", b"\r\n+CMS ERROR: 304\r\n")):  # fmt: skip
                client.write(f"AT+CMGW={length}\r")
                await client.until(b"> ")
                client.write(typed + "\x1a")
                assert await client.nothing() == said
            assert (await client.ask("AT+CMGR=1"))[0] == f"+CMGR: 2,,{length}"
            await client.ask("AT+CMGF=1")
            assert await client.ask("AT+CMGR=1") == [
                f'+CMGR: "STO UNSENT","{PHONE}",', "kept", "OK",
            ]  # fmt: skip
            assert pool.network.accepted == 0

    run_virtual(main)


def test_faults_of_reading_and_deleting(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            pool.handset(PHONE).send(modem.number, "one")
            await client.nothing()
            modem.faults.set("length_mismatch", count=1, by=2)
            assert (await client.ask("AT+CMGR=1"))[0] == "+CMGR: 0,,21"
            modem.faults.set("corrupt_read", count=1)
            assert "=" in (await client.ask("AT+CMGR=1"))[1]
            modem.faults.set("empty_read", count=1)
            assert await client.ask("AT+CMGR=1") == ["+CMS ERROR: 321"]
            modem.faults.set("delete_ignored", count=1)
            assert await client.ask("AT+CMGD=1") == ["OK"]
            assert modem.card.sms.used == 1
            modem.faults.set("store_full")
            assert (await client.ask("AT+CPMS?"))[0] == '+CPMS: "SM",30,30,"SM",30,30,"SM",30,30'

    run_virtual(main)


def test_the_smsc_is_lost_on_csmp_where_that_is_so(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, personalities=("zte-mf626-like",)) as (_, (client,)):
            await client.ask("AT+CSMP=17,167,0,0")
            assert await client.ask("AT+CSCA?") == ["OK"]
            assert await client.send(submit_pdu(PHONE, "x")) == ["+CMS ERROR: 330"]

    run_virtual(main)


def test_early_report_stands_before_the_answer(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pool.modems[0].faults.set("report_early", count=1)
            said = await client.send(submit_pdu(PHONE, "x", report=True))
            assert [line[:5] for line in said] == ["+CDS:", "08919", "+CMGS", "OK"]
            assert isinstance(client, Client)

    run_virtual(main)

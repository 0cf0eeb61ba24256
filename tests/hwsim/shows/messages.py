"""Faults of received messages, reports and stores."""

from __future__ import annotations

import asyncio

from airpost.codec.join import concat_of
from airpost.codec.pdu import parse_pdu
from airpost.codec.tpdu import Deliver, Direction
from hwsim.modem import SimModem
from hwsim.pool import SimPool
from tests.hwsim.client import Client, submit_pdu
from tests.hwsim.shows.show import PHONE, Shows

MESSAGES = Shows()
CMTI = b'\r\n+CMTI: "SM",1\r\n'


async def arrives(pool: SimPool, client: Client, text: str = "hello") -> bytes:
    """A message from a phone, and what the host sees of it."""
    pool.handset(PHONE).send(pool.modems[0].number, text)
    return await client.nothing()


def sequence(modem: SimModem, memory: str = "SM") -> list[int]:
    """The part numbers of what is stored, in the order of the slots."""
    out = []
    for index in sorted(modem.store(memory).slots):
        tpdu = parse_pdu(modem.store(memory).slots[index].pdu, Direction.MT).tpdu
        assert isinstance(tpdu, Deliver)
        concat = concat_of(tpdu.udh)
        out.append(0 if concat is None else concat.seq)
    return out


@MESSAGES.add("split_urc")
async def two_reads(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("split_urc")
    await client.ask("AT+CNMI=2,2,0,0,0")
    pool.handset(PHONE).send(pool.modems[0].number, "hello")
    head = await client.nothing(0.1)
    assert head.startswith(b"\r\n+CMT: ,")
    assert head.count(b"\r\n") == 2
    assert (await client.nothing(0.2)).count(b"\r\n") == 1


@MESSAGES.add("blank_line")
async def blank(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("blank_line")
    await client.ask("AT+CNMI=2,2,0,0,0")
    header, empty, pdu, end = (await arrives(pool, client)).lstrip(b"\r\n").split(b"\r\n")
    assert header.startswith(b"+CMT: ")
    assert (empty, end) == (b"", b"")
    assert parse_pdu(pdu.decode(), Direction.MT)


@MESSAGES.add("store_full", personality="quectel-ec25-like")
async def full(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("store_full")
    assert await arrives(pool, client) == b'\r\n+QIND: SMS,"full"\r\n'
    assert (await client.ask("AT+CPMS?"))[0].startswith('+CPMS: "ME",99,99')
    modem.faults.clear()
    assert b"+CMTI" in await client.nothing()
    modem.faults.set("store_full", real=True)
    assert modem.faults.active() == {}
    assert b"full" in await client.nothing()
    assert await arrives(pool, client) == b""
    assert (await client.ask("AT+CMGR=50"))[0].startswith("+CMGR: 1,,")
    assert await client.ask("AT+CMGD=50") == ["OK"]
    assert await client.nothing() == b'\r\n+CMTI: "ME",50\r\n'


@MESSAGES.add("announced_elsewhere")
async def elsewhere(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("announced_elsewhere")
    assert await arrives(pool, client) == CMTI
    assert await client.ask("AT+CMGR=1") == ["OK"]
    assert (await client.ask('AT+CPMS="ME"'))[-1] == "OK"
    assert (await client.ask("AT+CMGR=1"))[0] == "+CMGR: 0,,21"


@MESSAGES.add("cmti_nowhere")
async def nowhere(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("cmti_nowhere")
    assert await arrives(pool, client) == b"\r\n+CMTI: ,-1\r\n"
    assert modem.card.sms.used == 1
    modem.faults.set("cmti_nowhere", stored=False)
    assert await arrives(pool, client) == b"\r\n+CMTI: ,-1\r\n"
    assert modem.card.sms.used == 1


@MESSAGES.add("counter_lag")
async def lag(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("counter_lag", lag_s=3.0)
    await arrives(pool, client)
    assert (await client.ask("AT+CPMS?"))[0].startswith('+CPMS: "SM",0,30')
    assert (await client.ask("AT+CMGR=1"))[0].startswith("+CMGR: 0")
    await asyncio.sleep(3)
    assert (await client.ask("AT+CPMS?"))[0].startswith('+CPMS: "SM",1,30')


@MESSAGES.add("delete_ignored")
async def stays(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("delete_ignored")
    await arrives(pool, client)
    assert await client.ask("AT+CMGD=1") == ["OK"]
    assert pool.modems[0].card.sms.used == 1


@MESSAGES.add("cmgl_hangs")
async def hangs(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("cmgl_hangs")
    client.write("AT+CMGL=4\r")
    assert await client.nothing(60) == b""
    assert await arrives(pool, client) == CMTI
    assert (await client.ask("AT+CMGR=1"))[-1] == "OK"
    modem.faults.set("cmgl_hangs", blocks=True, healed_by="reset")
    client.write("AT+CMGL=4\rAT\r\x1b\rAT\r")
    assert await client.nothing(600) == b""
    modem.restart()
    assert await client.nothing(5) == b"\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n"
    assert modem.faults.active() == {}


@MESSAGES.add("corrupt_read")
async def corrupt(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("corrupt_read", count=1)
    await arrives(pool, client)
    assert "=" in (await client.ask("AT+CMGR=1"))[1]
    assert "=" not in (await client.ask("AT+CMGR=1"))[1]


@MESSAGES.add("length_mismatch")
async def mismatch(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("length_mismatch", count=1)
    await arrives(pool, client)
    assert (await client.ask("AT+CMGR=1"))[0] == "+CMGR: 0,,24"
    assert (await client.ask("AT+CMGR=1"))[0] == "+CMGR: 1,,21"


@MESSAGES.add("empty_fields")
async def fields(pool: SimPool, client: Client) -> None:
    await arrives(pool, client)
    await client.ask("AT+CMGR=1")
    forms = {"no_state": "+CMGR: ,,21", "no_name": "+CMGR: 1,21", "length_only": "+CMGR: 21"}
    for form, line in forms.items():
        pool.modems[0].faults.set("empty_fields", form=form)
        assert (await client.ask("AT+CMGR=1"))[0] == line


@MESSAGES.add("text_answers")
async def words(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    await arrives(pool, client)
    modem.faults.set("text_answers")
    assert (await client.ask("AT+CMGR=1"))[0].startswith('+CMGR: "REC UNREAD","+491701"')
    assert await client.ask("AT+CMGF=0") == ["OK"]
    assert (await client.ask("AT+CMGR=1"))[0] == "+CMGR: 1,,21"
    modem.faults.set("text_answers", whole=True)
    assert await client.ask("AT+CMGF?") == ["+CMGF: 1", "OK"]
    assert modem.faults.active() == {}


@MESSAGES.add("parts_shuffled")
async def shuffled(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    orders = {}
    for form in ("reordered", "missing", "duplicate"):
        modem.faults.set("parts_shuffled", form=form)
        await arrives(pool, client, "y" * 400)
        orders[form] = sequence(modem)
        await client.ask("AT+CMGD=1,4")
    assert orders["reordered"] == [2, 3, 1]
    assert len(orders["missing"]) == 2
    assert len(orders["duplicate"]) == 4
    assert set(orders["duplicate"]) == {1, 2, 3}


@MESSAGES.add("message_twice")
async def twice(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("message_twice", count=1)
    assert await arrives(pool, client) == CMTI + b'\r\n+CMTI: "SM",2\r\n'
    first, second = (slot.pdu for _, slot in modem.card.sms.items())
    assert first == second


@MESSAGES.add("report_elsewhere")
async def report(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    await client.ask("AT+CNMI=2,1,0,2,0")
    modem.faults.set("report_elsewhere")
    await client.send(submit_pdu(PHONE, "x", report=True))
    assert await client.until(b"+CDSI: ") == b"\r\n+CDSI: "
    assert await client.nothing() == b'"SM",1\r\n'
    assert (modem.card.sms.used, modem.card.reports.used) == (0, 1)


@MESSAGES.add("ack_lost")
async def unheard(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    await client.ask("AT+CSMS=1")
    await client.ask("AT+CNMI=2,2,0,1,0")
    modem.faults.set("ack_lost")
    assert b"+CMT: " in await arrives(pool, client)
    assert await client.ask("AT+CNMA=0") == ["OK"]
    assert b"+CMT" not in await arrives(pool, client)
    await asyncio.sleep(15)
    assert modem.settings.cnmi[1] == 0
    modem.faults.clear()
    assert await client.ask("AT+CNMA=0") == ["+CMS ERROR: 340"]


@MESSAGES.add("cnmi_reset")
async def no_more_lines(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("cnmi_reset")
    assert modem.faults.active() == {}
    assert await client.ask("AT+CNMI?") == ["+CNMI: 0,0,0,0,0", "OK"]
    assert await arrives(pool, client) == b""
    assert modem.card.sms.used == 1

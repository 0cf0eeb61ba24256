"""Faults of prompts, results and references."""

from __future__ import annotations

import asyncio

import pytest

from hwsim.pool import SimPool
from tests.hwsim.client import Client, submit_pdu
from tests.hwsim.shows.show import PHONE, Shows

SENDING = Shows()
OK = b"\r\nOK\r\n"


async def typed(client: Client, text: str = "x", *, report: bool = False) -> None:
    """AT+CMGS up to and with Ctrl-Z, whatever is said."""
    pdu, length = submit_pdu(PHONE, text, report=report)
    client.write(f"AT+CMGS={length}\r")
    await client.until(b">")
    client.write(f"{pdu}\x1a")


def texts(pool: SimPool) -> list[str]:
    return pool.handset(PHONE).texts()


@SENDING.add("urc_before_prompt")
async def before_prompt(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("urc_before_prompt", count=1)
    client.write(f"AT+CMGS={submit_pdu(PHONE, 'x')[1]}\r")
    assert await client.until(b"> ") == b'\r\n+ZPASR: "UMTS"\r\n\r\n> '
    client.write("\x1b")
    await client.until(OK)


@SENDING.add("urc_before_mr")
async def before_mr(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("urc_before_mr", count=1)
    await typed(client)
    assert await client.until(OK) == b' \r\n+ZPASR: "HSDPA"\r\n\r\n+CMGS: 0\r\n\r\nOK\r\n'


@SENDING.add("bare_prompt")
async def bare(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("bare_prompt", count=1)
    client.write(f"AT+CMGS={submit_pdu(PHONE, 'x')[1]}\r")
    assert await client.nothing() == b"\r\n>\r\n"
    client.write(submit_pdu(PHONE, "x")[0] + "\x1a")
    assert b"+CMGS: 0" in await client.until(OK)


@SENDING.add("slow_prompt")
async def slow(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("slow_prompt", count=1)
    client.write(f"AT+CMGS={submit_pdu(PHONE, 'x')[1]}\r")
    assert await client.nothing(7.9) == b""
    assert await client.nothing(0.2) == b"\r\n> "
    client.write("\x1b")
    await client.until(OK)


@SENDING.add("no_prompt")
async def never_a_prompt(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("no_prompt", count=1)
    client.write("AT+CMGS=20\r")
    assert await client.nothing(30) == b""
    assert await client.ask("AT") == ["OK"]


@SENDING.add("prompt_lost")
async def lost_prompt(pool: SimPool, client: Client) -> None:
    faults = pool.modems[0].faults
    faults.set("prompt_lost", count=1, times=2)
    await typed(client)
    assert await client.nothing() == b" \r\nERROR\r\n\r\nERROR\r\n"
    faults.set("prompt_lost", count=1, answer="+CMS ERROR: 304")
    await typed(client)
    assert await client.nothing() == b" \r\n+CMS ERROR: 304\r\n"
    assert texts(pool) == []


@SENDING.add("stuck_prompt")
async def stuck(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("stuck_prompt", count=1)
    await typed(client)
    client.write("AT\rAT\r")
    assert await client.nothing(100) == b" \r\n> \r\n> \r\n> "
    client.write("\x1b\rAT\r")
    assert await client.nothing() == OK + OK
    assert texts(pool) == []


@SENDING.add("late_mr")
async def late(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("late_mr", count=1)
    await typed(client)
    assert await client.nothing(60) == b" "
    assert await client.ask("AT") == ["OK"]
    assert await client.nothing(31) == b"\r\n+CMGS: 0\r\n" + OK
    assert texts(pool) == ["x"]


@SENDING.add("no_mr")
async def no_result(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("no_mr", count=1)
    await typed(client)
    assert await client.nothing(300) == b" "
    assert texts(pool) == ["x"]
    await client.send(submit_pdu(PHONE, "y"))


@SENDING.add("sms_dead")
async def dead(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("sms_dead")
    for _ in range(2):
        await typed(client)
        assert await client.nothing(300) == b" "
        assert await client.ask("AT+CSQ") == ["+CSQ: 20,99", "OK"]
    assert texts(pool) == []


@SENDING.add("ok_without_mr")
async def bare_ok(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("ok_without_mr", count=1)
    assert await client.send(submit_pdu(PHONE, "x")) == ["OK"]


@SENDING.add("error_but_sent")
async def sent_all_the_same(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("error_but_sent", count=1)
    said = await client.send(submit_pdu(PHONE, "x", report=True))
    assert said == ["+CMS ERROR: 500"]
    await client.until(b"+CDS: ")
    assert texts(pool) == ["x"]


@SENDING.add("collision")
async def collides(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("collision")
    assert await client.send(submit_pdu(PHONE, "x")) == ["+CMS ERROR: 512"]
    assert await client.send(submit_pdu(PHONE, "y")) == ["+CMGS: 0", "OK"]
    await asyncio.sleep(1)
    assert texts(pool) == ["y"]


@SENDING.add("congestion")
async def congested(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("congestion")
    said = {(await client.send(submit_pdu(PHONE, "x")))[0] for _ in range(30)}
    assert said == {"+CMS ERROR: 38", "+CMS ERROR: 41", "+CMS ERROR: 42"}
    await asyncio.sleep(300)
    assert await client.send(submit_pdu(PHONE, "y")) == ["+CMGS: 0", "OK"]


@SENDING.add("no_credit")
async def broke(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("no_credit")
    for _ in range(3):
        assert await client.send(submit_pdu(PHONE, "x")) == ["+CMS ERROR: 21"]
    assert texts(pool) == []


@SENDING.add("mr_repeats")
async def same_reference(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("mr_repeats", mr=9)
    for _ in range(2):
        assert await client.send(submit_pdu(PHONE, "x")) == ["+CMGS: 9", "OK"]


@SENDING.add("report_before_ok")
async def early_report(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("report_before_ok", count=1)
    said = await client.send(submit_pdu(PHONE, "x", report=True))
    assert said[0] == "+CMGS: 0"
    assert said[1].startswith("+CDS: ")
    assert said[3:] == ["OK"]


@SENDING.add("smsc_lost")
async def without_centre(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("smsc_lost")
    assert await client.ask("AT+CSCA?") == ['+CSCA: "",129', "OK"]
    assert await client.send(submit_pdu(PHONE, "x")) == ["+CMS ERROR: 330"]
    assert await client.ask('AT+CSCA="+49155",145') == ["OK"]
    assert await client.send(submit_pdu(PHONE, "x")) == ["+CMGS: 0", "OK"]


@SENDING.add("hangup_mid_pdu")
async def pulled_out(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("hangup_mid_pdu", back_s=2.0, count=1)
    await typed(client)
    await client.hung_up()
    assert not modem.plugged
    await asyncio.sleep(3)
    assert modem.plugged
    assert texts(pool) == []
    again = Client(modem)
    modem.faults.set("hangup_mid_pdu", at="ctrl_z", count=1)
    await typed(again)
    await again.hung_up()
    again.close()


@SENDING.add("under_voltage")
async def dips(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("under_voltage", count=1)
    await typed(client)
    assert await client.nothing(5) == b" \r\nUNDER-VOLTAGE WARNNING\r\n"
    client.write("AT\r")
    assert await client.nothing(0.5) == b""
    await client.until(b"\r\n+CPIN: READY\r\n")
    modem.faults.set("under_voltage", when="loop", every_s=10.0)
    assert (await client.nothing(65)).count(b"UNDER-VOLTAGE") == 4
    modem.faults.clear()
    await asyncio.sleep(10)
    modem.faults.set("under_voltage", when="now")
    await client.until(b"UNDER-VOLTAGE WARNNING")
    assert modem.faults.active() == {}


@SENDING.add("spontaneous_restart")
async def restarts(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("spontaneous_restart", when="ctrl_z", count=1)
    await typed(client)
    assert await client.nothing(3) == b" \r\n+CPIN: READY\r\n\r\nSMS DONE\r\n"
    assert modem.settings.echo
    with pytest.raises(ValueError, match="when must be now or ctrl_z"):
        modem.faults.set("spontaneous_restart", when="never")


@SENDING.add("incoming_call")
async def rings(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("incoming_call", rings=2, when="ctrl_z", count=1)
    await typed(client)
    assert await client.nothing(2) == b" \r\nRING\r\n\r\n+CMGS: 0\r\n" + OK
    assert await client.nothing(10) == b"\r\nRING\r\n\r\nNO CARRIER\r\n"
    await client.ask("AT+CLIP=1")
    modem.faults.set("incoming_call")
    assert await client.until(b",0\r\n") == b'\r\nRING\r\n\r\n+CLIP: "+4917099",145,"",,"",0\r\n'
    assert await client.ask("AT+CHUP") == ["OK"]
    assert await client.nothing(30) == b""

"""Faults of echo, lines and errors."""

from __future__ import annotations

import asyncio

from hwsim.pool import SimPool
from tests.hwsim.client import Client, submit_pdu
from tests.hwsim.shows.show import PHONE, Shows

ANSWERS = Shows()
OK = b"\r\nOK\r\n"
CSQ = b"\r\n+CSQ: 20,99\r\n"


@ANSWERS.add("urc_before_echo")
async def before_echo(pool: SimPool, client: Client) -> None:
    await client.ask("ATE1")
    pool.modems[0].faults.set("urc_before_echo", line='+CMTI: "SM",1', count=1)
    client.write("AT+CSQ\r")
    assert await client.nothing() == b'\r\n+CMTI: "SM",1\r\nAT+CSQ\r' + CSQ + OK


@ANSWERS.add("split_echo")
async def inside_echo(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("split_echo", count=1)
    client.write("AT+C")
    client.write("SQ\r")
    assert await client.nothing() == b"T+\r\n*EMRDY: 1\r\nCSQ\r" + CSQ + OK


@ANSWERS.add("glued")
async def glued(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("glued", line='+CMTI: "ME",1', count=1)
    client.chunks.clear()
    client.write("AT\r")
    await client.nothing()
    assert client.chunks == [OK + b'\r\n+CMTI: "ME",1\r\n']


@ANSWERS.add("doubled")
async def doubled(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("doubled", count=1)
    client.write("AT+CSQ\r")
    assert await client.nothing() == b"AT+CSQ\rAT+CSQ\r" + CSQ + CSQ + OK
    client.write("AT+CSQ\r")
    assert await client.nothing() == CSQ + OK


@ANSWERS.add("echo_flips")
async def flips(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("echo_flips")
    said = set()
    for _ in range(20):
        client.write("AT\r")
        said.add(await client.until(OK))
    assert said == {OK, b"AT\r" + OK}


@ANSWERS.add("line_ends")
async def ends(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("line_ends")
    said = set()
    for _ in range(40):
        client.write("AT\r")
        said.add(await client.nothing())
    assert said == {b"\r\r\nOK\r\r\n", b"\nOK\n", b"\0\0" + OK, b"\xff" + OK}


@ANSWERS.add("flood")
async def floods(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("flood", line="^RSSI:18", every_s=0.5, until="^CURC=0")
    assert (await client.nothing(10.1)).count(b"\r\n^RSSI:18\r\n") == 21
    assert (await client.ask("AT^CURC=0"))[-1] == "ERROR"
    assert await client.nothing(10) == b""


@ANSWERS.add("cpin_without_ok")
async def no_ok(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("cpin_without_ok")
    client.write("AT+CPIN?\r")
    assert await client.nothing(10) == b"\r\n+CPIN: READY\r\n"


@ANSWERS.add("not_supported")
async def not_supported(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("not_supported")
    assert await client.ask("AT+CEREG?") == ["COMMAND NOT SUPPORT"]
    assert await client.ask("AT+CSQ") == ["+CSQ: 20,99", "OK"]


@ANSWERS.add("verbose_errors")
async def words(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("verbose_errors")
    modem.faults.set("cme_error", verb="+CPIN", code=14)
    await client.ask("AT+CMEE=1")
    assert await client.ask("AT+CPIN?") == ["+CME ERROR: SIM busy"]
    modem.faults.set("cms_error", code=38)
    assert await client.send(submit_pdu(PHONE, "x")) == ["+CMS ERROR: network out of order"]


@ANSWERS.add("settling_500")
async def after_the_pin(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("settling_500")
    await asyncio.sleep(21)
    assert await client.ask("AT+CMMS=1") == ["OK"]
    modem.card.lock("1234")
    assert await client.ask('AT+CPIN="1234"') == ["OK"]
    assert await client.ask("AT+CMMS=1") == ["+CMS ERROR: 500"]
    assert await client.ask("AT+CMGF=0") == ["+CMS ERROR: 500"]
    assert await client.ask("AT+CSQ") == ["+CSQ: 20,99", "OK"]
    await asyncio.sleep(21)
    assert await client.ask("AT+CMGF=0") == ["OK"]


@ANSWERS.add("sim_busy")
async def busy(pool: SimPool, client: Client) -> None:
    await client.ask("AT+CMEE=1")
    pool.modems[0].faults.set("sim_busy")
    assert [await client.ask("AT+CPIN?") for _ in range(10)] == [["+CME ERROR: 14"]] * 10
    assert await client.ask("AT+CPIN?") == ["+CPIN: READY", "OK"]


@ANSWERS.add("settling_515")
async def please_wait(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    await client.ask("AT+CMEE=1")
    modem.faults.set("settling_515")
    assert await client.ask("AT+CFUN=1") == ["+CME ERROR: 515"]
    assert await client.ask("ATE0") == ["OK"]
    assert await client.ask("AT+CPIN?") == ["+CME ERROR: 515"]
    assert await client.ask("AT+CPIN?") == ["+CPIN: READY", "OK"]


@ANSWERS.add("slow_scan")
async def scan(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("slow_scan", count=1)
    client.write("AT+COPS=?\rAT\r")
    assert await client.nothing(99) == b""
    assert (await client.nothing(2)).count(OK) == 2


@ANSWERS.add("no_signal")
async def signal(pool: SimPool, client: Client) -> None:
    faults = pool.modems[0].faults
    for value in (99, 0):
        faults.set("no_signal", value=value)
        assert await client.ask("AT+CSQ") == [f"+CSQ: {value},99", "OK"]


@ANSWERS.add("broken_creg")
async def quotes(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("broken_creg")
    assert await client.ask("AT+CREG?") == ['+CREG: 2,1,"0B,"0100701",7', "OK"]


@ANSWERS.add("clock_nonsense")
async def clock(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("clock_nonsense")
    assert await client.ask("AT+CCLK?") == ['+CCLK: "80/01/06,00:10:02+00"', "OK"]


@ANSWERS.add("smsc_hex")
async def centre(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("smsc_hex")
    line = (await client.ask("AT+CSCA?"))[0]
    text = line.removeprefix("+CSCA: ").removesuffix(",145")
    assert bytes.fromhex(text).decode("utf-16-be") == modem.card.smsc


@ANSWERS.add("ussd_noise")
async def ussd(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("ussd_noise")
    assert (await client.ask('AT+CUSD=1,"*100#",15'))[0] == '+CUSD: 2,"Initiating Release"'
    said = b'\r\n+CUSD: 0,"Credit: 12.34 EUR\r\nValid until 2027-01-01\r\n",15\r\n'
    assert await client.nothing() == said


@ANSWERS.add("autobaud")
async def rate(pool: SimPool, client: Client) -> None:
    modem = pool.modems[0]
    modem.faults.set("autobaud", lines=3)
    client.write("AT\rAT\r")
    client.write("A")
    client.write("T\r")
    assert await client.nothing() == b""
    assert await client.ask("AT") == ["OK"]
    modem.restart()
    await asyncio.sleep(5)
    client.seen.clear()
    client.write("ATE0\rAT\rAT\rAT\r")
    assert await client.until(OK) == b"AT\r" + OK
    assert await client.ask("AT+IPR=115200") == ["AT+IPR=115200\r", "OK"][1:]
    assert modem.faults.active() == {}


@ANSWERS.add("lost_input")
async def flow(pool: SimPool, client: Client) -> None:
    await client.ask("ATE1")
    pool.modems[0].faults.set("lost_input", share=0.3)
    client.write("AT+CSQ\r" * 20)
    heard = (await client.nothing()).count(b"AT+CSQ\r")
    assert 0 < heard < 10


@ANSWERS.add("idle_sleep")
async def sleeps(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("idle_sleep", after_s=20.0)
    assert await client.ask("AT") == ["OK"]
    await asyncio.sleep(19)
    assert await client.ask("AT") == ["OK"]
    await asyncio.sleep(21)
    client.write("A")
    client.write("T\rAT+CSQ\r")
    assert await client.nothing() == CSQ + OK


@ANSWERS.add("foreign_program")
async def foreign(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("foreign_program", share=0.5)
    client.seen.clear()
    seen = b""
    for _ in range(40):
        client.write("AT+CSQ\r")
        seen += await client.nothing()
    assert 1 <= seen.count(b'\r\n+CPMS: "SM",3,30,"SM",3,30,"SM",3,30\r\n\r\nOK\r\n') <= 4
    assert 10 < seen.count(CSQ) < 30


@ANSWERS.add("second_reader")
async def half(pool: SimPool, client: Client) -> None:
    pool.modems[0].faults.set("second_reader")
    for _ in range(40):
        client.write("AT+CSQ\r")
    seen = await client.nothing()
    assert 0.3 < len(seen) / (40 * len(CSQ + OK)) < 0.7

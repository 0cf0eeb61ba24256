from __future__ import annotations

import asyncio
from pathlib import Path

from tests.hwsim.client import started
from tests.virtual import VirtualLoop, run_virtual

PHONE = "+491701234567"
NOW = "26/01/01,00:00:00+00"


def test_text_mode(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, report_delay_s=1.0) as (pool, (client,)):
            modem, phone = pool.modems[0], pool.handset(PHONE)
            await client.ask("AT+CMGF=1")
            await client.ask("AT+CSMP=49,167,0,0")
            await client.ask("AT+CNMI=2,1,0,2,0")
            client.write(f'AT+CMGS="{PHONE}"\r')
            await client.until(b"> ")
            client.write("two\r")
            await client.until(b"\r\n> ")
            client.write("lines\x1a")
            assert b"+CMGS: 0" in await client.nothing(0.5)
            assert phone.texts() == ["two\nlines"]
            phone.reply("back")
            assert await client.nothing(2) == b'\r\n+CMTI: "SM",1\r\n\r\n+CDSI: "SR",1\r\n'
            read = await client.ask("AT+CMGR=1")
            assert read == [f'+CMGR: "REC UNREAD","{PHONE}",,"26/01/01,00:00:00+00"', "back", "OK"]
            assert (await client.ask('AT+CMGL="ALL"'))[1] == "back"
            assert await client.ask('AT+CMGL="SOME"') == ["+CMS ERROR: 305"]
            await client.ask('AT+CPMS="SR"')
            assert (await client.ask("AT+CMGR=1"))[0] == (
                f'+CMGR: "REC UNREAD",6,0,"{PHONE}",145,"{NOW}","{NOW}",0'
            )
            client.write('AT+CMGS="x"\r')
            await client.until(b"> ")
            client.write("y" * 400 + "\x1a")
            assert await client.nothing() == b"\r\n+CMS ERROR: 305\r\n"
            assert modem.counts["+CMGS"] == 2

    run_virtual(main)


def test_straight_to_the_host(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, report_delay_s=1.0) as (pool, (client,)):
            phone = pool.handset(PHONE)
            for command in ("AT+CMGF=1", "AT+CSMP=49,167,0,0", "AT+CNMI=2,2,0,1,0"):
                assert await client.ask(command) == ["OK"]
            client.write(f'AT+CMGS="{PHONE}"\r')
            await client.until(b"> ")
            client.write("hi\x1a")
            await client.until(b"OK\r\n")
            assert await client.nothing(3) == (
                f'\r\n+CDS: 6,0,"{PHONE}",145,"{NOW}","{NOW}",0\r\n'.encode()
            )
            phone.reply("back")
            assert b'\r\n+CMT: "%b",,"26/01/' % PHONE.encode() in (got := await client.nothing())
            assert got.endswith(b'"\r\nback\r\n')

    run_virtual(main)


def test_what_is_no_plain_text_is_shown_in_hexadecimal(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            phone, number = pool.handset(PHONE), pool.modems[0].number
            phone.send(number, "\u4f60\U0001f600")
            phone.send(number, "y" * 161)
            await asyncio.sleep(1)
            await client.ask("AT+CMGF=1")
            assert (await client.ask("AT+CMGR=1"))[1] == "4F60D83DDE00"
            assert (await client.ask("AT+CMGR=2"))[1].startswith("050003")  # the header with it
            await client.ask('AT+CSCS="UCS2"')
            assert (await client.ask("AT+CMGR=1"))[1] == "4F60D83DDE00"

    run_virtual(main)


def test_full_headers(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pool.handset(PHONE).send(pool.modems[0].number, "four")
            await asyncio.sleep(1)
            await client.ask("AT+CMGF=1")
            assert await client.ask("AT+CSDH=1") == ["OK"]
            assert (await client.ask("AT+CMGR=1"))[0] == (
                f'+CMGR: "REC UNREAD","{PHONE}",,"{NOW}",145,4,0,0,"+4915550000999",145,4'
            )

    run_virtual(main)


def test_validity_and_protocol_of_csmp(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, report_delay_s=1.0) as (pool, (client,)):
            phone = pool.handset(PHONE)
            for command in ("AT+CMGF=1", "AT+CSMP=49,1,57,0", "AT+CNMI=2,1,0,1,0"):
                assert await client.ask(command) == ["OK"]
            phone.off()
            client.write(f'AT+CMGS="{PHONE}"\r')
            await client.until(b"> ")
            client.write("soon gone\x1a")
            await client.until(b"OK\r\n")
            assert await client.nothing(590) == b""
            assert (await client.nothing(20)).endswith(b",70\r\n")  # 0x46 after ten minutes
            await client.ask("AT+CSMP=17,167,57,0")
            phone.on()
            client.write(f'AT+CMGS="{PHONE}"\r')
            await client.until(b"> ")
            client.write("as telex\x1a")
            await client.until(b"OK\r\n")
            await asyncio.sleep(1)
            assert [each.deliver.pid for each in phone.parts] == [57]

    run_virtual(main)

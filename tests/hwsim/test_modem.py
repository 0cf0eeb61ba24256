from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.hwsim.client import Client, started, submit_pdu
from tests.virtual import VirtualLoop, run_virtual

PHONE = "+491701"


def test_times_and_counts_of_sending(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with started(tmp_path, air_s=3.0) as (pool, (client,)):
            modem = pool.modems[0]
            for _ in range(2):
                await client.send(submit_pdu(PHONE, "x"))
                await asyncio.sleep(1)
            first, second = modem.sends
            assert first.cmgs_at_s == first.prompt_at_s == first.ctrl_z_at_s == 0.0
            assert first.final_at_s == pytest.approx(3.0)
            assert second.cmgs_at_s == pytest.approx(4.0)
            assert (second.final, second.mr, second.to) == ("OK", 1, PHONE)
            assert modem.counts["+CMGS"] == 2
            assert modem.counts["E"] == 1
            assert modem.heard[0] == (0.0, "ATE0")
            assert modem.now_s == loop.time()

    run_virtual(main)


def test_unplug_and_plug(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            await client.ask("AT+CMEE=2")
            modem.unplug()
            modem.unplug()
            await client.hung_up()
            pool.handset(PHONE).send(modem.number, "waits")
            await asyncio.sleep(1)
            assert pool.network.waiting(modem.number) == 1
            modem.restart()  # nothing there to restart
            modem.plug()
            modem.plug()
            await asyncio.sleep(1)
            assert modem.card.sms.used == 1
            again = Client(modem)
            assert (await again.ask("AT+CMEE?"))[-2:] == ["+CMEE: 0", "OK"]
            again.close()

    run_virtual(main)


def test_restart_forgets_settings_and_boots(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, personalities=("quectel-ec25-like",)) as (pool, (client,)):
            modem = pool.modems[0]
            await client.send(submit_pdu(PHONE, "x"))
            modem.faults.set("spontaneous_restart")
            assert modem.faults.active() == {}
            client.write("AT\r")  # deaf until the first line
            assert await client.nothing(1.9) == b""
            assert await client.nothing(0.2) == b"\r\nRDY\r\n"
            client.write("ATE0+CMEE=1;+CPMS?\r")
            assert b"+CMS ERROR: 302" in await client.nothing(0.2)
            client.write("AT+CIMI\r")
            assert b"+CME ERROR: 14" in await client.nothing(0.2)
            await client.until(b"PB DONE\r\n")
            assert (await client.ask("AT+CNMI?"))[0] == "+CNMI: 2,1,0,0,0"
            assert await client.send(submit_pdu(PHONE, "x")) == ["+CMGS: 0", "OK"]

    run_virtual(main)


def test_restart_drops_what_was_on_the_air_and_its_timers(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, air_s=10.0) as (pool, (client,)):
            pdu, length = submit_pdu(PHONE, "x")
            client.write(f"AT+CMGS={length}\r")
            await client.until(b"> ")
            client.write(pdu + "\x1a")
            await asyncio.sleep(1)
            pool.modems[0].restart()
            assert b"+CMGS" not in await client.nothing(20)
            assert pool.modems[0].sends[0].final == ""

    run_virtual(main)


def test_sim_taken_out_and_put_back(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            await client.ask("AT+CREG=1;+CMEE=1")
            modem.faults.set("sim_removed")
            assert await client.nothing() == b"\r\n+CPIN: NOT INSERTED\r\n\r\n+CREG: 0\r\n"
            assert await client.ask("AT+CPIN?") == ["+CME ERROR: 10"]
            modem.faults.clear("sim_removed")
            assert await client.nothing() == b"\r\n+CPIN: READY\r\n\r\n+CREG: 1\r\n"

    run_virtual(main)


def test_network_lost_and_found(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            await client.ask("AT+CEREG=2")
            modem.faults.set("not_registered", stat=2)
            assert await client.nothing() == b"\r\n+CEREG: 2\r\n"
            modem.faults.set("not_registered", stat=5)  # roaming is registered
            assert await client.nothing() == b'\r\n+CEREG: 5,"00C3","01A2B3C4",7\r\n'
            modem.faults.clear()
            assert await client.nothing() == b'\r\n+CEREG: 1,"00C3","01A2B3C4",7\r\n'
            modem.faults.set("not_registered", stat=1)
            assert await client.nothing() == b""

    run_virtual(main)


def test_flood_two_part_lines_and_silence(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            modem.faults.set("flood", line="^X", every_s=1.0)
            assert (await client.nothing(3.5)).count(b"\r\n^X\r\n") == 4
            modem.faults.clear("flood")
            assert await client.nothing(5) == b""
            modem.faults.set("split_urc", gap_s=0.3, count=1)
            client.chunks.clear()
            modem.urc("+CDS: 2", "0000")
            await client.nothing()
            assert client.chunks == [b"\r\n+CDS: 2\r\n", b"0000\r\n"]
            modem.faults.set("blank_line", count=1)
            modem.urc("+CDS: 2", "0000")
            assert await client.nothing() == b"\r\n+CDS: 2\r\n\r\n0000\r\n"
            modem.faults.set("silence")
            modem.urc("RING")
            client.write("AT\r")
            assert await client.nothing() == b""
            modem.faults.clear()
            assert await client.ask("AT") == ["OK"]

    run_virtual(main)


def test_store_full_as_a_fault_holds_messages_back(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            modem.faults.set("store_full")
            pool.handset(PHONE).send(modem.number, "x")
            assert await client.nothing() == b""
            modem.faults.clear()
            assert await client.nothing() == b'\r\n+CMTI: "SM",1\r\n'

    run_virtual(main)


def test_strings_by_character_set(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            await client.ask('AT+CSCS="UCS2"')
            assert modem.quoted("Ä") == "00C4"
            assert modem.unquoted("00C4") == "Ä"
            assert modem.unquoted("no hex") == "no hex"
            assert (modem.type_of("+49"), modem.type_of("110")) == (145, 129)

    run_virtual(main)

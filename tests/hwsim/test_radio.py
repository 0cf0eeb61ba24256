from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from airpost.codec.address import Address
from airpost.codec.tpdu import Deliver
from hwsim.grammar import Refused
from tests.hwsim.client import Client, started, submit_pdu
from tests.virtual import VirtualLoop, run_virtual

PHONE = "+491701"


def test_references_count_and_wrap(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pool.modems[0].radio.last_mr = 253
            pdu = submit_pdu(PHONE, "x")
            said = [(await client.send(pdu))[0] for _ in range(3)]
            assert said == ["+CMGS: 254", "+CMGS: 255", "+CMGS: 0"]

    run_virtual(main)


def test_a_stored_message_is_announced_by_mode(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            phone, number = pool.handset(PHONE), pool.modems[0].number
            await client.ask("AT+CNMI=2,0,0,0,0")
            phone.send(number, "silent")
            assert await client.nothing() == b""
            await client.ask("AT+CNMI=0,1,0,0,0")
            phone.send(number, "held")
            assert await client.nothing() == b""
            await client.ask("AT+CNMI=2,1,0,0,0")
            assert await client.until(b"\r\n") == b"\r\n"
            assert await client.until(b"\r\n") == b'+CMTI: "SM",2\r\n'
            await client.ask("AT+CNMI=0,1,0,0,1")
            phone.send(number, "dropped")
            await asyncio.sleep(1)
            await client.ask("AT+CNMI=2,1,0,0,1")
            assert await client.nothing() == b""
            await client.ask("AT+CNMI=2,2,0,0,0")
            phone.send(number, "direct")
            assert b"+CMT: ,22\r\n0891" in await client.nothing()

    run_virtual(main)


def test_phase_2_plus_waits_for_cnma(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            phone, modem = pool.handset(PHONE), pool.modems[0]
            assert (await client.ask("AT+CNMA"))[-1] == "+CMS ERROR: 340"
            await client.ask("AT+CSMS=1")
            await client.ask("AT+CNMI=2,2,0,1,0")
            for text in ("one", "two"):
                phone.send(modem.number, text)
            first = await client.nothing()
            assert first.count(b"+CMT:") == 1
            assert await client.ask("AT+CNMA") == ["OK"]
            assert (await client.nothing()).count(b"+CMT:") == 1
            assert await client.ask("AT+CNMA=2") == ["OK"]  # not taken: the SMSC keeps it
            assert (await client.ask("AT+CNMA"))[-1] == "+CMS ERROR: 340"
            assert pool.network.waiting(modem.number) == 1

    run_virtual(main)


def test_without_cnma_routing_is_switched_off(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            await client.ask("AT+CSMS=1")
            await client.ask("AT+CNMI=2,2,0,1,0")
            pool.handset(PHONE).send(modem.number, "one")
            await asyncio.sleep(20)
            client.seen.clear()
            assert (await client.ask("AT+CNMI?"))[0] == "+CNMI: 2,0,0,0,0"
            assert modem.card.sms.used == 1

    run_virtual(main)


def test_reports_by_store(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        settings = {"personalities": ("quectel-ec25-like",), "report_delay_s": 1.0}
        async with started(tmp_path, **settings) as (pool, (client,)):
            await client.ask("AT+CNMI=2,1,0,2,0")
            await client.send(submit_pdu(PHONE, "x", report=True))
            assert await client.nothing(3) == b'\r\n+CDSI: "SM",0\r\n'  # said SM, stored in SR
            assert await client.ask("AT+CMGR=0") == ["OK"]
            await client.ask('AT+CPMS="SR"')
            header, pdu, final = await client.ask("AT+CMGR=0")
            assert (header[:9], pdu[18:20], final) == ("+CMGR: 0,", "06", "OK")
            await client.ask("AT+CNMI=2,1,0,0,0")
            await client.send(submit_pdu(PHONE, "x", report=True))
            assert await client.nothing(3) == b""
            assert pool.modems[0].card.reports.used == 1

    run_virtual(main)


def test_a_report_without_room_comes_after_deletion(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        settings = {"personalities": ("quectel-ec25-like",), "report_delay_s": 1.0}
        async with started(tmp_path, **settings) as (pool, (client,)):
            reports = pool.modems[0].card.reports
            reports.size = 1
            await client.ask("AT+CNMI=2,1,0,2,0")
            for _ in range(2):
                await client.send(submit_pdu(PHONE, "x", report=True))
            assert (await client.nothing(3)).count(b"+CDSI") == 1
            assert pool.network.waiting(pool.modems[0].number) == 1
            await client.ask('AT+CPMS="SR"')
            assert await client.ask("AT+CMGD=0") == ["OK"]
            assert await client.nothing() == b'\r\n+CDSI: "SM",0\r\n'

    run_virtual(main)


def test_class_2_goes_to_the_card(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            await client.ask('AT+CPMS="ME","ME","ME"')
            await client.ask("AT+CNMI=2,2,0,0,0")
            pool.handset(PHONE).send(modem.number, "x")
            assert b"+CMT:" in await client.nothing()
            deliver = Deliver(
                oa=Address.from_number(PHONE), scts=pool.network.stamp(), dcs=0x12, ud=b"x", udl=1
            )
            pool.network.transmit(modem.number, deliver.build())
            assert await client.nothing() == b'\r\n+CMTI: "SM",1\r\n'
            assert (modem.card.sms.used, modem.store("ME").used) == (1, 0)

    run_virtual(main)


def test_the_link_is_kept_for_a_while(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (_, (client,)):
            for mode, later in ((1, "+CMMS: 0"), (2, "+CMMS: 2")):
                await client.ask(f"AT+CMMS={mode}")
                for _ in range(3):
                    await client.send(submit_pdu(PHONE, "x"))
                    await asyncio.sleep(3)
                    assert (await client.ask("AT+CMMS?"))[0] == f"+CMMS: {mode}"
                await asyncio.sleep(3)
                assert (await client.ask("AT+CMMS?"))[0] == later

    run_virtual(main)


def test_a_full_store_says_so_and_takes_the_rest_later(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        settings = {"personalities": ("simcom-sim800-like",)}
        async with started(tmp_path, **settings) as (pool, (client,)):
            number = pool.modems[0].number
            for count in range(12):
                pool.handset(PHONE).send(number, str(count))
            told = await client.nothing()
            assert (told.count(b"+CMTI"), told.count(b"+SMS FULL")) == (10, 1)
            assert pool.network.waiting(number) == 2
            await client.ask("AT+CMGD=1,4")
            assert (await client.nothing()).count(b"+CMTI") == 2

    run_virtual(main)


def test_what_stops_sending(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            modem.faults.set("not_registered", stat=3)
            assert await client.ask("AT+CREG?") == ["+CREG: 0,3", "OK"]
            assert await client.ask("AT+CMGS=20") == ["+CMS ERROR: 331"]
            modem.faults.clear()
            modem.faults.set("sim_removed")
            await client.nothing()
            assert await client.ask("AT+CMGS=20") == ["+CMS ERROR: 310"]
            with pytest.raises(Refused):
                modem.radio.check_sendable()
            modem.faults.clear()
            await client.nothing()
            modem.faults.set("smsc_lost")
            assert await client.ask("AT+CSCA?") == ['+CSCA: "",129', "OK"]
            assert await client.send(submit_pdu(PHONE, "x")) == ["+CMS ERROR: 330"]
            await client.ask('AT+CSCA="+4915550000999",145')
            assert (await client.send(submit_pdu(PHONE, "x")))[-1] == "OK"

    run_virtual(main)


def test_cms_error_may_be_carried_all_the_same(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            faults = pool.modems[0].faults
            faults.set("cms_error", code=500, count=1, carried=True)
            assert await client.send(submit_pdu(PHONE, "sent")) == ["+CMS ERROR: 500"]
            faults.set("cms_error", code=38, count=1)
            assert await client.send(submit_pdu(PHONE, "not sent")) == ["+CMS ERROR: 38"]
            assert await client.send(submit_pdu(PHONE, "good")) == ["+CMGS: 1", "OK"]
            await asyncio.sleep(1)
            assert pool.handset(PHONE).texts() == ["sent", "good"]

    run_virtual(main)


def test_the_air_time_is_kept(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            for air_s in (0.2, 7.0):
                modem.radio.air_s = air_s
                began = loop.time()
                await client.send(submit_pdu(PHONE, "x"))
                assert loop.time() - began == pytest.approx(air_s)

    run_virtual(main)


def test_unplugged_on_the_air_gets_through_or_not(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, clients=0) as (pool, _):
            modem, (pdu, length) = pool.modems[0], submit_pdu(PHONE, "x")
            for _ in range(40):
                client = Client(modem)
                modem.faults.set("hangup_mid_pdu", at="ctrl_z", back_s=1.0, count=1)
                client.write(f"AT+CMGS={length}\r")
                await client.until(b"\r\n> ")
                client.write(pdu + "\x1a")
                await client.hung_up()
                await asyncio.sleep(2)
                client.close()
            assert modem.plugged
            assert 8 < len(pool.handset(PHONE).parts) < 32
            assert {each.final for each in modem.sends} == {""}

    run_virtual(main)

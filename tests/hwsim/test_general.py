from __future__ import annotations

from pathlib import Path

import pytest

from tests.hwsim.client import Client, started
from tests.virtual import VirtualLoop, run_virtual

ANSWERS = [
    ("ATI", ["hw-sim", "Generic", "Revision: 1.0"]),
    ("AT+CGMI", ["hw-sim"]),
    ("AT+CGMM", ["Generic"]),
    ("AT+CGMR", ["1.0"]),
    ("AT+CPIN?", ["+CPIN: READY"]),
    ("AT+CPINR", ["+CPINR: SIM PIN,3,3", "+CPINR: SIM PUK,10,10"]),
    ("AT+CNUM", ['+CNUM: ,"+4915550000000",145']),
    ("AT+CREG?", ["+CREG: 0,1"]),
    ("AT+CREG=2;+CREG?", ['+CREG: 2,1,"00C3","01A2B3C4",7']),
    ("AT+CEREG=?", ["+CEREG: (0-2)"]),
    ("AT+COPS?", ['+COPS: 0,0,"Airpost Test",7']),
    ("AT+COPS=3,2;+COPS?", ['+COPS: 0,2,"26299",7']),
    ("AT+COPS=?", ['+COPS: (2,"Airpost Test","Airpost","26299",7),,(0,1,2,3,4),(0,1,2)']),
    ("AT+CSQ=?", ["+CSQ: (0-31,99),(0-7,99)"]),
    ("AT+CFUN?", ["+CFUN: 1"]),
    ("AT+CFUN=?", ["+CFUN: (0,1,4),(0,1)"]),
    ("AT+CSCS=?", ['+CSCS: ("GSM","IRA","UCS2")']),
    ('AT+CSCS="UCS2";+CSCS?', ['+CSCS: "UCS2"']),
    ('AT+CSCS="UCS2";+CSCA?', ['+CSCA: "' + "+4915550000999".encode("utf-16-be").hex().upper()
                               + '",145']),
    ("AT+CCLK?", ['+CCLK: "26/01/01,00:00:00+00"']),
    ("AT+CMEE=2;+CMEE?", ["+CMEE: 2"]),
    ("AT+CMEE=?", ["+CMEE: (0,1,2)"]),
    ("ATS7=30S7?", ["030"]),
    ("AT+GCAP", ["+GCAP: +CGSM,+DS"]),
    ("AT+CUSD=?", ["+CUSD: (0-2)"]),
    ("ATZ&FE0V1Q0X4&C1&D2&W", []),
]  # fmt: skip


@pytest.mark.parametrize(("command", "lines"), ANSWERS, ids=[each[0] for each in ANSWERS])
def test_answers(tmp_path: Path, command: str, lines: list[str]) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (_, (client,)):
            assert await client.ask(command) == [*lines, "OK"]

    run_virtual(main)


@pytest.mark.parametrize("command", ["AT+CMEE=7", "AT+CFUN=9", "AT+CREG=5", 'AT+CSCS="KLINGON"',
                                     "AT+CMEE=x", 'AT+CPIN="1234"'])  # fmt: skip
def test_refused(tmp_path: Path, command: str) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (_, (client,)):
            assert await client.ask(command) == ["ERROR"]

    run_virtual(main)


def test_identities_differ_and_are_repeated_by_the_seed(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        seen: list[list[str]] = []
        for seed in (1, 1, 2):
            async with started(tmp_path, 2, seed=seed) as (_, clients):
                seen.append([
                    (await client.ask(f"AT+{what}"))[0]
                    for client in clients
                    for what in ("CGSN", "CIMI", "CCID")
                ])  # fmt: skip
        assert seen[0] == seen[1] != seen[2]
        assert len(set(seen[0])) == 6
        assert len(seen[0][0]) == 15
        assert len(seen[0][2]) == len("+CCID: ") + 19

    run_virtual(main)


def test_pin_and_puk(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pool.modems[0].card.lock("1234")
            await client.ask("AT+CMEE=1")
            assert await client.ask("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
            assert await client.ask("AT+CIMI") == ["+CME ERROR: 11"]
            assert await client.ask("AT+CMGS=20") == ["+CMS ERROR: 311"]
            assert await client.ask("AT+CREG?") == ["+CREG: 0,0", "OK"]
            for code in (16, 16, 12):
                assert await client.ask('AT+CPIN="0000"') == [f"+CME ERROR: {code}"]
            assert await client.ask("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"]
            assert await client.ask('AT+CPIN="1234"') == ["+CME ERROR: 12"]
            assert await client.ask('AT+CPIN="00000000","1"') == ["+CME ERROR: 16"]
            assert await client.ask('AT+CPIN="12345678","1111"') == ["OK"]
            assert await client.ask("AT+CPIN?") == ["+CPIN: READY", "OK"]

    run_virtual(main)


def test_radio_off_and_on(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            await client.ask("AT+CREG=1")
            assert await client.ask("AT+CFUN=4") == ["OK"]
            assert await client.nothing() == b"\r\n+CREG: 0\r\n"
            assert await client.ask("AT+COPS?") == ["+COPS: 0", "OK"]
            assert await client.ask("AT+CSQ") == ["+CSQ: 99,99", "OK"]
            pool.handset("+491701").send(pool.modems[0].number, "later")
            await client.nothing()
            await client.ask("AT+CFUN=1")
            assert await client.nothing() == b'\r\n+CREG: 1\r\n\r\n+CMTI: "SM",1\r\n'

    run_virtual(main)


def test_ussd(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, 2, personalities=("generic", "huawei-e3372-like")) as (
            _, (plain, huawei),
        ):  # fmt: skip
            assert await plain.ask('AT+CUSD=1,"*100#",15') == ["OK"]
            assert await plain.nothing() == b'\r\n+CUSD: 0,"Credit: 12.34 EUR",15\r\n'
            await plain.ask('AT+CUSD=1,"*999#",15')
            assert await plain.nothing() == b"\r\n+CUSD: 4\r\n"
            assert await plain.ask("AT+CUSD=2") == ["OK"]
            assert await huawei.ask('AT+CUSD=1,"AA180C3602",15') == ["OK"]  # *100# packed
            assert (await huawei.nothing()).startswith(b'\r\n+CUSD: 0,"4379999CA6EB')
            assert await huawei.ask('AT+CUSD=1,"*100#",15') == ["ERROR"]

    run_virtual(main)


def test_commands_of_the_personality(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        names = ("huawei-e3372-like", "quectel-ec25-like")
        async with started(tmp_path, 2, personalities=names) as (pool, (huawei, quectel)):
            assert await huawei.ask("AT^CURC=0") == ["OK"]
            assert (await huawei.ask("AT^CPIN?"))[0] == "^CPIN: READY,,10,3,10,3"
            iccid = pool.modems[0].card.iccid
            assert (await huawei.ask("AT^ICCID?"))[0] == f"^ICCID: {iccid}"
            assert (await quectel.ask("AT+QPINC"))[0] == '+QPINC: "SC",3,10'
            assert "+QCCID" in await quectel.ask("AT+CLAC")
            pool.modems[1].faults.set("sim_removed")
            await quectel.nothing()
            assert await quectel.ask("AT+CMEE=1;+QCCID") == ["+CME ERROR: 10"]

    run_virtual(main)


def test_reset_over_usb_leaves_the_bus(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, personalities=("huawei-e3372-like",)) as (pool, (client,)):
            client.write("AT+CFUN=1,1\r")
            await client.hung_up()
            assert bytes(client.seen) in (b"\r\nOK\r\n", b"")
            assert not pool.modems[0].plugged
            await client.nothing(9.5)
            again = Client(pool.modems[0])
            assert (await again.ask("AT"))[-1] == "OK"
            again.close()

    run_virtual(main)

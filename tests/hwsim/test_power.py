from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hwsim.personality import load, names
from tests.hwsim.client import FINAL, Client, started, submit_pdu
from tests.virtual import VirtualLoop, run_virtual

PHONE = "+491701"


def resets() -> list[tuple[str, str]]:
    return [(name, command) for name in names() for command in load(name).resets]


@pytest.mark.parametrize(("personality", "command"), resets())
def test_reset_commands_of_the_make(tmp_path: Path, personality: str, command: str) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, personalities=(personality,), fresh=True) as (pool, (client,)):
            modem = pool.modems[0]
            client.write(f"ATE0\rAT{command}\r")
            assert (await client.until(b"OK\r\n")).endswith(b"\r\nOK\r\n")
            await asyncio.sleep(0.6)
            assert [by for _, by in modem.records.resets] == [f"AT{command}"]
            if modem.personality.reset == "usb":
                await client.hung_up()
                await asyncio.sleep(modem.personality.back_s)
            else:
                assert modem.settings.echo
            assert modem.plugged

    run_virtual(main)


def test_off_by_command_until_power_comes_anew(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, personalities=("cinterion-ehs5-like",), fresh=True) as (
            pool,
            (client,),
        ):
            modem = pool.modems[0]
            client.write("AT^SMSO\r")
            await client.until(b"OK\r\n")
            await asyncio.sleep(1)
            client.write("AT\r")
            assert await client.nothing(600) == b""
            modem.power.cut()
            modem.power.restore()
            again = Client(modem)
            assert (await again.ask("AT"))[-1] == "OK"
            again.close()

    run_virtual(main)


def test_boot_time(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, boot_s=5.0, fresh=True) as (pool, (client,)):
            modem = pool.modems[0]
            client.write("AT\r")
            assert await client.nothing(4.9) == b""
            assert await client.nothing(0.2) == b"\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n"
            assert (await client.ask("AT"))[-1] == "OK"
            modem.restart()
            assert await client.nothing(4.9) == b""
            modem.boot_s = 0.0
            modem.restart()
            assert b"+CPIN: READY" in await client.nothing(1.1)

    run_virtual(main)


def test_gentler_healers_do_not_end_what_needs_more(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            for name, healer in (("glued", "escape"), ("doubled", "reopen"),
                                 ("garbage", "reset"), ("flood", "power")):  # fmt: skip
                modem.faults.set(name, healed_by=healer)
            client.write("\x1b")
            await client.nothing()
            assert list(modem.faults.active()) == ["doubled", "garbage", "flood"]
            again = Client(modem)
            await again.nothing()
            assert list(modem.faults.active()) == ["garbage", "flood"]
            modem.restart()
            assert list(modem.faults.active()) == ["flood"]
            modem.unplug()
            modem.plug()
            assert modem.faults.active() == {}
            again.close()

    run_virtual(main)


def test_the_imei_is_asked_after_every_opening(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem, never = pool.modems[0], pool.modems[0].records.never
            await client.send(submit_pdu(PHONE, "x"))
            assert never.pdu_before_imei == 1
            await client.ask("AT+CGSN")
            await client.send(submit_pdu(PHONE, "x"))
            assert never.pdu_before_imei == 1
            client.close()
            again = Client(modem)
            await again.send(submit_pdu(PHONE, "x"))
            assert never.pdu_before_imei == 2
            modem.faults.set("port_held")  # another program, not a host
            await again.ask("AT+GSN")
            modem.faults.set("port_held", by="both")
            await again.send(submit_pdu(PHONE, "x"))
            assert never.pdu_before_imei == 2
            assert modem.records.opens == 2
            again.close()

    run_virtual(main)


def test_refused_messages_are_no_open_ones(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            modem.faults.set("not_registered")
            for _ in range(3):
                assert await client.ask("AT+CMGS=20") == ["+CMS ERROR: 331"]
            modem.faults.clear()
            await client.send(submit_pdu(PHONE, "x"))
            modem.faults.set("no_mr")
            client.write(f"AT+CMGS={submit_pdu(PHONE, 'x')[1]}\r")
            await client.until(b"> ")
            client.write(submit_pdu(PHONE, "x")[0] + "\x1a")
            await client.nothing(100)
            assert modem.records.never.cmgs_while_open == 0
            client.write("AT+CMGS=20\r")
            await client.until(b"> ")
            assert modem.records.never.cmgs_while_open == 1
            modem.faults.clear()
            client.write(submit_pdu(PHONE, "x")[0] + "\x1a")
            await client.until(FINAL)
            modem.faults.set("late_mr")
            client.write(f"AT+CMGS={submit_pdu(PHONE, 'x')[1]}\r")
            await client.until(b"> ")
            client.write(submit_pdu(PHONE, "x")[0] + "\x1a")
            assert (await client.ask("AT+CMEE?"))[-1] == "OK"  # it takes commands again
            client.write("AT+CMGS=20\r")
            await client.until(b"> ")
            assert modem.records.never.cmgs_while_open == 1

    run_virtual(main)

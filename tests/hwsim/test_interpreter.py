from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hwsim.interpreter import State
from tests.hwsim.client import Client, started, submit_pdu
from tests.virtual import VirtualLoop, run_virtual

PHONE = "+491701"


def test_framing_and_echo(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, clients=0) as (pool, _):
            client = Client(pool.modems[0])
            client.write("AT+CSQ\r")
            assert await client.until(b"OK\r\n") == b"AT+CSQ\r\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
            client.write("ate0\r")
            assert await client.until(b"OK\r\n") == b"ate0\r\r\nOK\r\n"
            client.write("AT+CSQ\r")
            assert await client.until(b"OK\r\n") == b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"
            client.write("ATV0\r")
            assert await client.until(b"0\r") == b"0\r"
            client.write("AT+CSQ\r")
            assert await client.until(b"0\r") == b"+CSQ: 20,99\r\n0\r"
            client.write("ATQ1V1\r\r\n\r")
            assert await client.nothing() == b""
            client.close()

    run_virtual(main)


def test_typed_by_hand_the_echo_comes_at_once(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, clients=0) as (pool, _):
            client = Client(pool.modems[0])
            client.write("ATX")
            assert await client.nothing() == b"ATX"
            client.write("\x08\r")
            assert await client.nothing() == b"\x08\r\r\nOK\r\n"
            client.close()

    run_virtual(main)


def test_any_cut_of_the_input_gives_the_same(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pdu, length = submit_pdu(PHONE, "x")
            dialogue = f"\x1b\rAT\rAT+CMEE=1;+CSQ\rAT+NONE\rAT+CMGS={length}\r{pdu}\x1aAT\r"
            said = []
            for size in (1, 2, 3, 7, 50, 500):
                pool.modems[0].radio.last_mr = 0
                for at in range(0, len(dialogue), size):
                    client.write(dialogue[at : at + size])
                    await asyncio.sleep(0.001)
                said.append(await client.nothing())
            assert len(set(said)) == 1
            assert said[0].endswith(b"\r\n> \r\n+CMGS: 1\r\n\r\nOK\r\n\r\nOK\r\n")

    run_virtual(main)


def test_unknown_and_nonsense(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, 2, personalities=("generic", "huawei-e3372-like")) as (
            pool, (plain, huawei),
        ):  # fmt: skip
            assert await plain.ask("AT+NONE") == ["ERROR"]
            assert await huawei.ask("AT+NONE") == ["COMMAND NOT SUPPORT"]
            assert await plain.ask("0011000691947110") == ["ERROR"]
            assert await plain.ask("AT+CSQ;+NONE") == ["+CSQ: 20,99", "ERROR"]
            assert pool.modems[0].counts["+NONE"] == 2

    run_virtual(main)


def test_the_prompt_takes_everything_until_it_is_left(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            client.write("AT+CMGS=20\r")
            assert await client.nothing() == b"\r\n> "
            client.write("AT+CSQ\r")  # becomes text
            assert await client.nothing() == b""
            client.write("\x1a")
            assert await client.nothing() == b"\r\n+CMS ERROR: 304\r\n"
            client.write("AT+CMGS=20\r")
            await client.until(b"> ")
            client.write("0011\x1b")
            assert await client.nothing() == b"\r\nOK\r\n"
            assert await client.ask("AT") == ["OK"]
            assert [each.final for each in pool.modems[0].sends] == ["+CMS ERROR: 304", "escaped"]

    run_virtual(main)


def test_escape_is_not_answered_by_everybody(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, personalities=("simcom-sim800-like",)) as (_, (client,)):
            client.write("AT+CMGS=20\r")
            await client.until(b"> ")
            client.write("\x1b")
            assert await client.nothing() == b""

    run_virtual(main)


def test_input_waits_while_a_message_is_on_the_air(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with started(tmp_path, air_s=30.0) as (pool, (client,)):
            pdu, length = submit_pdu(PHONE, "x")
            client.write(f"AT+CMGS={length}\r")
            await client.until(b"> ")
            client.write(f"{pdu}\x1a")
            await asyncio.sleep(15)
            client.write("\x1b\rAT+CMEE?\r")
            assert await client.nothing(10) == b""
            assert pool.modems[0].interpreter.state is State.RUNNING
            assert await client.nothing(10) == (
                b"\r\n+CMGS: 0\r\n\r\nOK\r\n\r\n+CMEE: 0\r\n\r\nOK\r\n"
            )
            assert loop.time() == pytest.approx(35.0)

    run_virtual(main)


FAULT_SEEN = [
    ("urc_inside", {}, "AT+CSQ", b'\r\n+CSQ: 20,99\r\n\r\n+ZPASR: "UMTS"\r\n\r\nOK\r\n'),
    ("glued", {}, "AT", b"\r\nOK\r\n\r\n^RSSI:18\r\n"),
    ("urc_before_echo", {"line": "X: 1"}, "AT", b"\r\nX: 1\r\n\r\nOK\r\n"),
    ("echo_on", {}, "AT", b"AT\r\r\nOK\r\n"),
    ("no_final", {}, "AT+CSQ", b"\r\n+CSQ: 20,99\r\n"),
    ("no_final", {"whole": True}, "AT+CSQ", b""),
    ("cme_error", {"verb": "+CSQ", "code": 14}, "AT+CMEE=1;+CSQ", b"\r\n+CME ERROR: 14\r\n"),
    ("silence", {}, "AT", b""),
    ("bare_prompt", {}, "AT+CMGS=20", b"\r\n>\r\n"),
    ("no_prompt", {}, "AT+CMGS=20", b""),
    ("urc_before_prompt", {"line": "U"}, "AT+CMGS=20", b"\r\nU\r\n\r\n> "),
    ("bytewise", {}, "AT+CSQ", b"\r\n+CSQ: 20,99\r\n\r\nOK\r\n"),
]


@pytest.mark.parametrize(("name", "params", "line", "seen"), FAULT_SEEN)
def test_faults_on_the_wire(
    tmp_path: Path, name: str, params: dict[str, object], line: str, seen: bytes
) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pool.modems[0].faults.set(name, **params)  # type: ignore[arg-type]
            client.write(line + "\r")
            assert await client.nothing() == seen

    run_virtual(main)


@pytest.mark.parametrize(
    ("name", "sign"), [("urc_inside", b"ZPASR"), ("glued", b"^RSSI"), ("garbage", b"\x80")]
)
def test_faults_of_answers_can_be_for_one_command(tmp_path: Path, name: str, sign: bytes) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            params: dict[str, Any] = {"octets": 200} if name == "garbage" else {}
            pool.modems[0].faults.set(name, verb="+csq", **params)
            client.write("AT+CREG?\r")
            assert sign not in await client.nothing()
            client.write("AT+CSQ\r")
            assert sign in await client.nothing()

    run_virtual(main)


def test_an_endless_text_costs_no_memory(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            client.write("AT+CMGS=20\r")
            await client.until(b"> ")
            for _ in range(10):
                client.write("0" * 1000)
                await asyncio.sleep(0.1)
            client.write("\x1a")
            assert await client.nothing() == b"\r\n+CMS ERROR: 304\r\n"
            assert pool.network.accepted == 0

    run_virtual(main)


def test_garbage_stands_before_the_answer(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pool.modems[0].faults.set("garbage", octets=4)
            client.write("AT\r")
            got = await client.nothing()
            assert len(got) == 10
            assert got.endswith(b"\r\nOK\r\n")

    run_virtual(main)


def test_late_final_with_and_without_answers_meanwhile(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            faults, pdu = pool.modems[0].faults, submit_pdu(PHONE, "x")
            faults.set("late_final", verb="+CMGS", delay_s=60, count=1)
            assert await client.send(pdu) == ["+CMGS: 0", "OK"]
            assert loop.time() == pytest.approx(60.2)
            faults.set("late_final", verb="+CMGS", delay_s=60, count=1, answers=True)
            client.write(f"AT+CMGS={pdu[1]}\r")
            await client.until(b"> ")
            client.write(pdu[0] + "\x1a")
            await asyncio.sleep(10)
            assert await client.ask("AT+CMEE?") == ["+CMEE: 0", "OK"]
            assert await client.nothing(60) == b"\r\n+CMGS: 1\r\n\r\nOK\r\n"
            last = pool.modems[0].sends[-1]
            assert last.final_at_s == pytest.approx(120.4)

    run_virtual(main)


def test_what_the_modem_itself_refuses_is_never_late(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pdu, length = submit_pdu(PHONE, "x")
            pool.modems[0].faults.set("late_final", verb="+CMGS", delay_s=60)
            assert await client.send((pdu[:-2], length)) == ["+CMS ERROR: 304"]
            assert loop.time() < 1
            assert await client.send((pdu, length)) == ["+CMGS: 0", "OK"]
            assert loop.time() > 60

    run_virtual(main)


def test_no_final_after_ctrl_z(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pdu, length = submit_pdu(PHONE, "x")
            for lost in (False, True):
                pool.modems[0].faults.set("no_final", count=1, verb="+CMGS", lost=lost)
                client.write(f"AT+CMGS={length}\r")
                await client.until(b"> ")
                client.write(pdu + "\x1a")
                assert await client.nothing(300) == b""
                assert await client.ask("AT") == ["OK"]
            assert len(pool.handset(PHONE).parts) == 1
            assert [each.final for each in pool.modems[0].sends] == ["", ""]

    run_virtual(main)


def test_ok_without_reference_and_slow_prompt(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pool.modems[0].faults.set("ok_without_mr", count=1)
            assert await client.send(submit_pdu(PHONE, "x")) == ["OK"]
            began = loop.time()
            pool.modems[0].faults.set("slow_prompt", count=1)
            await client.send(submit_pdu(PHONE, "x"))
            assert loop.time() - began == pytest.approx(8.2)

    run_virtual(main)


def test_stuck_prompt(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pool.modems[0].faults.set("stuck_prompt", count=1)
            client.write("AT+CMGS=20\r")
            await client.until(b"> ")
            for typed in ("0011\x1a", "AT\r", "AT\r"):
                client.write(typed)
                assert await client.nothing() == b"\r\n> "
            client.write("\x1b\r")
            assert await client.nothing() == b"\r\nOK\r\n"
            assert await client.ask("AT") == ["OK"]

    run_virtual(main)


def test_hang_up_while_typing_and_back(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            pool.modems[0].faults.set("hangup_mid_pdu", octets=10, back_s=3.0, count=1)
            client.write("AT+CMGS=20\r")
            await client.until(b"> ")
            client.write("00110006")
            await asyncio.sleep(0.5)
            assert not client.lost
            client.write("91947110")
            await client.hung_up()
            assert not pool.ports[0].is_symlink()
            await asyncio.sleep(4)
            again = Client(pool.modems[0])
            assert await again.ask("AT+CSQ") == ["+CSQ: 20,99", "OK"]
            again.close()

    run_virtual(main)


def test_restart_at_ctrl_z(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, personalities=("quectel-ec25-like",)) as (pool, (client,)):
            pool.modems[0].faults.set("spontaneous_restart", when="ctrl_z", count=1)
            pdu, length = submit_pdu(PHONE, "x")
            client.write(f"AT+CMGS={length}\r")
            await client.until(b"> ")
            client.write(pdu + "\x1a")
            said = await client.nothing(10)
            assert said.startswith(b"\r\nRDY\r\n")
            assert b"+CMGS" not in said

    run_virtual(main)


def test_long_rubbish_is_dropped(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (_, (client,)):
            client.write(b"A" * 3000)
            await asyncio.sleep(0.1)
            client.write(b"A" * 3000)
            await asyncio.sleep(0.1)
            client.write(b"\r")
            await client.nothing()
            assert await client.ask("AT") == ["OK"]

    run_virtual(main)

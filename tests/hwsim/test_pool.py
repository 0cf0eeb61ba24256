from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from airpost.codec.join import JoinPart, join
from airpost.codec.pdu import parse_pdu
from airpost.codec.tpdu import Deliver, Direction
from hwsim.pool import SimPool
from tests.hwsim.client import Client, started, submit_pdu, submit_pdus
from tests.virtual import VirtualLoop, run_virtual

PHONE = "+491701"


def test_a_pool_starts_and_stops(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        pool = SimPool(tmp_path / "new" / "dir", 3, personalities=("generic", "simcom-sim800-like"))
        with pytest.raises(RuntimeError, match="not been started"):
            _ = pool.network
        assert pool.ports == []
        await pool.start()
        with pytest.raises(RuntimeError, match="already"):
            await pool.start()
        assert [port.name for port in pool.ports] == ["modem0", "modem1", "modem2"]
        assert all(port.exists() for port in pool.ports)
        made = [modem.personality.name for modem in pool.modems]
        assert made == ["generic", "simcom-sim800-like", "generic"]
        assert pool.modem("modem1") is pool.modems[1]
        with pytest.raises(ValueError, match="modem0, modem1"):
            pool.modem("modem9")
        with pytest.raises(ValueError, match="is a modem"):
            pool.handset(pool.modems[0].number)
        await pool.stop()
        assert not any(port.is_symlink() for port in pool.ports)

    run_virtual(main)


def test_mistakes_in_the_making(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        SimPool(tmp_path, 0)
    with pytest.raises(ValueError, match="no personality"):
        SimPool(tmp_path, 1, personalities=("nokia",))


def test_modems_write_to_each_other(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, 2) as (pool, (first, second)):
            for pdu in submit_pdus(pool.modems[1].number, "between modems " * 20, report=True):
                await first.send(pdu)
            assert (await first.nothing(5)).count(b"+CDS: ") == 2
            assert (await second.nothing(5)).count(b"+CMTI: ") == 2
            assert len(await second.ask("AT+CMGL=4")) == 5

    run_virtual(main)


async def read(client: Client) -> list[str]:
    """The messages in the store, joined, in the order of their first parts."""
    lines = await client.ask("AT+CMGL=4")
    parts: dict[object, list[JoinPart]] = {}
    for pdu in (line for line in lines if line.isalnum() and line != "OK"):
        tpdu = parse_pdu(pdu, Direction.MT).tpdu
        assert isinstance(tpdu, Deliver)
        key = tpdu.oa.number, tpdu.concat and tpdu.concat.ref
        parts.setdefault(key, []).append(
            JoinPart(dcs=tpdu.dcs, udh=tpdu.udh, ud=tpdu.ud, udl=tpdu.udl)
        )
    return [join(each).text or "" for each in parts.values()]


def test_long_texts_of_any_alphabet_arrive_whole(tmp_path: Path) -> None:
    texts = ["plain " * 60, "四十五秒 🙂👩‍👩‍👧 " * 20, "a€[b] " * 50]

    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path, 2) as (pool, (first, second)):
            phone = pool.handset(PHONE)
            for ref, text in enumerate(texts):
                for to in (PHONE, pool.modems[1].number):
                    for pdu in submit_pdus(to, text, ref=ref):
                        await first.send(pdu)
            assert phone.texts() == texts
            assert await read(second) == texts
            for text in texts:
                phone.reply(text)
            await asyncio.sleep(1)
            assert await read(first) == texts
            segments = 2 * sum(len(submit_pdus(PHONE, text)) for text in texts)
            assert [each.mr for each in pool.modems[0].sends] == list(range(segments))

    run_virtual(main)


def test_eight_modems_cost_little(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> float:
        async with started(tmp_path, 8, air_s=0.2) as (pool, clients):
            pdu = submit_pdu(PHONE, "x")

            async def talk(client: Client) -> None:
                for _ in range(50):
                    await client.send(pdu)

            began = time.process_time()
            async with asyncio.TaskGroup() as group:
                for client in clients:
                    group.create_task(talk(client))
            assert len(pool.handset(PHONE).parts) == 400
            assert loop.time() == pytest.approx(10.0, abs=0.1)
            return time.process_time() - began

    # 10 s of full load, the test's own client included.
    assert run_virtual(main) < 2.0

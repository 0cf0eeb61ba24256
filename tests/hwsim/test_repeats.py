"""The same seed and the same input give the same bytes and the same events, at the same times."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path

from hwsim.pool import SimPool
from tests.hwsim.client import Client, started, submit_pdu
from tests.virtual import VirtualLoop, run_virtual

PHONES = ("+491701", "+491702", "+491703")
PERSONALITIES = ("generic", "huawei-e3372-like", "quectel-ec25-like", "zte-mf626-like")
ROUNDS, ROUND_S = 40, 30.0
FAULTS: dict[str, dict[str, float | str | bool]] = {
    "garbage": {"chance": 0.2},
    "urc_inside": {"chance": 0.2},
    "glued": {"chance": 0.2},
    "urc_before_echo": {"chance": 0.1},
    "slow_prompt": {"chance": 0.1, "delay_s": 1.0},
    "stuck_prompt": {"chance": 0.05},
    "late_final": {"chance": 0.1, "delay_s": 20.0, "verb": "+CMGS"},
    "no_final": {"chance": 0.1, "verb": "+CMGS"},
    "cms_error": {"chance": 0.2},
    "split_urc": {"chance": 0.3},
    "corrupt_read": {"chance": 0.3},
    "report_early": {"chance": 0.3},
}

Log = dict[str, list[tuple[float, str, str]]]


async def host(client: Client, number: int) -> None:
    """The same bytes at the same times, whatever the modem says."""
    for command in ("ATE0", "AT+CMEE=1", "AT+CNMI=1,1,0,1,0"):
        client.write(f"{command}\r")
        await asyncio.sleep(1)
    for each in range(ROUNDS):
        pdu, length = submit_pdu(PHONES[(each + number) % 3], f"text {each}", report=True)
        for text, pause_s in ((f"AT+CMGS={length}\r", 3.0), (f"{pdu}\x1a", ROUND_S - 6.0),
                              ("\x1b", 1.0), ("AT+CMGL=4\r", 2.0)):  # fmt: skip
            if client.lost:
                return
            client.write(text)
            await asyncio.sleep(pause_s)


async def world(pool: SimPool) -> None:
    phones = [pool.handset(number) for number in PHONES]
    await asyncio.sleep(0.25)  # never when a host writes: two things at once have no order
    for each in range(ROUNDS):
        await asyncio.sleep(ROUND_S)
        phone = phones[each % 3]
        if each % 5 == 1:
            phone.off()
        if each % 5 == 4:
            phones[(each - 3) % 3].on()
        if each % 4 == 0:
            phone.send(pool.modems[each % len(pool.modems)].number, f"{each} \U0001f600 " * 30)
        if each == 17:
            pool.modems[2].restart()
        if each == 30:
            pool.modems[1].unplug()


async def run(loop: VirtualLoop, folder: Path, seed: int) -> tuple[list[bytes], Log]:
    log: Log = defaultdict(list)

    def event(source: str, kind: str, detail: dict[str, object]) -> None:
        log[source].append((round(loop.time(), 6), kind, repr(detail)))

    async with started(
        folder, 4, fresh=True, seed=seed, personalities=PERSONALITIES, air_s=None,
        report_delay_s=1.0, on_event=event,
    ) as (pool, clients):  # fmt: skip
        pool.network.loss = pool.network.report_loss = 0.2
        pool.network.interim_reports = True
        for modem in pool.modems:
            for name, params in FAULTS.items():
                modem.faults.set(name, **params)  # type: ignore[arg-type]
        async with asyncio.TaskGroup() as group:
            for number, client in enumerate(clients):
                group.create_task(host(client, number))
            group.create_task(world(pool))
        await asyncio.sleep(3600)
        for source, each in enumerate(pool.modems):
            log[f"times {source}"] = [(s.cmgs_at_s, repr(s), "") for s in each.sends]
        return [bytes(client.seen) for client in clients], log


def test_a_seed_repeats_every_byte_and_event(tmp_path: Path) -> None:
    first, again, other = (
        run_virtual(lambda loop, seed=seed: run(loop, tmp_path, seed))  # type: ignore[misc]
        for seed in (1, 1, 2)
    )
    assert first[0] == again[0]
    assert first[1] == again[1]
    assert min(len(seen) for seen in first[0]) > 1000
    assert sum(map(len, first[1].values())) > 300
    assert all(mine != theirs for mine, theirs in zip(first[0], other[0], strict=True))

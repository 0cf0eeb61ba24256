from __future__ import annotations

import asyncio
from pathlib import Path

from hwsim.catalogue import KINDS, How
from hwsim.world import HANDLERS
from tests.hwsim.client import Client, started
from tests.virtual import VirtualLoop, run_virtual


def test_every_event_has_a_handler() -> None:
    events = {kind.of or name for name, kind in KINDS.items() if kind.how is How.EVENT}
    assert events <= set(HANDLERS)
    assert set(HANDLERS) <= set(KINDS)


def test_what_goes_on_by_itself_outlives_a_restart(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            modem.faults.set("flood", line="^X", every_s=1.0)
            modem.faults.set("wrong_port", form="nmea")
            assert await client.nothing(2.5)
            modem.unplug()
            await asyncio.sleep(5)
            modem.plug()
            again = Client(modem)
            assert (await again.nothing(2.5)).count(b"$GPGGA") in (2, 3)
            modem.faults.clear("wrong_port")
            assert (await again.nothing(2.5)).count(b"^X") in (2, 3)
            again.close()

    run_virtual(main)


def test_a_fault_may_end_by_itself(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, (client,)):
            modem = pool.modems[0]
            modem.faults.set("silence", for_s=30.0)
            modem.faults.set("echo_on", for_s=50.0)
            modem.faults.set("echo_on", for_s=100.0)  # the timer of the first is nobody's now
            await asyncio.sleep(60)
            assert list(modem.faults.active()) == ["echo_on"]
            assert await client.ask("AT") == ["AT\r", "OK"][1:]
            await asyncio.sleep(50)
            assert modem.faults.active() == {}

    run_virtual(main)

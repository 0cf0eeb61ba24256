from __future__ import annotations

from pathlib import Path

from hwsim.subscriber import Delivery, Subscriber
from tests.hwsim.client import started
from tests.virtual import VirtualLoop, run_virtual


def test_modems_and_handsets_are_subscribers(tmp_path: Path) -> None:
    async def main(_loop: VirtualLoop) -> None:
        async with started(tmp_path) as (pool, _):
            both: list[Subscriber] = [pool.modems[0].radio, pool.handset("+491701")]
            assert [each.number for each in both] == ["+4915550000000", "+491701"]
            ended: list[Delivery] = []
            for each in both:
                assert each.reachable
                assert each.refusal is None
                each.take_report(bytes.fromhex("06000691947110") + bytes(15), ended.append)
            assert ended == [Delivery.TAKEN] * 2

    run_virtual(main)

"""Modems that nobody has configured: found, named, used, followed from port to port."""

from __future__ import annotations

from pathlib import Path

from airpost.model import Lane
from tests.system.house import opened
from tests.virtual import VirtualLoop, run_virtual

FOUR = ("huawei-e3372-like", "quectel-ec25-like", "zte-mf626-like", "sierra-c885-like")


def test_every_stick_is_found_by_what_it_is_and_sends(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 4, found=True, personalities=FOUR) as house:
            modems = (await house.get("/v1/modems"))["items"]
            ends = sorted(f"m-{modem.imei[-6:]}" for modem in house.sim.modems)
            assert [each["name"] for each in modems] == ends
            ids = [(await house.post(f"+49170{at:07}", f"text {at}"))["id"] for at in range(20)]
            done = await house.settled(ids)
            assert {each["state"] for each in done} == {"delivered"}
            assert all(house.texts(f"+49170{at:07}") == [f"text {at}"] for at in range(20))
            assert all(modem.sends for modem in house.sim.modems)

    run_virtual(main)


def test_plugged_in_elsewhere_it_is_the_same_modem(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 2, found=True) as house:
            first = house.sim.modems[0]
            lane = Lane(f"m-{first.imei[-6:]}")
            pool = house.daemon.parts.pool
            before = await house.get(f"/v1/modems/{lane}")
            first.unplug()
            await house.until(lambda: not pool.modem(lane).ready)  # type: ignore[union-attr]
            assert (await house.get(f"/v1/modems/{lane}"))["state"] == "absent"
            first.plug()
            await house.ready()
            after = await house.get(f"/v1/modems/{lane}")
            assert (after["imei"], after["sim"]) == (before["imei"], before["sim"])
            assert len((await house.get("/v1/modems"))["items"]) == 2

    run_virtual(main)

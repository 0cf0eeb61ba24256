"""What limits, fail-over and turns look like from outside: through HTTP and the command line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from airpost.clock import SECOND_US
from airpost.daemon.cli.main import main as airpost
from tests.system.house import House, Json, opened
from tests.virtual import VirtualLoop, run_virtual

TWO_GROUPS = """
[modems]
limits = "plant"
[limits.plant]
per_hour = 2
on_limit = "{on_limit}"
[[route]]
name = "default"
groups = [{{ gate-1 = 1 }}, {{ gate-2 = 1 }}]
"""
MONTH = """
[modems]
limits = "plant"
[limits.plant]
per_month = 2
zone = "Europe/Berlin"
"""
ALARMS = """
[[route]]
name = "default"
groups = [{ gate-1 = 1 }, { gate-2 = 1 }]
"""


class Seen:
    """A house as its users see it."""

    def __init__(self, loop: VirtualLoop, house: House) -> None:
        self._loop = loop
        self.house = house

    async def run(self, *args: str) -> str:
        """What a command prints."""
        url = f"unix:{self.house.store_folder / 'http.sock'}"
        told: Callable[[], str] = lambda: (  # noqa: E731
            CliRunner().invoke(airpost, [*args, "--url", url], catch_exceptions=False).stdout
        )
        self._loop.outside = True
        try:
            with ThreadPoolExecutor(1) as pool:
                return await self._loop.run_in_executor(pool, told)
        finally:
            self._loop.outside = False

    async def post(self, count: int) -> list[str]:
        """Messages to as many numbers, and twenty seconds."""
        made = [await self.house.post(f"+49170123450{at}") for at in range(count)]
        await asyncio.sleep(20)
        return [each["id"] for each in made]

    async def messages(self, ids: list[str]) -> list[Json]:
        return [await self.house.message(each) for each in ids]


@pytest.mark.parametrize("on_limit", ["hold", "other", "reject"])
def test_what_a_limit_does_stands_on_the_message(tmp_path: Path, on_limit: str) -> None:
    """Two an hour each, gate-2 in the second group; five messages."""

    async def main(loop: VirtualLoop) -> None:
        config = TWO_GROUPS.format(on_limit=on_limit)
        async with opened(loop, tmp_path, 2, config=config) as house:
            seen = Seen(loop, house)
            ids = await seen.post(5)
            found = await seen.messages(ids)
            went = [each["modem"] for each in found]
            stands = "gate-1: 2 an hour"
            last = found[-1]
            explained = await seen.run("explain", ids[-1])
            shown = await seen.run("messages", ids[-1])
            if on_limit == "hold":
                assert went == ["gate-1"] * 2 + [None] * 3
                assert "would go by: gate-1" in explained
                assert "gate-2       stands in group 2, and group 1 comes first" in explained
            else:
                assert went == ["gate-1"] * 2 + ["gate-2"] * 2 + [None]
                assert "2 an hour, until" in await seen.run("explain", ids[2])
            if on_limit == "reject":
                assert (last["state"], last["final"]) == ("failed", True)
                assert last["parts"][0]["outcome"]["code"] == "quota_exhausted"
                assert stands in last["reason"]
                assert stands in explained
                refused = await house.post("+491701234599", status=429)
                assert refused["type"].endswith("quota-exhausted")
            else:
                assert (last["state"], last["waits"]["reason"]) == ("queued", "quota_exhausted")
                assert last["waits"]["for"] == stands
                assert f"waits for {stands}, until" in explained
            assert stands in shown
            assert "hour 2/2 (closed: 2 an hour)" in await seen.run("modems")
            if on_limit == "hold":
                await asyncio.sleep(3600)
                then = [each["modem"] for each in await seen.messages(ids)]
                assert then == ["gate-1"] * 4 + [None]

    run_virtual(main)


def test_a_month_ends_in_its_zone_and_february_has_its_days(tmp_path: Path) -> None:
    """Of a leap year, over a restart: March begins in Berlin while it is February in UTC."""

    async def main(loop: VirtualLoop) -> None:
        begin = datetime(2028, 2, 29, 21, 50, tzinfo=UTC)
        start_us = round(begin.timestamp()) * SECOND_US
        async with opened(loop, tmp_path, 1, config=MONTH, start_us=start_us) as house:
            seen = Seen(loop, house)
            ids = await seen.post(3)
            ends = "2028-02-29T23:00:00.000Z"
            assert (await house.message(ids[2]))["waits"]["until"] == ends
            await house.stop()
            await house.start()
            await house.ready()
            late = (await house.post("+491701234510"))["id"]
            await asyncio.sleep(60)
            assert (await house.message(late))["waits"]["until"] == ends
            (modem,) = (await house.get("/v1/modems"))["items"]
            (use,) = modem["limits"]["uses"]
            assert (use["used"], use["of"], use["resets_at"]) == (2, 2, ends)
            left_s = 4200 - (house.clock.now() - start_us) / SECOND_US
            await asyncio.sleep(left_s - 60)
            assert (await house.message(late))["state"] == "queued"
            await asyncio.sleep(120)
            assert (await house.message(late))["state"] == "delivered"
            (modem,) = (await house.get("/v1/modems"))["items"]
            assert modem["limits"]["uses"][0]["resets_at"] == "2028-03-31T22:00:00.000Z"  # DST

    run_virtual(main)


@pytest.mark.parametrize(("tries", "copies", "on_s"), [(True, 1, 600), (False, 2, 600),
                                                       (True, 2, 1200)])  # fmt: skip
def test_an_alarm_to_a_handset_that_is_off(
    tmp_path: Path, tries: bool, copies: int, on_s: float
) -> None:
    """While the network says that it still tries, no second copy; but not for ever."""

    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 2, config=ALARMS) as house:
            house.sim.network.interim_reports = tries
            handset = house.sim.handset("+491701234567")
            handset.off()
            alarm = (await house.post(**{"class": "alarm"}))["id"]
            await asyncio.sleep(on_s)
            handset.on()
            await asyncio.sleep(60)
            found = await house.message(alarm)
            assert (found["state"], found["possible_duplicates"]) == ("delivered", copies - 1)
            assert len(handset.inbox) == copies
            history = [each["reason"] for each in await house.events(alarm)]
            longer = [each for each in history if "another group of modems is tried after 900 s"
                      in each]  # fmt: skip
            assert len(longer) == tries

    run_virtual(main)


def test_modems_that_are_free_share_what_there_is_and_a_number_keeps_its_own(
    tmp_path: Path,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 3) as house:
            await asyncio.sleep(30)
            went: dict[str, list[str]] = {}
            for at in range(30):
                to = f"+4917012345{at % 15:02}"
                made = await house.post(to)
                await asyncio.sleep(10)
                went.setdefault(to, []).append((await house.message(made["id"]))["modem"])
            firsts = [each[0] for each in went.values()]
            assert [firsts.count(f"gate-{n}") for n in (1, 2, 3)] == [5, 5, 5]
            assert all(len(set(each)) == 1 for each in went.values())

    run_virtual(main)


def test_what_can_be_promised_is_not_known_before_it_is_found(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 2) as house:
            told = (await house.get("/v1/modems"))["urgent"]
            assert [(each["modems"], each["urgent_per_minute"]) for each in told] == [(2, None)]
            async with house.http.get("/metrics") as response:
                assert "airpost_promised_urgent_parts_per_minute{" not in await response.text()
            seen = Seen(loop, house)
            assert "is not known yet (2 modems)" in await seen.run("modems")
            await asyncio.sleep(30)
            assert "parts a minute" in await seen.run("modems")

    run_virtual(main)


def test_a_sim_that_leaves_out_its_number_for_a_while_is_the_same_one(tmp_path: Path) -> None:
    """Also over a restart: limits, history and doubt are those of the ICCID."""

    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 1, config=MONTH) as house:
            (modem,) = house.sim.modems
            await house.post()
            await asyncio.sleep(30)

            async def sim() -> tuple[str, int]:
                (view,) = (await house.get("/v1/modems"))["items"]
                return view["sim"], view["limits"]["uses"][0]["used"]

            assert await sim() == (modem.card.iccid, 1)
            modem.faults.set("not_supported", verb="+CCID,+ICCID,^ICCID")
            modem.unplug()
            await asyncio.sleep(5)
            modem.plug()
            await house.ready()
            await asyncio.sleep(5)
            assert await sim() == (modem.card.iccid, 1)
            await house.stop()
            await house.start()
            await house.ready()
            await asyncio.sleep(5)
            assert await sim() == (modem.card.iccid, 1)
            modem.unplug()
            modem.card.imsi = "262990000000001"  # another SIM, that tells no ICCID
            await asyncio.sleep(5)
            modem.plug()
            await house.ready()
            await asyncio.sleep(5)
            assert await sim() == ("imsi:262990000000001", 0)

    run_virtual(main)

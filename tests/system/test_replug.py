"""Sticks pulled out and put back elsewhere while messages go out: nothing lost, all counted."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from airpost.model import Lane
from hwsim.modem import SimModem
from tests.faults.rigging import nothing_forbidden
from tests.system.house import House, Json, opened
from tests.virtual import VirtualLoop, run_virtual

STICKS = ("huawei-e3372-like", "quectel-ec25-like", "zte-mf626-like", "simcom-sim7600-like")
LOAD = 200
NUMBERS = 20
AIR_S = 2.0
AGAIN_S = 3.0  # from when the modem can be talked to until its next message is on the air
UNDER_WAY = ("accepted", "queued", "sending")
DONE = ("sent", "delivered")
log = logging.getLogger("bars")


def lane_of(modem: SimModem) -> Lane:
    return Lane(f"m-{modem.imei[-6:]}")


async def loaded(house: House, count: int = LOAD) -> dict[str, str]:
    """So many messages accepted, half of them to be sent again when their fate is unknown."""
    ids = {}
    for at in range(count):
        text = f"text {at}" + " and more" * 25 * (at % 5 == 0)
        uncertain = "resend" if at % 2 else "hold"
        # Messages to one number go one after another: one number alone leaves modems without work.
        to = f"+49170{at % NUMBERS:07}"
        ids[(await house.post(to, text, on_uncertain=uncertain))["id"]] = text
    return ids


async def accounted(house: House, ids: dict[str, str]) -> Counter[str]:
    """What is said of each message is what the handset has seen; how many are in which state."""
    done = await rested(house)
    got = Counter(each.text for phone in house.sim.network.handsets() for each in phone.inbox)
    assert len(done) == len(ids)
    assert set(got) <= set(ids.values())
    wrong = [each for each in done if not is_true(each, got[ids[each["id"]]])]
    assert wrong == []
    nothing_forbidden(house.sim.modems)
    return Counter(each["state"] for each in done)


async def rested(house: House) -> list[Json]:
    """All messages once nothing is sent any more; what a modem was too early for has no report."""
    while True:
        await asyncio.sleep(30.0)
        found = await house.everything()
        if not any(goes_on(each) for each in found):
            return found


def goes_on(message: Json) -> bool:
    held = message["on_uncertain"] == "hold"
    return message["state"] in UNDER_WAY or (message["state"] == "uncertain" and not held)


def is_true(message: Json, copies: int) -> bool:
    if copies > 1 + message["possible_duplicates"]:
        return False
    return message["state"] == "uncertain" or (copies > 0 and message["state"] in DONE)


async def ports(house: House) -> dict[str, str]:
    return {each["name"]: each["port"] for each in (await house.get("/v1/modems"))["items"]}


async def awake(house: House, modems: Sequence[SimModem]) -> None:
    """They have started: what is theirs is not airpost's time."""
    await house.until(lambda: not any(modem.waking for modem in modems))


async def sends_again(house: House, modems: Sequence[SimModem]) -> float:
    """Seconds from now until each has put a message on the air, of a queue that is not empty."""
    now_s = asyncio.get_running_loop().time()

    def first_s(modem: SimModem) -> float | None:
        times = [each.ctrl_z_at_s for each in modem.sends if each.ctrl_z_at_s is not None]
        return next((at_s for at_s in times if at_s >= now_s), None)

    await house.until(lambda: None not in map(first_s, modems), 300)
    return max(first_s(modem) or 0.0 for modem in modems) - now_s


async def exchange_sims(one: SimModem, other: SimModem) -> None:
    for modem in (one, other):
        modem.unplug()
    for modem, card in ((one, other.card), (other, one.card)):
        modem.insert(card)
    await asyncio.sleep(2.0)
    for modem in (one, other):
        modem.plug()


@pytest.mark.slow
@pytest.mark.parametrize("boot_s", [0.0, 5.0, 20.0])
def test_under_another_name_in_mid_load(tmp_path: Path, boot_s: float) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(
            loop, tmp_path, 4, found=True, personalities=STICKS, boot_s=boot_s, air_s=AIR_S
        ) as house:
            ids = await loaded(house)
            used = await ports(house)
            took = []
            for modem in house.sim.modems:
                stick = modem.power.stick
                assert stick is not None
                before = {port.tty for port in stick.ports}
                await asyncio.sleep(4.3)
                modem.unplug()
                stick.renumber()
                await asyncio.sleep(6.0)
                modem.plug()
                assert before.isdisjoint(port.tty for port in stick.ports)
                await awake(house, [modem])
                took.append(await sends_again(house, [modem]))
            states = await accounted(house, ids)
            log.info("start %g s: sends again after %.1f s at the most; %s",
                     boot_s, max(took), dict(states))  # fmt: skip
            assert max(took) <= AGAIN_S
            assert await ports(house) == used  # by their places: the AT port, not a second one

    run_virtual(main)


@pytest.mark.slow
def test_two_sticks_in_each_other_s_place_in_mid_load(tmp_path: Path) -> None:
    """Found by themselves: each keeps its lane wherever it is."""

    async def main(loop: VirtualLoop) -> None:
        async with opened(
            loop, tmp_path, 4, found=True, personalities=STICKS, air_s=AIR_S
        ) as house:
            ids = await loaded(house)
            before = {each["name"]: each for each in (await house.get("/v1/modems"))["items"]}
            one, other, *_ = house.sim.modems
            await asyncio.sleep(5.3)
            for modem in (one, other):
                modem.unplug()
            one.power.change_places(other.power)
            await asyncio.sleep(4.0)
            for modem in (one, other):
                modem.plug()
            await awake(house, [one, other])
            took_s = await sends_again(house, [one, other])
            states = await accounted(house, ids)
            log.info("places exchanged: send again after %.1f s; %s", took_s, dict(states))
            assert took_s <= AGAIN_S
            after = {each["name"]: each for each in (await house.get("/v1/modems"))["items"]}
            assert before.keys() == after.keys()
            for name, modem in before.items():
                assert (after[name]["imei"], after[name]["sim"]) == (modem["imei"], modem["sim"])
            ports = [after[lane_of(modem)]["port"] for modem in (one, other)]
            assert ports[0] != before[lane_of(one)]["port"]
            assert ports[1] != before[lane_of(other)]["port"]

    run_virtual(main)


@pytest.mark.slow
def test_named_ports_that_lead_to_other_modems_in_mid_load(tmp_path: Path) -> None:
    """Named by their ports: a lane has what is plugged in there, asked who it is before a PDU."""

    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 4, personalities=STICKS, air_s=AIR_S) as house:
            ids = await loaded(house)
            one, other, *_ = house.sim.modems
            await asyncio.sleep(5.3)
            one.faults.set("tty_swap", other=other.name)
            await house.until(lambda: one.plugged and other.plugged)
            await awake(house, [one, other])
            took_s = await sends_again(house, [one, other])
            states = await accounted(house, ids)
            log.info("ports exchanged: send again after %.1f s; %s", took_s, dict(states))
            assert took_s <= AGAIN_S
            assert (await house.get("/v1/modems/gate-1"))["imei"] == other.imei
            assert (await house.get("/v1/modems/gate-2"))["imei"] == one.imei

    run_virtual(main)


@pytest.mark.slow
def test_sims_in_other_sticks_keep_what_is_theirs(tmp_path: Path) -> None:
    """Reports that were on their way find their messages through the other stick."""

    async def main(loop: VirtualLoop) -> None:
        async with opened(
            loop, tmp_path, 2, found=True, personalities=STICKS, air_s=0.5, report_delay_s=40.0
        ) as house:
            one, other = house.sim.modems
            before = await house.get(f"/v1/modems/{lane_of(one)}")
            ids = await loaded(house, 30)
            await house.until(lambda: house.sim.network.accepted >= 36)
            await asyncio.sleep(5.0)
            assert {each["state"] for each in await house.everything()} == {"sent"}
            await exchange_sims(one, other)
            await house.ready()
            assert (await house.get(f"/v1/modems/{lane_of(other)}"))["sim"] == before["sim"]
            done = await house.settled(list(ids))
            assert {each["state"] for each in done} == {"delivered"}
            assert {each["possible_duplicates"] for each in done} == {0}
            assert await accounted(house, ids) == {"delivered": 30}

    run_virtual(main)


@pytest.mark.slow
def test_sims_exchanged_in_mid_load(tmp_path: Path) -> None:
    """A message that has begun goes on with its SIM, or begins anew and is counted."""

    async def main(loop: VirtualLoop) -> None:
        async with opened(
            loop, tmp_path, 4, found=True, personalities=STICKS, air_s=AIR_S
        ) as house:
            ids = await loaded(house)
            one, other, *_ = house.sim.modems
            await asyncio.sleep(5.3)
            await exchange_sims(one, other)
            await awake(house, [one, other])
            took_s = await sends_again(house, [one, other])
            states = await accounted(house, ids)
            log.info("SIMs exchanged: send again after %.1f s; %s", took_s, dict(states))
            assert took_s <= AGAIN_S

    run_virtual(main)

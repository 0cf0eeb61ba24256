"""Who is who: equal IMEIs, SIMs that change sticks, PINs, names that are taken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from airpost.daemon.config.settings import ModemSettings
from airpost.model import Lane
from hwsim.card import Card
from hwsim.modem import SimModem
from hwsim.pool import SimPool
from tests.faults.rigging import nothing_forbidden
from tests.system.house import PHONE, House, Json, opened
from tests.virtual import VirtualLoop, run_virtual

STICKS = ("huawei-e3372-like", "quectel-ec25-like")
PINS = ("1234", "8642")
AIR_S = 2.0
log = logging.getLogger("bars")


def sim_lanes(*, pins: bool = False) -> Callable[[SimPool], Sequence[ModemSettings]]:
    """Lane a is the SIM that is in the first stick at the start, b that in the second."""

    def made(sim: SimPool) -> Sequence[ModemSettings]:
        lanes = []
        for name, modem, pin in zip("ab", sim.modems, PINS, strict=False):
            if pins:
                modem.card.lock(pin)
            lanes.append(
                ModemSettings(name=Lane(name), iccid=modem.card.iccid,
                              pin=pin if pins else None, pin_mark=f"mark {name}")
            )  # fmt: skip
        return lanes

    return made


async def modems(house: House) -> dict[str, Json]:
    return {each["name"]: each for each in (await house.get("/v1/modems"))["items"]}


async def exchanged(one: SimModem, other: SimModem, *, hot: bool) -> None:
    """Each SIM in the other stick, which is unplugged for that, or not."""
    for modem in (one, other):
        modem.faults.set("sim_removed") if hot else modem.unplug()
    await asyncio.sleep(AIR_S + 1.0)
    for modem, card in ((one, other.card), (other, one.card)):
        modem.insert(card)
    await asyncio.sleep(1.0)
    for modem in (one, other):
        modem.faults.clear("sim_removed") if hot else modem.plug()


async def loaded(house: House, count: int) -> dict[str, str]:
    """Texts for lane a and for lane b by turns; the SIM that each is for, by its text."""
    cards = {"a": house.sim.modems[0].card, "b": house.sim.modems[1].card}
    wanted = {}
    for at in range(count):
        lane = "ab"[at % 2]
        await house.post(text=f"text {at}", modem=lane)
        wanted[f"text {at}"] = cards[lane].number
    return wanted


async def all_by_their_own_sim(house: House, wanted: dict[str, str], cards: Sequence[Card]) -> None:
    """Everything has come, from the number that it was for; nobody's PIN was tried elsewhere."""

    def there() -> bool:
        return set(wanted) <= {text for text in house.texts() if text}

    await house.until(there, 1200)
    senders = {each.text: each.sender for each in house.sim.handset(PHONE).inbox}
    assert senders == wanted
    assert [card.pin_tries for card in cards] == [3, 3]
    nothing_forbidden(house.sim.modems)


@pytest.mark.parametrize("pins", [False, True])
@pytest.mark.parametrize("hot", [False, True])
def test_sims_exchanged_in_mid_load_take_their_lanes_along(
    tmp_path: Path, *, hot: bool, pins: bool
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(
            loop, tmp_path, 2, found=True, discover=False, lanes=sim_lanes(pins=pins),
            personalities=STICKS, air_s=AIR_S,
        ) as house:  # fmt: skip
            one, other = house.sim.modems
            cards = (one.card, other.card)
            before = await modems(house)
            wanted = await loaded(house, 40)
            await asyncio.sleep(5.3)
            began_s = loop.time()
            await exchanged(one, other, hot=hot)
            await house.until(lambda: not house.daemon.parts.pool.modem(Lane("a")).ready, 60)  # type: ignore[union-attr]
            await house.ready()
            log.info("SIMs exchanged hot=%s pins=%s: both serve after %.1f s", hot, pins,
                     loop.time() - began_s)  # fmt: skip
            await all_by_their_own_sim(house, wanted, cards)
            after = await modems(house)
            assert after.keys() == before.keys() == {"a", "b"}
            for lane, elsewhere in (("a", "b"), ("b", "a")):
                assert after[lane]["sim"] == before[lane]["sim"]
                assert after[lane]["imei"] == before[elsewhere]["imei"]

    run_virtual(main)


@pytest.mark.parametrize("pins", [False, True])
def test_sims_exchanged_while_nothing_runs_take_their_lanes_along(
    tmp_path: Path, *, pins: bool
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(
            loop, tmp_path, 2, found=True, discover=False, lanes=sim_lanes(pins=pins),
            personalities=STICKS, air_s=AIR_S,
        ) as house:  # fmt: skip
            one, other = house.sim.modems
            cards = (one.card, other.card)
            before = await modems(house)
            wanted = await loaded(house, 20)
            await asyncio.sleep(5.3)
            await house.stop()
            await exchanged(one, other, hot=False)
            await house.start()
            await house.ready()
            await all_by_their_own_sim(house, wanted, cards)
            after = await modems(house)
            assert {lane: each["sim"] for lane, each in after.items()} == {
                lane: each["sim"] for lane, each in before.items()
            }

    run_virtual(main)


def test_a_sim_that_comes_after_the_plug_is_waited_for_and_shown(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(
            loop, tmp_path, 2, found=True, discover=False, lanes=sim_lanes(), wait=False,
            personalities=STICKS, prepare=without_sims,
        ) as house:  # fmt: skip
            await house.until(lambda: len(house.daemon.parts.pool.modems()) == 4, 60)
            shown = await modems(house)
            for name, modem in zip("ab", house.sim.modems, strict=True):
                words = f"no modem here has the SIM {modem.card.iccid}"
                assert shown[name]["detail"].startswith(words)
            assert "put one in" in shown["u-1-1.1"]["detail"]
            assert "put one in" in shown["u-1-1.2"]["detail"]
            await asyncio.sleep(300)
            for modem in house.sim.modems:
                modem.faults.clear("sim_removed")
            await house.ready()
            assert (await modems(house)).keys() == {"a", "b"}

    run_virtual(main)


def test_the_pin_of_a_lane_is_for_no_other_sim_and_who_tells_no_number_is_told_of(
    tmp_path: Path,
) -> None:
    """The first stick holds a SIM of nobody's; the second tells no number before the PIN."""

    async def main(loop: VirtualLoop) -> None:
        async with opened(
            loop, tmp_path, 2, found=True, discover=False, lanes=sim_lanes(pins=True), wait=False,
            personalities=STICKS, prepare=strange_sims,
        ) as house:  # fmt: skip
            await asyncio.sleep(300)
            shown = await modems(house)
            assert "no lane is bound to its SIM 8949" in shown["u-1-1.1"]["detail"]
            assert "switch the PIN of the SIM off" in shown["u-1-1.2"]["detail"]
            assert not any("+CPIN=" in line for each in house.sim.modems for _, line in each.heard)

    run_virtual(main)


def without_sims(sim: SimPool) -> None:
    for modem in sim.modems:
        modem.faults.set("sim_removed")


def strange_sims(sim: SimPool) -> None:
    one, other = sim.modems
    one.card.iccid = "8949990000000000001"
    other.faults.set("command_error", verb="+CCID,+ICCID,^ICCID,+QCCID")


def same_imei(sim: SimPool) -> None:
    for modem in sim.modems:
        modem.imei = sim.modems[0].imei


def test_sticks_with_one_imei_are_lanes_by_their_places_for_ever(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(
            loop, tmp_path, 2, found=True, wait=False, personalities=STICKS, prepare=same_imei
        ) as house:
            await house.ready()
            sims = {name: each["sim"] for name, each in (await modems(house)).items()
                    if each["state"] == "ready"}  # fmt: skip
            assert sims.keys() == {"u-1-1.1", "u-1-1.2"}
            one, other = house.sim.modems
            for first, second in ((one, other), (other, one)):
                await house.stop()
                for modem in (one, other):
                    modem.unplug()
                first.plug()
                await house.start()
                await house.ready(1)
                second.plug()
                await house.ready(2)
                shown = await modems(house)
                assert {name: each["sim"] for name, each in shown.items()} == sims
                ids = [(await house.post(modem=name))["id"] for name in sims]
                assert {each["state"] for each in await house.settled(ids)} == {"delivered"}
            page = await house.daemon.parts.store.events(0, 500)
            told = {
                each.subject for each in page.items if "no modem's alone" in (each.reason or "")
            }
            assert told == {"modem u-1-1.1", "modem u-1-1.2"}
            nothing_forbidden(house.sim.modems)

    run_virtual(main)


def test_a_second_stick_with_the_imei_of_one_in_use(tmp_path: Path) -> None:
    """What the first has on the air is not sent twice unsaid, and neither has the name any more."""

    async def main(loop: VirtualLoop) -> None:
        async with opened(
            loop, tmp_path, 2, found=True, wait=False, personalities=STICKS, air_s=AIR_S,
            prepare=lambda sim: (same_imei(sim), sim.modems[1].unplug()),
        ) as house:  # fmt: skip
            await house.ready(1)
            one, other = house.sim.modems
            name = f"m-{one.imei[-6:]}"
            assert (await modems(house)).keys() == {name}
            ids = [(await house.post(text=f"text {at}", on_uncertain="resend"))["id"]
                   for at in range(10)]  # fmt: skip
            await asyncio.sleep(5.3)
            other.plug()
            await house.ready(2)
            done = await house.settled(ids)
            shown = await modems(house)
            assert shown.keys() == {name, "u-1-1.1", "u-1-1.2"}
            assert shown[name]["state"] == "absent"
            assert "it is u-1-1.1 now" in shown[name]["detail"]
            for each in done:
                copies = house.texts().count(each["text"])
                assert 1 <= copies <= 1 + each["possible_duplicates"]

    run_virtual(main)


def test_a_name_of_the_configuration_is_not_given_to_what_is_found(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        def taken(sim: SimPool) -> Sequence[ModemSettings]:
            lane = Lane(f"m-{sim.modems[1].imei[-6:]}")
            return [ModemSettings(name=lane, imei=sim.modems[0].imei)]

        async with opened(
            loop, tmp_path, 2, found=True, lanes=taken, personalities=STICKS
        ) as house:
            one, other = house.sim.modems
            shown = await modems(house)
            assert {name: each["imei"] for name, each in shown.items()} == {
                f"m-{other.imei[-6:]}": one.imei, f"m-{other.imei[-7:]}": other.imei
            }  # fmt: skip

    run_virtual(main)


def test_what_is_a_sim_s_own_goes_with_it(tmp_path: Path) -> None:
    """Self-tests, and reports to what was sent through the other stick."""

    async def main(loop: VirtualLoop) -> None:
        async with opened(
            loop, tmp_path, 2, found=True, personalities=STICKS, report_delay_s=60.0
        ) as house:
            one, other = house.sim.modems
            lanes = [f"m-{modem.imei[-6:]}" for modem in (one, other)]
            before = await modems(house)
            body = {"to": PHONE}
            async with house.http.post(f"/v1/modems/{lanes[0]}/selftest", json=body) as answer:
                assert answer.status == 202, await answer.text()
            ids = [(await house.post(text=f"text {at}"))["id"] for at in range(10)]
            await house.until(lambda: house.sim.network.accepted >= 11)
            await asyncio.sleep(2)
            test = (await modems(house))[lanes[0]]["selftest"]
            assert test is not None
            assert {(await house.message(each))["state"] for each in ids} == {"sent"}
            await exchanged(one, other, hot=False)
            await house.until(lambda: not house.daemon.parts.pool.modem(Lane(lanes[0])).ready)  # type: ignore[union-attr]
            await house.ready()
            after = await modems(house)
            assert after[lanes[1]]["sim"] == before[lanes[0]]["sim"]
            assert after[lanes[1]]["selftest"]["message"] == test["message"]
            assert after[lanes[0]]["selftest"] is None
            done = await house.settled(ids)
            assert {each["state"] for each in done} == {"delivered"}
            assert {each["possible_duplicates"] for each in done} == {0}
            await asyncio.sleep(120)
            test = (await modems(house))[lanes[1]]["selftest"]
            assert (test["state"], test["over"]) == ("delivered", True)

    run_virtual(main)

"""Many modems at once: a slow one holds up no other, a silent one is noticed and stood in for."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from airpost.at import command
from airpost.clock import SECOND_US, parse_rfc3339
from airpost.model import Lane, Way
from airpost.modem.profile import load_profile
from airpost.modem.sender import PROMPT_S
from hwsim.modem import SimModem
from tests.faults.rigging import nothing_forbidden
from tests.system.house import House, Json, opened
from tests.virtual import VirtualLoop, run_virtual

EIGHT = ("huawei-e3372-like", "quectel-ec25-like", "zte-mf626-like", "simcom-sim7600-like",
         "sierra-c885-like", "telit-le910-like", "ublox-sara-like", "generic")  # fmt: skip
BOOT_S, READY_S = 5.0, 8.0
SLOW_BOOT_S = 60.0
AIR_S, LOAD = 2.0, 40
NOTICED_S = 15.0  # after the limit of the command that has no answer
log = logging.getLogger("bars")


@pytest.mark.slow
@pytest.mark.parametrize("found", [True, False])
@pytest.mark.parametrize("slow", [False, True])
def test_eight_plugged_in_at_once(tmp_path: Path, found: bool, slow: bool) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(
            loop, tmp_path, 8, wait=False, found=found, personalities=EIGHT, boot_s=BOOT_S
        ) as house:
            modems = house.sim.modems
            for modem in modems:
                modem.unplug()
            await asyncio.sleep(5.0)
            modems[0].boot_s = SLOW_BOOT_S if slow else BOOT_S
            for modem in modems:
                modem.plug()
            took = dict(await asyncio.gather(*(start(house, each) for each in modems)))
            log.info("found %s, one slow %s: ready %.1f s after its own start at the most",
                     found, slow, max(took.values()))  # fmt: skip
            assert len(took) == len(modems)
            assert max(took.values()) <= READY_S
            nothing_forbidden(modems)

    run_virtual(main)


async def start(house: House, modem: SimModem) -> tuple[str, float]:
    """Its IMEI, and the seconds from the end of its own start until airpost can use it."""
    loop = asyncio.get_running_loop()
    await house.until(lambda: not modem.waking, 300)
    began_s = loop.time()
    pool = house.daemon.parts.pool
    await house.until(lambda: any(v.ready and v.imei == modem.imei for v in pool.modems()), 300)
    return modem.imei, loop.time() - began_s


@pytest.mark.slow
@pytest.mark.parametrize(
    ("when", "limit_s"), [("idle", command.REGISTRATION.timeout_s), ("prompt", PROMPT_S),
                          ("air", load_profile().timing.cmgs_s)])  # fmt: skip
def test_a_silent_modem_is_noticed_and_the_others_send_its_messages(
    tmp_path: Path, when: str, limit_s: float
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 3, air_s=AIR_S) as house:
            modem = house.sim.modems[0]
            await asyncio.sleep(7.0)
            if when != "air":
                modem.faults.set("silence")
            for at in range(0 if when == "idle" else LOAD):
                await house.post(f"+4917012{at:05}", f"text {at}", on_uncertain="hold")
            if when == "air":
                await house.until(lambda: modem.sends and modem.sends[-1].ctrl_z_at_s)
                modem.faults.set("silence")
            asked, took_s = await noticed(house, Lane("gate-1"))
            await asyncio.sleep((LOAD + 2) * AIR_S)
            told = await house.everything()
            waits = [waited_s(each) for each in told if each["modem"] != "gate-1"]
            log.info("silent %s: %s, its limit %g s, noticed after %.1f s; the others' wait %.0f s",
                     when, asked, limit_s, took_s, max(waits, default=0.0))  # fmt: skip
            assert took_s <= limit_s + NOTICED_S
            assert len(told) == (0 if when == "idle" else LOAD)
            # What was on the air is waited for; nothing else was held up by it.
            assert [each["state"] for each in told if each["modem"] == "gate-1"] == (
                ["uncertain"] if when == "air" else []
            )
            assert max(waits, default=0.0) <= limit_s + NOTICED_S + LOAD / 2 * AIR_S
            nothing_forbidden(house.sim.modems)

    run_virtual(main)


def waited_s(message: Json) -> float:
    """Seconds from its acceptance until the network has taken it."""
    sent, accepted = (parse_rfc3339(message[each]) for each in ("sent_at", "created_at"))
    return (sent - accepted) / SECOND_US


async def noticed(house: House, lane: Lane) -> tuple[str, float]:
    """The command that has no answer, and the seconds until people see that something is wrong."""
    pool = house.daemon.parts.pool
    while (view := pool.modem(lane)) is not None and view.ready and not view.stalled:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    now = house.clock.now()
    lines = pool.wire(lane)
    heard = max(at for at, line in enumerate(lines) if line.way is Way.RECEIVED)
    asked = next(line for line in lines[heard + 1 :] if line.way is Way.SENT)
    return asked.text, (now - asked.at) / SECOND_US

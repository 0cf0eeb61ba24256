"""Much comes in while much goes out: nothing is lost, nothing is handed over twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from airpost.tasks import spawn
from hwsim.modem import SimModem
from tests.system.house import House, Json, opened
from tests.virtual import VirtualLoop, run_virtual

MODEMS, PER_S, SECONDS = 3, 20, 6
OUT = 60
LONG = "The pump in hall seven has stopped, and nobody knows why. " * 8  # four parts


async def written_to(house: House, modem: SimModem, at: int) -> list[str]:
    """Texts to one modem at a steady rate, some of them long; what was written."""
    written = []
    for n in range(PER_S * SECONDS):
        text = f"{at} {n}" if n % 20 else f"{at} {n} {LONG}"
        house.sim.handset(f"+49179{at:07d}").send(modem.number, text)
        written.append(text)
        await asyncio.sleep(1 / PER_S)
    return written


async def all_of(house: House) -> list[Json]:
    found: list[Json] = []
    cursor = ""
    while page := (await house.get(f"/v1/inbound?limit=500&cursor={cursor}"))["items"]:
        found += page
        cursor = (await house.get(f"/v1/inbound?limit=500&cursor={cursor}"))["next"]
    return found


def test_everything_that_comes_in_is_there_once(tmp_path: Path) -> None:
    """The network delivers some twice and parts out of order; a modem is unplugged meanwhile."""

    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, MODEMS) as house:
            modems = house.sim.modems
            for modem in modems:
                modem.faults.set("message_twice", chance=0.05)
                modem.faults.set("parts_shuffled", chance=0.5)
            for n in range(OUT):
                await house.post(f"+4917{n:08d}", f"out {n}")
            writing = [
                spawn(written_to(house, modem, at), name=f"writer {at}")
                for at, modem in enumerate(modems)
            ]
            await asyncio.sleep(SECONDS / 3)
            modems[1].unplug()
            await asyncio.sleep(SECONDS / 3)
            modems[1].plug()
            written = Counter(text for each in await asyncio.gather(*writing) for text in each)
            await house.until(lambda: all(modem.card.sms.used == 0 for modem in modems), 600)
            await house.until(
                lambda: all(house.sim.network.waiting(modem.number) == 0 for modem in modems), 600
            )
            await house.until(lambda: all(modem.card.sms.used == 0 for modem in modems), 600)
            told = await all_of(house)
            assert Counter(each["text"] for each in told) == written
            assert not any(each["partial"] for each in told)
            assert any(each["copies"] > 1 for each in told), "some were delivered twice"
            # One was on the air when its modem was unplugged, and reports got lost with it.
            states = Counter(each["state"] for each in await house.everything())
            assert states["delivered"] >= OUT // 2
            assert set(states) <= {"delivered", "sent", "uncertain"}
            assert states["uncertain"] <= 1

    run_virtual(main)

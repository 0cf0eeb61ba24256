"""What the tests of the fault catalogue share: what no host may do, what "usable" means, and time.

`recovered` says what was measured: `pytest tests/faults --log-cli-level=INFO` shows it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from airpost.codec.address import Address
from airpost.codec.times import TimeStamp
from airpost.codec.tpdu import Deliver
from airpost.received import RawPart
from hwsim.modem import SimModem
from hwsim.pool import START_US
from tests.modem.rig import Rig, rigged
from tests.system.house import House, opened
from tests.virtual import VirtualLoop

AFTER = "+491709999"  # who gets the message that shows that a modem is usable
TROUBLED = "+491708888"  # who gets messages while the trouble is on
log = logging.getLogger("faults")


def nothing_forbidden(modems: Iterable[SimModem]) -> None:
    """What no host may ever do was not done, and hardly a reset."""
    for modem in modems:
        assert asdict(modem.records.never) == dict.fromkeys(asdict(modem.records.never), 0)


@asynccontextmanager
async def faulty(loop: VirtualLoop, folder: Path, **more: Any) -> AsyncIterator[Rig]:
    """One unit on one modem, which is asked at the end what was done to it."""
    async with rigged(loop, folder, **more) as rig:
        yield rig
    nothing_forbidden(rig.pool.modems)


@asynccontextmanager
async def faulty_house(
    loop: VirtualLoop, folder: Path, modems: int = 1, **more: Any
) -> AsyncIterator[House]:
    """The whole daemon with `modems`, which are asked at the end."""
    async with opened(loop, folder, modems, **more) as house:
        yield house
    nothing_forbidden(house.sim.modems)


async def usable(rig: Rig) -> None:
    """It sends, and what comes in is handed over and deleted."""
    await asyncio.sleep(0.1)  # what has just ended a dialogue may end the connection too
    await rig.ready()
    result = await rig.send("after", to=AFTER)
    assert result.outcome.ok, result.outcome
    before = len(rig.behind.parts)
    rig.arrives("afterwards")
    await rig.until(lambda: "afterwards" in words(rig.behind.parts[before:]), 120)


async def sends(house: House, count: int = 1) -> None:
    """So many more messages get through, each once."""
    before = len(house.texts(AFTER))
    sent = [await house.post(AFTER, f"after {before + number}") for number in range(count)]
    done = await house.settled([each["id"] for each in sent])
    assert [each["state"] for each in done] == ["delivered"] * count
    expected = [f"after {before + number}" for number in range(count)]
    assert sorted(house.texts(AFTER)[before:], key=str) == sorted(expected)


async def accounted(house: House, count: int) -> None:
    """So many messages in trouble: what came twice or not at all is said to be doubtful.

    A report that came while a modem was without its settings is lost: then it stays `sent`.
    """
    for number in range(count):
        await house.post(TROUBLED, f"troubled {number}")
    async with asyncio.timeout(3600):
        await _over(house)
        await asyncio.sleep(130)  # what was uncertain is sent once more after a minute
        await _over(house)
    inbox = house.texts(TROUBLED)
    for message in await house.everything():
        if message["to"] == TROUBLED:
            got = inbox.count(message["text"])
            assert got <= 1 + message["possible_duplicates"], message
            assert got >= 1 or message["state"] == "uncertain", message


async def _over(house: House) -> None:
    """Until nothing waits or is on the air."""
    over = ("delivered", "sent", "uncertain", "failed")
    while any(each["state"] not in over for each in await house.everything()):  # noqa: ASYNC110
        await asyncio.sleep(10)


def recovered(number: int, took_s: float) -> None:
    """Entry `number` was over, and the modem usable, after so long in virtual time."""
    log.info("fault %d: recovered in %.1f s", number, took_s)


def words(parts: Iterable[RawPart]) -> list[str]:
    """The texts of received parts."""
    stamp = TimeStamp.from_instant(START_US)
    return [
        Deliver(oa=Address.from_number(each.sender), dcs=each.dcs, scts=stamp, udh=each.udh,
                ud=each.ud, udl=each.udl).text or ""
        for each in parts
    ]  # fmt: skip

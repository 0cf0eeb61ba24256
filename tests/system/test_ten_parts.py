"""Trouble at every part of a long text: it is shown once, or said to be perhaps there twice."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence, Set
from pathlib import Path

import pytest

from hwsim.modem import SimModem
from tests.faults.rigging import nothing_forbidden
from tests.system.house import PHONE, House, Json, opened
from tests.system.processes import Service, Sim, running, wait_for
from tests.virtual import VirtualLoop, run_virtual

PARTS = 10
AIR_S = 1.0
UNDER_WAY = ("accepted", "queued", "sending")
AFTERWARDS_S = 400.0  # longer than a message that was cut off is gone on with
log = logging.getLogger("bars")
Trouble = Callable[[House, SimModem], Awaitable[None]]


def text_of(at: int, decision: str) -> str:
    """Ten parts, in it alone."""
    return f"{decision:6} {at:02} " * 145


async def kill(house: House, _modem: SimModem) -> None:
    await house.kill()
    await house.start()
    await house.ready()


async def unplug(_house: House, modem: SimModem) -> None:
    modem.unplug()
    await asyncio.sleep(5.0)
    modem.plug()


async def silence(_house: House, modem: SimModem) -> None:
    """What it says of the part on the air is lost."""
    modem.faults.set("silence", for_s=10.0)
    await asyncio.sleep(10.0)


def on_air(house: House, before: int) -> SimModem | None:
    """The modem that has the next part on the air, after so many."""
    typed = [(each, modem) for modem in house.sim.modems for each in modem.sends
             if each.ctrl_z_at_s is not None]  # fmt: skip
    if len(typed) <= before:
        return None
    sending, modem = max(typed, key=lambda each: each[0].ctrl_z_at_s or 0.0)
    return modem if sending.final is None else None


def typed(house: House) -> int:
    return sum(each.ctrl_z_at_s is not None for m in house.sim.modems for each in m.sends)


async def troubled(house: House, at: int, decision: str, trouble: Trouble) -> str:
    """A message with trouble at that part, once nothing more happens to it by itself."""
    before = typed(house) + at - 1
    message = await house.post(text=text_of(at, decision), on_uncertain=decision)
    assert len(message["parts"]) == PARTS
    await house.until(lambda: on_air(house, before), 120)
    modem = on_air(house, before)
    assert modem is not None
    await asyncio.sleep(AIR_S / 2)
    await trouble(house, modem)
    while goes_on(await house.message(message["id"])):  # noqa: ASYNC110 - in virtual time
        await asyncio.sleep(10.0)
    return str(message["id"])


def goes_on(message: Json) -> bool:
    held = message["on_uncertain"] == "hold"
    return message["state"] in UNDER_WAY or (message["state"] == "uncertain" and not held)


def is_true(message: Json, copies: int, listed: Set[str]) -> bool:
    """What is said of the message is what the handset shows, and it is listed where in doubt."""
    doubtful = message["state"] == "uncertain" or message["possible_duplicates"] > 0
    if (message["id"] in listed) != doubtful or copies > 1 + message["possible_duplicates"]:
        return False
    return copies > 0 if message["state"] in ("sent", "delivered") else doubtful


@pytest.mark.parametrize(("decision", "places"), [("resend", range(1, 11)), ("hold", (1, 5, 10))])
@pytest.mark.parametrize("trouble", [kill, unplug, silence])
def test_trouble_at_every_part(
    tmp_path: Path, trouble: Trouble, decision: str, places: Sequence[int]
) -> None:
    async def main(loop: VirtualLoop) -> None:
        loop.grace_s = 0.0  # the wires are counted
        async with opened(loop, tmp_path, 2, air_s=AIR_S) as house:
            # A reference that follows no other could be that of anything: then more is in doubt.
            first = [await house.post(text=lane, modem=lane) for lane in ("gate-1", "gate-2")]
            await house.settled([each["id"] for each in first])
            ids = [await troubled(house, at, decision, trouble) for at in places]
            await asyncio.sleep(AFTERWARDS_S)
            done = [await house.message(each) for each in ids]
            found = (await house.get("/v1/messages?uncertain=true&limit=100"))["items"]
            listed = {each["id"] for each in found}
            shown = Counter(house.texts())
            said = [(each["state"], each["possible_duplicates"], shown[each["text"]])
                    for each in done]  # fmt: skip
            log.info("%s, %s: (state, possible duplicates, shown) %s",
                     trouble.__name__, decision, dict(zip(places, said, strict=True)))  # fmt: skip
            assert all(is_true(each, shown[each["text"]], listed) for each in done), said
            assert set(shown) <= {each["text"] for each in done + first}
            if decision == "resend":
                assert {each["state"] for each in done} <= {"sent", "delivered"}, said
            nothing_forbidden(house.sim.modems)

    run_virtual(main)


@pytest.mark.slow
def test_a_process_killed_at_two_parts(tmp_path: Path) -> None:
    """As above, in real time; what is urgent is sent again soon."""
    with running(tmp_path, 1, "--air-ms", "300", "--report-ms", "100") as (service, sim):
        asked = {"to": PHONE, "text": text_of(1, "killed"), "class": "otp", "ttl_s": 600}
        service.client.post("/v1/messages", asked)
        for at in (2, 7):
            wait_for(lambda until=at: begun(sim) >= until, 30, every_s=0.02)
            service.kill()
            service.start()
            service.up(1)
        wait_for(lambda: not any(map(goes_on, listed(service))), 60)
        shown = Counter(each["text"] for each in sim.do("inbox"))
        (done,) = listed(service)
        said = (done["state"], done["possible_duplicates"], shown[done["text"]])
        log.info("killed twice: (state, possible duplicates, shown) %s", said)
        assert done["text"] == asked["text"]
        doubtful = {each["id"] for each in listed(service, uncertain="true")}
        assert is_true(done, shown[done["text"]], doubtful), said
        assert set(shown) <= {asked["text"]}


def begun(sim: Sim) -> int:
    """How many parts a modem was asked to send."""
    return sum(each["commands"].get("+CMGS", 0) for each in sim.do("counts").values())


def listed(service: Service, **asked: str) -> list[Json]:
    return list(service.client.items(dict, "/v1/messages", asked))

"""Events through the whole daemon: a receiver that is away, a kill in the middle, and hooks."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

from tests.system.house import PHONE, House, opened
from tests.system.receiver import receiver
from tests.virtual import VirtualLoop, run_virtual

EVERY_S = 3.0
TYPES = ["message.sent", "message.delivered"]
Json = dict[str, Any]


async def post(house: House, path: str, body: Json, status: int = 201) -> Json:
    async with house.http.post(path, json=body) as response:
        assert response.status == status, await response.text()
        answer: Json = await response.json()
        return answer


async def load(house: House, for_s: float) -> list[str]:
    """A message every few seconds."""
    sent = []
    for n in range(round(for_s / EVERY_S)):
        sent.append((await house.post(to=f"+4917{n:08d}", text=f"{n}"))["id"])
        await asyncio.sleep(EVERY_S)
    return sent


def by_message(taken: list[Json]) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for each in taken:
        found[each["data"]["id"]].append((each["data"]["event"], each["type"]))
    return found


async def waits(house: House, ids: list[str]) -> list[int]:
    """From acceptance to the network's word, in milliseconds."""
    found = []
    for id_ in ids:
        times = {each["to"]: each["at"] for each in await house.events(id_)
                 if each["subject"] == "message"}  # fmt: skip
        found.append(_ms(times["sent"]) - _ms(times["queued"]))
    return found


def _ms(at: str) -> int:
    hours, minutes, seconds = at[11:-1].split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1000)


def test_a_receiver_that_is_away_under_load_misses_nothing_and_slows_nobody(
    tmp_path: Path,
) -> None:
    """The hour of the bar is `python -m tests.bench.webhooks`."""

    async def main(loop: VirtualLoop) -> None:
        away = False
        async with (
            opened(loop, tmp_path, 2, report_delay_s=1.0) as house,
            receiver(lambda _body: 503 if away else 204) as (address, taken),
        ):
            made = await post(house, "/v1/webhooks", {"url": address, "types": TYPES})
            ids = await load(house, 60)
            quick = await waits(house, ids[:-1])
            away = True
            later = await load(house, 400)
            assert max(await waits(house, later[:-1])) <= max(quick) + 5
            (shown,) = (await house.get("/v1/webhooks"))["items"]
            assert shown["down"]
            assert shown["last_status"] == 503
            assert len(taken) < 2 * len(ids) + 2
            await house.kill()  # and so is the daemon, for a moment
            await house.start()
            away = False
            ids += later
            await house.until(lambda: len(by_message(taken)) == len(ids), 900)
            await house.settled(ids)
            await asyncio.sleep(10)
            told = by_message(taken)
            assert set(told) == set(ids)
            for events in told.values():
                assert [type_ for _, type_ in dict.fromkeys(events)] == TYPES
            assert len({each["id"] for each in taken}) == 2 * len(ids)
            shown = await house.get(f"/v1/webhooks/{made['id']}")
            assert (shown["down"], shown["missed"], shown["waiting"]) == (False, 0, 0)

    run_virtual(main)


def test_a_reply_and_a_modem_are_told_and_the_stream_says_the_same(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with (
            opened(loop, tmp_path, 1, report_delay_s=0.5) as house,
            receiver() as (address, taken),
            house.http.get("/v1/stream") as stream,
        ):
            await post(house, "/v1/webhooks", {"url": address})
            sent = await house.post(text="how are you?", sender_ref="order-7", tags=["plant"])
            await house.settled([sent["id"]])
            house.sim.handset(PHONE).reply("fine 👍")
            await house.until(lambda: any(e["type"] == "inbound.message" for e in taken))
            house.sim.modems[0].unplug()
            await house.until(lambda: any(e["type"] == "modem.state" for e in taken))
            types = [each["type"] for each in taken]
            assert types[:3] == ["message.sent", "message.delivered", "inbound.message"]
            reply = taken[2]["data"]
            assert (reply["text"], reply["in_reply_to"]) == ("fine 👍", sent["id"])
            assert (reply["sender_ref"], reply["tags"]) == ("order-7", ["plant"])
            (listed,) = (await house.get("/v1/inbound"))["items"]
            assert (listed["sender_ref"], listed["tags"]) == ("order-7", ["plant"])
            assert taken[3]["data"]["previous"] == "ready"
            text = b""
            while b"modem.state" not in text:
                text += await stream.content.readany()
            assert [text.count(type_.encode()) for type_ in types[:3]] == [1, 1, 1]

    run_virtual(main)


def test_what_a_machine_says_is_on_a_handset(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 1) as house:
            path = "/hooks/generic/pump/the-token-of-the-pump"
            done = await post(house, path, {"pump": "P2", "pressure_bar": 9.7}, 200)
            (message,) = await house.settled(done["messages"])
            assert (message["class"], message["tags"]) == ("alarm", ["hook:pump"])
            assert house.texts() == ["P2 at 9.7 bar"]

    run_virtual(main)

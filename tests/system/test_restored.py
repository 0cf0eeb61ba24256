"""A copy put back on another box: nothing goes out again without a person's word."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

from airpost.clock import SystemClock
from airpost.store.backup import restore
from tests.system.house import House, Json, opened
from tests.virtual import VirtualLoop, run_virtual

WAITING, FURTHER = 20, 100
PHONE = "+491701234567"


async def before(loop: VirtualLoop, folder: Path) -> list[str]:
    """Messages in every state when the copy is made, and a hundred more; what was received."""
    async with opened(loop, folder, modems=2) as house:
        long = "many words " * 40
        await house.settled([(await house.post(text=f"over {n}"))["id"] for n in range(5)])
        ids = [(await house.post(text=f"wait {n}", **{"class": "bulk"}))["id"]
               for n in range(WAITING)]  # fmt: skip
        ids.append((await house.post(text=long))["id"])
        await house.until(lambda: len(house.texts()) > 7)  # some are out, some on the air
        made = {"path": str(folder / "copy.db")}
        async with house.http.post("/v1/db/backup", json=made) as response:
            assert response.status == 200, await response.text()
        ids += [(await house.post(text=f"further {n}"))["id"] for n in range(FURTHER)]
        await house.settled(ids)
        texts = house.texts()
        assert len(texts) == 5 + WAITING + 1 + FURTHER
        return [text or "" for text in texts]


async def after(loop: VirtualLoop, folder: Path, held: int, received: list[str]) -> None:
    async with opened(loop, folder, modems=2) as house:
        await asyncio.sleep(1.234)  # ids are of the time and of the same luck as on the first box
        new = await house.post(text="new")
        await house.settled([new["id"]], 10)  # at once
        await asyncio.sleep(3600)
        assert house.texts() == ["new"]
        assert house.sim.network.accepted == 1  # SUBMITs
        found = await restored(house)
        assert len(found) == held
        assert all(each["text"] in received for each in found)
        asked = {"restored": True, "ids": [found[0]["id"]]}
        async with house.http.post("/v1/queue/release", json=asked) as response:
            assert (await response.json())["released"] == 1
        await gone(house, found[:1])
        assert house.texts() in (["new"], ["new", found[0]["text"]])
        assert len(await restored(house)) == held - 1
        async with house.http.post("/v1/queue/release", json={"restored": True}) as response:
            assert (await response.json())["released"] == held - 1
        done = await gone(house, found)
        assert await restored(house) == []
        again = [each["text"] for each in done if each["possible_duplicates"]]
        assert again
        assert sorted(map(str, house.texts())) == sorted(["new", *again])


async def gone(house: House, messages: list[Json]) -> list[Json]:
    """The messages once each is out and at the handset; reports may stay away."""
    async with asyncio.timeout(3600):
        while True:
            found = [await house.message(each["id"]) for each in messages]
            if all(each["state"] in {"sent", "delivered"} for each in found):
                await asyncio.sleep(10)
                return found
            await asyncio.sleep(1)


async def restored(house: House) -> list[Json]:
    return [each for each in await house.everything() if each["reason"] == "restored"]


def test_nothing_of_a_copy_is_sent_again_by_itself(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    received: list[str] = []
    run_virtual(lambda loop: _into(received, before(loop, one)))
    frozen, old = restore(one / "copy.db", other / "airpost.db", SystemClock().now(), Random(2))
    assert old is None
    assert 0 < frozen.held <= WAITING + 1
    run_virtual(lambda loop: after(loop, other, frozen.held, received))


async def _into(received: list[str], work: object) -> None:
    received += await work  # type: ignore[misc]

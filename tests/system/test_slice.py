"""One message through every layer, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from airpost.daemon.demo import TEXT
from tests.system.house import PHONE, House, opened
from tests.virtual import VirtualLoop, run_virtual


async def _story(house: House) -> list[Any]:
    """Send, deliver, reply; what happened, without its times."""
    sent = await house.post(PHONE, TEXT)
    assert sent["state"] == "queued"
    (done,) = await house.settled([sent["id"]])
    assert done["state"] == "delivered"
    assert [part["state"] for part in done["parts"]] == ["delivered"] * 3
    assert house.texts() == [TEXT]
    house.sim.handset(PHONE).reply("收到 👍")
    page = await house.get("/v1/inbound?wait_s=30")
    (reply,) = page["items"]
    assert reply["text"] == "收到 👍"
    assert reply["from"] == PHONE
    assert reply["in_reply_to"] == sent["id"]
    assert not reply["partial"]
    return [
        (each["subject"], each["from"], each["to"], each["reason"].split(" (")[0])
        for each in await house.events(sent["id"])
    ]


def test_a_long_text_is_delivered_and_answered(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path, 2, report_delay_s=1.0) as house:
            await _story(house)

    run_virtual(main)


def test_real_time_and_virtual_time_tell_the_same_story(tmp_path: Path) -> None:
    async def virtual(loop: VirtualLoop) -> list[Any]:
        async with opened(loop, tmp_path / "virtual", 1, report_delay_s=0.5) as house:
            return await _story(house)

    async def real() -> list[Any]:
        loop = asyncio.get_running_loop()
        async with opened(loop, tmp_path / "real", 1, report_delay_s=0.5) as house:
            return await _story(house)

    (tmp_path / "virtual").mkdir()
    (tmp_path / "real").mkdir()
    assert run_virtual(virtual) == asyncio.run(real())

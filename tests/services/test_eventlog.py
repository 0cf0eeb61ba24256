"""One reader for all who listen; it costs nothing while nobody does."""

from __future__ import annotations

import asyncio
from pathlib import Path

from airpost.services.eventlog import RING
from tests.services.webhooks.rig import Rig, in_rig


def test_nothing_is_read_while_nobody_listens(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        log = rig.events
        for _ in range(5):
            await rig.state("a")
        await asyncio.sleep(60)
        assert (log.read, log.head) == (0, 0)
        with log.listening():
            assert await log.start() == 5
            assert not await log.beyond(5, 1.0)
            asked = 0
            head = rig.store.outbox.head

            async def counted() -> int:
                nonlocal asked
                asked += 1
                return await head()

            rig.store.outbox.head = counted  # type: ignore[method-assign]
            waits = [asyncio.ensure_future(log.beyond(5, 60)) for _ in range(50)]  # noqa: TID251
            await asyncio.sleep(0.1)
            for _ in range(200):
                await rig.state("a")
            assert await asyncio.gather(*waits) == [True] * 50
            await rig.until(lambda: log.head == 205)
            assert asked < 10  # what comes together is read together
        read = log.read
        await rig.state("a")
        await asyncio.sleep(60)
        assert log.read == read

    in_rig(tmp_path, story)


def test_the_newest_are_in_memory_and_the_rest_is_read(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        log = rig.events
        with log.listening():
            await asyncio.gather(*(rig.state("a") for _ in range(2 * RING + 10)))
            await rig.until(lambda: log.head == 2 * RING + 10)
            assert len(log._ring) <= 2 * RING
            place, seqs = 0, []
            while (found := await log.after(place, 300)).until != place:
                seqs += [event.seq for event in found.events]
                place = found.until
            assert seqs == list(range(1, 2 * RING + 11))
            assert place == log.head
        await asyncio.gather(*(rig.state("a") for _ in range(RING + 10)))
        with log.listening():
            await rig.until(lambda: log.head == 3 * RING + 20)
            assert log._ring == []  # nobody has listened for so long
            assert (await log.after(log.head - 1, 10)).until == log.head

    in_rig(tmp_path, story)

"""Whether the store can write: told at once, tried again until it can."""

from __future__ import annotations

import asyncio

import pytest

from airpost.clock import Instant, LoopClock
from airpost.errors import StoreUnavailable
from airpost.store.availability import PROBE_S, Availability
from tests.virtual import VirtualLoop, run_virtual


class Disk:
    def __init__(self) -> None:
        self.full = True
        self.probed = 0
        self.well = 0

    async def probe(self) -> None:
        self.probed += 1
        if self.full:
            raise StoreUnavailable("still full")

    def is_well(self) -> None:
        self.well += 1


def test_it_is_probed_until_it_is_well_again_and_no_longer() -> None:
    async def main(loop: VirtualLoop) -> None:
        disk = Disk()
        can = Availability(LoopClock(loop.time, Instant(0)), disk.probe, disk.is_well)
        assert can.reason is None
        can.failed("full")
        can.failed("fuller")
        assert can.reason == "fuller"
        await asyncio.sleep(2.5 * PROBE_S)
        assert (disk.probed, disk.well) == (2, 0)
        disk.full = False
        await asyncio.sleep(PROBE_S)
        assert (can.reason, disk.well, disk.probed) == (None, 1, 3)
        await asyncio.sleep(3 * PROBE_S)
        assert disk.probed == 3

    run_virtual(main)


def test_a_probe_that_breaks_is_not_the_last_one(caplog: pytest.LogCaptureFixture) -> None:
    async def main(loop: VirtualLoop) -> None:
        disk, broken = Disk(), [ZeroDivisionError()]

        async def probe() -> None:
            if broken:
                raise broken.pop()
            await disk.probe()

        can = Availability(LoopClock(loop.time, Instant(0)), probe, disk.is_well)
        disk.full = False
        can.failed("full")
        await asyncio.sleep(2.5 * PROBE_S)
        assert (can.reason, disk.well) == (None, 1)

    run_virtual(main)
    assert "store.probe_failed" in caplog.text


def test_stopped_it_keeps_what_it_knows() -> None:
    async def main(loop: VirtualLoop) -> None:
        disk = Disk()
        can = Availability(LoopClock(loop.time, Instant(0)), disk.probe, disk.is_well)
        await can.stop()
        can.failed("full")
        await can.stop()
        await asyncio.sleep(3 * PROBE_S)
        assert (can.reason, disk.probed) == ("full", 0)

    run_virtual(main)

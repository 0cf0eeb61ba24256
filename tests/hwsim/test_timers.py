from __future__ import annotations

import asyncio

from hwsim.timers import Timers
from tests.virtual import VirtualLoop, run_virtual


def test_equal_times_keep_their_order() -> None:
    async def main(loop: VirtualLoop) -> None:
        timers, seen = Timers(loop), []
        for number in range(50):
            timers.later(1.0, lambda number=number: seen.append(number))  # type: ignore[misc]
        timers.later(0.5, lambda: seen.append("first"))
        await asyncio.sleep(2)
        assert seen == ["first", *range(50)]

    run_virtual(main)


def test_cancelled_ones_do_not_run_and_cost_no_other_its_turn() -> None:
    async def main(loop: VirtualLoop) -> None:
        timers, seen = Timers(loop), []
        set_ = [timers.later(1.0, lambda n=n: seen.append(n)) for n in range(6)]  # type: ignore[misc]
        for number in (0, 3, 3):
            set_[number].cancel()
        timers.later(-1.0, lambda: seen.append("now"))
        assert seen == []  # never at once
        await asyncio.sleep(2)
        assert seen == ["now", 1, 2, 4, 5]

    run_virtual(main)


def test_close_cancels_all() -> None:
    async def main(loop: VirtualLoop) -> None:
        timers, seen = Timers(loop), []
        timers.later(1.0, lambda: seen.append(1))
        timers.close()
        await asyncio.sleep(2)
        assert seen == []

    run_virtual(main)

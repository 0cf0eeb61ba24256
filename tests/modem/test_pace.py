"""What is measured of each segment, and shown now and then."""

from __future__ import annotations

import pytest

from airpost.clock import Instant, LoopClock
from airpost.modem.pace import SHOW_EVERY_S, WEIGHT, Pace
from tests.virtual import VirtualLoop, run_virtual


def test_it_is_shown_once_a_second_at_most() -> None:
    async def shown(loop: VirtualLoop) -> list[float | None]:
        clock = LoopClock(loop.time, Instant(0))
        seen: list[float | None] = []
        pace = Pace(lambda: seen.append(pace.service_s), clock)
        pace.took(1.0)
        for _ in range(8):
            await clock.sleep(SHOW_EVERY_S / 4.5)
            pace.took(2.0)
        assert pace.proved_at == clock.now()
        pace.flush()
        pace.flush()
        return seen

    first, second, last = run_virtual(shown)
    assert first == 1.0
    assert second == pytest.approx(2 - (1 - WEIGHT) ** 4)
    assert last == pytest.approx(2 - (1 - WEIGHT) ** 8)


def test_nothing_is_shown_on_the_way_of_a_segment() -> None:
    async def shown(loop: VirtualLoop) -> tuple[int, int, int]:
        clock = LoopClock(loop.time, Instant(0))
        seen: list[None] = []
        pace = Pace(lambda: seen.append(None), clock)
        pace.took(1.0)
        before = len(seen)
        await clock.sleep(0.001)
        soon = len(seen)
        pace.took(1.0)
        pace.flush()
        return before, soon, len(seen)

    assert run_virtual(shown) == (0, 1, 2)

"""Budgets of SIMs: read before anything is sent, again after a failure, with their SIM."""

from __future__ import annotations

import asyncio
import logging

import pytest

from airpost.clock import SECOND_US, Instant, LoopClock
from airpost.errors import StoreUnavailable
from airpost.model import Lane, MessageClass, SimId
from airpost.pool.limits import LimitProfile, LimitSettings, OnLimit
from airpost.pool.simbudgets import SimBudgets, tail_of
from tests.virtual import VirtualLoop, run_virtual

START = Instant(1_767_225_600_000_000)
G1, G2, G3 = Lane("gate-1"), Lane("gate-2"), Lane("gate-3")
SIM = SimId("8949")
TO = "+491701234567"


class Kept:
    """A store that has `past`, and does not answer the first `closed` times."""

    def __init__(self, past: list[tuple[Instant, str]], closed: int = 0) -> None:
        self.past = past
        self.closed = closed
        self.asked = 0

    async def spent(self, sim_id: SimId, since: Instant) -> list[tuple[Instant, str]]:
        assert sim_id == SIM
        self.asked += 1
        if self.closed:
            self.closed -= 1
            raise StoreUnavailable("test")
        return [each for each in self.past if each[0] >= since]


def made(loop: VirtualLoop, store: Kept, read: list[Lane]) -> SimBudgets:
    async def note(lane: Lane, words: str) -> None: ...

    settings = LimitSettings(
        default_sim=LimitProfile(name="all", per_day=5),
        sims={G2: LimitProfile(name="few", per_day=2, on_limit=OnLimit.REJECT)},
    )
    return SimBudgets(store, LoopClock(loop.time, START), settings, note=note, read=read.append)


def blocked(budgets: SimBudgets, lane: Lane) -> str | None:
    found = budgets.block(lane, SIM, MessageClass.NORMAL, TO)
    return None if found is None else found.words


def test_nothing_is_sent_before_the_counts_are_read(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def main(loop: VirtualLoop) -> None:
        read: list[Lane] = []
        store = Kept([(Instant(START - SECOND_US), "01234567")], closed=2)
        budgets = made(loop, store, read)
        assert blocked(budgets, G1) == "what its SIM has sent so far is being read"
        await asyncio.sleep(1.5)
        assert blocked(budgets, G1) is not None
        await asyncio.sleep(1)
        assert (blocked(budgets, G1), read, store.asked) == (None, [G1], 3)
        view = budgets.view(G1, SIM)
        assert view is not None
        assert [(use.used, use.of) for use in view.uses] == [(1, 5)]

    run_virtual(main)
    assert caplog.messages[:2] == [
        "limits.not_read modem=gate-1 test", "limits.read_again modem=gate-1 suppressed=1"
    ]  # fmt: skip


def test_the_count_goes_with_the_sim_and_the_limit_with_the_modem(tmp_path: object) -> None:
    async def main(loop: VirtualLoop) -> None:
        store = Kept([])
        budgets = made(loop, store, [])
        budgets.seen(G1, SIM)
        await asyncio.sleep(0.1)
        for _ in range(2):
            budgets.spend(G1, SIM, TO)
            store.past.append((START, tail_of(TO)))
        assert blocked(budgets, G3) is None  # the same profile: nothing is read again
        assert store.asked == 1
        budgets.seen(G2, SIM)
        await asyncio.sleep(0.1)
        assert blocked(budgets, G2) == "2 a day"
        assert store.asked == 2

    run_virtual(main)


def test_read_anew_after_the_clock_was_wrong(tmp_path: object) -> None:
    async def main(loop: VirtualLoop) -> None:
        store = Kept([])
        budgets = made(loop, store, [])
        budgets.seen(G1, SIM)
        await asyncio.sleep(0.1)
        store.past = [(START, "1")] * 5
        budgets.read_anew()
        assert blocked(budgets, G1) is not None
        await asyncio.sleep(0.1)
        assert blocked(budgets, G1) == "5 a day"

    run_virtual(main)

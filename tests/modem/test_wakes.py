"""Modems that answer at the same time are gone on with one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from airpost.modem.wakes import LONGEST_S, Wakes, wakes
from tests.virtual import VirtualLoop, run_virtual


async def test_one_in_each_turn_of_the_loop_and_others_between() -> None:
    heard: list[str] = []
    made = Wakes()

    def wake(name: str) -> Callable[[], None]:
        def woken() -> None:
            heard.append(name)
            asyncio.get_running_loop().call_soon(heard.append, f"after {name}")

        return woken

    for name in "abc":
        made.call(wake(name))
    assert heard == ["a"]
    for _ in range(6):
        await asyncio.sleep(0)
    assert heard == ["a", "b", "after a", "c", "after b", "after c"]
    made.call(wake("d"))
    assert heard[-1] == "d"


def test_nobody_waits_for_many_long_turns() -> None:
    async def woken(loop: VirtualLoop) -> list[tuple[str, float]]:
        heard: list[tuple[str, float]] = []
        made = Wakes()
        for name in "abcd":
            made.call(partial(lambda name: heard.append((name, loop.time())), name))
        await asyncio.sleep(0)
        assert [name for name, _ in heard] == ["a", "b"]
        begun_s = loop.time()
        loop.jump(LONGEST_S)  # a turn that long
        await asyncio.sleep(0)
        return [(name, at - begun_s) for name, at in heard[2:]]

    assert run_virtual(woken) == [("c", pytest.approx(LONGEST_S)), ("d", pytest.approx(LONGEST_S))]


def test_each_loop_has_its_own() -> None:
    async def of_loop() -> Wakes:
        assert wakes() is wakes()
        wakes().call(lambda: None)  # its next turn never comes
        return wakes()

    first, second = asyncio.run(of_loop()), asyncio.run(of_loop())
    assert first is not second

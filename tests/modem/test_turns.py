"""Whose turn it is: what the session's tests do not see."""

from __future__ import annotations

import asyncio

import pytest

from airpost.at.command import Priority
from airpost.errors import PortLost
from airpost.modem.turns import Turns
from airpost.tasks import spawn


async def test_who_is_cancelled_as_it_is_his_turn_gives_it_on() -> None:
    turns, order = Turns(), []
    await turns.take(Priority.SEND)

    async def wants(name: str) -> None:
        await turns.take(Priority.SEND)
        order.append(name)

    first, second = spawn(wants("first"), name="first"), spawn(wants("second"), name="second")
    await asyncio.sleep(0)
    turns.end()
    first.cancel()
    await asyncio.wait([first, second])
    assert order == ["second"]


async def test_something_urgent_is_seen_to_wait() -> None:
    turns = Turns()
    await turns.take(Priority.RECEIVE)
    assert not turns.urgent
    waiting = [spawn(turns.take(each), name="") for each in (Priority.CARE, Priority.URGENT)]
    await asyncio.sleep(0)
    assert turns.urgent
    turns.end()
    assert not turns.urgent
    turns.end()
    await asyncio.gather(*waiting)


async def test_there_are_no_turns_any_more() -> None:
    turns = Turns()
    await turns.take(Priority.SEND)
    waiting = spawn(turns.take(Priority.SEND), name="waiting")
    await asyncio.sleep(0)
    turns.fail(PortLost("/dev/ttyUSB0", "gone"))
    with pytest.raises(PortLost, match="gone"):
        await waiting

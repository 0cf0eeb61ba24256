"""Which modems take no messages though they could."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from airpost.errors import StoreUnavailable
from airpost.model import Lane, ModemView, SimId, UnitState
from airpost.pool.pauses import DOUBT, UNKNOWN, Pauses
from airpost.store.sqlite import SqliteStore
from tests.store.values import NOW, FakeClock

A, B = Lane("a"), Lane("b")
SIM = SimId("8949")


def view(lane: Lane = A, sim: SimId | None = SIM) -> ModemView:
    return ModemView(lane=lane, port="p", state=UnitState.READY, since=NOW, detail="", sim_id=sim)


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(tmp_path / "a.db", FakeClock(), Random(1))
    await made.open(NOW)
    yield made
    await made.close()


def begin(store: SqliteStore) -> tuple[Pauses, list[Lane]]:
    """As after a start."""
    told: list[Lane] = []
    return Pauses(store, FakeClock(), told.append), told


async def known(pauses: Pauses, *views: ModemView) -> list[str | None]:
    """Why, once it has been looked up."""
    async with asyncio.timeout(5):
        while any(pauses.why(each) == UNKNOWN for each in views):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    return [pauses.why(each) for each in views]


async def test_a_modem_takes_messages_once_that_is_known(store: SqliteStore) -> None:
    pauses, told = begin(store)
    assert pauses.why(view()) == UNKNOWN
    assert await known(pauses, view(), view(B, None)) == [None, None]
    assert set(told) == {A, B}


async def test_a_pause_outlives_a_restart_and_ends_with_a_word(store: SqliteStore) -> None:
    pauses, told = begin(store)
    await known(pauses, view())
    await pauses.pause(A, "anna", drain=False)
    assert told[-1] == A
    for each in (pauses, begin(store)[0]):
        assert await known(each, view(), view(B)) == ["paused, by anna", None]
    await pauses.resume(view(), "bert")
    for each in (pauses, begin(store)[0]):
        assert await known(each, view()) == [None]
    history = [(event.to, event.reason) for event in (await store.events(0, 99)).items]
    assert history == [("paused", "by anna"), ("resumed", "by bert")]


async def test_a_store_that_cannot_be_read_is_said_once(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    away, recall = [StoreUnavailable("the disk is away")] * 3, store.recall

    async def tries(key: str) -> str | None:
        if away:
            raise away.pop()
        return await recall(key)

    monkeypatch.setattr(store, "recall", tries)
    monkeypatch.setattr("airpost.pool.pauses.STORE_WAIT_S", 0.01)
    pauses, told = begin(store)
    assert await known(pauses, view(sim=None)) == [None]
    assert told == [A]
    assert [each for each in caplog.messages if "recall" in each] == [
        "pool.no_recall modem=a the disk is away",
        "pool.recalled modem=a suppressed=2",
    ]


async def test_drained_it_is_paused(store: SqliteStore) -> None:
    pauses, _ = begin(store)
    await known(pauses, view())
    await pauses.drained(A)  # nobody has asked for that
    await pauses.pause(A, "anna", drain=True)
    assert pauses.draining(A)
    assert pauses.why(view()) == "draining, by anna"
    await pauses.drained(A)
    assert not pauses.draining(A)
    assert await known(begin(store)[0], view()) == ["paused, by anna"]


@pytest.mark.parametrize("by_person", [False, True])
async def test_doubt_goes_with_the_sim_and_lasts_until_it_is_cleared(
    store: SqliteStore, *, by_person: bool
) -> None:
    pauses, _ = begin(store)
    await known(pauses, view())
    await pauses.doubt(A, SIM)
    await pauses.doubt(A, SIM)
    assert pauses.in_doubt(SIM)
    moved = begin(store)[0]
    assert await known(moved, view(B), view(A, None)) == [DOUBT, None]
    if by_person:
        await pauses.resume(view(), "anna")
    else:
        await pauses.cleared(A, SIM, "a self-test was sent")
    assert await known(pauses, view()) == [None]
    assert await known(begin(store)[0], view()) == [None]
    assert [event.to for event in (await store.events(0, 99)).items] == ["in doubt", "cleared"]
    await pauses.cleared(A, SIM, "again")


async def test_what_cannot_be_kept_is_not_done(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_given: object) -> None:
        raise StoreUnavailable("the disk is full")

    pauses, _ = begin(store)
    await known(pauses, view())
    monkeypatch.setattr(store, "remember", refuse)
    with pytest.raises(StoreUnavailable):
        await pauses.pause(A, "anna", drain=False)
    assert pauses.why(view()) is None

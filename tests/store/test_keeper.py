"""The keeper works beside the store: in its own thread, in short pieces, one backup at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from airpost.store import keeper, retention
from airpost.store.keeping import Keep, Retention
from airpost.store.sqlite import SqliteStore
from airpost.tasks import spawn
from tests.store.values import DAY, NOW, FakeClock, begin, bound, claim, new


async def test_what_is_on_the_air_goes_between_the_pieces(
    place: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(place / "airpost.db", clock, Random(1))
    await store.open(NOW)
    monkeypatch.setattr(keeper, "PAUSE_S", 0)
    await store.accept([new(f"m{n}") for n in range(3 * retention.ROWS)])
    for n in range(3 * retention.ROWS):
        await store.cancel(new(f"m{n}").id, None, "test")
    await bound(store, new("live", expires_at=NOW + 99 * DAY * 1_000_000))
    (segment,) = await claim(store)
    kept = Retention(messages=Keep(bodies_d=1, records_d=2))
    pruning = spawn(store.keeping.prune(kept, clock.to(3 * DAY)), name="prune")
    await asyncio.sleep(0)
    await store.turn()
    await begin(store, segment)
    assert not pruning.done()
    assert (await pruning).messages == 3 * retention.ROWS
    await store.close()


async def test_one_backup_at_a_time_and_closing_waits_for_it(place: Path, clock: FakeClock) -> None:
    store = SqliteStore(place / "airpost.db", clock, Random(1))
    await store.open(NOW)
    await store.accept([new(f"m{n}", text="x" * 3000) for n in range(200)])
    making = spawn(store.keeping.backup(place / "one.db"), name="backup")
    await asyncio.sleep(0)
    with pytest.raises(ValueError, match="being made"):
        await store.keeping.backup(place / "two.db")
    await store.close()
    assert (await making).path.exists()

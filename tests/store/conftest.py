"""A store of every backend; further ones are added to BACKENDS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from airpost.store.api import Store
from airpost.store.sqlite import SqliteStore
from tests.store.files import PROBE_S
from tests.store.values import NOW, FakeClock, folder

BACKENDS: dict[str, Callable[[Path, FakeClock], Store]] = {
    "sqlite": lambda path, clock: SqliteStore(path / "airpost.db", clock, Random(1)),
}


@pytest.fixture
def place() -> Iterator[Path]:
    with folder() as path:
        yield path


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=sorted(BACKENDS))
def make(request: pytest.FixtureRequest, place: Path, clock: FakeClock) -> Callable[[], Store]:
    """Another store object on the same place, as after a restart."""
    return lambda: BACKENDS[request.param](place, clock)


@pytest_asyncio.fixture
async def store(make: Callable[[], Store]) -> AsyncIterator[Store]:
    made = make()
    await made.open(NOW)
    yield made
    await made.close()


@pytest.fixture
def path(place: Path) -> Path:
    return place / "airpost.db"


@pytest_asyncio.fixture
async def plain(
    path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SqliteStore]:
    monkeypatch.setattr("airpost.store.availability.PROBE_S", PROBE_S)
    monkeypatch.setattr("airpost.store.migrations.BUSY_S", 0.05)
    store = SqliteStore(path, clock, Random(1))
    await store.open(NOW)
    yield store
    await store.close()

"""Messages that come together share the writer's work and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airpost.errors import DuplicateRequest, InvalidRequest, StoreUnavailable
from airpost.model import Idempotency
from airpost.store import outbound
from airpost.store.api import MessageFilter
from airpost.store.intake import ROWS
from airpost.store.sqlite import SqliteStore
from tests.store.values import NOW, NUMBER, new

OTHER = NUMBER + "0"
KEY = Idempotency(key="k", fingerprint="f", status=202, body=b"{}")


async def test_what_comes_together_is_one_request(store: SqliteStore) -> None:
    """In order, and no more of it than goes between two segments."""
    given = [new(f"m{n}") for n in range(ROWS + 1)]
    asked = [store.hand_in(each) for each in given]
    assert store.pending == len(given)
    await asyncio.sleep(0)
    assert store.pending == 2
    done = await asyncio.gather(*asked)
    assert [each.id for each in done] == [each.id for each in given]
    assert [each.seq for each in done] == sorted(each.seq for each in done)
    assert store.pending == 0


async def test_what_is_refused_takes_nothing_else_with_it(store: SqliteStore) -> None:
    await store.blocklist.block([OTHER], None, "test", NOW)
    given = [
        new("m1", idempotency=KEY),
        new("m2", to=OTHER),
        new("m3", idempotency=KEY),
        new("m4"),
    ]
    done = await asyncio.gather(*map(store.hand_in, given), return_exceptions=True)
    assert isinstance(done[1], InvalidRequest)
    assert isinstance(done[2], DuplicateRequest)
    for each, kept in zip(given, (True, False, False, True), strict=True):
        assert (await store.message(each.id, None) is not None) is kept


async def test_what_fails_takes_nothing_else_with_it(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in the middle of a message undoes that message alone."""
    add = outbound.add_transmissions

    def broken(tx: Any, seqs: Any, new: Any) -> list[int]:
        if any(each.to == OTHER for each in new):
            raise RuntimeError("a bug")
        return add(tx, seqs, new)

    monkeypatch.setattr(outbound, "add_transmissions", broken)
    given = [new("m1"), new("m2", to=OTHER), new("m3")]
    done = await asyncio.gather(*map(store.hand_in, given), return_exceptions=True)
    assert isinstance(done[1], RuntimeError)
    stored = (await store.messages(MessageFilter(), 0, 10)).items
    assert [each.id for each in stored] == ["m1", "m3"]


async def test_one_who_no_longer_waits_has_it_stored(store: SqliteStore) -> None:
    given = new("m1")
    store.hand_in(given).cancel()
    await store.hand_in(new("m2"))
    assert await store.message(given.id, None) is not None


async def test_a_closed_store_says_so(store: SqliteStore) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.hand_in(new("m1"))

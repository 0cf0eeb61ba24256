"""Batches on disk: one for a key, its rows known, and gone with its messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airpost.errors import DuplicateRequest
from airpost.states import MessageState
from airpost.store import batches
from airpost.store.api import Store
from airpost.store.batching import Batch, NewBatch
from tests.store.values import NOW, NUMBER, after, new

BATCH = NewBatch(id="b1", owner="shop", key_id=None, size=7, created_at=NOW)
DAY_S = 86_400


def rows(batch: Batch, *at: int, **changes: Any) -> list[Any]:
    return [new(f"m{n}", batch=(batch.seq, n), **changes) for n in at]


async def test_a_key_has_one_batch(store: Store) -> None:
    keyed = replace(BATCH, key="k", fingerprint="f", kept_s=60, tags=("t",), sender_ref="r")
    first = await store.batches.begin(keyed)
    assert (first.id, first.tags, first.sender_ref, first.taken_at) == ("b1", ("t",), "r", None)
    assert await store.batches.begin(replace(keyed, id="b2")) == first
    with pytest.raises(DuplicateRequest) as caught:
        await store.batches.begin(replace(keyed, id="b3", fingerprint="g"))
    assert caught.value.kind == "mismatch"
    other = await store.batches.begin(replace(keyed, id="b4", owner="ward"))
    assert other.id == "b4"
    await store.sweep(after(61))  # the key is free again
    assert (await store.batches.begin(replace(keyed, id="b5"))).id == "b5"
    assert [b.id for b in (await store.batches.page("shop", 0, 9)).items] == ["b1", "b5"]
    page = await store.batches.page(None, 0, 2)
    assert ([b.id for b in page.items], page.next) == (["b1", "b4"], other.seq)


async def test_rows_counts_and_cancel_over_stretches(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "STRETCH", 2)
    monkeypatch.setattr(batches, "PIECE", 2)
    batch = await store.batches.begin(BATCH)
    await store.accept([*rows(batch, 0, 1, 2), new("other"), *rows(batch, 5)])
    assert await store.batches.rows(batch) == {(n, NUMBER) for n in (0, 1, 2, 5)}
    counts = await store.batches.counts(batch)
    assert (dict(counts.states), counts.pending) == ({MessageState.QUEUED: 4}, 4)
    await store.batches.mark_cancelled(batch)
    assert await store.batches.cancel(batch, "me") == (4, 0)
    counts = await store.batches.counts(batch)
    assert (dict(counts.states), counts.pending) == ({MessageState.CANCELLED: 4}, 0)
    assert await store.batches.cancel(batch, "me") == (0, 0)
    await store.batches.end(batch, 4, 1, b'[{"index":3}]')
    found = await store.batches.find("b1", None)
    assert found is not None
    assert (found.accepted, found.rejected, found.cancelled_at) == (4, 1, NOW)
    assert await store.batches.why(found) == b'[{"index":3}]'
    assert await store.batches.find("b1", "ward") is None


async def test_a_number_is_forgotten_in_what_was_not_taken(store: Store) -> None:
    batch = await store.batches.begin(BATCH)
    why = b'[{"index":0,"to":"0151 1234 5678"},{"index":1,"to":"+49151999"},{"index":2,"to":null}]'
    await store.batches.end(batch, 0, 3, why)
    await store.keeping.forget("+4915112345678", "me")
    told = await store.batches.why(batch)
    assert b"1234" not in told
    assert b'"to": "+49151999"' in told

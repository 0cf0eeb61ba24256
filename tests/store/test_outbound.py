"""What callers hand in and take back: for every store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from airpost.errors import DuplicateRequest
from airpost.model import (
    Encoding,
    Idempotency,
    MessageId,
    NewMessage,
)
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import MessageFilter, Store
from airpost.tasks import spawn
from tests.store.values import (
    DAY,
    G1,
    NOW,
    NUMBER,
    after,
    begin,
    bound,
    claim,
    lost,
    new,
    seen,
    sent,
)

M, S, E = MessageState, SegmentState, SegmentEvent
Make = Callable[[], Store]


async def test_what_was_accepted_reads_back_whole(store: Store) -> None:
    given = new("m1", 2, tags=("a", "b"), sender_ref="r-1", key_id="k1")
    (receipt,) = await store.accept([given])
    found = await seen(store, "m1")
    assert (found.id, found.seq, found.owner, found.to) == ("m1", receipt.seq, "shop", NUMBER)
    assert (found.state, found.final, found.modem) == (M.QUEUED, False, None)
    assert (found.text, found.data, found.encoding) == ("text of m1", None, Encoding.GSM7)
    assert [p.state for p in found.parts] == [S.QUEUED, S.QUEUED]
    assert (found.tags, found.sender_ref) == (("a", "b"), "r-1")
    assert (found.created_at, found.expires_at) == (given.created_at, given.expires_at)
    (event,) = await store.message_events(MessageId("m1"))
    assert (event.subject, event.from_, event.to, event.actor) == (
        "message", None, "queued", "key k1",
    )  # fmt: skip


async def test_data_reads_back_as_data(store: Store) -> None:
    await store.accept([new("m1", text=None, data=b"\x00\xff", encoding=Encoding.DATA)])
    found = await seen(store, "m1")
    assert (found.text, found.data) == (None, b"\x00\xff")


async def test_numbers_follow_the_order_of_commits(store: Store) -> None:
    first = await store.accept([new("b"), new("a")])
    second = await store.accept([new("0")])
    seqs = [each.seq for each in first + second]
    assert seqs == sorted(seqs)
    page = await store.messages(MessageFilter(), 0, 10)
    assert [m.id for m in page.items] == ["b", "a", "0"]


async def test_more_than_a_piece_is_accepted_in_order(store: Store) -> None:
    done = await store.accept([new(f"m{n}") for n in range(450)])
    assert [each.id for each in done] == [f"m{n}" for n in range(450)]
    assert (await store.counts())["queued"] == 450


def keyed(id_: str, key: str, fingerprint: str = "f", owner: str = "shop") -> NewMessage:
    idem = Idempotency(
        key=key, fingerprint=fingerprint, status=202, body=b"answer of " + id_.encode()
    )
    return new(id_, owner=owner, idempotency=idem)


async def test_a_repeat_of_a_request_gets_the_first_answer(store: Store) -> None:
    await store.accept([keyed("m1", "k")])
    assert await store.idempotent("shop", "k") == ("f", 202, b"answer of m1")
    assert await store.idempotent("other", "k") is None
    with pytest.raises(DuplicateRequest) as caught:
        await store.accept([new("m2"), keyed("m3", "k")])
    assert (caught.value.kind, caught.value.status) == ("result", 202)
    assert caught.value.body == b"answer of m1"
    assert await store.message(MessageId("m2"), None) is None
    with pytest.raises(DuplicateRequest) as caught:
        await store.accept([keyed("m4", "k", "other")])
    assert caught.value.kind == "mismatch"
    await store.accept([keyed("m5", "k", owner="other")])


async def test_a_key_twice_in_one_request_stores_nothing(store: Store) -> None:
    with pytest.raises(DuplicateRequest):
        await store.accept([keyed("m1", "k"), keyed("m2", "k")])
    assert (await store.messages(MessageFilter(), 0, 10)).items == ()
    await store.accept([keyed("m3", "k")])


async def test_a_key_is_kept_for_a_day(store: Store) -> None:
    await store.accept([keyed("m1", "k")])
    assert (await store.sweep(after(DAY - 1))).forgotten == 0
    assert await store.next_due(NOW) == after(DAY)
    assert (await store.sweep(after(DAY))).forgotten == 1
    assert await store.idempotent("shop", "k") is None


async def test_accept_goes_on_when_its_caller_is_gone(store: Store) -> None:
    task = spawn(store.accept([new("m1")]), name="accept")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await store.accept([new("m2")])
    assert (await seen(store, "m1")).seq < (await seen(store, "m2")).seq
    assert store.pending == 0


async def test_cancel_before_it_begins(store: Store) -> None:
    await bound(store, new("m", 2))
    with pytest.raises(KeyError):
        await store.cancel(MessageId("m"), "other", "x")
    with pytest.raises(KeyError):
        await store.cancel(MessageId("none"), None, "x")
    done = await store.cancel(MessageId("m"), "shop", "key k1")
    assert (done.cancelled, done.state) == (True, M.CANCELLED)
    found = await seen(store, "m")
    assert (found.state, found.final, found.reason) == (M.CANCELLED, True, "cancelled by key k1")
    assert (await store.message_events(MessageId("m")))[-1].actor == "key k1"
    again = await store.cancel(MessageId("m"), "shop", "key k1")
    assert (again.cancelled, again.state) == (False, M.CANCELLED)
    assert "cancelled already" in again.reason


async def test_cancel_after_it_began_is_refused_with_the_reason(store: Store) -> None:
    await bound(store, new("half", 2), new("air"), new("gone"), new("again"))
    half, _, air, gone, again = await claim(store)
    await sent(store, half, 1)
    await begin(store, air)
    await sent(store, gone, 2)
    await lost(store, again)
    await store.sweep(after(60))
    for id_, words in (
        ("half", "begun"), ("air", "begun"), ("gone", "sent already"), ("again", "may have gone"),
    ):  # fmt: skip
        done = await store.cancel(MessageId(id_), None, "x")
        assert not done.cancelled
        assert words in done.reason


async def test_what_begins_again_after_a_part_went_out_is_not_cancelled(store: Store) -> None:
    await bound(store, new("m", 2))
    first, _ = await claim(store)
    await sent(store, first, 1)
    assert await store.release(G1, after(400), 300) == 1
    assert (await seen(store, "m")).state is M.QUEUED
    done = await store.cancel(MessageId("m"), None, "x")
    assert (done.cancelled, done.state) == (False, M.QUEUED)
    assert "has gone out" in done.reason

"""When a message begins again whole, and what its parts are joined by: for every store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import Binding, Store
from tests.store.test_queue import waiting
from tests.store.values import (
    G1,
    NOW,
    SIM1,
    after,
    bound,
    claim,
    lost,
    new,
    report,
    seen,
    sent,
)

M, S, E = MessageState, SegmentState, SegmentEvent
Make = Callable[[], Store]


async def test_references_of_a_recipient_count_up_over_restarts(store: Store, make: Make) -> None:
    await bound(store, new("a", 2), new("b", 2), new("one"), new("else", 2, to="+4930123"))
    refs = {c.message_id: c.concat_ref for c in await claim(store)}
    assert refs["b"] == (refs["a"] + 1) % 256
    assert refs["one"] == 0
    await store.close()
    again = make()
    await again.open(NOW)
    await bound(again, new("c", 2), new("wide", 2, concat_bits=16))
    refs |= {c.message_id: c.concat_ref for c in await claim(again)}
    assert refs["c"] == (refs["a"] + 2) % 256
    assert 0 <= refs["wide"] < 65_536
    await again.close()


async def test_a_reference_is_passed_over_while_its_set_may_lie_incomplete(store: Store) -> None:
    await bound(store, new("whole", 2), new("half", 2), new("none", 2))
    whole, half, none = (part for part in await claim(store) if part.seq == 1)
    for part in await claim(store):
        if part.message_id == "whole":
            await sent(store, part, part.seq)
    await sent(store, half, 7)
    await store.cancel(none.message_id, None, "a person")
    for at in range(253):
        await bound(store, new(f"later {at}", 2))
    await bound(store, new("after a round", 2))
    refs = {c.message_id: c.concat_ref for c in await claim(store, n=1000)}
    # 253 others are waiting: what is free of the 256 is that of the whole set, or of the one that
    # never began, but not that of the half one.
    assert refs["after a round"] in (whole.concat_ref, none.concat_ref)
    await bound(store, new("one more", 2), new("too many", 2))
    refs = {c.message_id: c.concat_ref for c in await claim(store, n=1000)}
    assert {refs["after a round"], refs["one more"]} == {whole.concat_ref, none.concat_ref}
    assert refs["too many"] in range(256)  # none is free: it goes all the same


async def test_later_the_message_begins_again_whole(store: Store) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    await lost(store, one, grace_s=301)
    await sent(store, two, 2)
    assert (await store.sweep(after(301))).resent == 1
    found = await seen(store, "m")
    assert [p.state for p in found.parts] == [S.QUEUED, S.QUEUED]
    assert (found.possible_duplicates, found.modem) == (1, None)
    await bound(store)
    await store.bind([Binding(message_seq=found.seq, lane=G1, sim_id=SIM1, reason="again")])
    again = await claim(store, after(301))
    assert [c.seq for c in again] == [1, 2]
    assert again[0].concat_ref == (one.concat_ref + 1) % 256
    # The older transmission takes its report, and changes nothing.
    stored = await store.record_report(report(2, received_at=after(302)))
    assert (stored.message_id, stored.state) == ("m", S.DELIVERED)
    assert await seen(store, "m") == replace(found, modem=G1)
    for each in again:
        await lost(store, each, after(302))
    assert (await store.sweep(after(900))).resent == 0  # once is the most


async def test_release_begins_again_what_is_half_out_for_too_long(store: Store) -> None:
    await bound(store, new("m", 2))
    one, _ = await claim(store)
    await sent(store, one, 1)
    assert await store.release(G1, after(300), 300) == 0
    assert await store.release(G1, after(301), 300) == 1
    found = await seen(store, "m")
    assert (found.state, found.modem, found.possible_duplicates) == (M.QUEUED, None, 1)
    assert await waiting(store, 301) == ["m"]


async def test_a_resend_that_never_began_and_the_whole_after_it_count_once(store: Store) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    await sent(store, one, 1)
    await lost(store, two, grace_s=10)
    assert (await store.sweep(after(10))).resent == 1  # it is queued once more, and counted
    assert (await seen(store, "m")).possible_duplicates == 1
    assert await store.release(G1, after(301), 300) == 1
    assert [p.state for p in (await seen(store, "m")).parts] == [S.QUEUED, S.QUEUED]
    assert (await seen(store, "m")).possible_duplicates == 1


async def test_a_resend_that_went_out_and_the_whole_after_it_count_twice(store: Store) -> None:
    await bound(store, new("m", 3))
    one, two, _ = await claim(store)
    await sent(store, one, 1)
    await lost(store, two, grace_s=10)
    assert (await store.sweep(after(10))).resent == 1
    again = (await claim(store, after(10)))[0]
    await sent(store, again, 2, at=after(10))
    assert await store.release(G1, after(311), 300) == 1
    assert (await seen(store, "m")).possible_duplicates == 2


async def test_the_whole_that_is_out_in_part_and_begins_again_is_counted_each_time(
    store: Store,
) -> None:
    await bound(store, new("m", 2))
    one, _ = await claim(store)
    await lost(store, one, grace_s=301)
    assert (await store.sweep(after(301))).resent == 1  # whole
    await bound(store)
    seq = (await seen(store, "m")).seq
    await store.bind([Binding(message_seq=seq, lane=G1, sim_id=SIM1, reason="again")])
    first, _ = await claim(store, after(301))
    await sent(store, first, 2, at=after(301))
    assert await store.release(G1, after(602), 300) == 1
    assert (await seen(store, "m")).possible_duplicates == 2

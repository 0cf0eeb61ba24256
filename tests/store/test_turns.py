"""What a message waits for: its next try, and an earlier message to its number."""

from __future__ import annotations

import pytest

from airpost.model import MessageId
from airpost.states import MessageState, SegmentEvent
from airpost.store.api import Binding, Store
from airpost.store.routing import Before, Turn
from tests.store.values import G1, SIM1, after, begin, bound, claim, end, new, seen


@pytest.mark.parametrize("ordered", [False, True])
async def test_who_goes_first(store: Store, *, ordered: bool) -> None:
    turn = store.choices.turn
    await store.accept([new("a", ordered=ordered), new("b")])
    assert await turn(MessageId("a")) == Turn()
    first = Before(id=MessageId("a"), owner="shop", state=MessageState.QUEUED, ordered=ordered)
    assert await turn(MessageId("b")) == Turn(before=first)
    seq = (await seen(store, "a")).seq
    await store.bind([Binding(message_seq=seq, lane=G1, sim_id=SIM1, reason="test")])
    (a,) = await claim(store)
    attempt = await begin(store, a)
    await end(store, a, attempt, SegmentEvent.TRANSIENT, retry_at=after(9))
    assert await turn(MessageId("a")) == Turn(next_try=after(9))
    found = (await turn(MessageId("b"))).before  # a first attempt that is over holds nobody else
    assert found == (first if ordered else None)


async def test_what_is_over_or_unknown_waits_for_nothing(store: Store) -> None:
    await bound(store, new("a"))
    (a,) = await claim(store)
    await end(store, a, await begin(store, a), SegmentEvent.PERMANENT)
    for id_ in ("a", "none"):
        assert await store.choices.turn(MessageId(id_)) == Turn()

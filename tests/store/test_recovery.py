"""What a start finds from the run before: for every store."""

from __future__ import annotations

from collections.abc import Callable

from airpost.model import (
    OnUncertain,
)
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import Store
from tests.store.values import (
    G1,
    G2,
    HOUR,
    NOW,
    SIM2,
    after,
    begin,
    bound,
    claim,
    end,
    lost,
    new,
    seen,
    sent,
)

M, S, E = MessageState, SegmentState, SegmentEvent
Make = Callable[[], Store]


async def test_everything_is_there_after_a_restart(store: Store, make: Make) -> None:
    await bound(store, new("air", 2), new("bound"), new("half", 2))
    air, _, _, half, _ = await claim(store)
    await begin(store, air)
    await sent(store, half, 1)
    before = await store.events(0, 100)
    await store.close()
    again = make()
    found = await again.open(after(100))
    assert (found.uncertain, found.unbound) == (1, 1)
    assert [p.state for p in (await seen(again, "air")).parts] == [S.UNCERTAIN, S.QUEUED]
    assert (await seen(again, "air")).parts[0].outcome is not None
    assert (await seen(again, "bound")).modem is None
    assert (await seen(again, "half")).modem == G1
    assert (await again.events(0, 100)).items[: len(before.items)] == before.items
    assert await again.next_due(NOW) == after(160)  # grace begins with the start
    assert (await again.sweep(after(160))).resent == 1
    await again.close()


async def test_every_lane_leaves_at_most_its_one_segment(store: Store, make: Make) -> None:
    await bound(store, new("a", 3), new("b"))
    await bound(store, new("c", 2), lane=G2, sim=SIM2)
    one, *_ = await claim(store)
    other, _ = await claim(store, lane=G2)
    await begin(store, one)
    await begin(store, other, lane=G2, sim=SIM2)
    await store.close()
    again = make()
    assert (await again.open(after(9))).uncertain == 2
    # Half out: bound to its lane still; its waiting parts may follow there.
    assert [c.message_id for c in await claim(again, after(9))] == ["a", "a"]
    await again.close()


async def test_what_was_settled_is_left_alone(store: Store, make: Make) -> None:
    await bound(store, new("sent"), new("lost"), new("retry"), new("barred"))
    gone, silent, retry, barred = await claim(store)
    await sent(store, gone, 1)
    await lost(store, silent)
    await end(store, retry, await begin(store, retry), E.TRANSIENT, retry_at=after(5))
    await end(store, barred, await begin(store, barred), E.PERMANENT)
    before = [await seen(store, id_) for id_ in ("sent", "lost", "barred")]
    await store.close()
    again = make()
    found = await again.open(after(9))
    assert (found.uncertain, found.unbound) == (0, 1)
    assert [await seen(again, id_) for id_ in ("sent", "lost", "barred")] == before
    assert [w.id for w in await again.backlog(after(9), 9, [], ["default"])] == ["retry"]
    await again.close()


async def test_a_held_message_in_doubt_stays_in_doubt(store: Store, make: Make) -> None:
    await bound(store, new("m", on_uncertain=OnUncertain.HOLD))
    (segment,) = await claim(store)
    await begin(store, segment)
    await store.close()
    again = make()
    await again.open(after(9))
    assert (await again.sweep(after(HOUR))).resent == 0
    found = await seen(again, "m")
    assert (found.state, found.reason) == (M.UNCERTAIN, "airpost ended while this was on the air")
    await again.close()

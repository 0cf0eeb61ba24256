"""What time does: for every store."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airpost.model import (
    MessageClass,
    OnUncertain,
)
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store import sweep
from airpost.store.api import Binding, Store
from tests.store.values import (
    DAY,
    G1,
    HOUR,
    NOW,
    SIM1,
    after,
    begin,
    bound,
    claim,
    concat,
    end,
    lost,
    new,
    part,
    seen,
    sent,
)

M, S, E = MessageState, SegmentState, SegmentEvent
Make = Callable[[], Store]


async def test_past_its_time_a_message_expires(store: Store) -> None:
    await bound(store, new("m", 2, expires_at=after(60)), new("fresh"))
    one, *_ = await claim(store)
    attempt = await begin(store, one)
    await end(store, one, attempt, E.TRANSIENT, retry_at=after(70))
    assert await store.next_due(NOW) == after(60)
    swept = await store.sweep(after(60))
    found = await seen(store, "m")
    assert swept.expired == 1
    assert [p.state for p in found.parts] == [S.EXPIRED, S.EXPIRED]
    assert (found.state, found.final) == (M.EXPIRED, True)
    assert (await seen(store, "fresh")).state is M.QUEUED


@pytest.mark.parametrize(
    ("retry_s", "refused_s", "whole"),
    [
        (200, None, False),
        (400, None, True),  # later than `resume_s` after the part that is out
        (400, 200, True),  # what was refused meanwhile is on no handset
    ],
)
async def test_a_part_that_was_refused_goes_alone_for_a_while_then_the_message_whole(
    store: Store, retry_s: int, refused_s: int | None, *, whole: bool
) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    await sent(store, one, 1)
    attempt = await begin(store, two)
    await end(store, two, attempt, E.TRANSIENT, retry_at=after(refused_s or retry_s))
    if refused_s is not None:
        await store.sweep(after(refused_s))
        (two,) = await claim(store, after(refused_s))
        attempt = await begin(store, two, after(refused_s))
        await end(store, two, attempt, E.TRANSIENT, at=after(refused_s), retry_at=after(retry_s))
    await store.sweep(after(retry_s - 1))
    assert [p.state for p in (await seen(store, "m")).parts] == [S.SENT, S.QUEUED]
    await store.sweep(after(retry_s))
    found = await seen(store, "m")
    assert [p.state for p in found.parts] == [S.QUEUED if whole else S.SENT, S.QUEUED]
    assert found.possible_duplicates == whole
    if not whole:
        (again,) = await claim(store, after(retry_s))
        assert (again.seq, again.concat_ref) == (2, one.concat_ref)
        return
    await store.bind([Binding(message_seq=1, lane=G1, sim_id=SIM1, reason="test")])
    again, other = await claim(store, after(retry_s))
    assert (again.seq, other.seq) == (1, 2)
    assert again.concat_ref == other.concat_ref != one.concat_ref


async def test_silence_is_uncertain_then_sent_once_more_then_held(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await lost(store, segment, grace_s=60)
    found = await seen(store, "m")
    assert (found.state, found.reason, found.final) == (M.UNCERTAIN, "no answer", False)
    assert await claim(store, after(61)) == []
    assert (await store.sweep(after(59))).resent == 0
    assert await store.next_due(NOW) == after(60)
    assert (await store.sweep(after(60))).resent == 1
    (again,) = await claim(store, after(60))
    assert (again.resends, again.attempts) == (1, 1)
    assert (await seen(store, "m")).possible_duplicates == 1
    await lost(store, again, after(61))
    assert (await store.sweep(after(200))).resent == 0
    assert (await seen(store, "m")).state is M.UNCERTAIN
    assert await store.next_due(NOW) == after(2 * DAY)
    assert (await store.sweep(after(2 * DAY))).finalised == 1
    found = await seen(store, "m")
    assert (found.state, found.final) == (M.UNCERTAIN, True)
    assert await store.next_due(NOW) is None


async def test_hold_waits_for_a_person_or_the_deadline(store: Store) -> None:
    await bound(store, new("m", on_uncertain=OnUncertain.HOLD))
    (segment,) = await claim(store)
    await lost(store, segment)
    assert (await store.sweep(after(DAY - 1))).resent == 0
    assert await claim(store, after(DAY - 1)) == []
    assert (await store.sweep(after(2 * DAY))).finalised == 1


async def test_nothing_is_sent_once_more_past_its_time(store: Store) -> None:
    await bound(store, new("m", expires_at=after(30)))
    (segment,) = await claim(store)
    await lost(store, segment, grace_s=60)
    swept = await store.sweep(after(60))
    assert (swept.resent, swept.expired) == (0, 0)
    assert (await seen(store, "m")).state is M.UNCERTAIN


async def test_one_part_alone_is_sent_once_more_while_the_handset_holds_the_rest(
    store: Store,
) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    await lost(store, one)
    await sent(store, two, 2)
    await store.sweep(after(60))
    (again,) = await claim(store, after(60))
    assert (again.seq, again.concat_ref, again.resends) == (1, one.concat_ref, 1)
    assert again.segment_id == one.segment_id


async def test_nor_does_a_message_begin_again_whose_rest_has_just_gone_out(store: Store) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    await lost(store, one, grace_s=301)  # as after a start that was long in coming
    await end(store, two, await begin(store, two, after(299)), mr=2, at=after(299))
    assert (await store.sweep(after(301))).resent == 1
    (again,) = await claim(store, after(301))
    assert (again.seq, again.concat_ref) == (1, one.concat_ref)


async def test_nothing_is_sent_once_more_for_a_message_that_has_failed(store: Store) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    await lost(store, one)
    await end(store, two, await begin(store, two), E.PERMANENT)
    assert (await store.sweep(after(60))).resent == 0
    assert [p.state for p in (await seen(store, "m")).parts] == [S.UNCERTAIN, S.FAILED]
    assert await store.next_due(after(60)) == after(2 * DAY)


async def test_a_message_does_not_begin_again_while_a_part_is_on_the_air(store: Store) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    await lost(store, one, grace_s=301)
    attempt = await begin(store, two)
    assert (await store.sweep(after(301))).resent == 0
    assert await store.next_due(after(301)) == after(306)
    await end(store, two, attempt, mr=2, at=after(303))
    assert (await store.sweep(after(306))).resent == 1
    assert (await seen(store, "m")).possible_duplicates == 1


async def test_a_long_night_is_swept_in_stretches(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ROWS", 3)
    await store.accept([new(f"s{n}", not_before=after(5)) for n in range(8)])
    await bound(store, *(new(f"e{n}", expires_at=after(60)) for n in range(7)))
    await bound(store, *(new(f"u{n}", want_report=False) for n in range(5)))
    for segment in await claim(store, n=20):
        if segment.message_id.startswith("u"):
            await lost(store, segment, grace_s=60)
    for n in range(4):
        await store.record_part(part(b"x", udh=concat(n, 2, 1), received_at=after(60 - HOUR)))
    swept = await store.sweep(after(60))
    assert (swept.expired, swept.resent, swept.partials) == (7, 5, 4)
    assert (await store.counts())["expired"] == 7
    assert (await store.counts()).get("accepted", 0) == 0
    assert await store.sweep(after(60)) == sweep.NONE_SWEPT


# -- ageing --------------------------------------------------------------------------------------
async def test_bulk_that_has_waited_an_hour_goes_as_normal_does(store: Store) -> None:
    bulk = MessageClass.BULK
    await store.accept([new("old", class_=bulk), new("later", class_=bulk, not_before=after(60))])
    assert await store.next_due(after(61)) == after(60)
    await store.sweep(after(60))
    assert await store.next_due(after(61)) == after(HOUR)
    await store.accept([new("normal", at=after(HOUR)), new("otp", class_=MessageClass.OTP)])

    async def order() -> list[str]:
        found = await store.backlog(after(HOUR), 9, [], ["default"])
        return [each.id for each in found]

    assert await order() == ["otp", "normal", "old"]
    await store.sweep(after(HOUR))
    assert await order() == ["otp", "old", "normal"]
    assert (await seen(store, "old")).class_ is bulk
    assert await store.next_due(after(HOUR)) == after(HOUR + 60)
    await store.sweep(after(HOUR + 60))
    assert await store.next_due(after(HOUR)) == after(DAY)

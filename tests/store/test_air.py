"""Intents and settlements: for every store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from airpost.model import (
    Claimed,
    Lane,
    MessageId,
)
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import Intent, Store
from tests.store.values import (
    BARRED,
    G1,
    G2,
    NOW,
    SIM1,
    SIM2,
    after,
    begin,
    bound,
    claim,
    end,
    lost,
    moves,
    new,
    report,
    seen,
    sent,
    settlement,
)

M, S, E = MessageState, SegmentState, SegmentEvent
Make = Callable[[], Store]


async def test_a_message_is_sent_and_delivered(store: Store) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    first = await begin(store, one, after(1))
    assert (await seen(store, "m")).state is M.SENDING
    intent = Intent(segment_id=two.segment_id, lane=G1, sim_id=SIM1, tpdu=b"2", begun_at=after(3))
    done = await store.air(settlement(one, first, mr=7, at=after(2)), intent)
    assert done.state is S.SENT
    assert done.attempt_id is not None
    assert await claim(store) == []
    assert (await seen(store, "m")).sent_at is None
    await end(store, two, done.attempt_id, mr=8, at=after(4))
    found = await seen(store, "m")
    assert (found.state, found.sent_at, found.final) == (M.SENT, after(4), False)
    assert [(p.modem, p.reference, p.attempts, p.sent_at) for p in found.parts] == [
        (G1, 7, 1, after(2)), (G1, 8, 1, after(4)),
    ]  # fmt: skip
    stored = await store.record_report(report(7, received_at=after(9), done_at=after(6)))
    assert (stored.message_id, stored.state) == ("m", S.DELIVERED)
    assert (await seen(store, "m")).state is M.SENT
    await store.record_report(report(8, received_at=after(10), done_at=after(5)))
    found = await seen(store, "m")
    assert (found.state, found.delivered_at, found.final) == (M.DELIVERED, after(6), True)
    assert [p.reported_at for p in found.parts] == [after(9), after(10)]
    assert await moves(store, "m") == [
        (None, "queued"), ("queued", "sending"), ("sending", "sent"), ("sent", "delivered"),
    ]  # fmt: skip
    assert await moves(store, "m", "part 2") == [
        ("queued", "sending"), ("sending", "sent"), ("sent", "delivered"),
    ]  # fmt: skip


async def test_without_a_report_sent_is_final(store: Store) -> None:
    await bound(store, new("m", want_report=False))
    (segment,) = await claim(store)
    await sent(store, segment, 1)
    assert (await seen(store, "m")).final
    assert await store.next_due(NOW) is None


async def test_an_intent_is_refused_when_the_segment_is_no_longer_the_lanes(store: Store) -> None:
    await bound(store, new("gone"), new("moved"), new("old", expires_at=after(5)), new("air"))
    gone, moved, old, air = await claim(store)
    await store.cancel(MessageId("gone"), None, "test")

    async def tried(segment: Claimed, lane: Lane = G1, at: float = 1) -> int | None:
        intent = Intent(
            segment_id=segment.segment_id, lane=lane, sim_id=SIM1, tpdu=b"x", begun_at=after(at)
        )
        return (await store.air(None, intent)).attempt_id

    assert await tried(gone) is None
    assert await tried(moved, lane=G2) is None
    assert await tried(old, at=5) is None
    assert await tried(air) is not None
    assert await tried(air) is None
    assert await tried(replace(air, segment_id=999)) is None


async def test_a_settlement_that_comes_twice_changes_nothing(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    attempt = await sent(store, segment, 7)
    before = await seen(store, "m")
    for event in (E.TAKEN, E.TRANSIENT, E.PERMANENT, E.UNKNOWN, E.LATE):
        await end(store, segment, attempt, event, mr=9, at=after(5))
    assert (await end(store, segment, 999, mr=9)).state is None
    assert await seen(store, "m") == before


async def test_a_permanent_failure_cancels_the_rest(store: Store) -> None:
    await bound(store, new("m", 3))
    one, two, _ = await claim(store)
    await sent(store, one, 1)
    attempt = await begin(store, two)
    done = await end(store, two, attempt, E.PERMANENT)
    found = await seen(store, "m")
    assert done.state is S.FAILED
    assert [p.state for p in found.parts] == [S.SENT, S.FAILED, S.CANCELLED]
    assert (found.state, found.reason, found.final) == (M.FAILED, "barred", True)
    assert found.parts[1].outcome == BARRED
    assert await claim(store) == []


async def test_what_can_never_be_sent_is_refused_before_the_air(store: Store) -> None:
    await bound(store, new("m", 2))
    one, _ = await claim(store)
    await store.refuse(one.segment_id, BARRED, NOW)
    await store.refuse(one.segment_id, BARRED, NOW)
    found = await seen(store, "m")
    assert [p.state for p in found.parts] == [S.FAILED, S.CANCELLED]
    assert (found.state, found.parts[0].attempts) == (M.FAILED, 0)


async def test_a_transient_failure_is_tried_again(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    attempt = await begin(store, segment)
    done = await end(store, segment, attempt, E.TRANSIENT, retry_at=after(5))
    assert done.state is S.QUEUED
    (again,) = await claim(store, after(5))
    assert (again.attempts, again.resends) == (1, 0)
    await sent(store, again, 3, after(6))
    found = await seen(store, "m")
    assert (found.state, found.parts[0].attempts, found.possible_duplicates) == (M.SENT, 2, 0)


async def test_a_late_answer_settles_what_was_unknown(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    attempt = await lost(store, segment)
    done = await end(store, segment, attempt, E.LATE, mr=5, at=after(20))
    found = await seen(store, "m")
    assert done.state is S.SENT
    assert (found.state, found.parts[0].reference, found.reason) == (M.SENT, 5, None)
    assert (await store.sweep(after(61))).resent == 0
    assert (await store.record_report(report(5))).message_id == "m"


async def test_a_late_answer_stops_a_resend_that_has_not_begun(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    attempt = await lost(store, segment)
    await store.sweep(after(60))
    await end(store, segment, attempt, E.LATE, mr=5, at=after(61))
    assert await claim(store, after(62)) == []
    assert (await seen(store, "m")).state is M.SENT


async def test_a_late_answer_is_kept_in_mind_while_the_resend_is_on_the_air(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    first = await lost(store, segment)
    await store.sweep(after(60))
    (again,) = await claim(store, after(60))
    second = await begin(store, again, after(61))
    await end(store, segment, first, E.LATE, mr=5, at=after(62))
    assert (await seen(store, "m")).state is M.SENDING
    done = await end(store, again, second, E.TRANSIENT, at=after(63), retry_at=after(64))
    assert done.state is S.SENT  # the first went out: no third
    assert await claim(store, after(99)) == []
    assert (await store.record_report(report(5, received_at=after(70)))).state is S.DELIVERED


async def test_a_late_refusal_says_that_it_did_not_go_out(store: Store) -> None:
    await bound(store, new("barred"), new("busy"))
    barred, busy = await claim(store)
    one, other = await lost(store, barred), await lost(store, busy)
    done = await end(store, barred, one, E.LATE_PERMANENT, at=after(20))
    found = await seen(store, "barred")
    assert done.state is S.FAILED
    assert (found.state, found.reason, found.final) == (M.FAILED, "barred", True)
    assert found.parts[0].outcome == BARRED
    done = await end(store, busy, other, E.LATE_TRANSIENT, at=after(20), retry_at=after(30))
    assert done.state is S.QUEUED
    assert (await store.sweep(after(61))).resent == 0
    (again,) = await claim(store, after(62))
    assert (again.segment_id, again.attempts, again.resends) == (busy.segment_id, 1, 0)
    await sent(store, again, 3, after(63))
    found = await seen(store, "busy")
    assert (found.state, found.possible_duplicates) == (M.SENT, 0)


async def test_a_late_refusal_of_what_a_report_has_told_of_is_not_believed(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    attempt = await lost(store, segment)
    assert (await store.record_report(report(5, received_at=after(10)))).state is S.DELIVERED
    await end(store, segment, attempt, E.LATE_PERMANENT, at=after(20))
    found = await seen(store, "m")
    assert (found.state, found.reason) == (M.DELIVERED, None)
    assert not any("refused" in each.reason for each in await store.message_events(found.id))


async def test_a_late_refusal_decides_nothing_once_it_goes_out_again(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    first = await lost(store, segment)
    await store.sweep(after(60))
    done = await end(store, segment, first, E.LATE_PERMANENT, at=after(61))
    assert done.state is S.QUEUED
    (again,) = await claim(store, after(62))
    await sent(store, again, 4, after(63))
    assert (await seen(store, "m")).state is M.SENT


async def test_a_late_refusal_of_one_of_two_attempts_leaves_the_other_in_doubt(
    store: Store,
) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    first = await lost(store, segment)
    await store.sweep(after(60))
    (again,) = await claim(store, after(60))
    second = await lost(store, again, after(61))
    done = await end(store, segment, second, E.LATE_PERMANENT, at=after(70))
    assert done.state is S.UNCERTAIN
    history = (await store.message_events(MessageId("m")))[-1]
    assert history.reason == "an attempt has been refused, as is known now: barred"
    done = await end(store, segment, first, E.LATE_PERMANENT, at=after(71))
    assert done.state is S.FAILED  # neither has gone out


async def test_a_late_refusal_of_an_earlier_beginning_leaves_the_newer_alone(store: Store) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    first = await lost(store, one)
    await store.sweep(after(60))
    intent = Intent(segment_id=two.segment_id, lane=G1, sim_id=SIM2, tpdu=b"2", begun_at=after(61))
    assert (await store.air(None, intent)).attempt_id is None
    assert len(await claim(store, after(61))) == 2
    await end(store, one, first, E.LATE_PERMANENT, at=after(70))
    assert (await seen(store, "m")).state is M.QUEUED


async def test_another_sim_in_the_lane_begins_the_message_again(store: Store) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    await sent(store, one, 1)
    intent = Intent(segment_id=two.segment_id, lane=G1, sim_id=SIM2, tpdu=b"2", begun_at=NOW)
    assert (await store.air(None, intent)).attempt_id is None
    again = await claim(store)
    assert [c.seq for c in again] == [1, 2]
    assert (await seen(store, "m")).possible_duplicates == 1


async def test_another_sim_takes_over_what_has_not_gone_out(store: Store) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    await end(store, one, await begin(store, one), E.TRANSIENT, retry_at=after(5))
    assert await begin(store, two, sim=SIM2)
    assert (await seen(store, "m")).possible_duplicates == 0


async def test_a_part_in_doubt_is_not_joined_with_those_of_another_sim(store: Store) -> None:
    """Its late answer would make a whole message of parts that come from two numbers."""
    await bound(store, new("m", 2))
    one, two = await claim(store)
    first = await lost(store, one)
    await store.sweep(after(60))
    assert (await seen(store, "m")).possible_duplicates == 1
    intent = Intent(segment_id=two.segment_id, lane=G1, sim_id=SIM2, tpdu=b"2", begun_at=after(61))
    assert (await store.air(None, intent)).attempt_id is None
    again = await claim(store, after(61))
    assert [c.seq for c in again] == [1, 2]
    assert {c.segment_id for c in again}.isdisjoint({one.segment_id, two.segment_id})
    assert (await seen(store, "m")).possible_duplicates == 1
    for at, segment in enumerate(again, 1):
        await end(store, segment, await begin(store, segment, after(62), sim=SIM2), mr=at)
    await end(store, one, first, E.LATE, mr=5, at=after(70))
    message = await seen(store, "m")
    assert message.state is M.SENT
    assert [part.reference for part in message.parts] == [1, 2]


async def test_another_sim_waits_for_what_is_on_the_air(store: Store) -> None:
    await bound(store, new("m", 3))
    one, two, three = await claim(store)
    await sent(store, one, 1)
    attempt = await begin(store, two)
    intent = Intent(segment_id=three.segment_id, lane=G1, sim_id=SIM2, tpdu=b"3", begun_at=NOW)
    assert (await store.air(None, intent)).attempt_id is None
    assert (await seen(store, "m")).possible_duplicates == 0
    assert (await end(store, two, attempt, mr=2)).state is S.SENT
    assert (await store.air(None, intent)).attempt_id is None
    assert (await seen(store, "m")).possible_duplicates == 1

"""What people decide about messages that wait or are in doubt."""

from __future__ import annotations

import pytest

from airpost.clock import Instant
from airpost.model import Lane, MessageClass, MessageId, OnUncertain
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store import decisions
from airpost.store.api import MessageFilter, Store, Verdict
from tests.store.values import (
    DAY,
    G1,
    G2,
    MINUTE,
    NOW,
    SIM1,
    FakeClock,
    after,
    begin,
    bound,
    claim,
    end,
    lost,
    new,
    report,
    seen,
    sent,
)

M, S, E = MessageState, SegmentState, SegmentEvent
PERSON = "key admin"


async def offered(store: Store, *lanes: Lane, at: Instant = NOW) -> set[str]:
    return {each.id for each in await store.backlog(at, 99, lanes, ["default"])}


# -- moving --------------------------------------------------------------------------------------
async def test_a_queue_moves_whole_but_for_what_has_begun(store: Store) -> None:
    await bound(store, new("out", 2, to="+491"), new("bound", to="+492"))
    (part, *_) = await claim(store)
    await sent(store, part, 1)
    await store.accept([
        new("asks", to="+493", lane=G1), new("later", to="+494", lane=G1, not_before=after(9)),
        new("other", to="+495", lane=G2), new("free", to="+496"),
    ])  # fmt: skip
    assert await store.decisions.move(G1, G2, PERSON) == 3
    assert await offered(store, G1, at=after(9)) == {"free"}
    assert await offered(store, G2, at=after(9)) == {"free", "bound", "asks", "later", "other"}
    assert (await seen(store, "out")).modem == G1
    history = await store.message_events(MessageId("bound"))
    assert history[-1].reason.endswith(f"moved from {G1} to {G2} by {PERSON}")


async def test_a_queue_moved_to_nowhere_goes_by_any_modem(store: Store) -> None:
    await store.accept([new("asks", lane=G1)])
    assert await offered(store, G2) == set()
    assert await store.decisions.move(G1, None, PERSON) == 1
    assert await offered(store, G2) == {"asks"}
    assert await store.decisions.move(G1, None, PERSON) == 0


async def test_a_long_queue_moves_in_stretches(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "ROWS", 2)
    await store.accept([new(f"m{n}", to=f"+49{n}", lane=G1) for n in range(7)])
    assert await store.decisions.move(G1, G2, PERSON) == 7
    assert len(await offered(store, G2)) == 7


# -- doubt ---------------------------------------------------------------------------------------
async def doubtful(store: Store, **changes: object) -> None:
    await bound(store, new("m", on_uncertain=OnUncertain.HOLD, **changes))
    (segment,) = await claim(store)
    await lost(store, segment)
    assert (await seen(store, "m")).state is M.UNCERTAIN


@pytest.mark.parametrize(
    ("verdict", "state", "duplicates"),
    [(Verdict.RESEND, M.QUEUED, 1), (Verdict.SENT, M.SENT, 0), (Verdict.CANCELLED, M.CANCELLED, 0)],
)
async def test_a_person_settles_what_is_in_doubt(
    store: Store, verdict: Verdict, state: MessageState, duplicates: int
) -> None:
    await doubtful(store)
    assert await store.decisions.settle(MessageId("m"), None, verdict, PERSON)
    found = await seen(store, "m")
    assert (found.state, found.possible_duplicates) == (state, duplicates)
    assert not await store.decisions.settle(MessageId("m"), None, verdict, PERSON)
    history = await store.message_events(MessageId("m"))
    assert history[-1].actor == PERSON


async def test_nobody_settles_what_is_anothers(store: Store) -> None:
    await doubtful(store)
    with pytest.raises(KeyError):
        await store.decisions.settle(MessageId("m"), "somebody", Verdict.SENT, PERSON)


async def test_what_is_sent_again_after_its_time_gets_time_anew(
    store: Store, clock: FakeClock
) -> None:
    await doubtful(store)
    now = clock.to(3 * DAY)
    await store.sweep(now)  # its time is over for good
    assert (await seen(store, "m")).final
    assert await store.decisions.settle(MessageId("m"), None, Verdict.RESEND, PERSON)
    found = await seen(store, "m")
    assert (found.state, found.final, found.expires_at) == (M.QUEUED, False, after(4 * DAY))
    await store.sweep(after(60, now))
    assert len(await claim(store, after(60, now))) == 1


@pytest.mark.parametrize(("waited_s", "parts"), [(MINUTE, [S.SENT, S.QUEUED]),
                                               (10 * MINUTE, [S.QUEUED, S.QUEUED])])  # fmt: skip
async def test_a_long_message_goes_on_where_it_failed_or_begins_again(
    store: Store, clock: FakeClock, waited_s: float, parts: list[SegmentState]
) -> None:
    await bound(store, new("m", 2, on_uncertain=OnUncertain.HOLD))
    one, two = await claim(store)
    await sent(store, one, 1)
    await lost(store, two)
    clock.to(waited_s)
    assert await store.decisions.settle(MessageId("m"), None, Verdict.RESEND, PERSON)
    found = await seen(store, "m")
    assert [part.state for part in found.parts] == parts
    assert found.possible_duplicates == 1


async def test_what_is_uncertain_or_may_be_out_twice_is_listed(store: Store) -> None:
    await store.accept([new("fine", to="+491")])
    await doubtful(store)
    where = MessageFilter(uncertain=True)
    assert [m.id for m in (await store.messages(where, 0, 9)).items] == ["m"]
    await store.decisions.settle(MessageId("m"), None, Verdict.RESEND, PERSON)
    (again,) = await claim(store)
    await sent(store, again, 2)
    assert [m.id for m in (await store.messages(where, 0, 9)).items] == ["m"]


# -- another SIM ---------------------------------------------------------------------------------
async def test_what_a_sim_was_refused_goes_by_another_at_once(store: Store) -> None:
    await bound(store, new("m", class_=MessageClass.ALARM))
    (segment,) = await claim(store)
    await end(store, segment, await begin(store, segment), E.TRANSIENT, retry_at=after(99))
    await store.decisions.elsewhere(segment.segment_id, SIM1)
    (found,) = await store.backlog(NOW, 9, [], ["default"])
    assert (found.id, found.avoid_sim) == ("m", SIM1)
    await store.decisions.elsewhere(999, SIM1)  # there is no such


@pytest.mark.parametrize("known", [True, False])
async def test_with_parts_out_it_begins_again_whole_elsewhere(store: Store, *, known: bool) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    if known:
        await sent(store, one, 1)
    else:
        await end(store, one, await begin(store, one), E.UNKNOWN)
    await end(store, two, await begin(store, two), E.TRANSIENT, retry_at=after(99))
    await store.decisions.elsewhere(two.segment_id, SIM1)
    (found,) = await store.backlog(NOW, 9, [], ["default"])
    message = await seen(store, "m")
    assert (found.avoid_sim, message.possible_duplicates) == (SIM1, 1)
    assert [part.state for part in message.parts] == [S.QUEUED, S.QUEUED]


async def test_a_part_in_doubt_that_is_held_keeps_the_others_with_its_sim(store: Store) -> None:
    await bound(store, new("m", 2, on_uncertain=OnUncertain.HOLD))
    one, two = await claim(store)
    await end(store, one, await begin(store, one), E.UNKNOWN)
    await end(store, two, await begin(store, two), E.TRANSIENT, retry_at=after(99))
    await store.decisions.elsewhere(two.segment_id, SIM1)
    message = await seen(store, "m")
    assert [part.state for part in message.parts] == [S.UNCERTAIN, S.QUEUED]
    assert message.possible_duplicates == 0


@pytest.mark.parametrize("first", [True, False])
async def test_what_a_person_has_cancelled_stays_so_though_a_part_of_it_arrived(
    store: Store, *, first: bool
) -> None:
    """Its report comes before that decision, or after it."""
    await bound(store, new("m", 2))
    one, two = await claim(store)
    await sent(store, one, 1)
    await lost(store, two)
    if first:
        await store.record_report(report(1))
    assert await store.decisions.settle(MessageId("m"), None, Verdict.CANCELLED, PERSON)
    if not first:
        await store.record_report(report(1))
    found = await seen(store, "m")
    assert [part.state for part in found.parts] == [S.DELIVERED, S.CANCELLED]
    assert (found.state, found.final) == (M.CANCELLED, True)
    assert (await store.keeping.check()).faults == ()

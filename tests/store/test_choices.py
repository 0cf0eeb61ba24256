"""Why a message goes where it goes, and another group where no report came in time."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from airpost.model import Lane, MessageId, SimId, Waiting
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.states import MessageState, SegmentEvent
from airpost.store.api import Binding
from airpost.store.sqlite import SqliteStore
from tests.store.values import (
    BUSY,
    DAY,
    G1,
    G2,
    HOUR,
    NOW,
    NUMBER,
    SIM1,
    SIM2,
    TRYING,
    FakeClock,
    after,
    begin,
    claim,
    end,
    new,
    part,
    report,
    seen,
    sent,
)

STILL: Mapping[str, Any] = {"status": 48, "delivered": None, "outcome": TRYING}
OTHERS: Mapping[Lane, str] = {G2: "no network", Lane("g3"): "no network", Lane("g4"): "is late"}


async def bind(
    store: SqliteStore, seq: int, lane: Lane = G1, sim: SimId = SIM1, **more: object
) -> None:
    given = Binding(message_seq=seq, lane=lane, sim_id=sim, reason="least expected wait")
    assert await store.bind([replace(given, **more)]) == 1  # type: ignore[arg-type]


async def accepted(store: SqliteStore, id_: str = "a", parts: int = 1, **changes: object) -> int:
    (done,) = await store.accept([new(id_, parts, **changes)])
    return done.seq


async def only(store: SqliteStore, sims: int = 1) -> Waiting:
    (found,) = await store.backlog(NOW, 10, [G1, G2], ["default"], sims=sims)
    return found


async def test_why_a_lane_and_not_the_others(store: SqliteStore, clock: FakeClock) -> None:
    await bind(store, await accepted(store, route="alarms", carrier="Vodafone"), others=OTHERS)
    found = await store.choices.routed(MessageId("a"))
    assert found is not None
    assert (found.route, found.carrier) == ("alarms", "Vodafone")
    assert (found.lane, found.sim_id, found.bound_at) == (G1, SIM1, NOW)
    assert (found.reason, found.others) == ("least expected wait", OTHERS)
    assert (found.group, found.groups_failed) == (0, 0)
    # The newest binding counts, also after it was taken back.
    await store.release(G1, clock.to(10), 0)
    await bind(store, 1, G2, SIM2, others={G1: "has failed"})
    await store.release(G2, clock.to(20), 0)
    found = await store.choices.routed(MessageId("a"))
    assert found is not None
    assert (found.lane, found.others, found.bound_at) == (None, {G1: "has failed"}, after(10))
    assert await store.choices.routed(MessageId("none")) is None


async def test_nothing_is_told_of_what_was_never_bound(store: SqliteStore) -> None:
    await accepted(store)
    found = await store.choices.routed(MessageId("a"))
    assert found is not None
    assert (found.lane, found.reason, found.others, found.bound_at) == (None, None, {}, None)


async def test_the_same_reasons_are_kept_once_a_day_and_go_with_the_messages(
    store: SqliteStore, clock: FakeClock, place: Path
) -> None:
    def rows(query: str) -> list[tuple[object, ...]]:
        with sqlite3.connect(place / "airpost.db") as db:
            found = db.execute(query).fetchall()
        db.close()
        return found

    for n in range(3):
        await bind(store, await accepted(store, f"a{n}"), others=OTHERS)
    assert rows("SELECT count(*) FROM choice") == [(1,)]
    clock.to(3 * DAY)
    await bind(store, await accepted(store, "later", at=clock.now()), others=OTHERS)
    assert rows("SELECT count(*) FROM choice") == [(2,)]
    await store.sweep(clock.now())
    assert rows("SELECT count(*) FROM choice") == [(2,)]
    with sqlite3.connect(place / "airpost.db") as db:
        db.execute("UPDATE message SET created_at = ?", (clock.now(),))
    db.close()
    await store.sweep(clock.now())
    assert rows("SELECT count(*) FROM choice") == [(1,)]


async def test_the_sim_that_last_exchanged_messages(store: SqliteStore, clock: FakeClock) -> None:
    await bind(store, await accepted(store, "first"))
    await sent(store, (await claim(store))[0], 1)
    await accepted(store, "next")
    assert (await only(store)).last_sim == SIM1
    assert (await only(store, sims=0)).last_sim is None
    await store.record_part(part(sim_id=SIM2, lane=G2, received_at=after(60)))
    assert (await only(store)).last_sim == SIM2
    await bind(store, 2)
    await sent(store, (await claim(store, after(90)))[0], 2, after(90))
    await accepted(store, "third")
    assert (await only(store)).last_sim == SIM1
    unbound = await store.choices.unbound(MessageId("third"))
    assert unbound is not None
    assert (unbound.to, unbound.last_sim) == (NUMBER, SIM1)
    assert await store.choices.unbound(MessageId("next")) is None


async def test_whoever_failed_with_a_message_is_told(store: SqliteStore) -> None:
    barred = Outcome(cls=OutcomeClass.TRANSIENT, scope=Scope.DESTINATION, code="x", text="x")
    await accepted(store, carrier="Vodafone")
    for lane, sim, outcome in ((G1, SIM1, BUSY), (G2, SIM2, barred)):
        await bind(store, 1, lane, sim)
        (segment,) = await claim(store, lane=lane)
        attempt = await begin(store, segment, lane=lane, sim=sim)
        await end(store, segment, attempt, SegmentEvent.TRANSIENT, retry_at=NOW, outcome=outcome)
        await store.release(lane, NOW, 0)
    found = await only(store)
    assert found.failed_on == {SIM1}
    assert found.carrier == "Vodafone"


async def overdue(store: SqliteStore, parts: int = 1) -> None:
    await bind(store, await accepted(store, parts=parts), group=0, failover_s=120.0)
    for n in range(parts):
        await sent(store, (await claim(store))[0], n + 1)


async def test_without_a_report_in_time_it_begins_again(
    store: SqliteStore, clock: FakeClock
) -> None:
    await overdue(store)
    assert await store.next_due(NOW) == after(120)
    await store.sweep(clock.to(119))
    assert (await seen(store, "a")).state is MessageState.SENT
    await store.sweep(clock.to(120))
    found = await seen(store, "a")
    assert (found.state, found.possible_duplicates, found.modem) == (MessageState.QUEUED, 1, None)
    assert (await only(store)).groups_failed == 1
    history = [each.reason for each in await store.message_events(MessageId("a"))]
    assert "begins again whole: no delivery report came in 120 s" in history
    # The last group has none behind it.
    await bind(store, 1, G2, SIM2, group=1)
    (segment,) = await claim(store, after(120), G2)
    attempt = await begin(store, segment, after(121), G2, SIM2)
    await end(store, segment, attempt, mr=9, at=after(122))
    await store.sweep(clock.to(HOUR))
    assert (await seen(store, "a")).possible_duplicates == 1


async def test_while_no_later_group_can_be_reached_it_stays(
    store: SqliteStore, clock: FakeClock
) -> None:
    await overdue(store)
    for reach in ({}, {"other": 1}, {"default": 0}, {"default": -1}):
        await store.sweep(clock.to(120), reach)
        assert (await seen(store, "a")).state is MessageState.SENT
    await store.sweep(clock.to(120), {"default": 1})
    assert (await seen(store, "a")).state is MessageState.QUEUED


async def test_a_report_in_time_ends_it(store: SqliteStore, clock: FakeClock) -> None:
    await overdue(store)
    await store.record_report(report(1))
    await store.sweep(clock.to(HOUR))
    assert (await seen(store, "a")).state is MessageState.DELIVERED


async def test_all_parts_go_again_where_one_has_no_report(
    store: SqliteStore, clock: FakeClock
) -> None:
    await overdue(store, parts=2)
    await store.record_report(report(1))
    await store.sweep(clock.to(120))
    found = await seen(store, "a")
    assert [each.state.value for each in found.parts] == ["queued", "queued"]
    assert found.possible_duplicates == 1


async def test_a_report_that_comes_late_stops_what_has_not_begun(
    store: SqliteStore, clock: FakeClock
) -> None:
    await overdue(store, parts=2)
    await store.sweep(clock.to(120))
    for mr in (1, 2):
        assert (await seen(store, "a")).state is MessageState.QUEUED
        await store.record_report(report(mr, received_at=after(125)))
    found = await seen(store, "a")
    assert (found.state, found.final) == (MessageState.DELIVERED, True)
    assert [each.state.value for each in found.parts] == ["delivered", "delivered"]
    assert await store.backlog(after(130), 10, [G1, G2], ["default"]) == []


async def test_a_report_that_comes_after_it_has_begun_leaves_it(
    store: SqliteStore, clock: FakeClock
) -> None:
    await overdue(store)
    await store.sweep(clock.to(120))
    await bind(store, 1, G2, SIM2, group=1)
    (segment,) = await claim(store, after(120), G2)
    await begin(store, segment, after(121), G2, SIM2)
    await store.record_report(report(1, received_at=after(125)))
    assert (await seen(store, "a")).state is MessageState.SENDING


async def test_a_network_that_still_tries_is_given_longer_once(
    store: SqliteStore, clock: FakeClock
) -> None:
    """Another SIM would reach a handset that is off no sooner, and then there are two copies."""
    await bind(store, await accepted(store, parts=2), failover_s=120.0, trying_s=240.0)
    for n in range(2):
        await sent(store, (await claim(store))[0], n + 1)
    for mr, done_at in ((1, None), (2, None), (2, after(55))):  # longer once, not for each of them
        await store.record_report(report(mr, done_at=done_at, **STILL))
    history = [each.reason for each in await store.message_events(MessageId("a"))]
    assert history.count("busy; another group of modems is tried after 360 s") == 1
    assert await store.next_due(clock.now()) == after(360)
    await store.sweep(clock.to(359))
    assert (await seen(store, "a")).state is MessageState.SENT
    await store.sweep(clock.to(360))
    assert (await seen(store, "a")).state is MessageState.QUEUED
    assert (await only(store)).groups_failed == 1


async def test_where_nothing_longer_is_given_a_temporary_report_is_none(
    store: SqliteStore, clock: FakeClock
) -> None:
    await overdue(store)
    await store.record_report(report(1, **STILL))
    await store.sweep(clock.to(120))
    assert (await seen(store, "a")).state is MessageState.QUEUED


async def test_what_is_over_does_not_begin_again(store: SqliteStore, clock: FakeClock) -> None:
    await bind(store, await accepted(store, expires_at=after(100)), failover_s=120.0)
    await sent(store, (await claim(store))[0], 1)
    await store.sweep(clock.to(200))
    assert (await seen(store, "a")).state is MessageState.SENT
    due = await store.next_due(clock.now())
    assert due is not None
    assert due > clock.now()

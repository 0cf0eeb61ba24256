"""The backlog, binding, claims and release: for every store."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airpost.model import (
    Lane,
    MessageClass,
    MessageId,
    OnUncertain,
)
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import Binding, MessageFilter, Store, Verdict
from airpost.store.migrations import connect, migrate
from airpost.store.statements import load
from tests.store.values import (
    DAY,
    G1,
    G2,
    NOW,
    NUMBER,
    SIM1,
    after,
    begin,
    bound,
    claim,
    end,
    lost,
    moves,
    new,
    seen,
    sent,
)

M, S, E = MessageState, SegmentState, SegmentEvent
OTHER = "+4915199999999"
Make = Callable[[], Store]


async def waiting(
    store: Store, at: float = 0, lanes: tuple[Lane, ...] = (G1,), route: str = "default"
) -> list[str]:
    return [w.id for w in await store.backlog(after(at), 10, lanes, [route])]


async def test_the_backlog_goes_by_class_then_by_commit(store: Store) -> None:
    classes = [MessageClass.BULK, MessageClass.NORMAL, MessageClass.ALARM, MessageClass.OTP]
    await store.accept(
        [new(f"{c.value}-{n}", class_=c, to=f"{NUMBER}{n}") for n in (1, 2) for c in classes]
    )
    assert await waiting(store) == [
        "otp-1", "otp-2", "alarm-1", "alarm-2", "normal-1", "normal-2", "bulk-1", "bulk-2",
    ]  # fmt: skip
    assert [w.id for w in await store.backlog(NOW, 3, [G1], ["default"])] == [
        "otp-1", "otp-2", "alarm-1",
    ]  # fmt: skip


async def test_what_asks_for_an_absent_lane_or_route_blocks_nobody(store: Store) -> None:
    await store.accept(
        [
            new("on-2", lane=G2),
            new("vip", route="vip"),
            new("on-1", lane=G1),
            new("any"),
        ]
    )
    assert await waiting(store) == ["on-1", "any"]
    assert await waiting(store, lanes=(G2,), route="vip") == ["on-2", "vip"]
    assert await waiting(store, lanes=(), route="none") == []


async def test_what_the_backlog_tells_of_a_message(store: Store) -> None:
    await store.accept([new("m1", 3, lane=G1, class_=MessageClass.OTP)])
    (found,) = await store.backlog(NOW, 1, [G1], [])
    assert (found.to, found.parts, found.lane, found.route) == (NUMBER, 3, G1, None)
    assert found.class_ is MessageClass.OTP


async def test_a_message_waits_for_its_time(store: Store) -> None:
    await store.accept([new("later", not_before=after(60)), new("now", to=OTHER)])
    assert (await seen(store, "later")).state is M.ACCEPTED
    assert await waiting(store) == ["now"]
    assert await waiting(store, 60) == ["later", "now"]  # also before the sweep
    assert await store.next_due(NOW) == after(60)
    await store.sweep(after(60))
    assert (await seen(store, "later")).state is M.QUEUED
    assert await waiting(store, 60) == ["later", "now"]
    assert await moves(store, "later") == [(None, "accepted"), ("accepted", "queued")]
    await bound(store)
    assert await store.next_due(after(60)) == after(DAY)


async def test_only_one_lane_gets_a_message(store: Store) -> None:
    (receipt,) = await store.accept([new("m1")])
    one = Binding(message_seq=receipt.seq, lane=G1, sim_id=SIM1, reason="first")
    assert await store.bind([one]) == 1
    assert await store.bind([replace(one, lane=G2), replace(one, message_seq=99)]) == 0
    assert await waiting(store) == []
    assert (await seen(store, "m1")).modem == G1
    assert "first" in (await store.message_events(MessageId("m1")))[-1].reason


async def test_a_queue_shows_what_is_bound_then_what_could_come(store: Store) -> None:
    await bound(store, new("bound"))
    await store.accept([new("free-1"), new("other", lane=G2), new("free-2"), new("mine", lane=G1)])
    view = await store.queue(G1, 2)
    assert [m.id for m in view.bound] == ["bound"]
    assert [m.id for m in view.backlog] == ["free-1", "free-2"]
    assert view.backlog_total == 3


async def test_a_queue_shows_nothing_of_routes_the_modem_does_not_serve(store: Store) -> None:
    await store.accept([new("free"), new("vip", route="vip"), new("mine", lane=G1, route="vip")])
    view = await store.queue(G1, 9, {"default", "spare"})
    assert [m.id for m in view.backlog] == ["free", "mine"]
    assert view.backlog_total == 2
    assert [m.id for m in (await store.queue(None, 9)).backlog] == ["free", "vip", "mine"]


async def test_a_claim_goes_by_class_commit_and_part_and_leaves_all_queued(store: Store) -> None:
    await bound(
        store, new("n", 2), new("b", class_=MessageClass.BULK), new("o", class_=MessageClass.OTP)
    )
    for _ in range(2):
        found = await claim(store)
        assert [(c.message_id, c.seq, c.of) for c in found] == [
            ("o", 1, 1), ("n", 1, 2), ("n", 2, 2), ("b", 1, 1),
        ]  # fmt: skip
    assert [c.message_id for c in await claim(store, n=1)] == ["o"]
    assert await claim(store, lane=G2) == []
    first = found[1]
    assert (first.to, first.attempts, first.resends, first.want_report) == (NUMBER, 0, 0, True)
    assert first.body == new("n", 2).segments[0]
    assert (first.waiting_since, first.expires_at) == (NOW, after(DAY))


async def test_waiting_counts_from_when_a_message_may_go(store: Store) -> None:
    await bound(store, new("m", not_before=after(60)))
    assert await claim(store) == []
    (found,) = await claim(store, after(60))
    assert found.waiting_since == after(60)


async def test_a_part_that_waits_for_its_retry_does_not_hold_up_the_others(store: Store) -> None:
    await bound(store, new("a", 2), new("b"))
    first, *_ = await claim(store)
    attempt = await begin(store, first)
    await end(store, first, attempt, E.TRANSIENT, retry_at=after(30))
    assert [(c.message_id, c.seq) for c in await claim(store)] == [("a", 2), ("b", 1)]
    assert [(c.message_id, c.seq) for c in await claim(store, after(30))] == [
        ("a", 1), ("a", 2), ("b", 1),
    ]  # fmt: skip
    assert await store.next_due(NOW) == after(30)
    await store.sweep(after(30))
    assert await store.next_due(after(30)) == after(DAY)


async def test_nothing_expired_is_claimed(store: Store) -> None:
    await bound(store, new("m", expires_at=after(10)))
    assert await claim(store, after(10)) == []


async def test_release_gives_back_what_has_not_begun(store: Store) -> None:
    await bound(store, new("fresh", 2), new("tried"), new("out"))
    *_, tried, out = await claim(store)
    attempt = await begin(store, tried)
    await end(store, tried, attempt, E.TRANSIENT, retry_at=after(9))
    await sent(store, out, 1)
    assert await store.release(G1, after(1), 300) == 2
    assert (await seen(store, "fresh")).modem is None
    assert (await seen(store, "out")).modem == G1
    assert await waiting(store, 9) == ["fresh", "tried"]
    assert await store.release(G1, after(1), 300) == 0


async def test_a_part_in_doubt_keeps_its_message_from_beginning_again(store: Store) -> None:
    """Until its grace is over; what is held is a person's to decide, and is listed for it."""
    await bound(store, new("m", 2), new("held", 2, on_uncertain=OnUncertain.HOLD))
    first, _, held, _ = await claim(store)
    await lost(store, first, grace_s=600)
    await lost(store, held, grace_s=1)
    await store.sweep(after(500))
    assert await store.release(G1, after(500), 300) == 0
    assert (await seen(store, "m")).possible_duplicates == 0
    assert await store.release(G1, after(601), 300) == 1
    assert (await seen(store, "m")).possible_duplicates == 1
    assert (await seen(store, "held")).modem == G1
    listed = await store.messages(MessageFilter(uncertain=True), 0, 9)
    assert [each.id for each in listed.items] == ["m", "held"]
    settle = store.decisions.settle
    assert await settle(MessageId("held"), None, Verdict.RESEND, "anna")
    assert await store.release(G1, after(602), 300) == 1  # what is in doubt no more goes elsewhere
    assert (await seen(store, "held")).modem is None


async def test_release_of_what_has_begun_only_leaves_the_rest_bound(store: Store) -> None:
    await bound(store, new("half", 2), new("fresh", 2))
    one, *_ = await claim(store)
    await sent(store, one, 1)
    assert await store.release(G1, after(300), 300, "rests", begun_only=True) == 0
    assert await store.release(G1, after(301), 300, "rests", begun_only=True) == 1
    assert (await seen(store, "half")).modem is None
    assert (await seen(store, "fresh")).modem == G1


async def test_release_leaves_what_is_on_the_air(store: Store) -> None:
    await bound(store, new("m", 2), new("single"))
    one, _, single = await claim(store)
    await begin(store, one)
    await begin(store, single)
    assert await store.release(G1, after(999), 300) == 0


async def test_release_leaves_a_message_with_a_part_on_the_air_however_long(store: Store) -> None:
    await bound(store, new("m", 3))
    one, two, _ = await claim(store)
    await sent(store, one, 1)
    await begin(store, two)
    assert await store.release(G1, after(999), 300) == 0


async def test_what_waits_for_a_lane_that_is_no_more_is_given_back(store: Store) -> None:
    await bound(store, new("doubt"), new("long", 2))
    doubt, one, _ = await claim(store)
    await lost(store, doubt, grace_s=1)
    await sent(store, one, 1)
    await store.sweep(after(2))
    assert await store.release_strays({G1}, after(999), 300) == 0
    assert await store.release_strays({G2}, after(3), 300) == 1  # the rest may still go by its SIM
    assert await waiting(store, 9) == ["doubt"]
    assert await store.release_strays((), after(999), 300) == 1
    assert (await seen(store, "long")).possible_duplicates == 1
    assert await store.release_strays((), after(999), 300) == 0


# -- order ---------------------------------------------------------------------------------------
async def turns(store: Store, at: float = 0) -> list[tuple[str, Lane | None]]:
    """(id, the lane where alone it may go) of what the backlog offers."""
    return [(w.id, w.follows) for w in await store.backlog(after(at), 10, [G1], ["default"])]


async def bind_to(store: Store, id_: str, lane: Lane = G1) -> None:
    seq = (await seen(store, id_)).seq
    await store.bind([Binding(message_seq=seq, lane=lane, sim_id=SIM1, reason="test")])


async def test_of_one_number_only_the_first_comes_and_the_next_follows_it(store: Store) -> None:
    await store.accept([new("a"), new("b"), new("c"), new("other", to=OTHER)])
    assert await turns(store) == [("a", None), ("other", None)]
    await bind_to(store, "a")
    assert await turns(store) == [("b", G1), ("other", None)]
    await bind_to(store, "b")
    assert await turns(store) == [("c", G1), ("other", None)]
    a, b = await claim(store)
    attempt = await begin(store, a)
    assert (await turns(store))[0] == ("c", G1)  # what is on the air is not over
    await end(store, a, attempt, mr=1)
    await sent(store, b, 2)
    assert (await turns(store))[0] == ("c", None)


async def test_what_follows_is_not_bound_where_the_one_before_it_was_given_back(
    store: Store,
) -> None:
    await store.accept([new("a"), new("b")])
    await bind_to(store, "a")
    seq = (await seen(store, "b")).seq
    decided = Binding(message_seq=seq, lane=G1, sim_id=SIM1, reason="test", follows=True)
    await store.release(G1, NOW, 300)
    assert await store.bind([decided]) == 0
    await bind_to(store, "a", G2)
    assert await store.bind([decided]) == 0
    assert await store.bind([replace(decided, lane=G2)]) == 1


async def test_classes_and_outlets_do_not_wait_for_each_other(store: Store) -> None:
    await store.accept([new("n"), new("b", class_=MessageClass.BULK), new("g", lane=G1)])
    assert await turns(store) == [("n", None), ("g", None), ("b", None)]


@pytest.mark.parametrize("event", [E.TRANSIENT, E.UNKNOWN])
@pytest.mark.parametrize("ordered", [False, True])
async def test_what_waits_for_a_retry_or_is_uncertain_holds_later_ones_only_if_ordered(
    store: Store, event: SegmentEvent, *, ordered: bool
) -> None:
    await bound(store, new("a", ordered=ordered))
    await store.accept([new("b")])
    assert await turns(store) == ([] if ordered else [("b", G1)])
    (a,) = await claim(store)
    attempt = await begin(store, a)
    await end(store, a, attempt, event, retry_at=after(9), grace_until=after(9))
    assert await turns(store) == ([] if ordered else [("b", None)])
    await store.sweep(after(9))
    (again,) = await claim(store, after(9))
    attempt = await begin(store, again, after(9))
    assert await turns(store, 9) == ([] if ordered else [("b", None)])
    await end(store, again, attempt, mr=1, at=after(9))
    assert await turns(store, 9) == [("b", None)]


async def test_an_ordered_message_that_ends_badly_lets_the_next_go(store: Store) -> None:
    await bound(store, new("a", ordered=True))
    await store.accept([new("b")])
    (a,) = await claim(store)
    await end(store, a, await begin(store, a), E.PERMANENT)
    assert await turns(store) == [("b", None)]


async def test_a_retry_that_was_given_back_holds_nobody(store: Store) -> None:
    await bound(store, new("a"))
    await store.accept([new("b")])
    (a,) = await claim(store)
    await end(store, a, await begin(store, a), E.TRANSIENT, retry_at=after(9))
    await store.release(G1, NOW, 300)
    assert await turns(store, 9) == [("a", None), ("b", None)]


async def test_a_message_of_several_parts_is_over_when_each_was_tried(store: Store) -> None:
    await bound(store, new("a", 2))
    await store.accept([new("b")])
    one, two = await claim(store)
    await sent(store, one, 1)
    assert await turns(store) == [("b", G1)]
    await sent(store, two, 2)
    assert await turns(store) == [("b", None)]


async def test_a_long_run_to_one_number_does_not_hide_the_others(store: Store) -> None:
    await store.accept([new(f"run-{n}") for n in range(500)] + [new("other", to=OTHER)])
    assert await turns(store) == [("run-0", None), ("other", None)]


async def test_only_the_classes_asked_for_are_looked_at(store: Store) -> None:
    await store.accept([new(c.value, class_=c) for c in MessageClass])
    found = await store.backlog(NOW, 9, [G1], ["default"], MessageClass.ALARM)
    assert [each.id for each in found] == ["otp", "alarm"]


# -- how SQLite finds them -----------------------------------------------------------------------
@pytest.mark.parametrize(
    ("file", "name", "index"),
    [
        ("queue", "occupied", "message_backlog"),
        ("queue", "scheduled", "message_scheduled"),
        ("queue", "backlog", "message_backlog"),
        ("queue", "backlog", "message_order"),
        ("queue", "backlog_scheduled", "message_scheduled"),
        ("turns", "before", "message_order"),
        ("queue", "backlog_seqs", "message_backlog"),
        ("decisions", "of_lane", "message_lane"),
        ("sweep", "age", "message_ageing"),
        ("sweep", "next_due", "message_ageing"),
        ("queue", "bound_seqs", "message_lane"),
        ("queue", "claim", "message_lane"),
        ("queue", "to_release", "message_lane"),
        ("queue", "bound_anywhere", "message_lane"),
        ("recovery", "on_air", "message_lane"),
        ("sweep", "scheduled", "message_scheduled"),
        ("sweep", "next_due", "segment_expiry"),
        ("sweep", "next_due", "segment_retry"),
        ("sweep", "next_due", "segment_grace"),
        ("sweep", "next_due", "segment_deadline"),
        ("sweep", "next_due", "part_due"),
        ("sweep", "next_due", "message_scheduled"),
        ("sweep", "next_due", "idempotency_due"),
        ("sweep", "expired", "segment_expiry"),
        ("sweep", "graces", "segment_grace"),
        ("sweep", "deadlines", "segment_deadline"),
        ("sweep", "retries", "segment_retry"),
        ("reports", "same", "report_same"),
        ("reports", "unmatched", "report_unmatched"),
        ("matching", "with_reference", "attempt_recipient"),
        ("matching", "without_reference", "attempt_recipient"),
        ("matching", "known_before", "attempt_sim"),
        ("matching", "told", "report_same"),
        ("matching", "sent_between", "attempt_sim"),
        ("inbound", "newest_sets", "part_key"),
        ("inbound", "reply_to", "attempt_recipient"),
        ("moves", "fold", "segment_message"),
        ("lists", "inbound_of", "inbound_owner"),
        ("choices", "last_sim", "message_reached"),
        ("choices", "last_sim", "inbound_sender"),
        ("choices", "failed_on", "segment_message"),
        ("choices", "overdue", "message_failover"),
        ("sweep", "next_due", "message_failover"),
        ("lists", "message_events", "event_message"),
    ],
)
def test_no_hot_statement_looks_at_every_row(place: Path, file: str, name: str, index: str) -> None:
    migrate(place / "a.db")
    db = connect(place / "a.db")
    sql = re.sub(r"\?\d*", "NULL", load(file)[name])
    plan = "\n".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}"))
    db.close()
    assert index in plan
    # A scan of a co-routine or of json_each is of what the statement itself made.
    assert re.findall(r"SCAN (?!found|\d|\(|CONSTANT|json_each)(?!.*USING).*", plan) == []
    if name in ("claim", "backlog", "before", "backlog_seqs", "bound_seqs"):
        assert "TEMP B-TREE" not in plan, plan

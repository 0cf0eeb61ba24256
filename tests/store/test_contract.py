"""What every store must do, written against the protocol alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from airpost.errors import ConfigError, DuplicateRequest, StoreUnavailable
from airpost.model import (
    Claimed,
    Encoding,
    Idempotency,
    Lane,
    MessageClass,
    MessageId,
    NewMessage,
    OnUncertain,
)
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import Binding, Intent, MessageFilter, Store, Wake
from airpost.tasks import spawn
from tests.store.values import (
    BARRED,
    DAY,
    G1,
    G2,
    NOW,
    NUMBER,
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
    part,
    report,
    seen,
    sent,
    settlement,
)

M, S, E = MessageState, SegmentState, SegmentEvent
Make = Callable[[], Store]


# -- accept --------------------------------------------------------------------------------------
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


# -- backlog and binding -------------------------------------------------------------------------
async def waiting(
    store: Store, at: float = 0, lanes: tuple[Lane, ...] = (G1,), route: str = "default"
) -> list[str]:
    return [w.id for w in await store.backlog(after(at), 10, lanes, [route])]


async def test_the_backlog_goes_by_class_then_by_commit(store: Store) -> None:
    classes = [MessageClass.BULK, MessageClass.NORMAL, MessageClass.ALARM, MessageClass.OTP]
    await store.accept([new(f"{c.value}-{n}", class_=c) for n in (1, 2) for c in classes])
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
    await store.accept([new("later", not_before=after(60)), new("now")])
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


# -- claim ---------------------------------------------------------------------------------------
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


# -- on the air ----------------------------------------------------------------------------------
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


# -- unknown -------------------------------------------------------------------------------------
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


# -- release -------------------------------------------------------------------------------------
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


async def test_release_begins_again_what_is_half_out_for_too_long(store: Store) -> None:
    await bound(store, new("m", 2))
    one, _ = await claim(store)
    await sent(store, one, 1)
    assert await store.release(G1, after(300), 300) == 0
    assert await store.release(G1, after(301), 300) == 1
    found = await seen(store, "m")
    assert (found.state, found.modem, found.possible_duplicates) == (M.QUEUED, None, 1)
    assert await waiting(store, 301) == ["m"]


async def test_release_leaves_what_is_on_the_air(store: Store) -> None:
    await bound(store, new("m", 2), new("single"))
    one, _, single = await claim(store)
    await begin(store, one)
    await begin(store, single)
    assert await store.release(G1, after(999), 300) == 0


async def test_another_sim_in_the_lane_begins_the_message_again(store: Store) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    await sent(store, one, 1)
    intent = Intent(segment_id=two.segment_id, lane=G1, sim_id=SIM2, tpdu=b"2", begun_at=NOW)
    assert (await store.air(None, intent)).attempt_id is None
    again = await claim(store)
    assert [c.seq for c in again] == [1, 2]
    assert (await seen(store, "m")).possible_duplicates == 1


# -- cancel --------------------------------------------------------------------------------------
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


# -- life ----------------------------------------------------------------------------------------
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


async def test_a_second_process_is_refused(store: Store, make: Make) -> None:
    with pytest.raises(ConfigError, match="in use"):
        await make().open(NOW)


async def test_a_closed_store_says_so(make: Make) -> None:
    store = make()
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.accept([new("m")])
    await store.open(NOW)
    await store.close()
    for asked in (store.accept([new("m")]), store.message(MessageId("m"), None)):
        with pytest.raises(StoreUnavailable, match="closed"):
            await asked
    await store.close()


async def test_close_finishes_what_was_taken(make: Make) -> None:
    store = make()
    await store.open(NOW)
    tasks = [spawn(store.accept([new(f"m{n}")]), name="accept") for n in range(50)]
    await asyncio.sleep(0)
    assert store.pending >= 1
    await store.close()
    await asyncio.gather(*tasks)
    assert store.pending == 0
    await store.open(NOW)
    assert (await store.counts())["queued"] == 50
    await store.close()


async def test_pending_counts_what_is_not_answered(store: Store) -> None:
    assert store.pending == 0
    tasks = [spawn(store.accept([new(f"m{n}")]), name="accept") for n in range(3)]
    tasks.append(spawn(store.message(MessageId("m1"), None), name="read"))
    for task in tasks:
        task.add_done_callback(lambda _: None)
    await asyncio.sleep(0)
    assert store.pending == 4
    await asyncio.gather(*tasks)
    assert store.pending == 0


async def test_wakes_come_on_the_loop_after_the_commit(store: Store) -> None:
    heard: list[Wake] = []
    loop = asyncio.get_running_loop()

    def hear(wake: Wake) -> None:
        assert asyncio.get_running_loop() is loop
        heard.append(wake)

    end_ = store.subscribe(hear)

    def news() -> set[Wake]:
        told = set(heard)
        heard.clear()
        return told

    await bound(store, new("m"), new("n"))
    assert news() == {Wake.QUEUE, Wake.EVENT}
    one, two = await claim(store)
    attempt = await begin(store, one)
    assert news() == {Wake.EVENT}
    await end(store, one, attempt)
    assert news() == {Wake.EVENT}
    await lost(store, two)
    assert news() == {Wake.QUEUE, Wake.EVENT}
    await store.record_part(part())
    assert news() == {Wake.INBOUND, Wake.EVENT}
    await store.record_part(part())
    with pytest.raises(KeyError):
        await store.cancel(MessageId("none"), None, "x")
    await store.lane_bindings()
    assert news() == set()
    end_()
    end_()
    await store.accept([new("o")])
    assert news() == set()


async def test_one_that_fails_takes_nobody_with_it(store: Store) -> None:
    asked = [store.accept([new("same")]) for _ in range(3)]
    asked.append(store.accept([new("other")]))
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(each, list) for each in done] == [True, False, False, True]
    assert (await store.counts())["queued"] == 2
    assert store.unavailable is None


async def test_what_is_on_the_air_goes_before_what_is_handed_in(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    order: list[str] = []

    async def told(name: str, work: Awaitable[object]) -> None:
        await work
        order.append(name)

    many = [new(f"n{n}") for n in range(2000)]
    async with asyncio.TaskGroup() as group:
        group.create_task(told("intake", store.accept(many)))
        await asyncio.sleep(0)
        group.create_task(told("air", begin(store, segment)))
    assert order == ["air", "intake"]

"""What a delivery report does to its segment: for every store."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airpost.model import MessageId
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store.api import Binding, Store
from tests.store.values import (
    ARRIVED,
    DAY,
    G1,
    G2,
    HOUR,
    LOST,
    SIM2,
    TRYING,
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
)

M, S, E = MessageState, SegmentState, SegmentEvent
OTHER = "+4930987654321"


async def unmatched(store: Store) -> int:
    return (await store.counts())["report.unmatched"]


async def test_a_report_that_overtakes_the_answer_waits_for_it(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    attempt = await begin(store, segment)
    assert (await store.record_report(report(7, received_at=after(1)))).message_id is None
    assert (await seen(store, "m")).state is M.SENDING
    done = await end(store, segment, attempt, mr=7, at=after(2))
    assert done.state is S.DELIVERED
    found = await seen(store, "m")
    assert (found.state, found.final, await unmatched(store)) == (M.DELIVERED, True, 0)
    assert await moves(store, "m", "part 1") == [
        ("queued", "sending"), ("sending", "sent"), ("sent", "delivered"),
    ]  # fmt: skip


async def test_a_report_before_the_attempt_is_of_another(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await store.record_report(report(7, received_at=after(-1)))
    await sent(store, segment, 7)
    assert (await seen(store, "m")).state is M.SENT


async def test_a_report_that_was_waiting_settles_silence_and_a_crash(
    store: Store, make: Callable[[], Store]
) -> None:
    await bound(store, new("known"), new("a"), new("b"))
    known, a, b = await claim(store)
    await sent(store, known, 1)
    attempt = await begin(store, a)
    await store.record_report(report(2, received_at=after(1)))
    done = await end(
        store, a, attempt, E.UNKNOWN, at=after(2), grace_until=after(62)
    )  # fmt: skip
    assert done.state is S.DELIVERED
    await begin(store, b, after(3))
    await store.record_report(report(3, received_at=after(4)))
    await store.close()
    again = make()
    assert (await again.open(after(9))).uncertain == 1
    assert (await seen(again, "b")).state is M.DELIVERED
    await again.close()


async def test_a_temporary_report_keeps_sent(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await sent(store, segment, 7)
    trying = report(7, status=32, delivered=None, outcome=TRYING)
    stored = await store.record_report(trying)
    assert (stored.message_id, stored.state) == ("m", S.SENT)
    assert not (await seen(store, "m")).final
    last = (await store.message_events(MessageId("m")))[-1]
    assert (last.from_, last.to, last.reason) == ("sent", "sent", "busy")
    assert (await store.record_report(report(7))).state is S.DELIVERED


async def test_a_temporary_report_lets_it_be_waited_for_that_long_again(store: Store) -> None:
    """The service centre tries for days: its last word still finds the message."""
    await bound(store, new("m"), new("n"))
    for mr, segment in enumerate(await claim(store), 7):
        await sent(store, segment, mr)
    still = {"status": 32, "delivered": None, "outcome": TRYING}
    await store.record_report(report(7, received_at=after(71 * HOUR), **still))
    assert (await store.sweep(after(73 * HOUR))).finalised == 1
    assert [(await seen(store, id_)).final for id_ in "mn"] == [False, True]
    await store.record_report(report(7, received_at=after(140 * HOUR), **still, done_at=after(0)))
    await store.sweep(after(144 * HOUR))
    assert not (await seen(store, "m")).final
    assert (await store.record_report(report(7, received_at=after(200 * HOUR)))).message_id == "m"
    assert (await seen(store, "m")).state is M.DELIVERED
    # What nobody waits for any more takes none.
    assert (await store.record_report(report(8, received_at=after(200 * HOUR)))).message_id is None


async def test_a_temporary_report_proves_that_the_network_has_it(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await lost(store, segment)
    await store.record_report(report(7, status=32, delivered=None, outcome=TRYING))
    assert (await seen(store, "m")).state is M.SENT
    assert (await store.sweep(after(61))).resent == 0


async def test_a_report_stops_a_resend_that_has_not_begun(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await lost(store, segment)
    await store.sweep(after(60))
    assert len(await claim(store, after(60))) == 1
    assert (await store.record_report(report(7))).state is S.DELIVERED
    assert await claim(store, after(60)) == []


async def test_the_same_report_twice_changes_nothing(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await sent(store, segment, 7)
    await store.record_report(report(7))
    before, history = await seen(store, "m"), await store.events(0, 100)
    again = await store.record_report(report(7, raw=b"other", received_at=after(99)))
    assert (again.message_id, again.state) == ("m", S.DELIVERED)
    assert await seen(store, "m") == before
    assert await store.events(0, 100) == history


async def test_a_report_after_the_end_still_corrects(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await sent(store, segment, 7)
    await store.record_report(report(7, status=65, delivered=False, outcome=LOST))
    found = await seen(store, "m")
    assert (found.state, found.reason, found.final) == (M.FAILED, "lost", True)
    await store.record_report(report(7))
    found = await seen(store, "m")
    assert (found.state, found.reason, found.parts[0].outcome) == (M.DELIVERED, None, ARRIVED)
    assert (await moves(store, "m"))[-1] == ("failed", "delivered")


async def test_expired_is_what_the_service_centre_says(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await sent(store, segment, 7)
    await store.record_report(report(7, status=70, delivered=False, expired=True, outcome=LOST))
    assert (await seen(store, "m")).state is M.EXPIRED


async def test_a_failed_part_ends_the_message(store: Store) -> None:
    await bound(store, new("m", 3))
    one, two, _ = await claim(store)
    await sent(store, one, 1)
    await sent(store, two, 2)
    await store.record_report(report(1, status=65, delivered=False, outcome=LOST))
    found = await seen(store, "m")
    assert [p.state for p in found.parts] == [S.FAILED, S.SENT, S.CANCELLED]
    assert (found.state, found.final) == (M.FAILED, True)
    assert await claim(store) == []


async def test_a_failure_that_is_taken_back_leaves_a_message_failed(store: Store) -> None:
    await bound(store, new("m", 3))
    one, two, _ = await claim(store)
    await sent(store, one, 1)
    await sent(store, two, 2)
    await store.record_report(report(1, status=65, delivered=False, outcome=LOST))
    await store.record_report(report(1))
    await store.record_report(report(2))
    found = await seen(store, "m")
    assert [p.state for p in found.parts] == [S.DELIVERED, S.DELIVERED, S.CANCELLED]
    words = "not sent, as another part was failed"  # nobody cancelled it, and it went out in part
    assert (found.state, found.reason, found.final) == (M.FAILED, words, True)


async def test_the_failure_of_one_copy_says_nothing_of_the_other(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    attempt = await lost(store, segment)
    await store.sweep(after(60))
    (again,) = await claim(store, after(60))
    await sent(store, again, 8, after(61))
    await end(store, segment, attempt, E.LATE, mr=7, at=after(62))
    failed = {"status": 65, "delivered": False, "outcome": LOST}
    stored = await store.record_report(report(7, **failed))
    assert (stored.message_id, stored.state) == ("m", S.SENT)
    await store.record_report(report(7, status=0, done_at=after(63)))
    assert (await seen(store, "m")).state is M.DELIVERED
    await store.record_report(report(8, **failed))
    assert (await seen(store, "m")).state is M.DELIVERED


async def test_modem_and_reference_are_those_of_the_attempt_that_arrived(store: Store) -> None:
    """It was sent once more by another modem before the first one's report came."""
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await lost(store, segment)
    await store.sweep(after(60))
    await store.release(G1, after(60), 300)
    found = await seen(store, "m")
    await store.bind([Binding(message_seq=found.seq, lane=G2, sim_id=SIM2, reason="test")])
    (again,) = await claim(store, after(61), G2)
    attempt = await begin(store, again, after(61), G2, SIM2)
    await end(store, again, attempt, mr=5, at=after(62))
    assert (await store.record_report(report(7, received_at=after(70)))).message_id == "m"
    (part,) = (await seen(store, "m")).parts
    assert (part.state, part.modem, part.reference) == (S.DELIVERED, G1, 7)


async def test_no_report_makes_sent_final_after_three_days(store: Store) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await sent(store, segment, 7)
    assert await store.next_due(after(0)) == after(3 * DAY)
    assert (await store.sweep(after(3 * DAY))).finalised == 1
    found = await seen(store, "m")
    assert (found.state, found.final, found.delivered_at) == (M.SENT, True, None)


@pytest.mark.parametrize(("done", "shown"), [(30, 30), (None, 60), (-5, 0), (90, 60)])
async def test_a_delivery_time_that_cannot_be_is_not_believed(
    store: Store, done: int | None, shown: int
) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await sent(store, segment, 7)
    await store.record_report(report(7, done_at=None if done is None else after(done)))
    assert (await seen(store, "m")).delivered_at == after(shown)


async def test_nothing_is_delivered_before_the_network_took_it(store: Store) -> None:
    """The service centre tells whole seconds, and a modem answers in less."""
    await bound(store, new("m"))
    (segment,) = await claim(store)
    await sent(store, segment, 7, after(5))
    await store.record_report(report(7, done_at=after(4), received_at=after(9)))
    found = await seen(store, "m")
    assert (found.sent_at, found.delivered_at) == (after(5), after(5))

"""What limits hold back, and what is found to have been spent."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from airpost.model import MessageClass, SimId, Waits
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.states import MessageState, SegmentEvent
from airpost.store import holds
from airpost.store.api import Binding, Hold
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
    FakeClock,
    after,
    begin,
    bound,
    claim,
    end,
    new,
    sent,
)

USED_UP = Outcome(cls=OutcomeClass.PERMANENT, scope=Scope.MESSAGE, code="quota_exhausted",
                  text="the limit of the day is used up")  # fmt: skip
WORDS = "5 an hour to this number"


async def waiting(store: SqliteStore) -> list[str]:
    return [each.id for each in await store.backlog(NOW, 10, [G1], ["default"])]


async def hold(store: SqliteStore, seq: int, seconds: float, words: str = WORDS) -> bool:
    given = Hold(message_seq=seq, until=after(seconds), reason="rate_limited_local", words=words)
    return await store.holds.hold([given], NOW) == 1


async def history(store: SqliteStore, id_: str) -> list[str]:
    return [each.reason for each in await store.message_events(id_)]  # type: ignore[arg-type]


async def test_a_held_message_is_in_nobody_s_way_until_it_is_due(store: SqliteStore) -> None:
    one, _ = await store.accept([new("a"), new("b", to="+4915199999999")])
    assert await hold(store, one.seq, 60)
    assert await waiting(store) == ["b"]
    shown = await store.message(one.id, None)
    assert shown is not None
    assert shown.state is MessageState.QUEUED
    assert shown.waits == Waits(reason="rate_limited_local", words=WORDS, until=after(60))
    assert await store.next_due(NOW) == after(60)
    await store.sweep(after(59))
    assert await waiting(store) == ["b"]
    await store.sweep(after(60))
    assert await waiting(store) == ["a", "b"]
    free = await store.message(one.id, None)
    assert free is not None
    assert free.waits is None


async def test_a_bound_message_is_taken_from_its_lane(store: SqliteStore) -> None:
    await bound(store, new("a"))
    assert await hold(store, 1, 60)
    assert await claim(store) == []
    await store.sweep(after(60))
    assert await waiting(store) == ["a"]


async def test_what_asks_for_a_modem_goes_back_to_it(store: SqliteStore) -> None:
    await store.accept([new("a", lane=G1), new("b", lane=G2)])
    assert await hold(store, 1, 60)
    assert await hold(store, 2, 60)
    await store.sweep(after(60))
    assert await waiting(store) == ["a"]


async def test_what_has_begun_is_not_held(store: SqliteStore) -> None:
    await bound(store, new("a", 2))
    first, _ = await claim(store)
    await begin(store, first)
    assert not await hold(store, 1, 60)
    assert not await hold(store, 99, 60)


async def test_a_hold_is_told_once_for_the_same_words(store: SqliteStore) -> None:
    await store.accept([new("a")])
    for seconds in (60, 120, 180):
        assert await hold(store, 1, seconds)
    assert await hold(store, 1, 240, "the night of the recipient")
    assert (await history(store, "a"))[1:] == [f"held: {WORDS}", "held: the night of the recipient"]


async def test_held_and_scheduled_messages_can_be_cancelled_and_expire(store: SqliteStore) -> None:
    one, two, three = await store.accept(
        [new("a"), new("b", expires_at=after(30)), new("c", not_before=after(10))]
    )
    for each in (one, two, three):
        assert await hold(store, each.seq, 60)
    assert (await store.cancel(one.id, None, "test")).cancelled
    await store.sweep(after(30))
    states = [await store.message(each.id, None) for each in (one, two, three)]
    assert [each.state.value for each in states if each] == ["cancelled", "expired", "queued"]
    assert [each.waits is None for each in states if each] == [True, True, False]
    await store.sweep(after(60))
    assert await waiting(store) == ["c"]
    assert await store.next_due(NOW) not in (after(30), after(60))


async def test_a_rejected_message_fails_whole(store: SqliteStore) -> None:
    one, two = await store.accept([new("a", 3), new("b")])
    await store.holds.reject(one.seq, USED_UP, NOW)
    shown = await store.message(one.id, None)
    assert shown is not None
    assert (shown.state, shown.final, shown.reason) == (MessageState.FAILED, True, USED_UP.text)
    assert shown.parts[0].outcome == USED_UP
    await bound(store, new("c"))
    (segment,) = await claim(store)
    await begin(store, segment)
    await store.holds.reject(two.seq + 1, USED_UP, NOW)
    begun = await store.message(segment.message_id, None)
    assert begun is not None
    assert begun.state is MessageState.SENDING


async def test_what_a_sim_has_spent_is_its_attempts(
    store: SqliteStore, make: Callable[[], SqliteStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holds, "STRETCH", 3)
    for n in range(8):
        await bound(store, new(str(n), to=f"+49151000000{n:02}"), sim=SIM1)
        (segment,) = await claim(store)
        attempt = await begin(store, segment, after(n * HOUR), sim=SIM2 if n == 4 else SIM1)
        await end(store, segment, attempt, at=after(n * HOUR))
    expected = [(after(n * HOUR), f"000000{n:02}") for n in range(8)]
    assert await store.holds.spent(SIM1, NOW) == expected[:4] + expected[5:]
    assert await store.holds.spent(SIM2, NOW) == [expected[4]]
    assert await store.holds.spent(SIM1, after(5.5 * HOUR)) == expected[6:]
    assert await store.holds.spent(SimId("other"), NOW) == []
    await store.close()
    again = make()
    await again.open(NOW)
    assert await again.holds.spent(SIM1, NOW) == expected[:4] + expected[5:]
    await again.close()


async def test_failed_attempts_count_too(store: SqliteStore) -> None:
    await bound(store, new("a"))
    (segment,) = await claim(store)
    attempt = await begin(store, segment)
    await end(store, segment, attempt, SegmentEvent.TRANSIENT, outcome=BUSY, retry_at=NOW)
    (segment,) = await claim(store)
    await begin(store, segment, after(5))
    assert [at for at, _ in await store.holds.spent(SIM1, NOW)] == [NOW, after(5)]


async def test_a_clock_that_was_wrong_for_a_while_hides_nothing(store: SqliteStore) -> None:
    for n, at in enumerate((NOW, after(-20 * 365 * DAY), after(-20 * 365 * DAY), after(9))):
        await bound(store, new(str(n)))
        (segment,) = await claim(store)
        await sent(store, segment, n, at)
    assert [at for at, _ in await store.holds.spent(SIM1, after(-DAY))] == [NOW, after(9)]


async def test_what_was_spent_stays_when_the_rows_go(store: SqliteStore, place: Path) -> None:
    for n in range(3):
        await bound(store, new(str(n)))
        (segment,) = await claim(store)
        await sent(store, segment, n, after(n * 1800))
    await store.close()
    with sqlite3.connect(place / "airpost.db") as db:
        db.execute("DELETE FROM report")
        db.execute("DELETE FROM attempt WHERE id < 3")
    db.close()
    again = SqliteStore(place / "airpost.db", FakeClock(), Random(1))
    await again.open(NOW)
    hour = NOW - NOW % (HOUR * 1_000_000)
    found = await again.holds.spent(SIM1, after(-DAY))
    assert found == [(hour, ""), (hour, ""), (after(3600), NUMBER[-8:])]
    await again.sweep(after(41 * DAY))
    assert await again.holds.spent(SIM1, after(-DAY)) == [(after(3600), NUMBER[-8:])]
    await again.close()


async def test_messages_are_counted_for_recipient_and_key_when_they_are_bound(
    store: SqliteStore,
) -> None:
    done = await store.accept(
        [
            new("a", key_id="k1"),
            new("b", class_=MessageClass.OTP),
            new("c", to="+4917", key_id="k1"),
        ]
    )
    for at, each in enumerate(done):
        binding = Binding(message_seq=each.seq, lane=G1, sim_id=SIM1, reason="test",
                          charged_at=after(at))  # fmt: skip
        assert await store.bind([binding]) == 1
    # Given back and bound again, it keeps its time.
    await store.release(G1, NOW, 0)
    assert [each.charged for each in await store.backlog(NOW, 9, [], ["default"])] == [True] * 3
    await store.bind([replace(binding, charged_at=after(99))])
    normal, otp = MessageClass.NORMAL, MessageClass.OTP
    assert await store.holds.charges([NUMBER], [], NOW) == [
        (NUMBER, NOW, normal), (NUMBER, after(1), otp)]  # fmt: skip
    assert await store.holds.charges([], ["k1", "k2"], NOW) == [
        ("k1", NOW, normal), ("k1", after(2), normal)]  # fmt: skip
    assert await store.holds.charges([NUMBER, "+4917"], ["k1"], after(2)) == [
        ("+4917", after(2), normal), ("k1", after(2), normal)]  # fmt: skip


async def test_nothing_is_counted_while_nothing_limits(store: SqliteStore) -> None:
    await bound(store, new("a", key_id="k"))
    assert await store.holds.charges([NUMBER], ["k"], after(-DAY)) == []


async def test_other_limits_ask_anew_about_what_is_held(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holds, "STRETCH", 2)
    assert await store.holds.renew("one", NOW) == 0
    taken = await store.accept([new(name, to=f"+49170000000{name}") for name in "123"])
    for each in taken:
        assert await hold(store, each.seq, 60)
    assert await store.holds.renew("one", NOW) == 0
    await store.sweep(NOW)
    assert await waiting(store) == []
    assert await store.holds.renew("other", NOW) == 3
    await store.sweep(NOW)
    assert await waiting(store) == ["1", "2", "3"]
    assert await store.holds.renew("other", NOW) == 0

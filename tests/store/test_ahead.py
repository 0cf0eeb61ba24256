"""What is prepared: who takes it first has it, and what does not begin leaves no trace."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

import pytest
import pytest_asyncio

from airpost.clock import Instant
from airpost.model import Claimed, Lane, MessageId, OnUncertain
from airpost.states import MessageState, SegmentEvent, SegmentState
from airpost.store import air
from airpost.store.ahead import Ahead
from airpost.store.api import MOST_PREPARED, Begun, Binding, Prepared, Settlement
from airpost.store.journal import RECORDS
from airpost.store.sqlite import SqliteStore
from airpost.store.writer import Tx, work_of
from tests.store.values import (
    BARRED,
    G1,
    G2,
    NOW,
    SIM1,
    SIM2,
    FakeClock,
    after,
    begin,
    bound,
    claim,
    end,
    intent_of,
    lost,
    moves,
    new,
    prepare,
    report,
    seen,
    sent,
    settlement,
)

M, S, E = MessageState, SegmentState, SegmentEvent


@pytest_asyncio.fixture
async def store(place: Path, clock: FakeClock) -> AsyncIterator[SqliteStore]:
    made = SqliteStore(place / "airpost.db", clock, Random(1))
    await made.open(NOW)
    yield made
    await made.close()


def rows(place: Path, table: str = "prepared") -> int:
    with sqlite3.connect(place / "airpost.db") as db:
        count: int = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    db.close()
    return count


def test_one_of_two_has_it() -> None:
    ahead = Ahead()
    made = Prepared(segment_id=1, message_seq=2, attempt_id=3, lane=G1, sim_id=SIM1, tpdu=b"tpdu")
    kept: list[tuple[Lane, int, Instant]] = []

    def keep(*told: Any) -> None:
        kept.append(told)

    assert ahead.begin(made, NOW, keep) is None
    ahead.offer(made)
    assert ahead.stands(made)
    begun = ahead.begin(made, after(1), keep)
    assert begun is not None
    assert ahead.happened() == {G1: [begun]}
    assert kept == [(G1, 3, after(1))]
    assert (begun.attempt_id, begun.begun_at, ahead.stands(made)) == (3, after(1), False)
    assert ahead.begin(made, NOW, keep) is None
    assert ahead.take(1) is begun
    assert (ahead.of_message(2), ahead.of_message(4)) == ([1], [])  # what others begin is no matter
    ahead.forget([begun])
    assert ahead.take(1) is None
    ahead.offer(made)
    assert ahead.take(1) is made
    assert ahead.begin(made, NOW, keep) is None


def test_the_writer_hears_of_nothing_that_was_not_kept() -> None:
    ahead = Ahead()
    made = Prepared(segment_id=1, message_seq=2, attempt_id=3, lane=G1, sim_id=SIM1, tpdu=b"tpdu")
    ahead.offer(made)
    heard: list[Prepared | Begun | None] = []
    writer = Thread(target=lambda: heard.append(ahead.take(1)))

    def full(*_: Any) -> None:
        writer.start()
        writer.join(0.05)  # it would have an answer by now
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        ahead.begin(made, NOW, full)
    writer.join()
    assert heard == [None]
    assert ahead.happened() == {}
    assert not ahead.stands(made)


async def test_prepared_it_waits_and_begun_it_is_an_attempt(
    store: SqliteStore, place: Path
) -> None:
    await bound(store, new("m", 2))
    one, two = await claim(store)
    first = await begin(store, one)
    made = await prepare(store, two)
    assert [p.state for p in (await seen(store, "m")).parts] == [S.SENDING, S.QUEUED]
    assert [c.seq for c in await claim(store)] == [2]
    begun = store.begin(made)
    assert begun is not None
    taken = settlement(one, first, mr=7, at=after(1))
    assert await store.follow([taken, begun], ()) == []
    found = await seen(store, "m")
    assert [(p.state, p.attempts) for p in found.parts] == [(S.SENT, 1), (S.SENDING, 1)]
    assert rows(place) == 0
    await end(store, two, made.attempt_id, mr=8, at=after(2))
    assert (await seen(store, "m")).state is M.SENT
    assert await moves(store, "m", "part 2") == [("queued", "sending"), ("sending", "sent")]
    assert rows(place, "body WHERE kind = 'tpdu'") == 2


async def test_written_twice_it_has_begun_once(store: SqliteStore) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    made = await prepare(store, segment)
    begun = store.begin(made)
    assert begun is not None
    await store.follow([begun], ())
    await store.follow([begun], ())
    assert (await seen(store, "m")).parts[0].attempts == 1


async def test_several_begin_in_their_order(store: SqliteStore, place: Path) -> None:
    await bound(store, *(new(f"m{at}") for at in range(3)))
    made = await store.follow((), [intent_of(each) for each in await claim(store)])
    assert [each.attempt_id for each in made] == sorted(each.attempt_id for each in made)
    facts: list[Begun | Settlement] = []
    for at, each in enumerate(made):
        begun = store.begin(each)
        assert begun is not None
        facts += [begun, settlement(each, each.attempt_id, mr=at, at=after(at))]
    assert await store.follow(facts, ()) == []
    assert [(await seen(store, f"m{at}")).state for at in range(3)] == [M.SENT] * 3
    assert rows(place) == 0


async def test_what_is_overtaken_is_prepared_anew(store: SqliteStore, place: Path) -> None:
    """Attempts are numbered in the order in which they begin: reports are told by that."""
    await bound(store, new("later"), new("urgent"))
    later, urgent = await claim(store)
    before = await prepare(store, later)
    made = await prepare(store, urgent)
    assert (store.stands(before), store.stands(made)) == (True, True)
    begun = store.begin(made)
    assert begun is not None
    (anew,) = await store.follow([begun], [intent_of(later)])
    assert store.begin(before) is None
    assert anew.attempt_id > made.attempt_id > before.attempt_id
    assert rows(place) == 1
    assert rows(place, "body WHERE kind = 'tpdu'") == 2
    assert store.begin(anew) is not None


async def test_a_segment_is_prepared_once(store: SqliteStore, place: Path) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    before, made = await prepare(store, segment), await prepare(store, segment)
    assert (store.stands(before), store.stands(made), rows(place)) == (False, True, 1)


async def test_no_more_are_prepared_than_the_journal_keeps(store: SqliteStore, place: Path) -> None:
    assert 2 * (MOST_PREPARED + 1) <= RECORDS
    await bound(store, *(new(f"m{at}") for at in range(MOST_PREPARED + 2)))
    segments = await claim(store, n=MOST_PREPARED + 2)
    made = await store.follow((), [intent_of(each) for each in segments])
    assert [store.stands(each) for each in made] == [False] * 2 + [True] * MOST_PREPARED
    assert rows(place) == MOST_PREPARED
    # One that has begun and is not written yet counts as well.
    for each in made[2:]:
        assert store.begin(each) is not None
    (more,) = await store.follow((), [intent_of(segments[0])])
    assert store.stands(more)
    assert rows(place) == 1
    states = {(await seen(store, each.message_id)).state for each in segments[2:]}
    assert states == {M.SENDING}


async def test_a_commit_withdraws_what_was_prepared(store: SqliteStore, place: Path) -> None:
    await bound(store, new("later"), new("now"))
    later, now = await claim(store)
    made = await prepare(store, later)
    assert await begin(store, now) > made.attempt_id
    assert store.begin(made) is None
    assert rows(place) == 0


async def test_cancelled_before_it_begins_it_never_does(store: SqliteStore, place: Path) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    made = await prepare(store, segment)
    assert (await store.cancel(MessageId("m"), None, "test")).cancelled
    assert store.begin(made) is None
    assert rows(place) == 0
    assert rows(place, "body WHERE kind = 'tpdu'") == 0


async def test_begun_before_it_is_cancelled_it_is_on_the_air(store: SqliteStore) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    made = await prepare(store, segment)
    begun = store.begin(made)
    assert begun is not None  # and nobody has told the store yet
    done = await store.cancel(MessageId("m"), None, "test")
    assert (done.cancelled, done.reason) == (False, "sending has begun")
    await store.follow([begun, settlement(segment, made.attempt_id, mr=1)], ())
    assert (await seen(store, "m")).state is M.SENT


@pytest.mark.parametrize("begun_first", [False, True])
async def test_expiry_finds_what_is_prepared_waiting(store: SqliteStore, begun_first: bool) -> None:
    await bound(store, new("m", expires_at=after(5)))
    (segment,) = await claim(store)
    made = await prepare(store, segment)
    begun = store.begin(made) if begun_first else None
    assert (await store.sweep(after(6))).expired == (0 if begun_first else 1)
    assert (begun is not None) is begun_first
    assert store.begin(made) is None
    state = (await seen(store, "m")).state
    assert state is (M.SENDING if begun_first else M.EXPIRED)


@pytest.mark.parametrize("begun_first", [False, True])
async def test_given_back_it_is_the_lanes_no_more(
    store: SqliteStore, place: Path, begun_first: bool
) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    made = await prepare(store, segment)
    begun = store.begin(made) if begun_first else None
    assert await store.release(G1, NOW, 300) == (0 if begun_first else 1)
    assert store.begin(made) is None
    assert rows(place) == 0
    found = await seen(store, "m")
    assert (begun is not None, found.modem) == (begun_first, G1 if begun_first else None)


async def test_refused_it_does_not_begin(store: SqliteStore) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    made = await prepare(store, segment)
    await store.refuse(segment.segment_id, BARRED, NOW)
    assert store.begin(made) is None


async def test_news_of_the_first_sending_stops_a_resend_that_is_prepared(
    store: SqliteStore,
) -> None:
    await bound(store, new("m", on_uncertain=OnUncertain.RESEND))
    (segment,) = await claim(store)
    await lost(store, segment, grace_s=1)
    assert (await store.sweep(after(2))).resent == 1
    (again,) = await claim(store, after(2))
    made = await prepare(store, again, after(2))
    await store.record_report(report(5, received_at=after(3)))
    assert (await seen(store, "m")).state is M.DELIVERED
    assert store.begin(made) is None


async def test_nothing_is_prepared_that_could_not_begin(store: SqliteStore) -> None:
    await bound(store, new("gone"), new("old", expires_at=after(5)), new("air"), new("two", 2))
    gone, old, air, one, two = await claim(store)
    await store.cancel(MessageId("gone"), None, "test")
    await begin(store, air)
    await end(store, one, await begin(store, one), mr=1)
    assert await store.follow((), [intent_of(gone)]) == []
    assert await store.follow((), [intent_of(old, after(5))]) == []
    assert await store.follow((), [intent_of(air)]) == []
    assert await store.follow((), [intent_of(two, lane=G2)]) == []
    # Its other part went out by another SIM: that is for the commit to sort out.
    assert await store.follow((), [intent_of(two, sim=SIM2)]) == []
    assert len(await store.follow((), [intent_of(two)])) == 1


async def test_a_report_that_overtakes_the_result_waits_for_it(store: SqliteStore) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    made = await prepare(store, segment)
    begun = store.begin(made)
    assert begun is not None
    await store.follow([begun], ())
    assert (await store.record_report(report(9, received_at=after(1)))).message_id is None
    await store.follow([settlement(segment, made.attempt_id, mr=9, at=after(2))], ())
    assert (await seen(store, "m")).state is M.DELIVERED


async def test_a_report_of_what_has_just_begun_is_not_given_to_what_is_in_doubt(
    store: SqliteStore,
) -> None:
    await bound(store, new("known"), new("lost"), new("air"))
    known, silent, air = await claim(store)
    await sent(store, known, 5)
    await lost(store, silent)
    made = await prepare(store, air)
    begun = store.begin(made)
    assert begun is not None  # and the store was not told yet
    assert (await store.record_report(report(7, received_at=after(1)))).message_id is None
    assert (await seen(store, "air")).state is M.SENDING
    await store.follow([begun, settlement(air, made.attempt_id, mr=7, at=after(2))], ())
    assert (await seen(store, "air")).state is M.DELIVERED
    assert (await seen(store, "lost")).state is M.UNCERTAIN


OTHER = "+4915799999999"


async def begun_all(store: SqliteStore, *segments: Claimed) -> list[Begun]:
    """Prepared, and begun one after the other; nothing is handed in."""
    made = [store.begin(each) for each in await store.follow((), [*map(intent_of, segments)])]
    return [each for each in made if each is not None]


async def test_a_report_finds_a_result_that_is_not_handed_in(
    store: SqliteStore, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await bound(store, new("other", to=OTHER), new("m"), new("air"))
    other, segment, air = await claim(store)
    first, second, third = await begun_all(store, other, segment, air)
    one = settlement(other, first.attempt_id, mr=6, at=after(1))
    two = settlement(segment, second.attempt_id, mr=7, at=after(2))
    assert store.ended(one, G1)
    assert store.ended(two, G1)
    stored = await store.record_report(report(7, received_at=after(3)))
    assert (stored.message_id, stored.state) == ("m", S.DELIVERED)
    assert (await seen(store, "other")).state is M.SENT  # it was before it
    history = await moves(store, "m")
    assert history[-3:] == [("queued", "sending"), ("sending", "sent"), ("sent", "delivered")]
    assert (await store.record_report(report(6, to=OTHER, received_at=after(3)))).message_id
    await store.follow([first, one, second, two, third], ())
    assert await moves(store, "m") == history
    assert (await seen(store, "air")).state is M.SENDING
    assert rows(place, "attempt") == 3
    with sqlite3.connect(place / "airpost.db") as db:
        early = "SELECT count(*) FROM event WHERE reason LIKE '%came before%'"
        assert db.execute(early).fetchone() == (0,)
    db.close()
    assert [each for each in caplog.records if each.levelname == "WARNING"] == []
    assert store._ahead.happened() == {}


@pytest.mark.parametrize("begins", ["prepared", "by a commit"])
async def test_a_report_finds_the_result_of_what_was_written_to_be_on_the_air(
    store: SqliteStore, begins: str
) -> None:
    await bound(store, new("m"), new("next"))
    segment, following = await claim(store)
    if begins == "prepared":
        (begun,) = await begun_all(store, segment)
        await store.follow([begun], ())
        attempt = begun.attempt_id
    else:
        attempt = await begin(store, segment)
    done = settlement(segment, attempt, mr=7, at=after(2))
    assert store.ended(done, G1)
    assert (await store.record_report(report(7, received_at=after(3)))).message_id == "m"
    history = await moves(store, "m")
    assert history[-2:] == [("sending", "sent"), ("sent", "delivered")]
    if begins == "prepared":
        await store.follow([done], ())
    else:
        assert (await store.air(done, intent_of(following))).attempt_id is not None
    assert await moves(store, "m") == history
    assert store._ahead.happened() == {}


async def test_a_row_that_was_left_of_what_went_elsewhere_holds_nobody_up(
    store: SqliteStore, place: Path
) -> None:
    await bound(store, new("a"), new("b", to=OTHER))
    one, other = await claim(store)
    first, _ = await store.follow((), [intent_of(one), intent_of(other)])
    store._ahead.take(first.segment_id)  # by a request that came to nothing: its row stays
    assert await store.release(G1, NOW, 300) == 2
    waits = {each.id: each.seq for each in await store.backlog(NOW, 9, [], ["default"])}
    for id_, lane in (("b", G1), ("a", G2)):
        to = Binding(message_seq=waits[MessageId(id_)], lane=lane, sim_id=SIM1, reason="test")
        assert await store.bind([to]) == 1
    (again,) = await store.follow((), [intent_of(other)])
    (elsewhere,) = await store.follow((), [intent_of(one, lane=G2)])
    assert store.begin(again) is not None
    assert store.begin(elsewhere) is not None
    assert rows(place) == 3  # the first is that of what has just begun elsewhere
    async with asyncio.timeout(10):
        assert not (await store.cancel(MessageId("b"), None, "test")).cancelled
        assert not (await store.cancel(MessageId("a"), None, "test")).cancelled
    assert rows(place) == 0


async def test_a_result_that_settles_what_has_begun_once_more_holds_nobody_up(
    store: SqliteStore,
) -> None:
    await bound(store, new("known"), new("x", on_uncertain=OnUncertain.RESEND), new("y"))
    known, one, other = await claim(store)
    await sent(store, known, 4)
    await lost(store, one, grace_s=1)
    (begun,) = await begun_all(store, other)
    await store.follow([begun], ())
    # Either can bear that reference: the result of what is on the air will tell.
    assert (await store.record_report(report(5, received_at=after(1)))).message_id is None
    assert (await store.sweep(after(2))).resent == 1
    (again,) = [each for each in await claim(store, after(2)) if each.message_id == "x"]
    (made,) = await store.follow((), [intent_of(again, after(2))])
    done = settlement(other, begun.attempt_id, mr=6, at=after(3))
    assert store.ended(done, G1)
    begun_again = store.begin(made)
    assert begun_again is not None
    async with asyncio.timeout(10):
        assert not (await store.cancel(MessageId("x"), None, "test")).cancelled
        await store.follow([done, begun_again], ())
    assert (await seen(store, "y")).state is M.SENT
    assert (await seen(store, "x")).state is M.SENDING  # once more, on the air


@pytest.mark.parametrize("handed_in", [True, False])
async def test_what_else_the_sim_sent_tells_whose_a_report_cannot_be(
    store: SqliteStore, *, handed_in: bool
) -> None:
    """One is in doubt, another went out since, and the reference is none the first can have."""
    await bound(store, new("known"), new("doubt"), new("other", to=OTHER))
    known, doubt, other = await claim(store)
    await sent(store, known, 50)
    await lost(store, doubt)
    (begun,) = await begun_all(store, other)
    done = settlement(other, begun.attempt_id, mr=57, at=after(2))
    assert store.ended(done, G1)
    if handed_in:
        await store.follow([begun, done], ())
    assert (await store.record_report(report(200, received_at=after(3)))).message_id is None
    assert (await seen(store, "doubt")).state is M.UNCERTAIN


async def test_what_is_handed_in_is_not_remembered_as_written_early(store: SqliteStore) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    (begun,) = await begun_all(store, segment)
    done = settlement(segment, begun.attempt_id, mr=7, at=after(2))
    assert store.ended(done, G1)
    await store._writer.ask(work_of(air.follow, [begun, done], ()), urgent=True)
    await store.record_report(report(7, received_at=after(3)))  # the loop has not heard yet
    store._ahead.forget([begun, done])
    await store.record_report(report(8, received_at=after(4)))
    assert store._writer._recall.told == set()


async def test_a_report_for_another_number_writes_nothing_early(
    store: SqliteStore, place: Path
) -> None:
    await bound(store, new("other", to=OTHER), new("m"))
    other, segment = await claim(store)
    await sent(store, other, 6)
    (begun,) = await begun_all(store, segment)
    assert (await store.record_report(report(6, to=OTHER, received_at=after(1)))).message_id
    assert (await seen(store, "m")).state is M.QUEUED
    assert rows(place) == 1
    await store.follow([begun], ())
    assert (await seen(store, "m")).state is M.SENDING


@pytest.mark.parametrize("behind", ["commit", "follow"])
async def test_what_a_report_had_written_early_is_written_after_all_when_it_fails(
    store: SqliteStore, caplog: pytest.LogCaptureFixture, behind: str
) -> None:
    await bound(store, new("m"))
    (segment,) = await claim(store)
    (begun,) = await begun_all(store, segment)
    done = settlement(segment, begun.attempt_id, mr=7, at=after(2))
    assert store.ended(done, G1)

    def fails(tx: Tx) -> None:
        tx.catch_up()
        raise ValueError("a report that cannot be kept")

    with pytest.raises(ValueError, match="cannot be kept"):
        await store._writer.ask(work_of(fails), urgent=True)
    if behind == "commit":
        await store.follow([begun], ())
        assert (await store.air(done, None)).state is S.SENT
    else:
        await store.follow([begun, done], ())
    found = await seen(store, "m")
    assert (found.state, found.parts[0].attempts) == (M.SENT, 1)
    await store.record_report(report(7, received_at=after(3)))
    assert (await seen(store, "m")).state is M.DELIVERED
    assert [each for each in caplog.records if each.levelname == "WARNING"] == []


async def test_a_close_leaves_nothing_prepared(place: Path, clock: FakeClock) -> None:
    made = SqliteStore(place / "airpost.db", clock, Random(1))
    await made.open(NOW)
    await bound(made, new("m"))
    await prepare(made, (await claim(made))[0])
    assert rows(place) == 1
    await made.close()
    assert rows(place) == 0


@pytest.mark.parametrize("want_report", [False, True])
@pytest.mark.parametrize("reported", [False, True])
async def test_written_at_once_it_is_as_if_written_one_after_the_other(
    place: Path, *, want_report: bool, reported: bool
) -> None:
    dumps = []
    for apart in (False, True):
        path = place / f"{apart}.db"
        store = SqliteStore(path, FakeClock(), Random(1))
        await store.open(NOW)
        await bound(store, new("m", want_report=want_report), new("n", 2))
        one, two, three = await claim(store)
        made = await store.follow((), [intent_of(each) for each in (one, two, three)])
        if reported:
            await store.record_report(report(7, received_at=after(1)))
        facts: list[Begun | Settlement] = []
        for at, each in enumerate(made):
            begun = store.begin(each)
            assert begun is not None
            facts += [begun, settlement(each, each.attempt_id, mr=7 + at, at=after(2 + at))]
        for some in [[fact] for fact in facts] if apart else [facts]:
            await store.follow(some, ())
        await store.close()
        with sqlite3.connect(path) as db:
            tables = ("message", "segment", "attempt", "event", "report", "body", "prepared")
            dumps.append({
                table: db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
                for table in tables
            })  # fmt: skip
        db.close()
    assert dumps[0] == dumps[1]
    assert any("sent" in row for row in dumps[0]["message"])

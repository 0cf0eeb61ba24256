"""The store between the loop and the writer's thread: histories by chance, the same each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from airpost.errors import StoreUnavailable
from airpost.model import Lane, MessageId
from airpost.states import SegmentEvent, SegmentState
from airpost.store.api import Binding, Prepared
from tests.store import accounts
from tests.store.byhand import ByHandStore, errand
from tests.store.interplay import NO_COMMIT, Interplay
from tests.store.values import (
    G1,
    G2,
    NOW,
    SIM1,
    FakeClock,
    after,
    intent_of,
    new,
    report,
    settlement,
)

STEPS = 600
SEEDS = 5  # of each test, so many histories
TESTS = 10
FOUND = (185, 239, 248, 367, 413, 418, 425, 540, 566)  # each was wrong once


@pytest.mark.parametrize("first", range(0, TESTS * SEEDS, SEEDS))
def test_whatever_falls_between_the_store_tells_what_happened(place: Path, first: int) -> None:
    for seed in range(first, first + SEEDS):
        history = Interplay(place / f"{seed}.db", seed)
        history.run(STEPS)
        assert history.most_tries < 10


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_wrong_once_is_not_again(place: Path, seed: int) -> None:
    Interplay(place / "airpost.db", seed).run(STEPS)


def test_a_history_is_the_same_each_time(place: Path) -> None:
    dumps = []
    for name in ("one", "other"):
        history = Interplay(place / f"{name}.db", 7)
        history.run(STEPS)
        dumps.append([
            (each.lane, each.attempt_id, each.event, each.mr, each.ended_at)
            for each in history.began
        ])  # fmt: skip
    assert dumps[0] == dumps[1]
    assert dumps[0]


@pytest.fixture
def hand(place: Path) -> Iterator[ByHandStore]:
    made = ByHandStore(place / "airpost.db", FakeClock(), Random(1), lambda: None, bytes(range(16)))
    made.open(NOW)
    yield made
    made.kill()


def done(hand: ByHandStore, asked: Any) -> Any:
    """What comes of a request."""
    while hand.serve():
        hand.answer()
    return asked.result()


def bind(hand: ByHandStore, id_: str, lane: Lane) -> None:
    (seq,) = hand.look.execute("SELECT seq FROM message WHERE id = ?", (id_,)).fetchone()
    to = Binding(message_seq=seq, lane=lane, sim_id=SIM1, reason="test")
    assert done(hand, hand.store.bind([to])) == 1


def prepared(hand: ByHandStore, lane: Lane) -> list[Prepared]:
    intents = [intent_of(each, lane=lane) for each in hand.claim(lane)]
    made: list[Prepared] = done(hand, hand.store.follow((), intents))
    return made


def fails(hand: ByHandStore, asked: Any) -> None:
    with pytest.raises(StoreUnavailable):
        done(hand, asked)


def test_what_a_failed_commit_had_taken_may_begin_as_before(hand: ByHandStore) -> None:
    done(hand, errand(hand.store.accept([new("a")])))
    bind(hand, "a", G1)
    (made,) = prepared(hand, G1)
    hand.writer.disk.fails_after = NO_COMMIT
    fails(hand, errand(hand.store.release(G1, NOW, 300)))
    assert hand.store.stands(made)
    assert list(accounts.prepared(hand, quiet=True)) == []
    assert hand.store.begin(made) is not None


def test_what_a_failed_commit_had_offered_is_forgotten(hand: ByHandStore) -> None:
    done(hand, errand(hand.store.accept([new("a")])))
    bind(hand, "a", G1)
    hand.writer.disk.fails_after = NO_COMMIT
    fails(hand, hand.store.follow((), [*map(intent_of, hand.claim(G1))]))
    assert list(accounts.prepared(hand, quiet=True)) == []


def test_what_went_elsewhere_after_a_failed_commit_holds_nobody_up(hand: ByHandStore) -> None:
    done(hand, errand(hand.store.accept([new("a"), new("b")])))
    bind(hand, "a", G1)
    bind(hand, "b", G1)
    prepared(hand, G1)
    hand.writer.disk.fails_after = NO_COMMIT
    fails(hand, errand(hand.store.release(G1, NOW, 300)))
    assert done(hand, errand(hand.store.release(G1, NOW, 300))) == 2
    bind(hand, "b", G1)
    bind(hand, "a", G2)
    begun = [hand.store.begin(prepared(hand, lane)[0]) for lane in (G1, G2)]
    assert None not in begun
    assert not done(hand, errand(hand.store.cancel(MessageId("b"), None, "test"))).cancelled
    assert hand.writer.most_tries == 2


def test_a_result_that_overtakes_a_failed_commit_finds_its_beginning(hand: ByHandStore) -> None:
    done(hand, errand(hand.store.accept([new("a")])))
    bind(hand, "a", G1)
    (segment,) = hand.claim(G1)
    (made,) = prepared(hand, G1)
    begun = hand.store.begin(made)
    assert begun is not None
    hand.writer.disk.fails_after = NO_COMMIT
    fails(hand, hand.store.follow([begun], ()))
    silent = settlement(segment, made.attempt_id, SegmentEvent.UNKNOWN, grace_until=NOW)
    assert done(hand, hand.store.air(silent, None)).state is SegmentState.UNCERTAIN
    done(hand, hand.store.follow([begun], ()))
    ends = hand.look.execute("SELECT id, outcome_class FROM attempt").fetchall()
    assert ends == [(made.attempt_id, "unknown")]


def test_a_resend_whose_first_sending_has_arrived_ends_with_the_process(place: Path) -> None:
    def opened() -> ByHandStore:
        made = ByHandStore(place / "a.db", FakeClock(), Random(1), lambda: None, bytes(range(16)))
        made.open(after(9))
        return made

    hand = opened()
    done(hand, errand(hand.store.accept([new("a")])))
    bind(hand, "a", G1)
    (segment,) = hand.claim(G1)
    first = done(hand, hand.store.air(None, intent_of(segment))).attempt_id
    silent = settlement(segment, first, SegmentEvent.UNKNOWN, grace_until=NOW)
    done(hand, hand.store.air(silent, None))
    assert done(hand, errand(hand.store.sweep(after(1)))).resent == 1
    done(hand, hand.store.air(None, intent_of(segment, after(2))))
    done(hand, hand.store.air(settlement(segment, first, SegmentEvent.LATE, 5, after(3)), None))
    told = done(hand, hand.store.record_report(report(5, received_at=after(4))))
    assert told.state is SegmentState.DELIVERED
    hand.kill()
    hand = opened()
    ends = hand.look.execute("SELECT outcome_class FROM attempt ORDER BY id").fetchall()
    assert ends == [("ok",), ("unknown",)]
    hand.kill()

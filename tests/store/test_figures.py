"""What a monitor is told is what the store holds, and what has happened is counted once."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from airpost.clock import Instant
from airpost.model import Lane, MessageClass
from airpost.states import SegmentEvent
from airpost.store import figures as module
from airpost.store.api import Hold, Verdict
from airpost.store.figures import REPORT_S
from airpost.store.sqlite import SqliteStore
from tests.store.values import (
    G1,
    HOUR,
    LOST,
    MINUTE,
    NOW,
    FakeClock,
    after,
    begin,
    bound,
    claim,
    end,
    lost,
    new,
    report,
    sent,
)


def open_store(place: Path, clock: FakeClock) -> SqliteStore:
    return SqliteStore(place / "a.db", clock, Random(1))


def of(store: SqliteStore, what: str) -> dict[tuple[str, str], int]:
    """(class, modem) → how often."""
    happened = store.keeping.figures.happened
    return {(class_, lane): n for (class_, lane, each), n in happened.items() if each == what}


async def some_of_everything(store: SqliteStore) -> None:
    """Four over gate-1 (delivered, failed at once, failed by report, silent), one that expires."""
    await bound(
        store, new("d", class_=MessageClass.ALARM), new("f"), new("r"), new("u", parts=2),
    )  # fmt: skip
    for segment in await claim(store):
        match segment.message_id, segment.seq:
            case "f", _:
                attempt = await begin(store, segment, after(2))
                await end(store, segment, attempt, SegmentEvent.PERMANENT, at=after(3))
            case "u", 1:
                await lost(store, segment, after(4), grace_s=1)
            case "u", _:
                pass
            case id_, _:
                await sent(store, segment, {"d": 1, "r": 3}[id_], after(1.5))
    await store.record_report(report(1, received_at=after(9.5), done_at=None))
    await store.record_report(
        report(3, delivered=False, outcome=LOST, received_at=after(500), done_at=None)
    )
    await store.accept([new("e", class_=MessageClass.OTP, expires_at=after(MINUTE))])
    await store.sweep(after(2 * MINUTE))


async def test_messages_are_counted_by_class_and_modem_as_they_come_into_a_state(
    place: Path, clock: FakeClock
) -> None:
    store = open_store(place, clock)
    await store.open(NOW)
    await some_of_everything(store)
    await store.keeping.figures.look()
    assert of(store, "accepted") == {
        ("alarm", "gate-1"): 1,
        ("normal", "gate-1"): 3,
        ("otp", ""): 1,
    }
    assert of(store, "sent") == {("alarm", "gate-1"): 1, ("normal", "gate-1"): 1}
    assert of(store, "delivered") == {("alarm", "gate-1"): 1}
    assert of(store, "failed") == {("normal", "gate-1"): 2}
    assert of(store, "expired") == {("otp", ""): 1}
    assert of(store, "resent") == {("normal", "gate-1"): 1}
    assert of(store, "duplicate") == {("normal", "gate-1"): 1}
    waits = store.keeping.figures.reports["gate-1"]
    assert waits.total == 8.0 + 498.5
    assert [REPORT_S[at] for at, n in enumerate(waits.counts) if n] == [10.0, 600.0]
    before = Counter(store.keeping.figures.happened)
    await store.keeping.figures.look()
    assert store.keeping.figures.happened == before
    await store.close()


@pytest.mark.parametrize("stretch", [1, 7])
async def test_a_long_history_is_counted_stretch_by_stretch_and_by_two_at_once(
    place: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, stretch: int
) -> None:
    monkeypatch.setattr(module, "STRETCH", stretch)
    store = open_store(place, clock)
    await store.open(NOW)
    await some_of_everything(store)
    await asyncio.gather(*(store.keeping.figures.look() for _ in range(3)))
    assert sum(of(store, "accepted").values()) == 5
    assert sum(of(store, "failed").values()) == 2
    assert sum(store.keeping.figures.reports["gate-1"].counts) == 2
    await store.close()


async def test_what_a_start_finds_under_way_is_counted_and_what_was_before_is_not(
    place: Path, clock: FakeClock
) -> None:
    store = open_store(place, clock)
    await store.open(NOW)
    await bound(store, new("a"), new("b", class_=MessageClass.OTP))
    (first, _) = await claim(store)
    await begin(store, first, after(1))
    await store.close()
    again = open_store(place, clock)
    await again.open(after(5))
    await again.keeping.figures.look()
    assert again.keeping.figures.happened == {("otp", "gate-1", "uncertain"): 1}
    await again.close()


async def test_possible_duplicates_are_those_the_messages_tell(
    place: Path, clock: FakeClock
) -> None:
    """By a resend, by a person, by beginning again whole: each as often as the store counts it."""
    store = open_store(place, clock)
    await store.open(NOW)
    await bound(store, new("one"), new("whole", parts=2, class_=MessageClass.BULK), new("person"))
    for segment in await claim(store):
        if segment.message_id == "whole" and segment.seq == 1:
            await sent(store, segment, 7, after(1))
        elif segment.message_id == "one":
            await lost(store, segment, after(1), grace_s=1)
        elif segment.message_id == "person":
            await lost(store, segment, after(1), grace_s=HOUR)
    assert await store.decisions.settle(new("person").id, None, Verdict.RESEND, "test")
    await store.sweep(after(MINUTE))
    assert await store.release(G1, after(HOUR), resume_s=300.0)
    await store.keeping.figures.look()
    with closing(sqlite3.connect(place / "a.db")) as db:
        told = db.execute("SELECT class, sum(possible_duplicates) FROM message GROUP BY 1")
        kept = {class_: n for class_, n in told if n}
    counted: Counter[str] = Counter()
    for (class_, _), n in of(store, "duplicate").items():
        counted[class_] += n
    assert counted == kept == {"normal": 2, "bulk": 1}
    assert sum(of(store, "resent").values()) == 2
    assert of(store, "begun_again") == {("bulk", "gate-1"): 1}
    await store.close()


async def test_what_waits_by_modem_route_and_class_and_since_when(
    place: Path, clock: FakeClock
) -> None:
    store = open_store(place, clock)
    await store.open(NOW)
    await bound(store, new("b1", at=after(-60)), new("b2"))
    await store.accept([
        new("r1", class_=MessageClass.BULK, at=after(-30)),
        new("r2", class_=MessageClass.BULK, at=after(-90)),  # commits later and is older
        new("r3", class_=MessageClass.OTP, route="east"),
        new("l1", lane=Lane("gate-2")),
        new("later", not_before=after(HOUR), expires_at=after(2 * HOUR)),
        new("held", at=after(-5)),
    ])  # fmt: skip
    held = await store.message(new("held").id, None)
    assert held is not None
    until = after(HOUR)
    hold = Hold(message_seq=held.seq, until=until, reason="quiet_hours", words="night")
    assert await store.holds.hold([hold], NOW) == 1
    told = await store.keeping.figures.look()
    assert {(w.bound, w.modem, w.route, w.class_): (w.count, w.since) for w in told.waits} == {
        (True, "gate-1", "", "normal"): (2, after(-60)),
        (False, "", "default", "bulk"): (2, after(-90)),
        (False, "", "east", "otp"): (1, NOW),
        (False, "gate-2", "", "normal"): (1, NOW),
        (False, "", "", "normal"): (1, after(-5)),
    }
    assert told.scheduled == {"normal": 1}
    assert told.doubtful == {}
    assert told.octets > 4096
    assert told.log_octets > 0
    assert told.free_octets > 0
    (first, *_) = await claim(store)
    await lost(store, first, Instant(NOW + 1), grace_s=HOUR)
    assert (await store.keeping.figures.look()).doubtful == {"normal": 1}
    await store.close()


async def test_commits_and_queues_are_told_without_a_look(place: Path, clock: FakeClock) -> None:
    store = open_store(place, clock)
    await store.open(NOW)
    figures = store.keeping.figures
    before = sum(figures.commits.counts)
    await store.accept([new("a")])
    assert sum(figures.commits.counts) == before + 1
    assert 0 < figures.commits.total < 60
    assert set(figures.queues()) == {"air", "intake", "modems", "lists", "statistics"}
    await store.close()

"""What comes in by hooks, with the messages it leads to, in one commit."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from airpost.errors import QueueFull
from airpost.model import MessageClass
from airpost.policy import CLASS_POLICY, QueuePolicy
from airpost.store.api import MessageFilter
from airpost.store.keeping import Keep, Retention
from airpost.store.publishing import HookDone, HookEvent
from airpost.store.sqlite import SqliteStore
from tests.store.values import DAY, NOW, NUMBER, FakeClock, after, new

CAME = HookEvent(id="h1", hook="pump", source="10.0.0.5", raw=b'{"on": true}', received_at=NOW)


def kept(place: Path) -> list[tuple[object, ...]]:
    query = ("SELECT h.id, h.outcome, h.problem, h.messages, b.bytes FROM hook_event h "
             "LEFT JOIN body b ON b.id = h.raw_body ORDER BY h.seq")  # fmt: skip
    with closing(sqlite3.connect(place / "airpost.db")) as db:
        return db.execute(query).fetchall()


async def ids(store: SqliteStore) -> list[str]:
    return [each.id for each in (await store.messages(MessageFilter(), 0, 50)).items]


async def test_both_or_neither(store: SqliteStore, place: Path) -> None:
    done = await store.hook_events.take(CAME, [new("m1"), new("m2", to="+4917")])
    assert done == HookDone(messages=("m1", "m2"), refused=(), repeats=None)  # type: ignore[arg-type]
    assert kept(place) == [("h1", "sent", None, '["m1", "m2"]', b'{"on": true}')]
    with pytest.raises(Exception, match="UNIQUE"):
        await store.hook_events.take(CAME, [new("m3")])
    assert await ids(store) == ["m1", "m2"]


async def test_the_same_key_within_its_window_sends_nothing_again(
    store: SqliteStore, place: Path
) -> None:
    came = replace(CAME, dedup="pump-1", since=after(-60))
    await store.hook_events.take(came, [new("m1")])
    again = replace(came, id="h2", received_at=after(30), since=after(-30))
    assert (await store.hook_events.take(again, [new("m2")])).repeats == "h1"
    other = replace(again, id="h3", hook="tank")
    assert (await store.hook_events.take(other, [new("m3")])).repeats is None
    late = replace(again, id="h4", received_at=after(61), since=after(1))
    assert (await store.hook_events.take(late, [new("m4")])).repeats is None
    assert await ids(store) == ["m1", "m3", "m4"]
    assert [row[1] for row in kept(place)] == ["sent", "repeated", "sent", "sent"]


async def test_what_cannot_be_sent_costs_no_other_and_is_told(
    store: SqliteStore, place: Path
) -> None:
    await store.blocklist.block([NUMBER], None, "me", NOW)
    done = await store.hook_events.take(CAME, [new("m1"), new("m2", to="+4917")])
    assert (done.messages, [each.code for each in done.refused]) == (("m2",), ["blocked"])
    done = await store.hook_events.take(replace(CAME, id="h2"), [new("m3")])
    assert done.messages == ()
    await store.hook_events.take(
        replace(CAME, id="h3", raw_sent=True, problem="text: line 1"), [new("m4", to="+4917")]
    )
    assert [row[1:3] for row in kept(place)] == [("sent", None), ("nothing", None),
                                                 ("raw", "text: line 1")]  # fmt: skip
    told = [e.to for e in (await store.events(0, 50)).items if e.subject == "hook pump"]
    assert told == ["nothing", "raw"]


async def test_without_room_for_one_nothing_is_taken(place: Path) -> None:
    classes = {**CLASS_POLICY, MessageClass.NORMAL: replace(
        CLASS_POLICY[MessageClass.NORMAL], max_waiting=2)}  # fmt: skip
    store = SqliteStore(place / "airpost.db", FakeClock(), Random(1), QueuePolicy(classes=classes))
    await store.open(NOW)
    await store.hook_events.take(CAME, [new("m1")])
    with pytest.raises(QueueFull):
        await store.hook_events.take(replace(CAME, id="h2"), [new("m2"), new("m3")])
    assert await ids(store) == ["m1"]
    assert [row[0] for row in kept(place)] == ["h1"]
    await store.close()


async def test_it_goes_with_what_is_received(store: SqliteStore, place: Path) -> None:
    await store.hook_events.take(CAME, [])
    keep = Retention(inbound=Keep(bodies_d=10, records_d=20))
    await store.keeping.prune(keep, after(9 * DAY))
    assert kept(place)[0][4] == CAME.raw
    await store.keeping.prune(keep, after(11 * DAY))
    assert kept(place)[0][4] is None
    await store.keeping.prune(keep, after(21 * DAY))
    assert kept(place) == []

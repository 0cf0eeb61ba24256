"""The event log as others read it, and what retention leaves of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from airpost.clock import Instant
from airpost.model import MessageId
from airpost.store.keeping import Keep, Retention
from airpost.store.publishing import (
    Delivery,
    Endpoint,
    EndpointKind,
    EndpointState,
    Progress,
)
from airpost.store.sqlite import SqliteStore
from tests.store.values import DAY, NOW, after, new, part

ENDPOINT = Endpoint(
    n=0, id="w1", kind=EndpointKind.HTTP, owner="shop", sees="shop", inbound=True,
    target="http://10.0.0.1/", types=("message.*",), note="erp", state=EndpointState.ACTIVE,
    reason=None, place=0, delivered=0, missed=0, created_at=NOW, secret="whsec_x",
)  # fmt: skip


def delivery(seq: int, **changes: object) -> Delivery:
    made = Delivery(seq=seq, dead=False, tries=1, first_at=NOW, last_at=NOW, next_at=after(5),
                    status=500, error="HTTP 500")  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def progress(n: int, place: int, *keep: Delivery, done: tuple[int, ...] = ()) -> Progress:
    return Progress(n=n, place=place, delivered=2, missed=1, keep=keep, done=done)


async def test_the_log_tells_what_it_is_about(store: SqliteStore) -> None:
    await store.accept([new("m1", tags=("a",), sender_ref="r")])
    await store.record_part(part(b"hello"))
    await store.note("modem gate-1", "ready", "absent", "unplugged", NOW)
    found = await store.outbox.log(0, 100)
    message, received, modem = found.events
    assert found.until == await store.outbox.head()
    assert message.message is not None
    assert (message.to, message.message.id, message.message.tags) == ("queued", "m1", ("a",))
    assert received.inbound is not None
    assert received.inbound.text == "hello"
    assert (modem.from_, modem.to, modem.message, modem.inbound) == ("ready", "absent", None, None)
    assert await store.outbox.some([modem.seq]) == [modem]
    assert (await store.outbox.log(found.until, 100)).until == found.until
    assert (await store.outbox.log(0, 1)).until == 1


async def test_parts_are_no_events(store: SqliteStore) -> None:
    await store.accept([new("m1")])
    await store.cancel(MessageId("m1"), None, "me")
    told = [(event.from_, event.to) for event in (await store.outbox.log(0, 100)).events]
    assert told == [(None, "queued"), ("queued", "cancelled")]


async def test_a_time_is_found_in_the_log(store: SqliteStore) -> None:
    for n in range(50):
        await store.note("service", None, None, str(n), after(n // 2))
    assert await store.outbox.first_since(NOW) == 0
    assert await store.outbox.first_since(after(10)) == 20
    assert await store.outbox.first_since(after(99)) == 50


async def test_endpoints_and_what_becomes_of_them(store: SqliteStore) -> None:
    await store.note("service", None, None, "before", NOW)
    made = await store.outbox.add(ENDPOINT, 1)
    assert (made.n, made.place) == (1, 1)
    with pytest.raises(ValueError, match="shop has 1 already"):
        await store.outbox.add(replace(ENDPOINT, id="w2"), 1)
    await store.outbox.set_state(1, EndpointState.PAUSED, None)
    await store.outbox.set_secret(1, "whsec_y", after(60))
    await store.outbox.progress([progress(1, 5, delivery(3), delivery(4, dead=True))])
    (found,) = await store.outbox.endpoints()
    assert found == replace(made, state=EndpointState.PAUSED, secret="whsec_y", previous="whsec_x",
                            previous_until=after(60), place=5, delivered=2, missed=1)  # fmt: skip
    assert (await store.outbox.deliveries(1, 0, 9)).items == (delivery(3), delivery(4, dead=True))
    assert (await store.outbox.deliveries(1, 0, 9, dead=True)).items == (delivery(4, dead=True),)
    page = await store.outbox.deliveries(1, 0, 1)
    assert page.next == 3
    await store.outbox.progress([progress(1, 6, done=(3,)), progress(99, 1, delivery(1))])
    assert (await store.outbox.deliveries(1, 0, 9)).items == (delivery(4, dead=True),)
    await store.outbox.remove(1)
    assert await store.outbox.endpoints() == []
    assert (await store.outbox.deliveries(1, 0, 9)).items == ()


async def test_what_is_to_go_again(store: SqliteStore) -> None:
    for n in range(5):
        await store.note("service", None, None, str(n), NOW)
    made = await store.outbox.add(ENDPOINT, 9)
    await store.outbox.progress([progress(1, 5, delivery(2, dead=True), delivery(4))])
    revived = await store.outbox.revive(1, None, after(9))
    assert revived[0] == delivery(2, tries=0, first_at=None, next_at=after(9))
    revived = await store.outbox.revive(1, [1, 77], after(9))
    assert [each.seq for each in revived] == [1, 2, 4]  # there is no event 77
    await store.outbox.rewind(1, 2)
    assert [each.seq for each in (await store.outbox.deliveries(1, 0, 9)).items] == [1, 2]
    assert (await store.outbox.endpoints())[0].place == 2
    await store.outbox.rewind(1, 4)
    assert (await store.outbox.endpoints())[0].place == 2
    await store.outbox.progress([progress(1, 5, delivery(3, dead=True))])
    assert await store.outbox.forget_dead(NOW) == 0
    assert await store.outbox.forget_dead(after(1)) == 1
    assert made.n == 1


async def test_what_an_endpoint_has_not_read_is_not_removed(store: SqliteStore) -> None:
    gone = Retention(messages=Keep(bodies_d=1, records_d=1), inbound=Keep(bodies_d=1, records_d=1),
                     events_d=1)  # fmt: skip
    await store.outbox.add(ENDPOINT, 9)
    await store.accept([new("m1")])
    await store.cancel(MessageId("m1"), None, "me")
    await store.record_part(part(b"hello"))
    await store.note("modem gate-1", "ready", "absent", "unplugged", NOW)
    later = Instant(after(9 * DAY))
    before = await store.outbox.log(0, 100)
    assert len(before.events) == 4
    await store.keeping.prune(gone, later)
    kept = await store.outbox.log(0, 100)
    assert [event.seq for event in kept.events] == [event.seq for event in before.events]
    assert kept.events[2].inbound == before.events[2].inbound
    await store.outbox.progress([progress(1, before.until, delivery(before.events[2].seq))])
    await store.keeping.prune(gone, later)  # one received message still fails
    left = [event.subject for event in (await store.outbox.log(0, 100)).events]
    assert left == ["inbound", "modem gate-1"]
    await store.outbox.progress([progress(1, before.until, done=(before.events[2].seq,))])
    pruned = await store.keeping.prune(gone, later)
    assert (pruned.inbound, (await store.outbox.log(0, 100)).events) == (1, ())

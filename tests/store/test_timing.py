"""A clock that is set: what moves along with it and what stays."""

from __future__ import annotations

import pytest

from airpost.clock import Instant
from airpost.model import Idempotency, MessageId, Waits
from airpost.states import SegmentEvent
from airpost.store.api import Hold, Verdict
from airpost.store.sqlite import SqliteStore
from tests.store.values import (
    BUSY,
    DAY,
    HOUR,
    NOW,
    SILENT,
    FakeClock,
    after,
    begin,
    bound,
    claim,
    concat,
    end,
    new,
    part,
)


def kept(key: str) -> Idempotency:
    return Idempotency(key=key, fingerprint="f", status=202, body=b"{}", kept_s=3 * DAY)


async def expiry(store: SqliteStore, id_: str) -> float:
    found = await store.message(id_, None)  # type: ignore[arg-type]
    assert found is not None
    return (found.expires_at - NOW) / 1_000_000


async def test_a_time_to_live_moves_and_an_instant_stays(store: SqliteStore) -> None:
    await store.accept([
        new("ttl", 2, expires_at=after(600)),
        new("instant", expires_at=after(600.5)),
        new("scheduled", not_before=after(100), expires_at=after(700)),
    ])  # fmt: skip
    await store.timing.moved(3600 * 1_000_000, NOW, 0, "set forward")
    assert [await expiry(store, each) for each in ("ttl", "instant", "scheduled")] == [
        4200, 600.5, 700]  # fmt: skip
    await store.sweep(after(3600))
    states = [await store.message(each, None) for each in ("ttl", "instant", "scheduled")]  # type: ignore[arg-type]
    assert [each.state.value for each in states if each] == ["queued", "expired", "expired"]
    await store.sweep(after(4200))
    gone = await store.message("ttl", None)  # type: ignore[arg-type]
    assert gone is not None
    assert gone.state.value == "expired"
    await store.timing.moved(-3600 * 1_000_000, after(4200), 0, "set back")
    told = [each.reason for each in (await store.events(0, 99)).items if each.subject == "clock"]
    assert told == ["set forward", "set back"]


@pytest.mark.parametrize(
    ("ttl_us", "before_s", "by_s", "ends_s"),
    [
        (600_000_001, 200, HOUR, 700 + HOUR),
        (600_000_001, 200, -90, 610),
        (600_000_001, 50, HOUR, 700),  # a jump over `send_at`: nothing of it had passed
        (600_000_001, 200, -150, 700),  # it waits for `send_at` once more
        (600_000_000, 200, HOUR, 700),  # named
    ],
)
async def test_a_time_to_live_from_an_instant_moves_once_that_is_past(
    store: SqliteStore, ttl_us: int, before_s: int, by_s: int, ends_s: int
) -> None:
    due = after(100.25)
    await store.accept([new("later", not_before=due, expires_at=Instant(due + ttl_us))])
    await store.timing.moved(by_s * 1_000_000, after(before_s), 0, "set")
    assert await expiry(store, "later") == pytest.approx(ends_s + 0.25, abs=0.00001)


async def test_what_was_released_with_time_anew_moves_too(
    store: SqliteStore, clock: FakeClock
) -> None:
    await bound(store, new("m", expires_at=after(60)))
    (segment,) = await claim(store)
    attempt = await begin(store, segment)
    await end(store, segment, attempt, SegmentEvent.UNKNOWN, outcome=SILENT)
    clock.to(600.3)
    assert await store.decisions.settle(MessageId("m"), None, Verdict.RESEND, "anna")
    assert await expiry(store, "m") == 601 + DAY
    await store.timing.moved(HOUR * 1_000_000, after(700), 0, "set")
    assert await expiry(store, "m") == 601 + DAY + HOUR


async def test_of_older_runs_nothing_moves_by_a_clock_that_was_wrong(store: SqliteStore) -> None:
    await store.accept([new("before")])
    newest = await store.timing.newest()
    assert (newest.message_seq, newest.event_at) == (1, NOW)
    await store.accept([new("since")])
    await store.timing.moved(HOUR * 1_000_000, NOW, newest.message_seq, "set")
    assert [await expiry(store, each) for each in ("before", "since")] == [DAY, DAY + HOUR]


async def test_retries_and_graces_of_this_clock_move(store: SqliteStore) -> None:
    for id_, wait_s in (("soon", 60), ("far", 3 * HOUR)):
        await bound(store, new(id_))
        (segment,) = await claim(store)
        attempt = await begin(store, segment)
        await end(store, segment, attempt, SegmentEvent.TRANSIENT, outcome=BUSY,
                  retry_at=after(wait_s))  # fmt: skip
    await store.timing.moved(-DAY * 1_000_000, NOW, 0, "set back")
    # The first waits a minute by the new clock; the other was never set by the old one.
    await store.sweep(after(60 - DAY))
    (segment,) = await claim(store, after(60 - DAY))
    assert segment.message_id == "soon"
    attempt = await begin(store, segment, after(60 - DAY))
    await end(store, segment, attempt, SegmentEvent.UNKNOWN, outcome=SILENT,
              at=after(60 - DAY), grace_until=after(120 - DAY))  # fmt: skip
    await store.timing.moved(2 * DAY * 1_000_000, after(70 - DAY), 0, "set forward")
    await store.sweep(after(110 + DAY))
    waits = await store.message(segment.message_id, None)
    assert waits is not None
    assert waits.state.value == "uncertain"
    await store.sweep(after(120 + DAY))
    assert [each.message_id for each in await claim(store, after(120 + DAY))][:1] == ["soon"]


async def test_holds_are_looked_at_anew(store: SqliteStore) -> None:
    await store.accept([new("a", expires_at=after(DAY))])
    hold = Hold(message_seq=1, until=after(HOUR), reason="quiet_hours", words="night")
    await store.holds.hold([hold], NOW)
    await store.timing.moved(-DAY * 1_000_000, NOW, 0, "set back")
    held = await store.message("a", None)  # type: ignore[arg-type]
    assert held is not None
    assert held.waits == Waits(reason="quiet_hours", words="night", until=after(-DAY))


async def test_by_a_clock_not_to_be_trusted_nothing_ends_or_begins(store: SqliteStore) -> None:
    await store.accept([
        new("old", expires_at=after(60)), new("due", not_before=after(60)), new("now"),
    ])  # fmt: skip
    store.clock_trusted = False
    await store.sweep(after(120))
    assert [each.id for each in await store.backlog(after(30), 9, [], ["default"])] == ["old"]
    found = [each.id for each in await store.backlog(after(120), 9, [], ["default"])]
    assert "due" not in found
    states = [await store.message(each, None) for each in ("old", "due")]  # type: ignore[arg-type]
    assert [each.state.value for each in states if each] == ["queued", "accepted"]
    store.clock_trusted = True
    await store.sweep(after(120))
    states = [await store.message(each, None) for each in ("old", "due")]  # type: ignore[arg-type]
    assert [each.state.value for each in states if each] == ["expired", "queued"]


async def test_a_repeated_request_is_known_after_a_clock_in_doubt_was_set(
    store: SqliteStore,
) -> None:
    await store.accept([new("before")])
    newest = await store.timing.newest()
    await store.accept([new("since", idempotency=kept("new"))])
    await store.timing.moved(30 * DAY * 1_000_000, NOW, newest.message_seq, "set forward")
    await store.sweep(after(31 * DAY))
    assert await store.idempotent("shop", "new") is not None
    await store.sweep(after(33 * DAY))
    assert await store.idempotent("shop", "new") is None


@pytest.mark.parametrize("way", [1, -1])
async def test_parts_that_came_by_a_clock_in_doubt_wait_as_long_for_the_rest(
    store: SqliteStore, way: int
) -> None:
    await store.accept([new("before")])
    await store.record_part(part(udh=concat(1, 2, 1)))
    await store.timing.moved(way * 30 * DAY * 1_000_000, after(60), 1, "set")
    await store.sweep(after(way * 30 * DAY + HOUR - 60))
    assert (await store.inbound(None, 0, 9)).items == ()
    await store.sweep(after(way * 30 * DAY + HOUR))
    assert [each.partial for each in (await store.inbound(None, 0, 9)).items] == [True]

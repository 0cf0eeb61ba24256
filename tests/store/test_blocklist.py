"""Numbers that are never texted: neither what is new nor what waits."""

from __future__ import annotations

import pytest

from airpost.errors import InvalidRequest
from airpost.states import MessageState
from airpost.store.api import Accepted
from airpost.store.sqlite import SqliteStore
from tests.store.values import NOW, NUMBER, bound, claim, new, seen, sent

OTHER = "+4915112345679"


async def test_a_blocked_number_is_refused_and_costs_no_other(store: SqliteStore) -> None:
    await store.blocklist.block([NUMBER], "asked us to", "key 1", NOW)
    given = [new("one", to=OTHER), new("blocked"), new("two", to=OTHER)]
    one, refused, two = await store.accept(given)
    assert isinstance(refused, InvalidRequest)
    assert (refused.field, refused.code) == ("to", "blocked")
    assert [isinstance(each, Accepted) for each in (one, two)] == [True, True]
    stored = [await store.message(each.id, None) is not None for each in given]
    assert stored == [True, False, True]
    with pytest.raises(InvalidRequest, match="blocklist"):
        await store.hand_in(new("blocked"))
    assert await store.blocklist.unblock(NUMBER)
    assert not await store.blocklist.unblock(NUMBER)
    await store.accept([new("free")])


async def test_what_waits_for_it_fails_and_what_has_begun_does_not(store: SqliteStore) -> None:
    await store.accept([new("waits"), new("elsewhere", to=OTHER)])
    await bound(store, new("bound"))
    await bound(store, new("begun", parts=2))
    segment = next(each for each in await claim(store) if each.message_id == "begun")
    await sent(store, segment, 1)
    assert await store.blocklist.block([NUMBER], None, "local", NOW) == 2
    for id_ in ("waits", "bound"):
        found = await seen(store, id_)
        assert (found.state, found.final) == (MessageState.FAILED, True)
        assert found.reason == "the number is on the blocklist"
        outcome = found.parts[0].outcome
        assert outcome is not None
        assert outcome.code == "blocked"
    assert (await seen(store, "begun")).state is MessageState.SENDING
    assert (await seen(store, "elsewhere")).state is MessageState.QUEUED


async def test_the_list_is_read_in_pages(store: SqliteStore) -> None:
    numbers = [f"+491511234567{n}" for n in range(5)]
    await store.blocklist.block(numbers, None, "key 1", NOW)
    first = await store.blocklist.page("", 3)
    rest = await store.blocklist.page(first[-1].number, 3)
    assert [each.number for each in (*first, *rest)] == numbers
    one = await store.blocklist.blocked(numbers[2])
    assert one is not None
    assert (one.note, one.actor, one.since) == (None, "key 1", NOW)
    assert await store.blocklist.blocked(OTHER + "0") is None


async def test_a_note_may_be_added_later_and_is_not_lost(store: SqliteStore) -> None:
    for note in (None, "asked us to", None):
        await store.blocklist.block([NUMBER], note, "key 1", NOW)
    found = await store.blocklist.blocked(NUMBER)
    assert found is not None
    assert found.note == "asked us to"

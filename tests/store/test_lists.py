"""Lists, filters and counts: for every store."""

from __future__ import annotations

from typing import Any

import pytest

from airpost.model import MessageClass, MessageId
from airpost.states import MessageState
from airpost.store import lists
from airpost.store.api import MessageFilter, Store
from tests.store.values import G1, G2, NOW, after, bound, claim, new, part, report, sent


async def ids(store: Store, limit: int = 100, **where: Any) -> list[str]:
    return [m.id for m in (await store.messages(MessageFilter(**where), 0, limit)).items]


async def test_pages_follow_each_other_to_the_end(store: Store) -> None:
    await store.accept([new(f"m{n}") for n in range(7)])
    at, seen = 0, []
    while True:
        page = await store.messages(MessageFilter(), at, 3)
        seen += [m.id for m in page.items]
        if page.next is None:
            break
        assert page.next == page.items[-1].seq
        at = page.next
    assert seen == [f"m{n}" for n in range(7)]
    assert (await store.messages(MessageFilter(), page.items[-1].seq, 3)).items == ()
    assert (await store.messages(MessageFilter(), 0, 7)).next is None


async def test_each_filter_alone_and_together(store: Store) -> None:
    await store.accept(
        [
            new("a", owner="x", tags=("t", "u")),
            new("b", to="+4930111111", class_=MessageClass.OTP),
            new("c", at=after(60), tags=("u",), sender_ref="r 1", key_id="k1", sent_text="c!"),
            new("d", not_before=after(99)),
        ]
    )
    await bound(store, new("e", to="+4930111111"), lane=G2)
    await store.cancel(MessageId("c"), None, "x")
    assert await ids(store, owner="x") == ["a"]
    assert await ids(store, to="+4930111111") == ["b", "e"]
    assert await ids(store, class_=MessageClass.OTP) == ["b"]
    assert await ids(store, since=after(60)) == ["c"]
    assert await ids(store, until=after(60)) == ["a", "b", "d", "e"]
    assert await ids(store, until=after(61), since=after(60), key_id="k1") == ["c"]
    assert await ids(store, sender_ref="r 1") == ["c"]
    assert await ids(store, sender_ref="r") == await ids(store, key_id="k") == []
    assert await ids(store, state=MessageState.ACCEPTED) == ["d"]
    assert await ids(store, state=MessageState.CANCELLED) == ["c"]
    assert await ids(store, modem=G2) == ["e"]
    shown = (await store.messages(MessageFilter(key_id="k1"), 0, 1)).items[0]
    assert (shown.text, shown.sent_text) == ("text of c", "c!")
    assert await ids(store, tag="u") == ["a", "c"]
    assert await ids(store, tag="u", owner="x") == ["a"]
    assert await ids(store, tag="u", owner="y") == []
    assert await ids(store, modem=G2, to="+4930111111", state=MessageState.QUEUED) == ["e"]


async def test_state_and_filter_agree_when_time_passes(store: Store) -> None:
    await store.accept([new("m", not_before=after(9))])
    for state, now in ((MessageState.ACCEPTED, 8), (MessageState.QUEUED, 9)):
        await store.sweep(after(now))
        assert await ids(store, state=state) == ["m"]
        found = await store.message(MessageId("m"), None)
        assert found is not None
        assert found.state is state


async def test_rare_matches_are_found_over_many_stretches(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "STRETCH", 4)
    await store.accept(
        [new(f"m{n}", owner="rare" if n in (0, 9, 17) else "shop") for n in range(20)]
    )
    assert await ids(store, owner="rare") == ["m0", "m9", "m17"]
    page = await store.messages(MessageFilter(owner="rare"), 0, 2)
    assert ([m.id for m in page.items], page.next) == (["m0", "m9"], page.items[-1].seq)
    assert (await store.messages(MessageFilter(owner="rare"), page.next or 0, 2)).next is None
    assert await ids(store, owner="none") == []
    newest = MessageFilter(owner="rare", newest=True)
    page = await store.messages(newest, 0, 2)
    assert ([m.id for m in page.items], page.next) == (["m17", "m9"], page.items[-1].seq)
    page = await store.messages(newest, page.next or 0, 2)
    assert ([m.id for m in page.items], page.next) == (["m0"], None)
    every = await store.messages(MessageFilter(newest=True), 0, 30)
    assert [m.id for m in every.items] == [f"m{n}" for n in reversed(range(20))]
    counted = await store.counts()
    assert (counted["queued"], counted["segment.queued"]) == (20, 20)


async def test_an_owner_sees_only_its_own(store: Store) -> None:
    await store.accept([new("m", owner="x")])
    assert await store.message(MessageId("m"), "y") is None
    assert await store.message(MessageId("m"), "x") is not None
    assert await store.message(MessageId("none"), None) is None
    assert await store.message_events(MessageId("none")) == []


async def test_all_events_in_commit_order(store: Store) -> None:
    await bound(store, new("m"))
    await store.note("service", None, "started", "by hand", NOW)
    page = await store.events(0, 2)
    rest = await store.events(page.next or 0, 2)
    assert [e.subject for e in page.items + rest.items] == ["message", "message", "service"]
    assert rest.next is None
    last = rest.items[-1]
    assert (last.message_id, last.from_, last.to, last.reason) == (None, None, "started", "by hand")
    assert [e.seq for e in page.items + rest.items] == [1, 2, 3]


async def test_counts_name_what_they_count(store: Store) -> None:
    await bound(store, new("a", 2), new("b"))
    one, *_ = await claim(store)
    await sent(store, one, 1)
    await store.record_report(report(9))
    await store.record_part(part())
    assert await store.counts() == {
        "sending": 1, "queued": 1, "segment.sent": 1, "segment.queued": 2,
        "report.unmatched": 1, "quarantined": 0,
    }  # fmt: skip


async def test_a_queue_goes_by_class_over_all_routes(store: Store) -> None:
    await store.accept(
        [
            new("n-vip", route="vip"),
            new("n"),
            new("o-vip", route="vip", class_=MessageClass.OTP),
            new("later", not_before=after(9)),
        ]
    )
    view = await store.queue(G1, 10)
    assert [m.id for m in view.backlog] == ["o-vip", "n-vip", "n"]
    assert (view.bound, view.backlog_total) == ((), 3)

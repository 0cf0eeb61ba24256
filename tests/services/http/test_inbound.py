"""Received messages: pages, a cursor that is never null, and the long poll."""

from __future__ import annotations

import asyncio
from random import Random

from airpost.services.auditor import Auditor
from airpost.services.http.deps import ENDED, HttpDeps
from airpost.services.http.inbound import RECHECK_S, _poll
from airpost.services.http.settings import HttpSettings
from airpost.store.api import Wake
from airpost.tasks import spawn
from tests.services.http.conftest import Api
from tests.services.http.fake_outbox import events_of
from tests.services.http.fake_schedules import FakeSchedules
from tests.services.http.fakes import FakeClock, FakePool, FakeStore, experience, inbound
from tests.virtual import VirtualLoop, run_virtual


async def test_a_poller_keeps_its_place(api: Api) -> None:
    empty = await api.call("GET", "/v1/inbound")
    assert empty["items"] == []
    assert empty["next"]
    api.store.received = [inbound(3), inbound(5), inbound(9)]
    page = await api.call("GET", f"/v1/inbound?limit=2&cursor={empty['next']}")
    assert [item["id"] for item in page["items"]] == ["in-3", "in-5"]
    page = await api.call("GET", f"/v1/inbound?cursor={page['next']}")
    assert [item["id"] for item in page["items"]] == ["in-9"]
    end = await api.call("GET", f"/v1/inbound?cursor={page['next']}")
    assert (end["items"], end["next"]) == ([], page["next"])


async def test_an_absent_and_an_empty_cursor_begin_with_the_oldest(api: Api) -> None:
    api.store.received = [inbound(1)]
    assert await api.call("GET", "/v1/inbound") == await api.call("GET", "/v1/inbound?cursor=")


async def test_a_long_poll_ends_with_what_comes_in(api: Api) -> None:
    call = spawn(api.call("GET", "/v1/inbound?wait_s=50"), name="poll")
    await api.store.looked.wait()
    api.store.wake(Wake.QUEUE)
    api.store.received = [inbound(1)]
    api.store.wake(Wake.INBOUND)
    page = await call
    assert [item["id"] for item in page["items"]] == ["in-1"]
    assert api.store.callbacks == []


async def test_a_long_poll_ends_when_the_service_does(api: Api) -> None:
    call = spawn(api.call("GET", "/v1/inbound?wait_s=50"), name="poll")
    await api.store.looked.wait()
    api.app[ENDED].set()
    assert (await call)["items"] == []


async def test_waits_that_cannot_be(api: Api) -> None:
    for query in ("wait_s=-1", "wait_s=nan", "wait_s=x", "cursor=bTox"):
        await api.call("GET", f"/v1/inbound?{query}", 400)


async def test_replies_to_ones_own_messages_and_all_of_them(keyed: Api) -> None:
    keyed.store.received = [inbound(1, owner="shop"), inbound(2)]
    mine = keyed.store.new_key("shop", "inbound", key_id="shop1")
    every = keyed.store.new_key("audit", "inbound", "read:all", key_id="audit1")
    reader = keyed.store.new_key("ward", "read:all", key_id="ward1")
    assert len((await keyed.call("GET", "/v1/inbound", headers=mine))["items"]) == 1
    assert len((await keyed.call("GET", "/v1/inbound", headers=every))["items"]) == 2
    await keyed.call("GET", "/v1/inbound", 403, headers=reader)


def deps(loop: VirtualLoop, store: FakeStore) -> HttpDeps:
    return HttpDeps(
        store=store,
        pool=FakePool(),
        clock=FakeClock(loop.time),
        rng=Random(1),
        settings=HttpSettings(),
        stopping=lambda: False,
        recovery=experience,
        schedules=FakeSchedules(),
        audit=Auditor(store.audit, FakeClock(loop.time)),
        **events_of(store, FakeClock(loop.time)),
    )


def test_a_poll_ends_in_time_and_a_lost_wake_costs_one_look() -> None:
    async def main(loop: VirtualLoop) -> None:
        store = FakeStore()
        page = await _poll(deps(loop, store), asyncio.Event(), None, 0, 10, 40)
        assert page.items == ()
        assert loop.time() == 40
        assert store.looks == 4  # at 0, 15, 30 and 40 s
        poll = spawn(_poll(deps(loop, store), asyncio.Event(), None, 0, 10, 60), name="poll")
        await asyncio.sleep(1)
        store.received = [inbound(1)]  # nobody says so
        assert (await poll).items
        assert loop.time() == 40 + RECHECK_S

    run_virtual(main)

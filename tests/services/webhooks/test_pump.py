"""One endpoint: order, back-off, what is given up, and what an outage costs."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

from airpost.services.webhooks.backoff import PROBE_LONGEST_S
from airpost.services.webhooks.pump import WINDOW
from airpost.store.publishing import EndpointState
from tests.services.webhooks.rig import OK, SILENT, Rig, in_rig, opened, status
from tests.virtual import VirtualLoop, run_virtual

HOUR = 3600


def test_events_are_told_at_once_and_in_order(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        began_s = rig.loop.time()
        await rig.state("a", "registering")
        await rig.until(lambda: rig.receiver.took)
        assert rig.loop.time() - began_s < 0.15
        for n in range(20):
            await rig.state("ab"[n % 2], "ready" if n % 3 else "degraded")
        await rig.until(lambda: len(rig.receiver.took) == 21)
        told = [each for each in rig.receiver.took if each["data"]["modem"] == "a"]
        assert [int(each["data"]["reason"]) for each in told] == [1, *range(2, 22, 2)]
        assert rig.receiver.most_at_once == 2  # one for each subject
        assert rig.receiver.took[0]["type"] == "modem.state"
        assert len(set(rig.receiver.ids)) == 21
        await asyncio.sleep(2)
        (kept,) = await rig.store.outbox.endpoints()
        assert (kept.delivered, kept.place) == (21, await rig.store.outbox.head())

    in_rig(tmp_path, story)


def test_one_that_fails_holds_up_its_own_subject_alone(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        tries = 0

        def says(_endpoint: object, body: dict[str, Any]) -> Any:
            nonlocal tries
            if body["data"]["reason"] == "1":
                tries += 1
                return status(400) if tries < 4 else OK
            return OK

        rig.receiver.says = says
        await rig.create()
        for n in range(12):
            await rig.state("ab"[n % 2])
        await rig.until(lambda: len(rig.receiver.took) == 6)
        assert rig.reasons() == [2, 4, 6, 8, 10, 12]
        await asyncio.sleep(2)
        page = await rig.store.outbox.deliveries(1, 0, 50)
        assert page.items[0].seq == 1
        assert len(page.items) == 6  # it, and what waits behind it
        (kept,) = await rig.store.outbox.endpoints()
        assert kept.place == 12
        await rig.until(lambda: len(rig.receiver.took) == 12, 3 * HOUR)
        assert rig.reasons()[6:] == [1, 3, 5, 7, 9, 11]
        times = [at for at, id_ in rig.receiver.tries if id_ == rig.receiver.ids[6]]
        waits = [b - a for a, b in pairwise(times)]
        for wait, planned in zip(waits, (5, 300, 1800), strict=True):
            assert planned <= wait < planned * 1.1 + 2
        await asyncio.sleep(2)
        assert (await rig.store.outbox.deliveries(1, 0, 50)).items == ()

    in_rig(tmp_path, story)


def test_a_receiver_that_is_down_costs_nothing_and_gets_everything_afterwards(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        await rig.create()
        rig.receiver.says = lambda _e, _b: SILENT
        for n in range(3 * WINDOW):
            await rig.state(f"m{n % 7}")
        await asyncio.sleep(HOUR)
        assert len(rig.receiver.tries) < 25
        assert rig.webhooks.all(None)[0].pump.health.down  # type: ignore[union-attr]
        rows = await rig.store.outbox.deliveries(1, 0, 500)
        assert len(rows.items) <= 8  # what was under way when it went
        rig.receiver.says = lambda _e, _b: OK
        began_s = rig.loop.time()
        await rig.until(lambda: len(rig.receiver.took) == 3 * WINDOW)
        assert rig.loop.time() - began_s <= PROBE_LONGEST_S + 15
        for n in range(7):
            told = [r for r in rig.reasons() if r % 7 == n]
            assert told == sorted(told)
        assert len(set(rig.receiver.ids)) == len(rig.receiver.ids)

    in_rig(tmp_path, story)


def test_a_stop_and_a_start_go_on_where_it_was(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with opened(loop, tmp_path) as rig:
            await rig.create()
            rig.receiver.says = lambda _e, b: status(500) if b["data"]["modem"] == "bad" else OK
            for n in range(10):
                await rig.state("bad" if n % 5 == 0 else f"m{n}")
            await rig.until(lambda: len(rig.receiver.took) == 8)
        async with opened(loop, tmp_path) as rig:
            await rig.state("bad")
            await rig.until(lambda: len(rig.receiver.took) == 3, HOUR)
            assert rig.reasons() == [1, 6, 1]  # the third is the first of the new counting
            assert rig.receiver.states("bad") == ["ready"] * 3

    run_virtual(main)


def test_what_fails_for_the_whole_schedule_is_given_up_and_can_be_asked_for(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        made = await rig.create("modem.state")
        rig.receiver.says = lambda _e, b: status(422) if b["data"]["modem"] == "bad" else OK
        for modem in ("bad", "bad", "good"):
            await rig.state(modem)
            await asyncio.sleep(0.1)
        await asyncio.sleep(2 * HOUR)
        dead = await rig.webhooks.deliveries(made.id, 0, 50, dead=True)
        assert [(each.seq, each.status) for each in dead.items] == [(1, 422), (2, 422)]
        assert dead.items[0].tries == 4
        assert rig.webhooks.find(made.id, "shop").endpoint.state is EndpointState.ACTIVE
        assert rig.reasons() == [3]
        notes = [e for e in (await rig.store.events(0, 50)).items if e.subject.startswith("webh")]
        assert len(notes) == 2
        rig.receiver.says = lambda _e, _b: OK
        await rig.webhooks.replay(made.id, None)
        await rig.until(lambda: len(rig.receiver.took) == 3)
        assert rig.reasons() == [3, 1, 2]
        await rig.webhooks.replay(made.id, [3])
        await rig.until(lambda: len(rig.receiver.took) == 4)
        assert rig.receiver.ids[0] == rig.receiver.ids[3]
        await rig.webhooks.replay_since(made.id, rig.clock.now())
        await rig.webhooks.replay_since(made.id, (await rig.store.events(1, 1)).items[0].at)
        await rig.until(lambda: len(rig.receiver.took) == 6)
        assert rig.reasons()[4:] == [2, 3]
        await asyncio.sleep(60)
        assert len(rig.receiver.took) == 6

    in_rig(tmp_path, story, schedule_s=(5.0, 300.0, 600.0))


def test_time_in_which_the_service_was_away_is_no_failure(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        waits = (5.0, 300.0, 600.0)
        async with opened(loop, tmp_path, schedule_s=waits) as rig:
            made = await rig.create()
            rig.receiver.says = lambda _e, _b: status(422)
            await rig.state("bad")
            await rig.until(lambda: len(rig.receiver.tries) == 1)
        await asyncio.sleep(3 * HOUR)
        async with opened(loop, tmp_path, schedule_s=waits) as rig:
            rig.receiver.says = lambda _e, _b: status(422)
            await rig.until(lambda: len(rig.receiver.tries) == 1)
            await asyncio.sleep(1)
            assert not (await rig.webhooks.deliveries(made.id, 0, 50, dead=True)).items
            rig.receiver.says = lambda _e, _b: OK
            await rig.until(lambda: len(rig.receiver.took) == 1, HOUR)

    run_virtual(main)


def test_one_that_takes_nothing_for_the_whole_schedule_is_disabled(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        made = await rig.create()
        rig.receiver.says = lambda _e, _b: SILENT
        await rig.state("a")
        await rig.state("b")
        await asyncio.sleep(3 * HOUR)
        shown = rig.webhooks.find(made.id, None)
        assert shown.endpoint.state is EndpointState.DISABLED
        assert "connection refused" in (shown.endpoint.reason or "")
        tries = len(rig.receiver.tries)
        await asyncio.sleep(3 * HOUR)
        assert len(rig.receiver.tries) == tries
        rig.receiver.says = lambda _e, _b: OK
        await rig.webhooks.resume(made.id)
        await rig.until(lambda: len(rig.receiver.took) == 1, 5)  # the other one was given up
        assert rig.reasons() == [2]

    in_rig(tmp_path, story, schedule_s=(5.0, 300.0, 600.0))


def test_410_ends_it_and_retry_after_is_kept(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        made = await rig.create()
        rig.receiver.says = lambda _e, _b: status(429, retry_after_s=1000.0)
        await rig.state("a")
        await rig.state("b")
        await asyncio.sleep(990)
        assert len(rig.receiver.tries) <= 2
        rig.receiver.says = lambda _e, _b: status(410)
        await asyncio.sleep(200)
        tries = len(rig.receiver.tries)
        shown = rig.webhooks.find(made.id, None).endpoint
        assert (shown.state, "410" in (shown.reason or "")) == (EndpointState.DISABLED, True)
        await asyncio.sleep(HOUR)
        assert len(rig.receiver.tries) == tries

    in_rig(tmp_path, story)


def test_a_pause_keeps_what_happens_and_what_gets_too_old_is_counted(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        made = await rig.create()
        await rig.webhooks.pause(made.id)
        for _ in range(5):
            await rig.state("a")
        await asyncio.sleep(2 * HOUR)
        assert rig.receiver.tries == []
        await rig.state("b")
        await rig.webhooks.resume(made.id)
        await rig.until(lambda: len(rig.receiver.took) == 6)
        await rig.webhooks.pause(made.id)
        await rig.state("a")
        await asyncio.sleep(30 * HOUR)
        await rig.state("b")
        await asyncio.sleep(2)
        await rig.webhooks.resume(made.id)
        await rig.until(lambda: len(rig.receiver.took) == 7)
        assert rig.reasons()[-1] == 8
        await asyncio.sleep(2)
        (kept,) = await rig.store.outbox.endpoints()
        assert (kept.missed, kept.delivered) == (1, 7)

    in_rig(tmp_path, story, keep_d=1.0)

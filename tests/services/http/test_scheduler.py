"""Firings: one an instant, made up for or skipped, over restarts and both changes of the clock."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random

from airpost.clock import SECOND_US, Instant, LoopClock, parse_rfc3339, rfc3339
from airpost.model import MessageClass, Waits
from airpost.schedule import Schedule
from airpost.services.auditor import Auditor
from airpost.services.http.credentials import token_hash
from airpost.services.http.deps import HttpDeps
from airpost.services.http.scheduler import Scheduler
from airpost.services.http.settings import HttpSettings
from airpost.store.api import MessageFilter
from airpost.store.sqlite import SqliteStore
from airpost.tasks import spawn, stop
from tests.services.http.fake_outbox import events_of
from tests.services.http.fakes import FakePool, experience
from tests.virtual import VirtualLoop, run_virtual

HOUR_US = 3600 * SECOND_US
REQUEST = '{"to":"+491701234567","text":"good morning","class":"alarm"}'


class Rig:
    """A scheduler over a real store, from an instant on."""

    def __init__(self, loop: VirtualLoop, folder: Path, at: str) -> None:
        self.clock = LoopClock(loop.time, parse_rfc3339(at))
        self.store = SqliteStore(folder / "airpost.db", self.clock, Random(1))
        loop.busy["store"] = lambda: self.store.pending > 0
        self.trusted = True
        self.pool = FakePool()
        deps = HttpDeps(
            store=self.store, pool=self.pool, clock=self.clock, rng=Random(at),
            settings=HttpSettings(), stopping=lambda: False, recovery=experience,
            schedules=self.store.schedules, audit=Auditor(self.store.audit, self.clock),
            **events_of(self.store, self.clock),
        )  # fmt: skip
        self.scheduler = Scheduler(deps, lambda: self.trusted)

    async def __aenter__(self) -> Rig:
        await self.store.open(self.clock.now())
        self._running = spawn(self.scheduler.run(), name="scheduler")
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop(self._running)
        await self.store.close()

    async def add(self, next_at: str, **changes: object) -> Schedule:
        made = Schedule(
            id="s1", seq=0, owner="shop", key_id=None, cron="30 2 * * *", zone="Europe/Berlin",
            request=REQUEST, late_s=3600, created_at=self.clock.now(),
            next_at=parse_rfc3339(next_at),
        )  # fmt: skip
        made = replace(made, **changes)  # type: ignore[arg-type]
        await self.store.schedules.add(made, 9)
        self.scheduler.wake()
        return made

    async def sent(self) -> list[str]:
        """When its messages were made, to the minute."""
        found = await self.store.messages(MessageFilter(tag="schedule:s1"), 0, 99)
        return [rfc3339(each.created_at)[5:16] for each in found.items]

    async def kept(self) -> Schedule:
        found = await self.store.schedules.find("s1", None)
        assert found is not None
        return found


def test_a_number_that_was_blocked_since_is_told_and_the_next_firing_comes(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Rig(loop, tmp_path, "2026-03-20T00:00:00Z") as rig:
            await rig.store.blocklist.block(["+491701234567"], None, "test", rig.clock.now())
            await rig.add("2026-03-20T01:30:00Z")
            await asyncio.sleep(2 * 3600)
            kept = await rig.kept()
            assert "blocklist" in (kept.problem or "")
            assert rfc3339(kept.next_at)[:16] == "2026-03-21T01:30"
            await rig.store.blocklist.unblock("+491701234567")
            await asyncio.sleep(24 * 3600)
            assert await rig.sent() == ["03-21T01:30"]

    run_virtual(main)


def test_every_night_over_both_changes_of_the_clock(tmp_path: Path) -> None:
    async def spring(loop: VirtualLoop) -> None:
        async with Rig(loop, tmp_path / "a", "2026-03-28T00:00:00Z") as rig:
            await rig.add("2026-03-28T01:30:00Z")
            await asyncio.sleep(2.5 * 86_400)
            assert await rig.sent() == ["03-28T01:30", "03-29T01:00", "03-30T00:30"]

    async def autumn(loop: VirtualLoop) -> None:
        async with Rig(loop, tmp_path / "b", "2026-10-24T00:00:00Z") as rig:
            await rig.add("2026-10-24T00:30:00Z")
            await asyncio.sleep(2.5 * 86_400)
            assert await rig.sent() == ["10-24T00:30", "10-25T00:30", "10-26T01:30"]

    for folder, main in (("a", spring), ("b", autumn)):
        (tmp_path / folder).mkdir()
        run_virtual(main)


def test_the_message_is_the_owner_s_and_lives_from_its_instant(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Rig(loop, tmp_path, "2026-06-01T00:00:00Z") as rig:
            await rig.add("2026-06-01T00:30:00Z")
            await asyncio.sleep(3600)
            (message,) = (await rig.store.messages(MessageFilter(owner="shop"), 0, 9)).items
            assert (message.text, message.class_) == ("good morning", MessageClass.ALARM)
            assert message.tags == ("schedule:s1",)
            assert (message.expires_at - message.created_at) / SECOND_US == 1800
            kept = await rig.kept()
            assert (kept.last_message, kept.fired, kept.problem) == (message.id, 1, None)

    run_virtual(main)


def test_after_a_restart_the_newest_missed_one_is_made_up_for_once(tmp_path: Path) -> None:
    async def before(loop: VirtualLoop) -> None:
        async with Rig(loop, tmp_path, "2026-06-01T00:00:00Z") as rig:
            await rig.add("2026-06-01T00:10:00Z", cron="*/10 * * * *")
            await asyncio.sleep(11 * 60)
            assert await rig.sent() == ["06-01T00:10"]

    async def after(loop: VirtualLoop) -> None:
        async with Rig(loop, tmp_path, "2026-06-01T01:05:00Z") as rig:
            await asyncio.sleep(60)
            assert await rig.sent() == ["06-01T00:10", "06-01T01:05"]
            kept = await rig.kept()
            assert (kept.skipped, rfc3339(kept.last_at or Instant(0))[11:16]) == (4, "01:00")
            await asyncio.sleep(5 * 60)
            assert (await rig.sent())[2:] == ["06-01T01:10"]

    run_virtual(before)
    run_virtual(after)


def test_what_is_too_late_is_skipped(tmp_path: Path) -> None:
    async def before(loop: VirtualLoop) -> None:
        async with Rig(loop, tmp_path, "2026-06-01T00:00:00Z") as rig:
            await rig.add("2026-06-01T00:30:00Z", late_s=60)

    async def after(loop: VirtualLoop) -> None:
        async with Rig(loop, tmp_path, "2026-06-01T00:32:00Z") as rig:
            await asyncio.sleep(60)
            assert await rig.sent() == []
            kept = await rig.kept()
            assert (kept.skipped, rfc3339(kept.next_at)[5:16]) == (1, "06-02T00:30")

    run_virtual(before)
    run_virtual(after)


def test_by_a_clock_not_to_be_trusted_nothing_fires(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Rig(loop, tmp_path, "2026-06-01T00:00:00Z") as rig:
            rig.trusted = False
            await rig.add("2026-06-01T00:05:00Z")
            await asyncio.sleep(600)
            assert await rig.sent() == []
            rig.trusted = True
            await asyncio.sleep(2)
            assert await rig.sent() == ["06-01T00:10"]

    run_virtual(main)


def test_what_cannot_be_any_more_is_told_and_tried_again_next_time(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with Rig(loop, tmp_path, "2026-06-01T00:00:00Z") as rig:
            gone = '{"to":"+491701234567","text":"x","modem":"gate-9"}'
            await rig.add("2026-06-01T00:05:00Z", cron="*/5 * * * *", request=gone)
            await asyncio.sleep(601)
            kept = await rig.kept()
            assert (kept.fired, kept.problem) == (
                0, "modem: no modem has this name: there is gate-1"
            )  # fmt: skip
            assert rfc3339(kept.next_at)[11:16] == "00:15"

    run_virtual(main)


def test_a_limit_that_refuses_is_told_like_to_a_caller_and_the_next_firing_comes(
    tmp_path: Path,
) -> None:
    """No message that fails in its first moment; one that a limit holds is made, and waits."""

    async def main(loop: VirtualLoop) -> None:
        async with Rig(loop, tmp_path, "2026-06-01T00:00:00Z") as rig:
            until = Instant(rig.clock.now() + 3600 * SECOND_US)
            rig.pool.against = Waits(reason="quiet_hours", words="the hours of x", until=until)
            await rig.add("2026-06-01T00:05:00Z", cron="*/5 * * * *")
            await asyncio.sleep(301)
            kept = await rig.kept()
            assert (kept.fired, kept.problem) == (0, "refused by a limit: the hours of x")
            events = await rig.store.events(0, 9)
            assert "came to nothing: refused by a limit" in events.items[-1].reason
            ((asked, due),) = rig.pool.asked_limits
            assert (asked.class_, due) == (MessageClass.ALARM, kept.next_at - 300 * SECOND_US)
            hour = Instant(rig.clock.now() // HOUR_US * HOUR_US)
            rows = await rig.store.keeping.funnel(None, hour, Instant(hour + HOUR_US))
            told = {(row.stage, row.reason): row.count for row in rows}
            assert (told["requested", ""], told["rejected", "quiet-hours"]) == (1, 1)
            rig.pool.against = None
            await asyncio.sleep(300)
            assert await rig.sent() == ["06-01T00:10"]
            assert (await rig.kept()).problem is None

    run_virtual(main)


def test_a_key_that_was_revoked_sends_nothing_more(tmp_path: Path) -> None:
    from airpost.apikey import ApiKey

    async def main(loop: VirtualLoop) -> None:
        async with Rig(loop, tmp_path, "2026-06-01T00:00:00Z") as rig:
            key = ApiKey(id="k", name="shop", owner="shop", scopes=frozenset({"send"}),
                         created_at=rig.clock.now(), revoked_at=None)  # fmt: skip
            await rig.store.add_key(key, token_hash("t"))
            await rig.add("2026-06-01T00:05:00Z", cron="*/5 * * * *", key_id="k")
            await asyncio.sleep(301)
            assert len(await rig.sent()) == 1
            await rig.store.revoke_key("k", rig.clock.now())
            await asyncio.sleep(300)
            assert len(await rig.sent()) == 1
            assert (await rig.kept()).problem == "key: the key it was made with was revoked"

    run_virtual(main)

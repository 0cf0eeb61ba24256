"""Limits on a running pool: what is held, what goes by another SIM, what fails, over restarts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airpost.apikey import ApiKey
from airpost.clock import SECOND_US, Instant, rfc3339
from airpost.errors import StoreUnavailable
from airpost.model import Claimed, Lane, MessageClass, MessageId, SimId, UnitState, Waiting
from airpost.modem.api import CommitIntent, SendResult
from airpost.pool.limits import (
    READY,
    ClassLimits,
    LimitProfile,
    LimitSettings,
    OnLimit,
    Span,
)
from airpost.pool.sendwindow import send_window
from airpost.states import MessageState
from airpost.store.api import AirResult
from tests.pool.rig import PHONE, START, Rig, ScriptedUnit, pooled
from tests.virtual import VirtualLoop, run_virtual


def sims(**given: Any) -> LimitSettings:
    """The same profile for every SIM."""
    return LimitSettings(default_sim=LimitProfile(name="test", **given))


async def sent_at(rig: Rig, count: int, wait_s: float = 3600) -> list[float]:
    """When the first `count` segments of all units began."""
    async with asyncio.timeout(wait_s):
        while sum(len(unit.sent) for unit in rig.units) < count:  # noqa: ASYNC110 in virtual time
            await asyncio.sleep(1.0)
    return sorted(round(at, 1) for unit in rig.units for at in unit.begun_at)


def test_a_gap_lies_between_two_begins(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, limits=sims(gap_s=3.0)) as rig:
            for _ in range(4):
                await rig.accept()
            first, *others = await sent_at(rig, 4)
            assert [round(at - first, 1) for at in others] == [3.0, 6.0, 9.0]

    run_virtual(main)


def test_a_burst_then_the_mean(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, limits=sims(per_minute=6, burst=5)) as rig:
            for _ in range(8):
                await rig.accept()
            times = await sent_at(rig, 8)
            assert times[4] - times[0] < 2
            assert [round(at - times[4]) for at in times[5:]] == [9, 19, 29]

    run_virtual(main)


def test_a_used_up_sim_is_passed_over_and_what_waits_says_for_what(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        limits = sims(per_hour=2, on_limit=OnLimit.OTHER)
        async with pooled(loop, tmp_path, (0.2, 0.2), limits=limits) as rig:
            ids = [await rig.accept(f"{n}") for n in range(5)]
            for each in ids[:4]:
                await rig.state(each, "sent", wait_s=30)
            assert [len(unit.sent) for unit in rig.units] == [2, 2]
            await asyncio.sleep(5)
            last = await rig.message(ids[4])
            assert (last.state, last.modem) == (MessageState.QUEUED, None)
            waits = rig.pool.waits(last)
            assert waits is not None
            assert (waits.reason, waits.words) == ("quota_exhausted", "gate-1: 2 an hour")
            assert 3590 < (waits.until - rig.clock.now()) / SECOND_US < 3600
            began = loop.time()
            await rig.state(ids[4], "sent", wait_s=4000)
            assert 3590 < loop.time() - began < 3602

    run_virtual(main)


@pytest.mark.parametrize("limit", ["per_hour", "recipients_per_month"])
def test_nothing_waits_for_the_sim_of_a_modem_that_is_paused(tmp_path: Path, limit: str) -> None:
    """The second limit is one that is told in lists too."""
    words = {"per_hour": "1 an hour", "recipients_per_month": "1 recipients a month"}[limit]

    async def main(loop: VirtualLoop) -> None:
        limits = sims(**{limit: 1}, on_limit=OnLimit.OTHER)
        async with pooled(loop, tmp_path, (0.2, 0.2), limits=limits) as rig:
            ids = [await rig.accept(to=f"{PHONE}{n}") for n in range(3)]
            await rig.state(ids[1], "sent", wait_s=30)
            await asyncio.sleep(5)
            last = await rig.message(ids[2])

            async def waits(after: str, lane: str = "gate-1") -> list[str | None]:
                await {"pause": rig.pool.pause, "resume": rig.pool.resume}[after](Lane(lane), "a")
                await asyncio.sleep(5)
                found = [rig.pool.waits(last, listed=listed) for listed in (False, True)]
                return [None if each is None else each.words for each in found]

            kept = limit != "per_hour"
            assert await waits("resume") == [
                f"gate-1: {words}",
                f"gate-1: {words}" if kept else None,
            ]
            one, listed = await waits("pause")
            assert one == f"gate-2: {words}"
            assert listed in (None, one)
            assert await waits("pause", "gate-2") == [None, None]
            assert (await waits("resume"))[0] == f"gate-1: {words}"

    run_virtual(main)


def test_what_a_draining_modem_still_has_waits_for_its_sim(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2), limits=sims(gap_s=4.0)) as rig:
            ids = [await rig.accept(lane=Lane("gate-1"), to=f"{PHONE}{n}") for n in range(2)]
            await rig.state(ids[0], "sent", wait_s=30)
            await rig.pool.pause(Lane("gate-1"), "anna", drain=True)
            await asyncio.sleep(1)
            last = await rig.message(ids[1])
            assert last.modem == "gate-1"
            found = rig.pool.waits(last)
            assert found is not None
            assert found.words == "gate-1: a gap of 4 s"
            await rig.state(ids[1], "sent", wait_s=9)

    run_virtual(main)


def test_a_sim_to_wait_for_keeps_its_messages(tmp_path: Path) -> None:
    """`hold`: the other modem, never used up, gets none of what is meant for the first."""

    async def main(loop: VirtualLoop) -> None:
        tight = LimitProfile(name="tight", per_hour=1, on_limit=OnLimit.HOLD)
        limits = LimitSettings(sims={"gate-1": tight})
        async with pooled(loop, tmp_path, (0.2, 0.2), limits=limits) as rig:
            ids = [await rig.accept(lane=Lane("gate-1")) for _ in range(2)]
            await rig.state(ids[0], "sent", wait_s=20)
            waiting = await rig.message(ids[1])
            await rig.until(lambda: rig.pool.waits(waiting) is not None, 20)
            # Before that it could be bound to the first, and `hold` would be for it too.
            alarm = await rig.accept(class_=MessageClass.ALARM)
            await rig.state(alarm, "sent", wait_s=20)
            waiting = await rig.message(ids[1])
            assert waiting.state is MessageState.QUEUED
            waits = rig.pool.waits(waiting)
            assert waits is not None
            assert waits.words == "gate-1: 1 an hour"
            await rig.state(ids[1], "sent", wait_s=3700)
            assert [len(unit.sent) for unit in rig.units] == [2, 1]

    run_virtual(main)


@pytest.mark.parametrize("class_", [MessageClass.ALARM, MessageClass.NORMAL])
def test_what_another_can_take_does_not_wait_for_a_sim_that_is_used_up(
    tmp_path: Path, class_: MessageClass
) -> None:
    async def main(loop: VirtualLoop) -> None:
        tight = LimitProfile(name="tight", per_hour=1, on_limit=OnLimit.HOLD)
        limits = LimitSettings(sims={"gate-1": tight})
        async with pooled(loop, tmp_path, (0.2, 30.0), limits=limits) as rig:
            await rig.state(await rig.accept(lane=Lane("gate-1")), "sent", wait_s=20)
            await asyncio.sleep(60)  # it has nothing to do, and is the faster one
            ids = [await rig.accept(f"{n}", class_=class_, to=f"+4917{n}") for n in range(3)]
            for each in ids:
                await rig.state(each, "sent", wait_s=200)
            assert [len(unit.sent) for unit in rig.units] == [1, 3]

    run_virtual(main)


def test_what_is_bound_to_a_sim_when_its_quota_ends_is_given_back(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        tight = LimitProfile(name="tight", per_hour=1, on_limit=OnLimit.HOLD)
        limits = LimitSettings(sims={"gate-1": tight})
        async with pooled(loop, tmp_path, (0.2, 30.0), limits=limits) as rig:
            await rig.accept(lane=Lane("gate-2"))
            await rig.until(lambda: rig.units[1].sent, 20)
            alarm = MessageClass.ALARM  # two are bound to the first, which is free
            ids = [await rig.accept(f"{n}", class_=alarm, to=f"+4917{n}") for n in range(2)]
            for each in ids:
                await rig.state(each, "sent", wait_s=100)
            assert [len(unit.sent) for unit in rig.units] == [1, 2]

    run_virtual(main)


def test_where_a_limit_rejects_the_message_fails_and_says_why(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        limits = sims(per_day=1, on_limit=OnLimit.REJECT)
        async with pooled(loop, tmp_path, limits=limits) as rig:
            await rig.state(await rig.accept(), "sent")
            failed = await rig.state(await rig.accept(), "failed", wait_s=60)
            assert failed.final
            assert failed.reason == "refused by a limit: gate-1: 1 a day"
            assert failed.parts[0].outcome is not None
            assert failed.parts[0].outcome.code == "quota_exhausted"

    run_virtual(main)


def test_what_was_withdrawn_or_could_not_be_written_does_not_count(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, limits=sims(per_hour=2)) as rig:
            (unit,) = rig.units
            send, air, tries = unit.send, rig.store.air, 0

            def full(settle: Any, intent: Any) -> asyncio.Future[AirResult]:
                rig.store.air = air  # type: ignore[method-assign]
                failed: asyncio.Future[AirResult] = loop.create_future()
                failed.set_exception(StoreUnavailable("the disk is full"))
                return failed

            async def troubled(segment: Claimed, commit: CommitIntent) -> SendResult:
                """The first is cancelled in the last moment, the second meets a full disk."""
                nonlocal tries
                tries += 1
                if tries == 1:
                    await rig.store.cancel(segment.message_id, None, "test")
                if tries == 2:
                    rig.store.air = full  # type: ignore[method-assign]
                return await send(segment, commit)

            unit.send = troubled  # type: ignore[method-assign]
            await rig.state(await rig.accept("0"), "cancelled")
            await rig.until(lambda: unit.refused == 1)
            for text in ("1", "2"):
                await rig.state(await rig.accept(text), "sent", wait_s=30)
            budget = rig.pool.budget(unit.lane)
            assert budget is not None
            assert (tries, [use.used for use in budget.uses]) == (4, [2])

    run_virtual(main)


def test_the_reserve_is_for_alarms_also_while_others_wait(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, limits=sims(per_day=5, reserve_percent=40)) as rig:
            ids = [await rig.accept(f"{n}") for n in range(5)]
            for each in ids[:3]:
                await rig.state(each, "sent", wait_s=30)
            await asyncio.sleep(10)
            assert len(rig.units[0].sent) == 3
            for _ in range(2):
                alarm = await rig.accept(class_=MessageClass.ALARM)
                await rig.state(alarm, "sent", wait_s=10)
            alarm = await rig.accept(class_=MessageClass.ALARM)
            await asyncio.sleep(60)
            assert (await rig.message(alarm)).state is MessageState.QUEUED

    run_virtual(main)


@pytest.mark.parametrize(
    ("given", "service_s", "alone", "beside"),
    [
        ({"gap_s": 6.0}, 6.0, (0, 4), (0, 1)),
        ({"per_minute": 6}, 1.0, (4, 6), (1, 2.5)),  # the reserved one alone stands beside bulk
        ({"per_minute": 6, "reserve_percent": 50}, 1.0, (4, 6), (1.5, 5)),
    ],
)
def test_limits_of_a_minute_are_part_of_the_promise_before_they_are_met(
    tmp_path: Path, given: dict[str, Any], service_s: float,
    alone: tuple[float, float], beside: tuple[float, float],
) -> None:  # fmt: skip
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (1.0, 1.0), limits=sims(**given)) as rig:
            await rig.until(
                lambda: rig.pool.promises()[0].under_bulk_per_minute is not None, wait_s=5
            )
            (told,) = rig.pool.promises()
            assert (told.modems, told.service_s) == (2, service_s)
            assert told.urgent_per_minute is not None
            assert told.under_bulk_per_minute is not None
            assert alone[0] <= told.urgent_per_minute <= alone[1]
            assert beside[0] <= told.under_bulk_per_minute <= beside[1]
            await rig.state(await rig.accept(class_=MessageClass.ALARM), "sent")
            await asyncio.sleep(3)  # a gap is no limit that is used up
            assert [each.modems for each in rig.pool.promises()] == [2]

    run_virtual(main)


def test_what_waits_for_a_sim_keeps_nobody_from_another(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        profile = LimitProfile(name="test", per_hour=5, reserve_percent=20, on_limit=OnLimit.OTHER)
        limits = LimitSettings(sims={Lane("gate-1"): profile})
        async with pooled(loop, tmp_path, (0.2, 0.2), limits=limits) as rig:
            for _ in range(50):
                last = await rig.accept(lane=Lane("gate-1"))
            await rig.until(lambda: len(rig.units[0].sent) == 4, 30)
            await rig.state(await rig.accept(lane=Lane("gate-2")), "sent", wait_s=30)
            alarm = await rig.accept(lane=Lane("gate-1"), class_=MessageClass.ALARM)
            await rig.state(alarm, "sent", wait_s=30)
            waits = rig.pool.waits(await rig.message(last))
            assert waits is not None
            assert waits.words == "gate-1: 5 an hour, 1 of them kept for otp and alarm"

    run_virtual(main)


def test_what_has_used_up_its_limit_is_not_promised_until_that_is_over(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        limits = LimitSettings(sims={Lane("gate-1"): LimitProfile(name="tight", per_hour=2)})
        async with pooled(loop, tmp_path, (1.0, 1.0), limits=limits) as rig:
            promised = lambda: [each.modems for each in rig.pool.promises()]  # noqa: E731
            await rig.until(lambda: promised() == [2], wait_s=60)
            for at in range(2):
                await rig.accept(to=f"{PHONE}{at}", lane=Lane("gate-1"))
            await rig.until(lambda: promised() == [1], wait_s=60)
            await asyncio.sleep(3500)
            assert promised() == [1]
            await rig.until(lambda: promised() == [2], wait_s=150)

    run_virtual(main)


def test_new_recipients_wait_while_known_ones_are_served(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, limits=sims(recipients_per_month=1)) as rig:
            await rig.state(await rig.accept(to="+491700000001"), "sent")
            for n in range(250):  # more than a look at the backlog begins with
                stranger = await rig.accept(to=f"+49170001{n:04d}")
            known = await rig.accept(to="+491700000001")
            await rig.state(known, "sent", wait_s=30)
            waits = rig.pool.waits(await rig.message(stranger))
            assert waits is not None
            assert waits.words == "gate-1: 1 recipients a month"
            assert rfc3339(waits.until) == "2026-02-01T00:00:00.000Z"

    run_virtual(main)


def test_a_used_up_sim_and_hours_that_are_over_are_both_named(tmp_path: Path) -> None:
    """The used-up SIM is not looked at any more when the hours end: nothing holds the message."""

    async def main(loop: VirtualLoop) -> None:
        limits = LimitSettings(
            default_sim=LimitProfile(name="test", per_day=1),
            classes={MessageClass.NORMAL: ClassLimits(
                window=send_window(["00:00-00:02"]), zone="UTC")},
        )  # fmt: skip
        async with pooled(loop, tmp_path, limits=limits) as rig:
            await rig.state(await rig.accept(), "sent")
            waiting = await rig.accept(to="+491700000002")
            await rig.until(lambda: loop.time() > 3 * 60, 200)
            found = rig.pool.waits(await rig.message(waiting))
            assert found is not None
            assert found.words == "the hours of class normal in UTC; gate-1: 1 a day"
            assert found.until - rig.clock.now() > 23 * 3600 * SECOND_US

    run_virtual(main)


def test_counts_survive_a_restart_and_go_with_the_sim(tmp_path: Path) -> None:
    limits = sims(per_day=3)

    async def first(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, limits=limits) as rig:
            for _ in range(2):
                await rig.state(await rig.accept(), "sent")

    async def second(loop: VirtualLoop) -> None:
        async def moved(unit: ScriptedUnit) -> None:
            unit.show(sim_id=SimId("sim of gate-1"), imei="another")

        async with pooled(loop, tmp_path, run={"gate-1": moved}, limits=limits) as rig:
            await asyncio.sleep(9)
            for _ in range(2):
                await rig.accept()
            await rig.until(lambda: rig.units[0].sent, 30)
            await asyncio.sleep(60)
            assert len(rig.units[0].sent) == 1
            (day,) = rig.pool.budget(Lane("gate-1")).uses  # type: ignore[union-attr]
            assert (day.used, day.of, day.left) == (3, 3, 0)

    run_virtual(first)
    run_virtual(second)


def test_the_view_of_a_budget_and_its_warnings(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, limits=sims(per_day=5)) as rig:
            for _ in range(5):
                await rig.state(await rig.accept(), "sent")
            budget = rig.pool.budget(Lane("gate-1"))
            assert budget is not None
            assert budget.profile == "test"
            assert budget.blocked is not None
            assert budget.blocked.words == "5 a day"
            assert rig.pool.budget(Lane("other")) is None
            await asyncio.sleep(1)
            events = (await rig.store.events(0, 200)).items
            told = [(each.subject, each.reason) for each in events if each.to == "limit"]
            assert told == [
                ("modem gate-1", "nearly all used up: 4 of 5 (day)"),
                ("modem gate-1", "all used up: 5 of 5 (day)"),
            ]

    run_virtual(main)


def test_without_limits_nothing_is_asked(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            await rig.state(await rig.accept(key_id="k"), "sent")
            assert rig.pool.limiter.none
            assert rig.pool.budget(Lane("gate-1")) is None
            assert await rig.store.holds.charges([PHONE], ["k"], START) == []

    run_virtual(main)


# -- recipients, keys, hours ---------------------------------------------------------------------
def otp(**changes: Any) -> LimitSettings:
    profile = replace(READY["cn-otp"], **changes)
    return LimitSettings(classes={MessageClass.OTP: ClassLimits(per_recipient=profile)})


def test_one_time_passwords_to_one_number(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, limits=otp()) as rig:
            ids = [await rig.accept(f"{n}", class_=MessageClass.OTP) for n in range(3)]
            other = await rig.accept(class_=MessageClass.OTP, to="+491709999999")
            alarm = await rig.accept(class_=MessageClass.ALARM)
            for each in (ids[0], other, alarm):
                await rig.state(each, "sent", wait_s=30)
            held = await rig.message(ids[1])
            assert held.waits is not None
            assert held.waits.reason == "rate_limited_local"
            assert held.waits.words == "1 a minute of class otp to this number"
            assert held.waits.until == START + 60 * SECOND_US
            assert rig.pool.waits(held) == held.waits
            await rig.state(ids[2], "sent", wait_s=200)
            begun = [int(at) // 60 for at in rig.units[0].begun_at]
            assert begun == [0, 0, 0, 1, 2]
            segments = [each.message_id for each in rig.units[0].sent]
            assert segments.index(ids[1]) < segments.index(ids[2])

    run_virtual(main)


def test_all_classes_to_one_number(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        limits = otp(per_minute=None, per_hour=None, all_per_day=3, on_limit=OnLimit.REJECT)
        async with pooled(loop, tmp_path, limits=limits) as rig:
            for class_ in (MessageClass.OTP, MessageClass.NORMAL, MessageClass.ALARM):
                await rig.state(await rig.accept(class_=class_), "sent")
            failed = await rig.state(await rig.accept(class_=MessageClass.OTP), "failed", wait_s=60)
            assert failed.reason == "refused by a limit: 3 a day to this number in all classes"
            normal = await rig.accept()
            await asyncio.sleep(5)
            held = await rig.message(normal)  # what says reject says it of its own class
            assert held.state is MessageState.QUEUED
            assert held.waits is not None

    run_virtual(main)


def test_counts_of_recipients_survive_a_restart(tmp_path: Path) -> None:
    async def first(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, limits=otp()) as rig:
            await rig.state(await rig.accept(class_=MessageClass.OTP), "sent")

    async def second(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, limits=otp()) as rig:
            await asyncio.sleep(9)
            again = await rig.accept(class_=MessageClass.OTP)
            await asyncio.sleep(5)
            assert (await rig.message(again)).waits is not None

    run_virtual(first)
    run_virtual(second)


def test_a_limit_of_a_key(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        limits = LimitSettings(keys={"shop": LimitProfile(name="small", per_hour=2)})
        async with pooled(loop, tmp_path, limits=limits) as rig:
            for id_, name in (("k1", "shop"), ("k2", "free")):
                key = ApiKey(id=id_, name=name, owner="o", scopes=frozenset({"send"}),
                             created_at=START, revoked_at=None)  # fmt: skip
                await rig.store.add_key(key, id_.encode())
            limited = [await rig.accept(f"{n}", key_id="k1", to=f"+4917{n}") for n in range(3)]
            free = [await rig.accept(f"{n}", key_id="k2", to=f"+4918{n}") for n in range(3)]
            for each in (*limited[:2], *free, await rig.accept()):
                await rig.state(each, "sent", wait_s=30)
            held = (await rig.message(limited[2])).waits
            assert held is not None
            assert (held.reason, held.words) == ("quota_exhausted", "2 an hour with this key")
            await rig.state(limited[2], "sent", wait_s=3700)

    run_virtual(main)


def bulk_by_day(**changes: Any) -> LimitSettings:
    given = ClassLimits(window=send_window(["08:00-21:00"]), **changes)
    return LimitSettings(classes={MessageClass.BULK: given}, home_region="DE")


def test_the_night_of_the_recipient(tmp_path: Path) -> None:
    """The clock is at 01:00 UTC: 02:00 in Berlin, 09:00 in Shanghai, 20:00 in New York."""

    async def main(loop: VirtualLoop) -> None:
        await asyncio.sleep(3600)
        async with pooled(loop, tmp_path, limits=bulk_by_day()) as rig:
            bulk = {"class_": MessageClass.BULK}
            german = await rig.accept(**bulk)
            home = await rig.accept(to="01701234567", **bulk)
            chinese = await rig.accept(to="+8613912345678", **bulk)
            american = await rig.accept(to="+12125550123", **bulk)
            normal = await rig.accept()
            for each in (chinese, american, normal):
                await rig.state(each, "sent", wait_s=60)
            for each in (german, home):
                held = (await rig.message(each)).waits
                assert held is not None
                assert (held.reason, rfc3339(held.until)) == (
                    "quiet_hours", "2026-01-01T07:00:00.000Z")  # fmt: skip
                assert held.words == "the hours of class bulk in Europe/Berlin"
            await asyncio.sleep(7 * 3600 - loop.time() - 1)
            assert len(rig.units[0].sent) == 3
            await asyncio.sleep(5)
            assert len(rig.units[0].sent) == 5

    run_virtual(main)


def test_hours_can_reject(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, limits=bulk_by_day(on_quiet=OnLimit.REJECT)) as rig:
            failed = await rig.state(await rig.accept(class_=MessageClass.BULK), "failed")
            assert failed.reason == "refused by a limit: the hours of class bulk in Europe/Berlin"

    run_virtual(main)


def coming(class_: MessageClass = MessageClass.NORMAL, **changes: Any) -> Waiting:
    """A message somebody asks for."""
    new = Waiting(
        seq=0, id=MessageId("new"), to=PHONE, class_=class_, parts=1, lane=None, route=None
    )
    return replace(new, **changes)


def test_a_sim_that_is_used_up_and_rejects_is_told_before_a_message_is_taken(
    tmp_path: Path,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        tight = LimitProfile(name="tight", per_day=1, on_limit=OnLimit.REJECT)
        limits = LimitSettings(sims={"gate-1": tight})
        async with pooled(loop, tmp_path, (0.2, 0.2), limits=limits) as rig:
            one, now = Lane("gate-1"), rig.clock.now
            assert await rig.pool.refuses(coming(lane=one), now()) is None
            await rig.state(await rig.accept(lane=one), "sent")
            found = await rig.pool.refuses(coming(lane=one), now())
            assert found is not None
            assert (found.reason, found.words) == ("quota_exhausted", "gate-1: 1 a day")
            assert await rig.pool.refuses(coming(), now()) is None  # the other takes it
            assert await rig.pool.refuses(coming(lane=one), after_s(now(), 10)) is None  # not yet
            rig.units[1].show(state=UnitState.QUARANTINED)
            assert await rig.pool.refuses(coming(), now()) == found
            assert await rig.pool.refuses(coming(route="none"), now()) is None

    run_virtual(main)


def test_what_was_withdrawn_at_the_last_moment_does_not_count(tmp_path: Path) -> None:
    """Its modem was lost at the prompt: it goes by the same SIM once that is back."""

    async def main(loop: VirtualLoop) -> None:
        tight = LimitProfile(name="tight", per_day=1, on_limit=OnLimit.REJECT)
        async with pooled(loop, tmp_path, (0.2,), limits=LimitSettings(default_sim=tight)) as rig:
            unit, send = rig.units[0], rig.units[0].send

            async def lost(segment: Claimed, commit: CommitIntent) -> SendResult:
                unit.send = send  # type: ignore[method-assign]
                await rig.store.release(unit.lane, rig.clock.now(), 300.0)
                unit.show(state=UnitState.COOLDOWN)
                return await send(segment, commit)

            unit.send = lost  # type: ignore[method-assign]
            message_id = await rig.accept()
            await asyncio.sleep(5)
            assert (unit.refused, unit.sent) == (1, [])
            unit.show(state=UnitState.READY)
            await rig.state(message_id, "sent")

    run_virtual(main)


@pytest.mark.parametrize("on_limit", [OnLimit.REJECT, OnLimit.HOLD])
def test_a_number_that_has_had_enough_is_told_where_it_would_fail(
    tmp_path: Path, *, on_limit: OnLimit
) -> None:
    async def main(loop: VirtualLoop) -> None:
        limits = otp(per_minute=None, per_hour=1, on_limit=on_limit)
        async with pooled(loop, tmp_path, limits=limits) as rig:
            assert await rig.pool.refuses(coming(MessageClass.OTP), rig.clock.now()) is None
            await rig.state(await rig.accept(class_=MessageClass.OTP), "sent")
            found = await rig.pool.refuses(coming(MessageClass.OTP), rig.clock.now())
            told = None if found is None else (found.reason, found.words)
            expected = ("rate_limited_local", "1 an hour of class otp to this number")
            assert told == (expected if on_limit is OnLimit.REJECT else None)
            assert await rig.pool.refuses(coming(), rig.clock.now()) is None

    run_virtual(main)


def test_hours_that_reject_are_asked_for_when_the_message_may_go(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, limits=bulk_by_day(on_quiet=OnLimit.REJECT)) as rig:
            now, bulk = rig.clock.now(), coming(MessageClass.BULK)
            night = await rig.pool.refuses(bulk, now)
            assert night is not None
            assert night.reason == "quiet_hours"
            assert await rig.pool.refuses(bulk, night.until) is None
            assert await rig.pool.refuses(bulk, after_s(night.until, -1)) == night
            assert await rig.pool.refuses(coming(), now) is None

    run_virtual(main)


def after_s(at: Instant, seconds: float) -> Instant:
    return Instant(at + round(seconds * SECOND_US))


def test_what_waits_for_its_modem_is_held_when_the_night_comes(tmp_path: Path) -> None:
    """Bound by day, and its turn would come by night: it leaves in the morning."""

    async def main(loop: VirtualLoop) -> None:
        limits = LimitSettings(
            default_sim=LimitProfile(name="slow", gap_s=4.0),
            classes={MessageClass.BULK: ClassLimits(
                window=send_window(["00:00-00:01", "00:10-00:20"]), zone="UTC")},
        )  # fmt: skip
        async with pooled(loop, tmp_path, limits=limits) as rig:
            ids = [
                await rig.accept(f"{n}", class_=MessageClass.BULK, to=f"+4917{n}")
                for n in range(17)
            ]
            await asyncio.sleep(120)
            assert len(rig.units[0].sent) == 15  # every 4 s of the minute
            waiting = [await rig.message(each) for each in ids[15:]]
            assert all(each.waits is not None and each.modem is None for each in waiting)
            await asyncio.sleep(500)
            begun = [round(at, 3) for at in rig.units[0].begun_at]
            assert [int(at // 600) for at in begun] == [0] * 15 + [1] * 2

    run_virtual(main)


def test_what_has_begun_is_finished_in_the_night(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        limits = LimitSettings(
            default_sim=LimitProfile(name="slow", gap_s=25.0),
            classes={MessageClass.BULK: ClassLimits(window=send_window(["00:00-00:01"]),
                                                    zone="UTC")},
        )  # fmt: skip
        async with pooled(loop, tmp_path, limits=limits) as rig:
            long = await rig.accept("x" * 600, class_=MessageClass.BULK)  # four parts
            await rig.state(long, "sent", wait_s=300)
            assert len(rig.units[0].begun_at) == 4

    run_virtual(main)


def test_a_message_counts_once_also_when_its_modem_fails(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2), limits=otp()) as rig:
            first, second = rig.units
            second.show(state=UnitState.ABSENT)
            first.outcomes = [None] * 3
            one = await rig.accept(class_=MessageClass.OTP)
            await rig.until(lambda: len(first.begun_at) == 2)
            second.show(state=UnitState.READY)
            first.show(state=UnitState.ABSENT)
            await rig.state(one, "sent", wait_s=30)
            charges = await rig.store.holds.charges([PHONE], [], Instant(0))
            assert len(charges) == 1

    run_virtual(main)


def test_spans_of_the_clock_open_all_at_once(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        limits = sims(per_minute=3, clock=frozenset({Span.MINUTE}))
        async with pooled(loop, tmp_path, limits=limits) as rig:
            for n in range(7):
                await rig.accept(f"{n}")
            times = await sent_at(rig, 7)
            assert [int(at) // 60 for at in times] == [0, 0, 0, 1, 1, 1, 2]

    run_virtual(main)

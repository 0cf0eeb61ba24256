"""Lanes, late binding, retries, trouble and the ordered stop, on a real store in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from airpost.clock import SECOND_US, Instant
from airpost.errors import StoreUnavailable
from airpost.model import Lane, MessageClass, OnUncertain, Severity, UnitState
from airpost.outcome import SENT, OutcomeClass, Scope
from airpost.policy import CLASS_POLICY
from airpost.states import MessageState
from airpost.store.api import Verdict
from tests.pool.rig import PHONE, Closed, ScriptedUnit, failure, pooled
from tests.virtual import VirtualLoop, run_virtual

LONG = "x" * 400  # three parts


def test_parts_go_out_in_order_and_the_message_is_sent(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            message = await rig.state(await rig.accept(LONG), "sent")
            assert [each.seq for each in rig.units[0].sent] == [1, 2, 3]
            assert [part.reference for part in message.parts] == [0, 1, 2]
            assert message.modem == "gate-1"
            assert message.final

    run_virtual(main)


def test_one_commit_a_segment_and_nobody_waits_for_it(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            seen: list[tuple[list[str], bool]] = []
            air, follow = rig.store.air, rig.store.follow

            def waited_for(settle: Any, intent: Any) -> Any:
                assert settle is None
                seen.append((["commit"], intent is not None))
                return air(settle, intent)

            def followed(facts: Any, intents: Any) -> Any:
                seen.append(([type(each).__name__ for each in facts], bool(intents)))
                return follow(facts, intents)

            rig.store.air = waited_for  # type: ignore[method-assign]
            rig.store.follow = followed  # type: ignore[method-assign]
            await rig.state(await rig.accept(LONG), "sent")
            assert seen == [
                (["commit"], True),
                ([], True),
                (["Settlement", "Begun"], False),
                (["Settlement", "Begun"], False),
                (["Settlement"], False),
            ]

    run_virtual(main)


def test_a_fast_modem_never_waits_for_a_slow_one(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (1.0, 9.0)) as rig:
            ids = [await rig.accept(f"message {at}", to=f"{PHONE}{at}") for at in range(20)]
            began = loop.time()
            for each in ids:
                await rig.state(each, "sent")
            share = Counter(unit.lane for unit in rig.units for _ in unit.sent)
            assert share == {"gate-1": 18, "gate-2": 2}
            assert loop.time() - began < 19.5

    run_virtual(main)


def test_a_call_is_an_event_of_its_modem(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            rig.pool.called(Lane("gate-1"), "+491701234567")
            at = rig.clock.now()
            await asyncio.sleep(1)
            rig.pool.called(Lane("gate-1"), None)
            await asyncio.sleep(1)
            events = [each for each in (await rig.store.events(0, 99)).items if each.to == "call"]
            assert [(each.subject, each.reason) for each in events] == [
                ("modem gate-1", "+491701234567"),
                ("modem gate-1", "unknown"),
            ]
            assert events[0].at == at

    run_virtual(main)
    assert "modem.called" in caplog.text
    assert "1234567" not in caplog.text


def test_a_modem_that_comes_back_shares_what_waits_for_another(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (30.0, 30.0)) as rig:
            rig.units[1].show(state=UnitState.ABSENT)
            first, second = await rig.accept("first"), await rig.accept("second", to=f"{PHONE}2")
            await rig.state(first, "sending")
            await asyncio.sleep(5)
            assert len((await rig.store.queue(Lane("gate-1"), 9)).bound) == 2
            rig.units[1].show(state=UnitState.READY)
            assert (await rig.state(second, "sending", wait_s=2)).modem == "gate-2"
            assert (await rig.state(first, "sent")).modem == "gate-1"
            assert rig.units[0].refused == rig.units[1].refused == 0

    run_virtual(main)


def test_what_asks_for_a_busy_modem_waits_for_it(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (30.0, 30.0)) as rig:
            for at in range(3):
                await rig.accept(f"message {at}", lane=Lane("gate-1"))
            await asyncio.sleep(5)
            rig.units[1].show(state=UnitState.ABSENT)
            rig.units[1].show(state=UnitState.READY)
            await asyncio.sleep(100)
            assert len(rig.units[0].sent) == 3
            assert rig.units[1].sent == []

    run_virtual(main)


def test_only_two_messages_are_bound_to_a_lane(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (5.0,)) as rig:
            for at in range(6):
                await rig.accept(f"message {at}")
            await asyncio.sleep(1)
            view = await rig.store.queue(Lane("gate-1"), 50)
            assert len(view.bound) == 2
            assert view.backlog_total == 4

    run_virtual(main)


def test_an_urgent_message_overtakes_what_waits(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (1.0,)) as rig:
            for at in range(6):
                await rig.accept(f"bulk {at}", class_=MessageClass.BULK)
            await asyncio.sleep(0.5)
            urgent = await rig.accept("alarm", class_=MessageClass.ALARM)
            await rig.state(urgent, "sent")
            assert len(rig.units[0].sent) <= 4

    run_virtual(main)


def test_a_transient_failure_is_tried_again_later(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            unit = rig.units[0]
            unit.outcomes = [failure(OutcomeClass.TRANSIENT, Scope.SIM)]
            message = await rig.state(await rig.accept(), "sent")
            assert message.parts[0].attempts == 2
            waited_s = unit.begun_at[1] - unit.begun_at[0]
            assert waited_s >= 2.25  # half the wait of its class: the SIM is to blame
            assert message.possible_duplicates == 0

    run_virtual(main)


def test_a_bad_number_holds_up_nobody(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            unit = rig.units[0]
            unit.outcomes = [failure(OutcomeClass.PERMANENT, Scope.DESTINATION)]
            bad, good = await rig.accept(LONG), await rig.accept("good")
            failed = await rig.state(bad, "failed")
            await rig.state(good, "sent")
            assert failed.final
            assert [part.state.value for part in failed.parts] == [
                "failed", "cancelled", "cancelled",
            ]  # fmt: skip
            assert unit.begun_at[-1] - unit.begun_at[0] < 1.0

    run_virtual(main)


def test_a_failure_of_the_sim_moves_the_message_to_another(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            await asyncio.sleep(1)  # both are ready, and the first is taken
            rig.units[0].outcomes = [failure(OutcomeClass.PERMANENT, Scope.SIM)] * 9
            message = await rig.state(await rig.accept(), "sent")
            assert message.modem == "gate-2"
            assert len(rig.units[0].sent) == 1

    run_virtual(main)


def test_a_lost_modem_gives_its_queue_back(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (2.0, 2.0)) as rig:
            ids = [await rig.accept(f"message {at}") for at in range(8)]
            await asyncio.sleep(0.5)
            rig.units[0].show(state=UnitState.ABSENT)
            for each in ids:
                await rig.state(each, "sent", wait_s=60)
            assert len(rig.units[0].sent) == 1
            assert len(rig.units[1].sent) == 7

    run_virtual(main)


def test_unknown_is_uncertain_and_resent_once_after_its_grace(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            unit = rig.units[0]
            unit.outcomes = [failure(OutcomeClass.UNKNOWN, Scope.MODEM)]
            sent = await rig.accept()
            await rig.state(sent, "uncertain")
            message = await rig.state(sent, "sent")
            assert unit.begun_at[1] - unit.begun_at[0] >= 60
            assert message.possible_duplicates == 1
            assert unit.sent[1].resends == 1

    run_virtual(main)


def test_unknown_is_held_where_the_caller_says_so(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            rig.units[0].outcomes = [failure(OutcomeClass.UNKNOWN, Scope.MODEM)]
            held = await rig.accept(on_uncertain=OnUncertain.HOLD)
            await rig.state(held, "uncertain")
            await asyncio.sleep(3600)
            message = await rig.message(held)
            assert message.state is MessageState.UNCERTAIN
            assert len(rig.units[0].sent) == 1

    run_virtual(main)


def test_what_a_person_lets_go_once_more_goes_at_once(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            rig.units[0].outcomes = [failure(OutcomeClass.UNKNOWN, Scope.MODEM)]
            held = await rig.accept(on_uncertain=OnUncertain.HOLD)
            await rig.state(held, "uncertain")
            await asyncio.sleep(100)  # nothing else is due that would wake the lane
            assert await rig.store.decisions.settle(held, None, Verdict.RESEND, "anna")
            await rig.state(held, "sent", wait_s=1)

    run_virtual(main)


def test_a_late_answer_settles_its_own_segment(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            unit = rig.units[0]
            unit.outcomes = [failure(OutcomeClass.UNKNOWN, Scope.MODEM)]
            first = await rig.accept("first")
            await rig.state(first, "uncertain")
            rig.pool.late(unit.lane, unit.sent[0].segment_id, 42, SENT)
            message = await rig.state(first, "sent")
            assert message.parts[0].reference == 42
            await asyncio.sleep(600)
            assert len(unit.sent) == 1

    run_virtual(main)


@pytest.mark.parametrize(
    ("cls", "scope", "state", "times"),
    [
        (OutcomeClass.PERMANENT, Scope.MESSAGE, "failed", 1),
        (OutcomeClass.TRANSIENT, Scope.SIM, "sent", 2),
        (OutcomeClass.UNKNOWN, Scope.MODEM, "uncertain", 1),
    ],
)
def test_a_late_refusal_settles_its_own_segment(
    tmp_path: Path, cls: OutcomeClass, scope: Scope, state: str, times: int
) -> None:
    """The modem has said that it was not sent: it is in doubt no longer."""

    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            unit = rig.units[0]
            unit.outcomes = [failure(OutcomeClass.UNKNOWN, Scope.MODEM)]
            first = await rig.accept(on_uncertain=OnUncertain.HOLD)
            await rig.state(first, "uncertain")
            rig.pool.late(unit.lane, unit.sent[0].segment_id, None, failure(cls, scope))
            await asyncio.sleep(600)
            message = await rig.message(first)
            assert (message.state.value, message.possible_duplicates) == (state, 0)
            assert len(unit.sent) == times

    run_virtual(main)


def test_a_late_refusal_that_may_be_the_sims_is_tried_by_another(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            first, second = rig.units
            first.outcomes = [failure(OutcomeClass.UNKNOWN, Scope.MODEM)]
            second.show(state=UnitState.ABSENT)
            sent = await rig.accept(on_uncertain=OnUncertain.HOLD)
            await rig.state(sent, "uncertain")
            second.show(state=UnitState.READY)
            doubt = failure(OutcomeClass.PERMANENT, Scope.MESSAGE, code="CMS 21")
            rig.pool.late(first.lane, first.sent[0].segment_id, None, doubt)
            assert (await rig.state(sent, "sent")).modem == "gate-2"
            assert (await rig.message(sent)).possible_duplicates == 0

    run_virtual(main)


def test_a_report_that_overtakes_the_reference_counts(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (5.0,)) as rig:
            sent = await rig.accept(want_report=True)
            await rig.state(sent, "sending")
            await rig.store.record_report(rig.report(rig.units[0], 0))
            assert (await rig.state(sent, "delivered", "sent")).state is MessageState.DELIVERED

    run_virtual(main)


def test_a_modem_asked_for_is_waited_for_and_blocks_nobody(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            first, second = rig.units
            first.show(state=UnitState.ABSENT)
            waiting = await rig.accept("for gate-1", lane=Lane("gate-1"))
            await rig.state(await rig.accept("for anybody"), "sent")
            await asyncio.sleep(60)
            assert (await rig.message(waiting)).state is MessageState.QUEUED
            first.show(state=UnitState.READY)
            assert (await rig.state(waiting, "sent")).modem == "gate-1"
            assert [each.message_id == waiting for each in second.sent] == [False]

    run_virtual(main)


def test_a_message_waits_for_its_time(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            due = Instant(rig.clock.now() + 7200 * SECOND_US)
            later = await rig.accept(not_before=due)
            assert (await rig.message(later)).state is MessageState.ACCEPTED
            await rig.state(later, "sent", wait_s=7300)
            assert rig.units[0].begun_at[0] == pytest.approx(7200, abs=1)

    run_virtual(main)


def test_what_is_not_worth_sending_any_more_expires(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            rig.units[0].show(state=UnitState.ABSENT)
            gone = await rig.accept(expires_at=Instant(rig.clock.now() + 90 * SECOND_US))
            message = await rig.state(gone, "expired", wait_s=100)
            assert message.final
            assert rig.units[0].sent == []

    run_virtual(main)


def test_cancelled_in_the_last_moment_is_not_sent(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (3.0,)) as rig:
            await rig.accept("on the air")
            doomed = await rig.accept("doomed")
            await asyncio.sleep(1)
            assert (await rig.store.cancel(doomed, None, "test")).cancelled
            after = await rig.accept("after")
            await rig.state(after, "sent")
            assert [each.message_id for each in rig.units[0].sent].count(doomed) == 0

    run_virtual(main)


def test_what_is_sent_again_leaves_a_modem_that_is_away_at_once(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            lost = failure(OutcomeClass.UNKNOWN, Scope.MODEM)
            for unit in rig.units:
                unit.outcomes = [lost]
            alarm = await rig.accept(class_=MessageClass.ALARM)
            await rig.state(alarm, "uncertain")
            (unit,) = [each for each in rig.units if each.sent]
            unit.show(state=UnitState.ABSENT)
            for each in rig.units:
                each.outcomes = []
            began_s = loop.time()
            await rig.state(alarm, "sent", wait_s=60)
            grace_s = CLASS_POLICY[MessageClass.ALARM].grace_s
            assert loop.time() - began_s < grace_s + 2

    run_virtual(main)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_what_is_ordered_goes_as_soon_as_a_person_has_decided(
    tmp_path: Path, verdict: Verdict
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            rig.units[0].outcomes = [failure(OutcomeClass.UNKNOWN, Scope.MODEM)]
            first = await rig.accept(ordered=True, on_uncertain=OnUncertain.HOLD)
            second = await rig.accept(ordered=True)
            await asyncio.sleep(45)
            assert (await rig.message(second)).state is MessageState.QUEUED
            assert await rig.store.decisions.settle(first, None, verdict, "anna")
            await rig.state(second, "sent", wait_s=2)

    run_virtual(main)


def test_nothing_goes_out_while_the_store_cannot_write(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            closed = Closed(rig.store, 3)
            await rig.state(await rig.accept(), "sent")
            assert closed.left == 0
            assert len(rig.units[0].sent) == 1
            assert rig.units[0].begun_at[-1] >= 3

    run_virtual(main)


def test_that_the_store_cannot_write_is_said_once_and_that_it_can_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (2.0,)) as rig:
            first = await rig.accept()
            await rig.state(first, "sending")
            shut = StoreUnavailable("shut by the test")
            with mock.patch.object(rig.store, "follow", side_effect=shut):
                await asyncio.sleep(10)
            with mock.patch.object(rig.store, "release_strays", side_effect=shut):
                await asyncio.sleep(200)
            await asyncio.sleep(60)
            await rig.state(first, "sent")
            Closed(rig.store, 5)
            with mock.patch.object(rig.pool._binder, "round", side_effect=shut):
                second = await rig.accept()
                await asyncio.sleep(20)
            await rig.state(second, "sent")

    run_virtual(main)
    said = [each.getMessage() for each in caplog.records]
    for begins, ends in (
        ("dispatch.not_settled modem=gate-1 ", "dispatch.settled_again modem=gate-1 suppressed="),
        ("dispatch.store_unavailable modem=gate-1 ",
         "dispatch.begins_again modem=gate-1 suppressed="),
        ("pool.no_binding ", "pool.binds_again suppressed="),
        ("pool.not_released ", "pool.releases_again suppressed="),
    ):  # fmt: skip
        assert sum(each.startswith(begins) for each in said) == 1
        (end,) = [each for each in said if each.startswith(ends)]
        assert int(end.removeprefix(ends)) >= 3


def test_a_result_is_kept_until_the_store_can_write(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (2.0,)) as rig:
            sent = await rig.accept()
            await rig.state(sent, "sending")
            Closed(rig.store, 5)
            assert (await rig.state(sent, "sent")).parts[0].reference == 0
            assert len(rig.units[0].sent) == 1

    run_virtual(main)


def test_stop_finishes_what_is_on_the_air_and_claims_nothing_more(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (10.0,)) as rig:
            ids = [await rig.accept(f"message {at}") for at in range(3)]
            await rig.state(ids[0], "sending")
            await rig.pool.stop()
            assert loop.time() >= 10
            assert (await rig.message(ids[0])).state is MessageState.SENT
            assert (await rig.message(ids[1])).state is MessageState.QUEUED
            assert len(rig.units[0].sent) == 1

    run_virtual(main)


def test_stop_ends_also_while_nothing_can_be_read(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        shut = mock.AsyncMock(side_effect=StoreUnavailable("shut by the test"))
        async with pooled(loop, tmp_path) as rig:
            with mock.patch.object(rig.store, "claim", shut):
                await rig.accept()
                await asyncio.sleep(5)
                async with asyncio.timeout(10):
                    await rig.pool.stop()

    run_virtual(main)


def test_a_dead_sim_is_left_alone_and_probed_again(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            unit = rig.units[0]
            unit.outcomes = [failure(OutcomeClass.TRANSIENT, Scope.SIM)] * 5
            sent = await rig.accept(class_=MessageClass.OTP)
            await rig.state(sent, "sent", "expired")
            gaps = [b - a for a, b in zip(unit.begun_at, unit.begun_at[1:], strict=False)]
            assert max(gaps) >= 60

    run_virtual(main)


def test_a_unit_that_crashes_again_and_again_is_shown_as_such(tmp_path: Path) -> None:
    crashes = 0

    async def crash(_unit: ScriptedUnit) -> None:
        nonlocal crashes
        crashes += 1
        raise RuntimeError("a bug")

    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2), run={"gate-1": crash}) as rig:
            await rig.until(lambda: rig.units[0].view.state is UnitState.QUARANTINED)
            await asyncio.sleep(1)
            newest = (await rig.store.events(0, 99)).items[-1]
            assert (newest.to, newest.severity) == ("quarantined", Severity.HIGH)
            assert crashes == 4
            assert "a bug" in rig.units[0].view.detail
            assert (await rig.state(await rig.accept(), "sent")).modem == "gate-2"

    run_virtual(main)


def test_settlements_that_came_too_late_change_nothing(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            sent = await rig.state(await rig.accept(), "sent")
            rig.pool.late(Lane("gate-1"), 999, 1, SENT)
            await asyncio.sleep(1)
            assert (await rig.message(sent.id)).parts == sent.parts

    run_virtual(main)


def test_cancelled_the_segment_on_the_air_is_finished_and_settled(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (10.0,)) as rig:
            sent = await rig.accept()
            await rig.state(sent, "sending")
            rig.running.cancel()
            await asyncio.wait([rig.running])
            assert loop.time() >= 10
            assert (await rig.message(sent)).state is MessageState.SENT

    run_virtual(main)


def test_what_asks_for_its_modem_is_tried_there_once_more_and_is_final(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, [0.2, 0.2]) as rig:
            doubt = failure(OutcomeClass.PERMANENT, Scope.MESSAGE, "CMS 21")
            rig.units[0].outcomes = [doubt, doubt]
            message = await rig.accept(lane=Lane("gate-1"))
            await rig.state(message, "failed", wait_s=1800)
            assert (len(rig.units[0].sent), rig.units[1].sent) == (2, [])

    run_virtual(main)

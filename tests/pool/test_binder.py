"""Routes in a running pool: groups, preferences, and what is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from airpost.errors import StoreUnavailable
from airpost.model import Claimed, Lane, MessageClass, UnitState
from airpost.modem.api import CommitIntent, SendResult
from airpost.outcome import OutcomeClass, Scope
from airpost.pool.pool import Asked
from airpost.routes import Route, RouteTable
from airpost.store import outbound, queue
from airpost.store.api import Binding
from airpost.store.writer import work_of
from tests.modem.rig import virtually
from tests.pool.rig import NOT_BEGUN, PHONE, failure, pooled
from tests.virtual import VirtualLoop

G1, G2, G3 = Lane("gate-1"), Lane("gate-2"), Lane("gate-3")
ALARMS = Route(
    name="alarms", groups=({G1: 1}, {G2: 1}), failover_s={MessageClass.ALARM: 60.0}, sticky=False
)
SIM_FAILS = failure(OutcomeClass.TRANSIENT, Scope.SIM)


@virtually
async def test_a_modem_serves_the_groups_it_is_in(loop: VirtualLoop, tmp_path: Path) -> None:
    table = RouteTable(routes=(ALARMS,))
    async with pooled(loop, tmp_path, (0.2, 0.2, 0.2), routes=table) as rig:
        assert rig.pool.routes() == {"default", "alarms"}
        served = {view.lane: view.routes for view in rig.pool.modems()}
        assert served[G2] == {"default", "alarms"}
        assert served[G3] == {"default"}


@virtually
async def test_a_failure_of_the_sim_leads_to_the_next_group(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with pooled(loop, tmp_path, (0.2, 0.2), routes=RouteTable(routes=(ALARMS,))) as rig:
        rig.units[0].outcomes = [SIM_FAILS]
        id_ = await rig.accept(route="alarms")
        found = await rig.state(id_, "sent", wait_s=120)
        assert (found.modem, len(rig.units[0].sent), len(rig.units[1].sent)) == (G2, 1, 1)
        told = await rig.store.choices.routed(id_)
        assert told is not None
        assert (told.lane, told.group) == (G2, 1)
        assert told.others == {G1: "has failed with this message before"}
        # The next message begins with the first group again.
        assert (await rig.state(await rig.accept(route="alarms"), "sent")).modem == G1


@virtually
async def test_no_report_in_time_leads_to_the_next_group(loop: VirtualLoop, tmp_path: Path) -> None:
    async with pooled(loop, tmp_path, (0.2, 0.2), routes=RouteTable(routes=(ALARMS,))) as rig:
        given = {"route": "alarms", "class_": MessageClass.ALARM, "want_report": True}
        late = await rig.accept("late", **given)
        in_time = await rig.accept("in time", **given)
        await rig.until(lambda: len(rig.units[0].sent) == 2, 10)
        await rig.state(in_time, "sent")
        assert rig.units[1].sent == []
        await rig.store.record_report(rig.report(rig.units[0], 1))
        await rig.until(lambda: rig.units[1].sent, 120)
        assert 60 <= loop.time() <= 60 + 31
        found = await rig.state(late, "sent")
        assert (found.modem, found.possible_duplicates) == (G2, 1)
        assert (await rig.message(in_time)).possible_duplicates == 0
        told = await rig.store.choices.routed(late)
        assert told is not None
        assert told.others == {G1: "its group 1 has brought no delivery report in time"}
        assert len(rig.units[1].sent) == 1


@virtually
async def test_a_number_stays_with_its_sim_while_that_leaves_nobody_idle(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
        rig.units[0].show(state=UnitState.REGISTERING, detail="no network")
        await rig.state(await rig.accept(), "sent")
        rig.units[0].show(state=UnitState.READY, detail="ready")
        other = await rig.accept(to="+491701234568")
        assert (await rig.state(other, "sent")).modem == G1  # the first of those that are free
        for _ in range(3):
            id_ = await rig.accept()
            assert (await rig.state(id_, "sent")).modem == G2
        told = await rig.store.choices.routed(id_)
        assert told is not None
        assert told.reason == "its SIM last exchanged messages with this number"


@virtually
async def test_a_modem_that_roams_carries_nothing_until_it_may(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    table = RouteTable(roaming_lanes={G2: True})
    async with pooled(loop, tmp_path, (0.2, 0.2), routes=table) as rig:
        for unit in rig.units:
            unit.show(roaming=True)
        id_ = await rig.accept()
        assert (await rig.state(id_, "sent")).modem == G2
        told = await rig.store.choices.routed(id_)
        assert told is not None
        assert "is roaming" in told.others[G1]
        first, second = rig.pool.modems()
        assert (first.takes, second.takes) == (False, True)
        assert first.paused is not None
        assert "roaming = true" in first.paused


@virtually
async def test_what_waits_for_a_modem_that_begins_to_roam_goes_by_another(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with pooled(loop, tmp_path, (5.0,)) as rig:
        ids = [await rig.accept(to=f"+49170123456{n}") for n in range(3)]
        await rig.until(lambda: len(rig.units[0].sent) == 1)
        rig.units[0].show(roaming=True)
        await asyncio.sleep(60)
        states = [(await rig.message(each)).state.value for each in ids]
        assert states == ["sent", "queued", "queued"]  # what was on the air could not be helped
        rig.units[0].show(roaming=False)
        for each in ids:
            await rig.state(each, "sent", wait_s=120)


@virtually
async def test_what_waits_is_told_why(loop: VirtualLoop, tmp_path: Path) -> None:
    async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
        for unit in rig.units:
            unit.show(state=UnitState.REGISTERING, detail=f"no network at {unit.lane}")
        id_ = await rig.accept()
        await rig.until(lambda: all(view.paused is None for view in rig.pool.modems()))
        waiting = await rig.store.choices.unbound(id_)
        assert waiting is not None
        outlook = rig.pool.outlook(waiting)
        assert outlook.lane is None
        assert outlook.others == {G1: "no network at gate-1", G2: "no network at gate-2"}
        rig.units[1].show(state=UnitState.READY, detail="ready")
        outlook = rig.pool.outlook(waiting)
        assert (outlook.lane, outlook.reason) == (G2, "the only fit modem")
        assert outlook.others == {G1: "no network at gate-1"}


@virtually
async def test_what_waits_for_a_number_that_is_blocked_never_goes(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with pooled(loop, tmp_path, (0.2,)) as rig:
        rig.units[0].show(state=UnitState.REGISTERING)
        id_ = await rig.accept()
        assert await rig.store.blocklist.block([PHONE], None, "test", rig.clock.now()) == 1
        rig.units[0].show(state=UnitState.READY)
        other = await rig.accept(to="+491701234568")
        await rig.state(other, "sent")
        assert (await rig.message(id_)).state.value == "failed"
        assert [each.to for each in rig.units[0].sent] == ["+491701234568"]


@virtually
async def test_without_another_group_to_go_to_nothing_goes_twice(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with pooled(loop, tmp_path, (0.2, 0.2), routes=RouteTable(routes=(ALARMS,))) as rig:
        rig.units[1].show(state=UnitState.REGISTERING)
        given = {"route": "alarms", "class_": MessageClass.ALARM, "want_report": True}
        alarm = await rig.accept("alarm", **given)
        await rig.state(alarm, "sent", wait_s=10)
        await asyncio.sleep(200)
        assert (len(rig.units[0].sent), rig.units[1].sent) == (1, [])
        rig.units[1].show(state=UnitState.READY)
        await asyncio.sleep(31)
        assert len(rig.units[1].sent) == 1
        assert (await rig.message(alarm)).possible_duplicates == 1


@virtually
async def test_modems_of_equal_weight_share_also_when_there_is_little_to_do(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    both = Route(name="default", groups=({G1: 1, G2: 1},), sticky=False)
    async with pooled(loop, tmp_path, (0.2, 0.2), routes=RouteTable(routes=(both,))) as rig:
        for n in range(60):
            await rig.state(await rig.accept(to=f"+4917000000{n:02d}"), "sent")
        assert min(len(unit.sent) for unit in rig.units) >= 20


@virtually
async def test_a_wait_that_is_all_but_over_does_not_make_it_look_on_and_on(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """A timer may fire a little early, and find as much to wait for as before."""
    async with pooled(loop, tmp_path) as rig:
        binder = rig.pool._binder
        binder._another_s = 1e-12
        binder._look_when_free()
        assert binder._timer is not None
        assert binder._timer.when() - loop.time() >= 0.0009


# -- a modem at rest -----------------------------------------------------------------------------
def test_a_commit_asks_for_no_newer_look_than_its_own() -> None:
    asked = Asked()
    asked.clear()
    asked.set_by_commit()
    assert (asked.is_set(), asked.newest) == (True, False)
    asked.set()
    asked.set_by_commit()
    assert asked.newest  # whoever else asked may mean something else
    asked.clear()
    assert (asked.is_set(), asked.newest) == (False, False)


@virtually
async def test_a_modem_at_rest_begins_two_commits_after_a_message_was_handed_in(
    loop: VirtualLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pooled(loop, tmp_path) as rig:
        await rig.state(await rig.accept("first"), "sent")
        await asyncio.sleep(5)
        asked: list[str] = []
        for name, thread in (("w", rig.store._writer), ("r", rig.store._reader)):

            def noted(work: Any, name: str = name, ask: Any = thread.ask, **how: Any) -> Any:
                asked.append(name)
                return ask(work, **how)

            monkeypatch.setattr(thread, "ask", noted)
        before = sum(rig.store._writer.commits.counts)
        id_ = await rig.accept("second")
        await rig.until(lambda: len(rig.units[0].sent) == 2)
        assert sum(rig.store._writer.commits.counts) - before == 2
        # Handed in; bound and begun. What is read is when time is due, and nobody waits for that.
        assert [each for each in asked if each == "w"] == ["w"] * 3
        assert (await rig.state(id_, "sent")).modem == "gate-1"


@virtually
async def test_all_parts_of_what_a_modem_at_rest_begins_go_out_in_order(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with pooled(loop, tmp_path) as rig:
        await rig.state(await rig.accept(), "sent")
        await asyncio.sleep(5)
        parts = 20  # more than are known at once
        await rig.state(await rig.accept("x" * 153 * parts), "sent")
        assert [each.seq for each in rig.units[0].sent[1:]] == [*range(1, parts + 1)]


@virtually
async def test_what_is_cancelled_before_it_is_bound_does_not_begin(
    loop: VirtualLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pooled(loop, tmp_path) as rig:
        await rig.state(await rig.accept(), "sent")
        await asyncio.sleep(5)
        store, bind = rig.store, rig.store.bind

        def late(bindings: Sequence[Binding], *, begins: bool = False) -> Any:
            monkeypatch.undo()
            assert begins
            store._writer.ask(
                work_of(outbound.cancel, id_, None, "test", store._clock.now()), urgent=True
            )
            return bind(bindings, begins=begins)

        monkeypatch.setattr(store, "bind", late)
        id_ = await rig.accept()
        await rig.state(id_, "cancelled")
        await asyncio.sleep(5)
        assert (len(rig.units[0].sent), rig.units[0].refused) == (1, 1)
        await rig.state(await rig.accept(), "sent")
        assert len(rig.units[0].sent) == 2


@virtually
@pytest.mark.parametrize("when", ["at once", "in the writer"])
async def test_what_could_not_be_bound_goes_once_the_store_is_back(
    loop: VirtualLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    async with pooled(loop, tmp_path) as rig:
        await rig.state(await rig.accept(), "sent")
        await asyncio.sleep(5)

        def fails(*_: object) -> int:
            raise StoreUnavailable("by the test")

        if when == "at once":

            def refuses(bindings: Sequence[Binding], *, begins: bool = False) -> Any:
                monkeypatch.undo()
                return fails(bindings, begins)

            monkeypatch.setattr(rig.store, "bind", refuses)
        else:
            monkeypatch.setattr(queue, "bind", fails)
            loop.call_later(3, monkeypatch.undo)
        id_ = await rig.accept()
        await rig.state(id_, "sent")
        assert len(rig.units[0].sent) == 2
        assert (await rig.message(id_)).possible_duplicates == 0


@virtually
async def test_what_a_modem_did_not_begin_is_still_in_its_queue(
    loop: VirtualLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pooled(loop, tmp_path) as rig:
        await rig.state(await rig.accept(), "sent")
        await asyncio.sleep(5)
        tried: list[Claimed] = []

        async def refuses(segment: Claimed, _commit: CommitIntent) -> SendResult:
            monkeypatch.undo()
            tried.append(segment)
            return SendResult(begun=False, outcome=NOT_BEGUN, mr=None, air_s=0.0)

        monkeypatch.setattr(rig.units[0], "send", refuses)
        first = await rig.accept("first")
        await rig.until(lambda: tried)
        await asyncio.sleep(0.1)  # of the half second in which it is left alone
        assert not rig.pool._loops[G1].at_rest
        second = await rig.accept("second", to="+491701234568")
        await rig.state(second, "sent")
        assert [each.message_id for each in rig.units[0].sent[1:]] == [first, second]

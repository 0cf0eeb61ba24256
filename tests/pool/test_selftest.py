"""Self-tests: when one is begun, what becomes of it, what it may cost, and who sees it arrive."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from airpost.clock import SECOND_US, Instant
from airpost.codec.split import split
from airpost.errors import ModemError, StoreUnavailable
from airpost.model import (
    Lane,
    Message,
    MessageClass,
    ModemView,
    ProofKind,
    SelfTest,
    Severity,
    SimId,
    UnitState,
)
from airpost.outcome import OutcomeClass, Scope
from airpost.pool.facade import OWN
from airpost.pool.intake import StoreIntake
from airpost.pool.selftest import (
    ANSWER_S,
    OWNER,
    SETTLED_S,
    TEXT,
    VALIDITY_S,
    SelfTestSettings,
)
from airpost.pool.upkeep import LOOK_S, UpkeepSettings
from airpost.received import RawPart
from airpost.states import MessageState
from airpost.store.api import MessageFilter
from tests.pool.rig import PHONE, Rig, ScriptedUnit, failure, pooled
from tests.virtual import VirtualLoop, run_virtual

HOUR_S = 3600.0
GATE = Lane("gate-1")
REFUSED = failure(OutcomeClass.PERMANENT, Scope.DESTINATION)
NUMBER = "+4915550000002"


def scheduled(**changes: Any) -> UpkeepSettings:
    return UpkeepSettings(selftest=SelfTestSettings(**({"to": PHONE} | changes)))


async def made_in(rig: Rig) -> list[Message]:
    found = await rig.store.messages(MessageFilter(owner=OWNER), 0, 500)
    return list(found.items)


async def said(rig: Rig) -> list[str]:
    """What events of self-tests say."""
    page = await rig.store.events(0, 500)
    return [each.reason for each in page.items if each.to == "selftest"]


def view(rig: Rig) -> ModemView:
    found = rig.pool.modem(GATE)
    assert found is not None
    return found


def newest(rig: Rig) -> SelfTest:
    found = view(rig).selftest
    assert found is not None
    return found


def prove(unit: ScriptedUnit, rig: Rig) -> None:
    unit.show(last_proof_at=rig.clock.now(), last_proof=ProofKind.RECEIVED)


def arrived(sender: str, to: str | None, text: str = TEXT) -> RawPart:
    (part,) = split(text).parts
    return RawPart(
        sim_id=SimId("sim of gate-2"), lane=Lane("gate-2"), number=to, raw=b"raw", smsc=None,
        sender=sender, pid=part.pid, dcs=part.dcs, udh=part.udh, ud=part.ud, udl=part.udl,
        scts=bytes(7), sent_at=None, received_at=Instant(1_767_225_600_000_000),
    )  # fmt: skip


def test_none_is_begun_where_none_is_asked_for(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            await asyncio.sleep(SETTLED_S + 3 * LOOK_S)  # with a schedule it would be now
            assert await made_in(rig) == []

    run_virtual(main)


def test_a_modem_that_nothing_proves_is_tested_and_a_report_proves_it(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=scheduled(every_h=4)) as rig:
            await asyncio.sleep(SETTLED_S / 2)
            assert await made_in(rig) == []  # what has waited may come in first
            await asyncio.sleep(SETTLED_S + 2 * LOOK_S)
            (message,) = await made_in(rig)
            assert (message.to, message.class_, message.text) == (PHONE, MessageClass.BULK, TEXT)
            assert (message.modem, message.want_report, message.tags) == (GATE, True, ("selftest",))
            assert message.expires_at - message.created_at == VALIDITY_S * SECOND_US
            assert (newest(rig).state, newest(rig).over) == (MessageState.SENT, False)
            await rig.store.record_report(rig.report(rig.units[0], 0))
            prove(rig.units[0], rig)
            await asyncio.sleep(LOOK_S + 1)
            assert (newest(rig).state, newest(rig).over) == (MessageState.DELIVERED, True)
            assert newest(rig).detail == "was delivered"
            assert await said(rig) == []
            await asyncio.sleep(3 * HOUR_S)
            assert len(await made_in(rig)) == 1
            await asyncio.sleep(HOUR_S + 2 * LOOK_S)
            assert len(await made_in(rig)) == 2

    run_virtual(main)


def test_none_is_begun_while_messages_prove_the_modem_or_it_is_not_ready(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=scheduled(every_h=2)) as rig:
            for _ in range(4):
                prove(rig.units[0], rig)
                await asyncio.sleep(HOUR_S)
            rig.units[0].show(state=UnitState.COOLDOWN)
            await asyncio.sleep(4 * HOUR_S)
            assert await made_in(rig) == []
            rig.units[0].show(state=UnitState.READY, since=rig.clock.now())
            await asyncio.sleep(SETTLED_S + 2 * LOOK_S)
            assert len(await made_in(rig)) == 1

    run_virtual(main)


def test_a_failure_is_seen_and_told_and_so_is_the_recovery(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=scheduled(every_h=1)) as rig:
            rig.units[0].outcomes = [REFUSED]
            await asyncio.sleep(SETTLED_S + 3 * LOOK_S)
            assert (newest(rig).state, newest(rig).over) == (MessageState.FAILED, True)
            (words,) = await said(rig)
            assert words.startswith(f"self-test {newest(rig).message_id} failed: ")
            await asyncio.sleep(HOUR_S + LOOK_S)
            await rig.store.record_report(rig.report(rig.units[0], 0))
            await asyncio.sleep(2 * LOOK_S)
            assert (await said(rig))[1:] == [f"self-test {newest(rig).message_id} was delivered"]
            page = await rig.store.events(0, 500)
            grave = [each.severity for each in page.items if each.to == "selftest"]
            assert grave == [Severity.WARNING, Severity.INFO]

    run_virtual(main)


def test_one_without_an_answer_is_told_and_the_next_waits_for_it(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=scheduled(every_h=1)) as rig:
            await asyncio.sleep(SETTLED_S + 2 * LOOK_S)
            await asyncio.sleep(ANSWER_S - 3 * LOOK_S)
            assert len(await made_in(rig)) == 1
            with pytest.raises(ModemError, match="one is under way"):
                await rig.pool.selftest(GATE, None)
            await asyncio.sleep(5 * LOOK_S)
            first, _second = await made_in(rig)
            assert await said(rig) == [
                f"self-test {first.id} was taken by the network, but no report came"
            ]

    run_virtual(main)


def test_the_cap_of_a_month_outlives_a_restart_and_the_month_does_not(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=scheduled(per_month=2, every_h=1)) as rig:
            for mr in range(2):
                begun = await rig.pool.selftest(GATE, None)
                await rig.state(begun, "sent")
                await rig.store.record_report(rig.report(rig.units[0], mr))
                await asyncio.sleep(LOOK_S + 1)
        async with pooled(loop, tmp_path, upkeep=scheduled(per_month=2, every_h=1)) as rig:
            await asyncio.sleep(3 * HOUR_S)
            with pytest.raises(ModemError, match="2 self-tests of this SIM this month"):
                await rig.pool.selftest(GATE, PHONE)
            assert len(await made_in(rig)) == 2
            rig.clock._start = Instant(rig.clock._start + 31 * 86_400 * SECOND_US)
            await asyncio.sleep(2 * LOOK_S)
            assert len(await made_in(rig)) == 3

    run_virtual(main)


def test_none_goes_to_a_number_on_the_blocklist(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            await rig.store.blocklist.block([PHONE], None, "test", rig.clock.now())
            for _ in range(2):  # nor is the first taken for one under way
                with pytest.raises(ModemError, match="is on the blocklist"):
                    await rig.pool.selftest(GATE, PHONE)
            await rig.store.blocklist.unblock(PHONE)
            await rig.state(await rig.pool.selftest(GATE, PHONE), "sent")

    run_virtual(main)


def test_one_that_was_under_way_is_followed_after_a_restart(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            begun = await rig.pool.selftest(GATE, PHONE)
            await rig.state(begun, "sent")
        async with pooled(loop, tmp_path, upkeep=scheduled(every_h=1)) as rig:
            await asyncio.sleep(2 * HOUR_S)
            assert [each.id for each in await made_in(rig)] == [begun]
            await rig.store.record_report(rig.report(rig.units[0], 0))
            prove(rig.units[0], rig)
            await asyncio.sleep(LOOK_S + 1)
            assert (newest(rig).message_id, newest(rig).over) == (begun, True)

    run_virtual(main)


def test_the_last_proof_outlives_a_restart_and_no_test_follows_it(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=scheduled()) as rig:
            prove(rig.units[0], rig)
            proved = rig.clock.now()
            await asyncio.sleep(LOOK_S + 1)
        async with pooled(loop, tmp_path, upkeep=scheduled()) as rig:
            await asyncio.sleep(2 * HOUR_S)
            assert (view(rig).last_proof_at, view(rig).last_proof) == (proved, ProofKind.RECEIVED)
            assert await made_in(rig) == []
            rig.units[0].show(sim_id=SimId("another"))
            assert view(rig).last_proof_at is None

    run_virtual(main)


def test_between_two_own_sims_the_one_that_is_proved_least_is_chosen(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2, 0.2, 0.2)) as rig:
            with pytest.raises(ModemError, match="no other modem is ready whose `number`"):
                await rig.pool.selftest(GATE, None)
            for unit in rig.units:
                unit.show(number=f"+491555000000{unit.lane[-1]}")
            prove(rig.units[2], rig)
            rig.units[3].show(state=UnitState.ABSENT)
            begun = await rig.pool.selftest(GATE, OWN)
            assert (await rig.message(begun)).to == NUMBER

    run_virtual(main)


def test_what_cannot_be_tested_says_why(tmp_path: Path) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path) as rig:
            with pytest.raises(ModemError, match="no modem has this name"):
                await rig.pool.selftest(Lane("gate-9"), PHONE)
            rig.units[0].show(state=UnitState.SIM, detail="the SIM wants a PIN")
            with pytest.raises(ModemError, match="the SIM wants a PIN"):
                await rig.pool.selftest(GATE, PHONE)

    run_virtual(main)


def test_two_at_once_become_one_and_a_store_that_refuses_leaves_none_under_way(
    tmp_path: Path,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=scheduled(per_month=3)) as rig:
            both = (rig.pool.selftest(GATE, PHONE), rig.pool.selftest(GATE, PHONE))
            done = await asyncio.gather(*both, return_exceptions=True)
            assert sorted(isinstance(each, ModemError) for each in done) == [False, True]
            await rig.store.record_report(rig.report(rig.units[0], 0))
            await rig.state((await made_in(rig))[0].id, "sent", "delivered")
            await rig.store.record_report(rig.report(rig.units[0], 0))
            await asyncio.sleep(LOOK_S + 1)
            hand_in = rig.store.hand_in

            async def closed(new: Any) -> Any:
                raise StoreUnavailable("closed by the test")

            rig.store.hand_in = closed  # type: ignore[method-assign]
            with pytest.raises(StoreUnavailable):
                await rig.pool.selftest(GATE, PHONE)
            rig.store.hand_in = hand_in  # type: ignore[method-assign]
            begun = await rig.pool.selftest(GATE, PHONE)
            assert len(await made_in(rig)) == 2
            await rig.state(begun, "sent")
            await rig.store.record_report(rig.report(rig.units[0], 1))
            await asyncio.sleep(LOOK_S + 1)
            # The one that was refused counts: nobody knows what the store has kept of it.
            with pytest.raises(ModemError, match="3 self-tests of this SIM this month"):
                await rig.pool.selftest(GATE, PHONE)

    run_virtual(main)


@pytest.mark.parametrize("proved", [False, True])
def test_a_clock_that_was_ahead_does_not_stop_them(tmp_path: Path, *, proved: bool) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=scheduled(every_h=4)) as rig:
            await asyncio.sleep(SETTLED_S + 2 * LOOK_S)
            await rig.store.record_report(rig.report(rig.units[0], 0))
            if proved:
                prove(rig.units[0], rig)
            await asyncio.sleep(LOOK_S + 1)
            assert len(await made_in(rig)) == 1
            rig.clock._start = Instant(rig.clock._start - 40 * 86_400 * SECOND_US)
            await asyncio.sleep(2 * LOOK_S)
            assert len(await made_in(rig)) == 2
            prove(rig.units[0], rig)
            now = rig.clock.now()
            await asyncio.sleep(2 * LOOK_S)
        async with pooled(loop, tmp_path, upkeep=scheduled(every_h=4)) as rig:
            await asyncio.sleep(LOOK_S)
            assert view(rig).last_proof_at == now

    run_virtual(main)


def test_one_begun_before_a_clock_was_set_back_is_not_waited_for_until_then(
    tmp_path: Path,
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, upkeep=scheduled(every_h=4)) as rig:
            await asyncio.sleep(SETTLED_S + 2 * LOOK_S)
            rig.clock._start = Instant(rig.clock._start - 40 * 86_400 * SECOND_US)
            await asyncio.sleep(2 * LOOK_S)
            assert len(await made_in(rig)) == 2

    run_virtual(main)


@pytest.mark.parametrize(
    ("sender", "to", "text", "ours"),
    [
        ("+4915550000001", None, TEXT, True),
        ("015550000001", NUMBER, TEXT, True),  # as its network shows it
        ("+4917099999999", NUMBER, TEXT, True),  # a SIM whose number is unknown, on its way
        ("+4917099999999", None, TEXT, False),
        ("+4917099999999", "+4915550000003", TEXT, False),
        ("Operator", None, TEXT, False),
        ("+4915550000001", NUMBER, "airpost self-tesT", False),
        ("+4915550000001", NUMBER, "hello", False),
    ],
)
def test_what_arrives_at_our_own_is_no_message_for_anybody(
    tmp_path: Path, sender: str, to: str | None, text: str, *, ours: bool
) -> None:
    async def main(loop: VirtualLoop) -> None:
        async with pooled(loop, tmp_path, (0.2, 0.2)) as rig:
            rig.units[0].show(number="+4915550000001")
            await rig.pool.selftest(GATE, NUMBER)
            intake = StoreIntake(rig.store, rig.clock, rig.pool.upkeep.selftests.recognises)
            await intake.part(arrived(sender, to, text))
            kept = await rig.store.inbound(None, 0, 10)
            assert len(kept.items) == (0 if ours else 1)
            assert len(await said(rig)) == ours

    run_virtual(main)

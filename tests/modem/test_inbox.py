"""What comes in: by announcement, directly, by sweep and by poll; stored first, deleted after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airpost.at import command as at
from airpost.clock import SECOND_US
from airpost.codec.address import Address
from airpost.codec.pdu import build_pdu
from airpost.codec.split import split
from airpost.codec.times import TimeStamp
from airpost.codec.tpdu import Deliver, StatusReport
from airpost.model import MessageClass, UnitState
from airpost.modem import inbox
from airpost.modem.profile import Profile, load_profile
from airpost.received import RawPart
from airpost.store.api import AirResult
from airpost.tasks import spawn
from hwsim.card import Slot, SlotState
from hwsim.modem import SimModem
from hwsim.pool import START_US
from tests.modem.rig import PHONE, Rig, rigged, virtually
from tests.virtual import VirtualLoop

STAMP = TimeStamp.from_instant(START_US)
POLL_S = load_profile().timing.poll_s


def deliver(text: str = "hello", *, class_: int | None = None) -> tuple[str, int]:
    """Hexadecimal and length of a DELIVER from PHONE."""
    (part,) = split(text).parts
    dcs = part.dcs if class_ is None else 0x10 | class_
    tpdu = Deliver(oa=Address.from_number(PHONE), dcs=dcs, scts=STAMP, udh=part.udh, ud=part.ud,
                   udl=part.udl).build()  # fmt: skip
    return build_pdu(tpdu)


def report_pdu(mr: int = 7, status: int = 0) -> tuple[str, int]:
    return build_pdu(
        StatusReport(mr=mr, ra=Address.from_number(PHONE), scts=STAMP, dt=STAMP,
                     status=status).build()
    )  # fmt: skip


def stored(modem: SimModem, text: str, state: SlotState = SlotState.UNREAD) -> int:
    pdu, length = deliver(text)
    index = modem.card.sms.add(Slot(pdu=pdu, length=length, state=state))
    assert index is not None
    return index


def words(parts: list[RawPart]) -> list[str]:
    return [
        Deliver(oa=Address.from_number(each.sender), dcs=each.dcs, scts=STAMP, udh=each.udh,
                ud=each.ud, udl=each.udl).text or ""
        for each in parts
    ]  # fmt: skip


def direct(profile: Profile | None = None) -> Profile:
    """Messages come as +CMT."""
    generic = profile or load_profile()
    return replace(generic, sms=replace(generic.sms, cnmi_mt=(2,)))


def phase2plus(modem: SimModem) -> None:
    """A modem that insists on acknowledgements."""
    modem.settings.csms = 1
    modem.faults.set("cme_error", verb="+CSMS", code=4, count=1)


def watched_calls(rig: Rig) -> list[tuple[str, float]]:
    """("begun" or "stored", time) of every hand-over from now on, a second each."""
    told: list[tuple[str, float]] = []
    plain = rig.behind.part, rig.behind.report

    def slowly(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
        async def handed(value: Any) -> None:
            told.append(("begun", rig.clock.mono()))
            await asyncio.sleep(1.0)
            await call(value)
            told.append(("stored", rig.clock.mono()))

        return handed

    rig.behind.part, rig.behind.report = map(slowly, plain)  # type: ignore[method-assign]
    return told


# -- announced ---------------------------------------------------------------------------------


@virtually
async def test_announced_stored_deleted_in_this_order(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        told = watched_calls(rig)
        from_s = loop.time()
        rig.arrives("hello")
        await rig.until(lambda: "AT+CMGD=1" in rig.heard())
        select = 'AT+CPMS="SM"'  # each time: it may not be selected any more
        assert rig.heard(from_s) == [select, "AT+CMGR=1", select, "AT+CMGD=1"]
        deleted_s = next(at_s for at_s, line in rig.sim.heard if line == "AT+CMGD=1")
        assert told[-1][0] == "stored"
        assert deleted_s >= told[-1][1]
        await rig.until(lambda: rig.sim.card.sms.used == 0)
        (part,) = rig.behind.parts
        assert (part.sender, part.number, part.lane) == (PHONE, rig.sim.number, rig.unit.lane)
        assert part.sim_id == rig.sim.card.iccid
        assert part.sent_at == START_US + round(from_s) * 1_000_000
        assert words([part]) == ["hello"]
        assert rig.view.last_proof_at is not None


@virtually
async def test_what_lies_elsewhere_is_not_deleted_when_another_memory_got_selected(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """A modem that has restarted unseen selects its own, where something may lie too."""
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        watched_calls(rig)
        rig.arrives("hello")
        await rig.until(lambda: "AT+CMGR=1" in rig.heard())
        rig.sim.settings.mems = ["ME", "ME", "ME"]
        assert rig.sim.store("ME").add(rig.sim.card.sms.slots[1]) == 1
        await rig.until(lambda: rig.sim.card.sms.used == 0)
        assert rig.sim.store("ME").used == 1


@virtually
async def test_what_another_memory_lists_is_not_deleted_in_this_one(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """It has restarted unseen between the choice and the list, while a message was sent."""
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        stored(rig.sim, "in the SIM")
        restarted = False

        def commit(tpdu: bytes) -> asyncio.Future[AirResult]:
            nonlocal restarted
            if not restarted and rig.heard()[-1] == 'AT+CPMS="SM"':
                restarted = True
                rig.sim.settings.mems = ["ME", "ME", "ME"]
                pdu, length = deliver("in the modem")
                rig.sim.store("ME").add(Slot(pdu=pdu, length=length, state=SlotState.UNREAD))
            return rig.commit(tpdu)

        rig.unit._connection._inbox.notices.sweep()  # type: ignore[union-attr]
        while not restarted:
            await rig.unit.send(rig.segment(), commit)
        await rig.until(lambda: rig.sim.card.sms.used == 0)
        rig.unit._connection._inbox.notices.sweep()  # type: ignore[union-attr]
        await rig.until(lambda: rig.sim.store("ME").used == 0)
        assert words(rig.behind.parts) == ["in the SIM", "in the modem"]


@virtually
async def test_parts_come_in_any_order_all_are_handed_over(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.arrives("many words " * 40, order=[2, 3, 1, 3])
        await rig.until(lambda: len(rig.behind.parts) == 4)
        await rig.until(lambda: rig.sim.card.sms.used == 0)
        assert [part.udh[-1] for part in rig.behind.parts] == [2, 3, 1, 3]


@virtually
async def test_while_it_sends_it_receives(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        for number in range(30):
            rig.arrives(f"number {number}")
            await rig.send()
        await rig.until(lambda: len(rig.behind.parts) == 30)
        await rig.until(lambda: rig.sim.card.sms.used == 0)
        assert words(rig.behind.parts) == [f"number {number}" for number in range(30)]


@pytest.mark.parametrize(
    ("class_", "sending"), [(MessageClass.NORMAL, "AT+CMGS="), (MessageClass.OTP, "AT+CMGS=")]
)
@virtually
async def test_between_two_segments_a_few_are_read_and_none_before_an_urgent_one(
    loop: VirtualLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, class_: MessageClass,
    sending: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(inbox, "TURN_S", 0.0)  # a simulated modem answers in no time
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        first = spawn(rig.send(), name="first")
        await rig.until(lambda: any(line.startswith(sending) for line in rig.heard()))
        for number in range(9):
            rig.arrives(f"number {number}")  # announced while the segment is on the air
        await first
        from_s = loop.time()
        second = spawn(rig.send(class_=class_), name="second")
        await second
        heard = rig.heard(from_s)
        at_s = next(n for n, line in enumerate(heard) if line.startswith(sending))
        read = [line for line in heard[:at_s] if line.startswith("AT+CMGR")]
        assert len(read) <= (4 if class_ is MessageClass.NORMAL else 1)
        await rig.until(lambda: len(rig.behind.parts) == 9)
        assert len(set(words(rig.behind.parts))) == 9


@virtually
async def test_no_modem_stands_still_for_a_commit(loop: VirtualLoop, tmp_path: Path) -> None:
    """What was read is deleted when the store has it: in this pause or the next, never before."""
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        first = spawn(rig.send(), name="first")
        await rig.until(lambda: any(line.startswith("AT+CMGS=") for line in rig.heard()))
        told = watched_calls(rig)  # a second each
        rig.arrives("one")
        rig.arrives("two")
        await first
        from_s = loop.time()
        await rig.send()
        heard = rig.heard(from_s)
        sent = next(n for n, line in enumerate(heard) if line.startswith("AT+CMGS="))
        assert heard[:sent] == ['AT+CPMS="SM"', "AT+CMGR=1", "AT+CMGR=2"]
        await rig.until(lambda: rig.sim.card.sms.used == 0)
        kept_s = [at_s for what, at_s in told if what == "stored"]
        gone_s = [at_s for at_s, line in rig.sim.heard if line.startswith("AT+CMGD")]
        assert len(kept_s) == len(gone_s) == 2
        assert all(gone >= kept for kept, gone in zip(kept_s, gone_s, strict=True))
        assert sorted(words(rig.behind.parts)) == ["one", "two"]


@virtually
async def test_what_was_kept_is_deleted_by_a_few_between_two_segments(
    loop: VirtualLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "TURN_S", 0.0)
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        watched_calls(rig)
        for number in range(9):
            rig.arrives(f"number {number}")
        await rig.until(lambda: sum("CMGR" in line for line in rig.heard()) == 9)
        rig.pool.network.air_s = 3.0
        await rig.send()  # all are kept while it is on the air
        from_s = loop.time()
        await rig.send()
        heard = rig.heard(from_s)
        at_s = next(n for n, line in enumerate(heard) if line.startswith("AT+CMGS="))
        assert [line[:8] for line in heard[:at_s]] == ["AT+CPMS=", *["AT+CMGD="] * 4]
        await rig.until(lambda: rig.sim.card.sms.used == 0)
        assert len(rig.behind.parts) == 9


@virtually
async def test_what_a_sweep_has_found_is_not_read_once_more(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """Else each announcement would lead nowhere and ask for the next sweep, and so on."""
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        first = spawn(rig.send(), name="first")
        await rig.until(lambda: any(line.startswith("AT+CMGS=") for line in rig.heard()))
        assert rig.unit._connection is not None
        assert rig.unit._connection._inbox is not None
        rig.unit._connection._inbox.notices.sweep()  # it waits for its turn
        await asyncio.sleep(0.01)
        rig.arrives("one")
        rig.arrives("two")
        from_s = loop.time()
        await first
        await rig.until(lambda: rig.sim.card.sms.used == 0)
        await asyncio.sleep(5)
        heard = rig.heard(from_s)
        assert heard.count("AT+CMGL=4") == 1
        assert not [line for line in heard if line.startswith("AT+CMGR")]
        assert words(rig.behind.parts) == ["one", "two"]


@virtually
async def test_what_is_on_its_way_when_a_sweep_begins_was_announced_all_the_same(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        watched_calls(rig)
        rig.arrives("hello")
        await rig.until(lambda: "AT+CMGR=1" in rig.heard())
        assert rig.unit._connection is not None
        found = rig.unit._connection._inbox
        assert found is not None
        found.notices.sweep()
        await rig.until(lambda: rig.sim.card.sms.used == 0)
        await asyncio.sleep(1)
        assert (found.unannounced, found.complaints) == (0, ())


@pytest.mark.parametrize("line", ["+CMTI: ,-1", '+CMTI: "SM"', "+CMTI: 0,111", '+CMTI: "SM",9'])
@virtually
async def test_an_announcement_that_leads_nowhere_starts_a_sweep(
    loop: VirtualLoop, tmp_path: Path, line: str
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        stored(rig.sim, "hello")
        rig.sim.urc(line)
        await rig.until(lambda: rig.behind.parts, 5)
        assert words(rig.behind.parts) == ["hello"]


@virtually
async def test_announced_in_another_memory(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        pdu, length = deliver("elsewhere")
        index = rig.sim.store("ME").add(Slot(pdu=pdu, length=length))
        rig.sim.urc(f'+CMTI: "ME",{index}')
        await rig.until(lambda: rig.behind.parts, 5)
        await rig.until(lambda: rig.sim.store("ME").used == 0)
        await asyncio.sleep(1)
        assert rig.sim.settings.mems[0] == "SM"
        rig.arrives("at home")
        await rig.until(lambda: len(rig.behind.parts) == 2, 5)


@virtually
async def test_an_empty_slot_is_found_by_the_sweep(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        rig.sim.faults.set("empty_read", count=2)
        rig.arrives("hello")
        await rig.until(lambda: rig.behind.parts, 5)


# -- sweeps ------------------------------------------------------------------------------------


@pytest.mark.parametrize("personality", ["generic", "simcom-sim800-like"])
@virtually
async def test_what_waited_is_found_at_the_start(
    loop: VirtualLoop, tmp_path: Path, personality: str
) -> None:
    def before(modem: SimModem) -> None:
        stored(modem, "unread")
        stored(modem, "read", SlotState.READ)
        stored(modem, "draft", SlotState.UNSENT)

    async with rigged(loop, tmp_path, personality=personality, before=before) as rig:
        await rig.until(lambda: rig.sim.card.sms.used == 1, 5)
        assert words(rig.behind.parts) == ["unread", "read"]


@virtually
async def test_what_lies_in_the_other_memory_is_found_too(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    def before(modem: SimModem) -> None:
        pdu, length = deliver("from before")
        modem.store("ME").add(Slot(pdu=pdu, length=length))
        stored(modem, "at home")

    async with rigged(loop, tmp_path, before=before) as rig:
        await rig.until(lambda: len(rig.behind.parts) == 2, 5)
        await rig.until(lambda: rig.sim.store("ME").used == rig.sim.card.sms.used == 0)
        assert rig.sim.settings.mems[0] == "SM"


@virtually
async def test_what_nobody_announced_is_found_by_the_poll(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        rig.sim.settings.cnmi = [0, 0, 0, 0, 0]  # another program has done this
        rig.arrives("hello")
        await rig.until(lambda: rig.behind.parts, 2 * POLL_S)


@virtually
async def test_what_waits_in_the_network_for_room_comes_soon_though_nothing_is_announced(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, personality="simcom-sim800-like") as rig:
        await asyncio.sleep(1)
        rig.sim.settings.cnmi = [0, 0, 0, 0, 0]
        size = rig.sim.card.sms.size
        for number in range(5 * size):
            rig.arrives(f"number {number}")
        await rig.until(lambda: rig.behind.parts, 2 * POLL_S)
        await rig.until(lambda: len(rig.behind.parts) == 5 * size, 6 * inbox.REFILLED_S)
        assert len(set(words(rig.behind.parts))) == 5 * size


@virtually
async def test_a_list_that_hangs_is_read_one_by_one(loop: VirtualLoop, tmp_path: Path) -> None:
    def before(modem: SimModem) -> None:
        modem.faults.set("no_final", verb="+CMGL", whole=True)
        stored(modem, "one")
        stored(modem, "two")

    async with rigged(loop, tmp_path, before=before) as rig:
        await rig.until(lambda: len(rig.behind.parts) == 2, 200)
        await asyncio.sleep(200)
        assert rig.sim.counts["+CMGL"] == 1, "it is not asked for again"
        assert rig.view.ready
        assert rig.sim.card.sms.used == 0


@virtually
async def test_a_list_that_is_refused_is_read_one_by_one(loop: VirtualLoop, tmp_path: Path) -> None:
    def before(modem: SimModem) -> None:
        modem.faults.set("cme_error", verb="+CMGL", code=4)
        for number in range(3):
            stored(modem, f"number {number}")

    async with rigged(loop, tmp_path, before=before) as rig:
        await rig.until(lambda: len(rig.behind.parts) == 3, 5)


@pytest.mark.parametrize("listed", [False, True])
@virtually
async def test_a_memory_that_does_not_say_how_full_it_is(
    loop: VirtualLoop, tmp_path: Path, listed: bool
) -> None:
    def before(modem: SimModem) -> None:
        silent = {'+CPMS="SM"': (), '+CPMS="ME"': ()}
        commands = {**modem.personality.commands, **silent}
        modem.personality = replace(modem.personality, commands=commands)
        stored(modem, "hello")
        if not listed:
            modem.faults.set("cme_error", verb="+CMGL", code=4)

    async with rigged(loop, tmp_path, before=before) as rig:
        await rig.until(lambda: rig.behind.parts, 5)
        assert ("AT+CPMS?" in rig.heard()) is not listed


@virtually
async def test_the_poll_selects_its_memory_again(loop: VirtualLoop, tmp_path: Path) -> None:
    """After a restart without a word another one is selected."""
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        rig.sim.settings.mems = ["ME", "ME", "ME"]
        stored(rig.sim, "hello")
        await rig.until(lambda: rig.behind.parts, 2 * POLL_S)


@virtually
async def test_a_full_memory_is_emptied_and_the_rest_comes(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, personality="simcom-sim800-like", wait=False,
                      plugged=False) as rig:  # fmt: skip
        for number in range(10):
            stored(rig.sim, f"number {number}")
        rig.arrives("the network keeps this")
        rig.sim.plug()
        await rig.until(lambda: len(rig.behind.parts) == 11, 60)
        assert words(rig.behind.parts)[-1] == "the network keeps this"


@virtually
async def test_a_memory_that_fills_again_at_once_is_not_full_for_good(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The network has more than fits: what is announced meanwhile does not stay."""
    async with rigged(loop, tmp_path, wait=False, plugged=False) as rig:
        size = rig.sim.card.sms.size
        for number in range(size):
            stored(rig.sim, f"stored {number}")
        for number in range(2 * size):
            rig.arrives(f"kept back {number}")
        rig.sim.plug()
        await rig.until(lambda: len(rig.behind.parts) == 3 * size, 60)
        assert UnitState.DEGRADED not in rig.behind.states
        assert "inbox.troubled" not in caplog.text
        assert len(set(words(rig.behind.parts))) == 3 * size


@virtually
async def test_a_memory_of_drafts_is_told_about_before_it_is_full(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """At four fifths, with what is in the way; what comes in is taken all the same."""
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        size = rig.sim.card.sms.size
        least = -(-size * 4 // 5)
        for number in range(least - 1):
            stored(rig.sim, f"draft {number}", SlotState.UNSENT)
        await asyncio.sleep(2 * POLL_S)
        assert rig.view.state.value == "ready", rig.view.detail
        draft = stored(rig.sim, "one more", SlotState.SENT)
        rig.sim.store("ME").add(rig.sim.card.sms.slots[draft])  # is in nobody's way
        await rig.until(lambda: rig.view.state.value == "degraded", 2 * POLL_S)
        assert f"{least} of {size} places" in rig.view.detail
        assert f"{least} of them by drafts" in rig.view.detail
        assert rig.view.memory is not None
        assert rig.view.memory[:2] == (least, size)
        assert 0 <= rig.clock.now() - rig.view.memory[2] <= POLL_S * SECOND_US
        rig.arrives("hello")
        await rig.until(lambda: words(rig.behind.parts) == ["hello"], 5)
        await rig.until(lambda: rig.sim.card.sms.used == least, 5)
        rig.sim.card.sms.remove(draft)
        await rig.until(lambda: rig.view.state.value == "ready", 2 * POLL_S)


@virtually
async def test_unplugged_between_the_reading_and_the_deleting(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """What is on its way arrives; the modem still has it, and the store knows it again."""
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        told = watched_calls(rig)
        rig.arrives("hello")
        await rig.until(lambda: told)
        rig.sim.unplug()
        await rig.until(lambda: rig.behind.parts, 5)
        assert rig.sim.card.sms.used == 1
        rig.sim.plug()
        await rig.until(lambda: rig.sim.card.sms.used == 0)
        first, second = rig.behind.parts
        assert replace(second, received_at=first.received_at) == first


@pytest.mark.parametrize(
    "line", ['^SMMEMFULL:"SM"', "+SMS FULL", '+QIND: SMS,"full"', '+QIND: "SMS","full"']
)
@virtually
async def test_a_line_that_says_full_starts_a_sweep(
    loop: VirtualLoop, tmp_path: Path, line: str
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        stored(rig.sim, "hello")
        rig.sim.urc(line)
        await rig.until(lambda: rig.behind.parts, 5)


# -- what cannot be read -----------------------------------------------------------------------


@virtually
async def test_a_corrupt_slot_is_kept_deleted_and_blocks_nothing(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        rig.sim.faults.set("corrupt_read", count=1)
        rig.arrives("damaged")
        rig.arrives("whole")
        await rig.until(lambda: rig.behind.parts, 5)
        ((raw, _field, _offset, reason),) = rig.behind.unread
        assert b"=" in raw
        assert reason
        assert words(rig.behind.parts) == ["whole"]
        await rig.until(lambda: rig.sim.card.sms.used == 0)


@virtually
async def test_a_message_of_no_known_kind_is_kept(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        rig.sim.card.sms.add(Slot(pdu="0004FFFF", length=3))
        rig.sim.urc('+CMTI: "SM",1')
        await rig.until(lambda: rig.behind.unread, 5)
        assert rig.behind.unread[0][0] == bytes.fromhex("0004FFFF")
        await rig.until(lambda: rig.sim.card.sms.used == 0)


@virtually
async def test_a_wrong_length_is_no_reason_to_lose_it(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "airpost")
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        rig.sim.faults.set("length_mismatch", count=1)
        rig.arrives("hello")
        await rig.until(lambda: rig.behind.parts, 5)
        assert words(rig.behind.parts) == ["hello"]
        assert "inbox.length_differs" in caplog.text


@virtually
async def test_text_mode_is_left_and_the_message_read_again(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        rig.sim.settings.cmgf = 1
        rig.arrives("OK")
        await rig.until(lambda: rig.behind.parts, 5)
        assert words(rig.behind.parts) == ["OK"]
        assert rig.sim.settings.cmgf == 0


@virtually
async def test_a_direct_report_in_text_mode_leads_back_to_pdu_mode(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.settings.cmgf = 1
        rig.sim.urc('+CDS: 6,1,"+491701234567",145,"26/01/01,00:00:00+00","26/01/01,00:00:02+00",0')
        await rig.until(lambda: rig.sim.settings.cmgf == 0, 5)


# -- what stays --------------------------------------------------------------------------------


@virtually
async def test_what_does_not_go_is_handed_over_once_and_complained_about(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("delete_ignored")
        rig.arrives("hello")
        await asyncio.sleep(10 * POLL_S)
        assert words(rig.behind.parts) == ["hello"]
        assert rig.view.state.value == "degraded"
        assert "empty it in a phone" in rig.view.detail
        assert (await rig.send()).outcome.ok
        rig.sim.faults.clear()
        await rig.until(lambda: rig.view.state.value == "ready")
        assert rig.sim.card.sms.used == 0


@virtually
async def test_without_a_store_it_stays_on_the_sim(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.behind.closed = True
        rig.arrives("hello")
        await asyncio.sleep(3 * POLL_S)
        assert rig.sim.card.sms.used == 1
        assert not [line for line in rig.heard() if line.startswith("AT+CMGD")]
        rig.behind.closed = False
        await rig.until(lambda: rig.behind.parts, 2 * POLL_S)
        await rig.until(lambda: rig.sim.card.sms.used == 0)


@virtually
async def test_what_a_store_could_not_take_is_soon_read_again_though_messages_go_out(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        rig.behind.closed = True
        rig.arrives("hello")
        await asyncio.sleep(2 * inbox.LEFT_S)
        rig.behind.closed = False
        for _ in range(round(inbox.LEFT_S)):
            await rig.send()  # or it would be looked for by poll
            await asyncio.sleep(1)
        await rig.until(lambda: rig.behind.parts, 5)
        await rig.until(lambda: rig.sim.card.sms.used == 0)


# -- directly ----------------------------------------------------------------------------------


@virtually
async def test_direct_and_acknowledged_after_the_commit_only(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, profile=direct(), before=phase2plus) as rig:
        await asyncio.sleep(1)
        told = watched_calls(rig)
        rig.arrives("one")
        rig.arrives("two")
        await rig.until(lambda: len(rig.behind.parts) == 2, 30)
        await rig.until(lambda: rig.sim.counts["+CNMA"] == 2)
        acknowledged = [at_s for at_s, line in rig.sim.heard if line == "AT+CNMA"]
        stored_at = [at_s for what, at_s in told if what == "stored"]
        assert all(ack >= kept for ack, kept in zip(acknowledged, stored_at, strict=True))
        assert acknowledged[0] <= told[2][1], "the second comes when the first is acknowledged"
        assert rig.pool.network.waiting(rig.sim.number) == 0
        assert words(rig.behind.parts) == ["one", "two"]


@virtually
async def test_direct_without_a_store_is_not_acknowledged(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, profile=direct(), before=phase2plus) as rig:
        await asyncio.sleep(1)
        rig.behind.closed = True
        rig.arrives("hello")
        await asyncio.sleep(10)
        assert rig.sim.counts["+CNMA"] == 0
        rig.behind.closed = False
        await rig.until(lambda: rig.behind.parts, 5)
        await rig.until(lambda: rig.sim.counts["+CNMA"] == 1)


@virtually
async def test_how_full_the_memory_gets_is_told_while_the_store_cannot_write(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        rig.behind.closed = True
        pdu, length = report_pdu()
        rig.sim.urc(f"+CDS: {length}", pdu)  # the only copy: all else waits behind it
        await asyncio.sleep(1)
        for text in ("one", "two", "three"):
            rig.arrives(text)
        await asyncio.sleep(2 * inbox.COUNT_S)
        assert rig.view.memory is not None
        assert rig.view.memory[:2] == (3, rig.sim.card.sms.size)
        assert rig.clock.now() - rig.view.memory[2] <= (2 * inbox.COUNT_S) * SECOND_US
        assert rig.view.ready
        rig.behind.closed = False
        await rig.until(lambda: rig.sim.card.sms.used == 0, 5)
        assert len(rig.behind.reports) == 1
        await rig.until(lambda: rig.view.memory is not None and rig.view.memory[0] == 0, 2 * POLL_S)


@virtually
async def test_class_0_comes_directly(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        pdu, length = deliver("flash", class_=0)
        rig.sim.urc(f"+CMT: ,{length}", pdu)
        await rig.until(lambda: rig.behind.parts, 5)
        assert words(rig.behind.parts) == ["flash"]
        assert rig.behind.parts[0].dcs & 3 == 0
        assert rig.sim.counts["+CNMA"] == 0


@virtually
async def test_directly_while_the_store_fails_and_the_port_goes(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """It exists nowhere else: it is kept until the store takes it."""
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        rig.behind.closed = True
        pdu, length = report_pdu()
        for _ in range(2):
            rig.sim.urc(f"+CDS: {length}", pdu)
        await asyncio.sleep(0.5)
        rig.sim.unplug()
        await asyncio.sleep(5)
        rig.behind.closed = False
        await rig.until(lambda: len(rig.behind.reports) == 2, 5)


@virtually
async def test_directly_before_the_sim_is_known(loop: VirtualLoop, tmp_path: Path) -> None:
    def before(modem: SimModem) -> None:
        modem.faults.set("sim_removed")

    async with rigged(loop, tmp_path, wait=False, before=before) as rig:
        await asyncio.sleep(1)
        pdu, length = report_pdu()
        rig.sim.urc(f"+CDS: {length}", pdu)
        await asyncio.sleep(5)
        rig.sim.faults.clear()
        await rig.ready()
        await rig.until(lambda: rig.behind.reports, 5)
        assert rig.behind.reports[0].sim_id == rig.view.sim_id


# -- reports -----------------------------------------------------------------------------------


def reporting(ds: int) -> Profile:
    generic = load_profile()
    return replace(generic, sms=replace(generic.sms, cnmi_ds=(ds,)))


@pytest.mark.parametrize("fault", ["", "split_urc", "blank_line", "report_early", "bytewise"])
@virtually
async def test_a_report_comes_directly(loop: VirtualLoop, tmp_path: Path, fault: str) -> None:
    async with rigged(loop, tmp_path) as rig:
        if fault:
            rig.sim.faults.set(fault)
        result = await rig.send()
        await rig.until(lambda: rig.behind.reports, 10)
        (report,) = rig.behind.reports
        assert (report.mr, report.to, report.status) == (result.mr, PHONE, 0)
        assert (report.delivered, report.expired) == (True, False)
        assert rig.sim.counts["+CNMA"] == 0


@pytest.mark.parametrize(
    "personality", ["generic", "quectel-ec25-like", "zte-mf626-like", "huawei-e3372-like"]
)
@virtually
async def test_a_report_that_is_stored_first(
    loop: VirtualLoop, tmp_path: Path, personality: str
) -> None:
    """In SR and announced so, in SR and announced as in SM, in SM (`modems.md` fault 45)."""
    async with rigged(loop, tmp_path, personality=personality, profile=reporting(2)) as rig:
        assert rig.sim.settings.cnmi[3] == 2
        for number in range(3):
            result = await rig.send()
            await rig.until(lambda: len(rig.behind.reports) == number + 1, 10)  # noqa: B023
            assert rig.behind.reports[-1].mr == result.mr
        await rig.until(lambda: rig.sim.store(rig.sim.personality.report_store).used == 0)
        rig.arrives("and a message")
        await rig.until(lambda: rig.behind.parts, 10)


@virtually
async def test_a_report_is_not_mistaken_for_the_message_beside_it(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, personality="quectel-ec25-like",
                      profile=reporting(2)) as rig:  # fmt: skip
        await asyncio.sleep(1)
        rig.behind.closed = True  # so that a message lies at the place that is announced
        rig.arrives("beside it")
        await asyncio.sleep(2)
        assert list(dict(rig.sim.card.sms.items())) == [0]
        rig.behind.closed = False
        await rig.send()
        await rig.until(lambda: rig.behind.reports, 10)
        await rig.until(lambda: rig.behind.parts, 2 * POLL_S)


@virtually
async def test_reports_that_waited_in_their_own_memory(loop: VirtualLoop, tmp_path: Path) -> None:
    def before(modem: SimModem) -> None:
        pdu, length = report_pdu()
        modem.card.reports.add(Slot(pdu=pdu, length=length, report=True))

    async with rigged(loop, tmp_path, profile=reporting(2), before=before) as rig:
        await rig.until(lambda: rig.behind.reports, 5)
        assert rig.sim.card.reports.used == 0


@virtually
async def test_a_modem_without_reports_is_complained_about(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, profile=reporting(0)) as rig:
        await rig.send()
        await asyncio.sleep(60)
        assert rig.behind.reports == []
        assert "no delivery reports" in rig.view.detail


@pytest.mark.parametrize(
    ("status", "delivered", "expired"),
    [(0x00, True, False), (0x30, None, False), (0x46, False, True), (0x41, False, False),
     (0x65, False, False)],
)  # fmt: skip
@virtually
async def test_what_a_report_says(
    loop: VirtualLoop, tmp_path: Path, status: int, delivered: bool | None, expired: bool
) -> None:
    async with rigged(loop, tmp_path) as rig:
        pdu, length = report_pdu(status=status)
        rig.sim.urc(f"+CDS: {length}", pdu)
        await rig.until(lambda: rig.behind.reports, 5)
        (report,) = rig.behind.reports
        assert (report.delivered, report.expired) == (delivered, expired)


@virtually
async def test_a_header_whose_pdu_never_comes(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(1)
        rig.sim.urc("+CDS: 25")
        await asyncio.sleep(10)
        pdu, length = report_pdu()
        rig.sim.urc(f"+CDS: {length}", pdu)
        await rig.until(lambda: rig.behind.reports, 5)
        assert len(rig.behind.reports) == 1


def test_the_delete_command_has_one_parameter() -> None:
    assert at.delete_message(3).text == "AT+CMGD=3"


@virtually
async def test_what_lies_in_another_memory_is_found(loop: VirtualLoop, tmp_path: Path) -> None:
    """A modem that has just got power takes messages in before its memory is chosen."""

    def before(modem: SimModem) -> None:
        pdu, length = deliver("hello")
        modem.store("ME").add(Slot(pdu=pdu, length=length))

    async with rigged(loop, tmp_path, before=before) as rig:
        await rig.until(lambda: rig.behind.parts, 5)
        await rig.until(lambda: rig.sim.store("ME").used == 0, 5)

"""One port, one command at a time: turns, limits, being in step, and the end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from airpost.at import command as at
from airpost.at.command import Command, Priority
from airpost.at.events import Dropped, Final, FinalKind, Late, Reply, Urc, WriteNow
from airpost.clock import Instant, LoopClock
from airpost.errors import CommandFailed, CommandTimeout, Desynced, PortBusy, PortLost
from airpost.model import Lane
from airpost.modem.port import PortSettings
from airpost.modem.refusals import failed
from airpost.modem.session import NOT_ALONE, Session
from airpost.modem.trace import Trace
from airpost.tasks import spawn
from hwsim.modem import SimModem
from hwsim.pool import START_US, SimPool
from tests.hwsim.client import submit_pdu
from tests.modem.rig import busy_tasks, open_descriptors, virtually
from tests.virtual import VirtualLoop
from tests.wires import watched


class Wire:
    """A session on a simulated modem, and what it told."""

    def __init__(self, loop: VirtualLoop, sim: SimModem, guard_s: float = 0.0) -> None:
        self.sim = sim
        self.urcs: list[Urc] = []
        self.lates: list[Late] = []
        self.trace = Trace(Lane("gate-1"), LoopClock(loop.time, Instant(START_US)))
        self.session = Session(
            str(sim.port), self.trace, urc=self.urcs.append, late=self.lates.append,
            guard_s=guard_s,
        )  # fmt: skip

    def asking(self, command: Command) -> asyncio.Task[tuple[str, ...]]:
        return spawn(self.session.run(command), name=command.text)

    async def text(self, length: int = 20) -> WriteNow:
        """The prompt of a sending command, in a turn of the caller."""
        self.session.begin(at.send_pdu(length))
        event = await self.session.event(10.0)
        assert isinstance(event, WriteNow)
        return event


@asynccontextmanager
async def wired(
    loop: VirtualLoop, folder: Path, *, opened: bool = True, guard_s: float = 0.0, **settings: Any
) -> AsyncIterator[Wire]:
    settings.setdefault("air_s", 0.2)
    pool = SimPool(folder, 1, **settings)
    await pool.start()
    wire = Wire(loop, pool.modems[0], guard_s)
    with watched(loop, pool.modems):
        if opened:
            await wire.session.open(PortSettings())
        try:
            yield wire
        finally:
            await wire.session.close()
            assert open_descriptors(wire.sim.pty.device) <= 1
            await pool.stop()
    assert busy_tasks() == []


# -- life --------------------------------------------------------------------------------------


@virtually
async def test_open_wake_ask_close(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        assert await wire.session.run(at.SIGNAL) == ("+CSQ: 20,99",)
        await wire.session.close()
        await wire.session.close()
        assert wire.session.lost.is_set()
        with pytest.raises(PortLost, match="closed"):
            await wire.session.run(at.SIGNAL)
        notes = [line.text for line in wire.trace.lines() if line.way.value == "--"]
        assert notes == ["opened", "closed: closed"]


@virtually
async def test_close_while_it_is_being_opened(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path, opened=False) as wire:
        opening = spawn(wire.session.open(PortSettings()), name="opening")
        await asyncio.sleep(0)
        await wire.session.close()
        with pytest.raises(PortLost, match="closed"):
            await opening
        assert open_descriptors(wire.sim.pty.device) == 1


@virtually
async def test_close_before_it_is_opened(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path, opened=False) as wire:
        await wire.session.close()
        with pytest.raises(PortLost):
            await wire.session.open(PortSettings())


@virtually
async def test_only_one_session_a_port(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        other = Wire(loop, wire.sim)
        with pytest.raises(PortBusy, match="held by another program"):
            await other.session.open(PortSettings())


@virtually
async def test_loss_ends_whoever_waits(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        wire.sim.faults.set("no_final", whole=True)
        waiting = [wire.asking(at.SIGNAL) for _ in range(3)]
        watch = spawn(wire.session.until_lost(), name="watch")
        await asyncio.sleep(1)
        wire.sim.unplug()
        ended = await asyncio.gather(watch, *waiting, return_exceptions=True)
        assert [type(each) for each in ended] == [PortLost] * 4
        assert wire.session.error is not None
        assert "went away" in wire.session.error.reason


@virtually
async def test_the_first_reason_is_kept(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        wire.session.abort("the first")
        wire.session.abort("the second")
        with pytest.raises(PortLost, match="the first"):
            await wire.session.until_lost()


@virtually
async def test_an_error_of_ours_in_reading_ends_it(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with wired(loop, tmp_path) as wire:

        def broken(_urc: Urc) -> None:
            raise KeyError("a bug of ours")

        wire.session._urc = broken
        wire.sim.urc("RING")
        with pytest.raises(PortLost, match="could not read"):
            await wire.session.until_lost()
        assert "session.failed" in caplog.text


# -- waking ------------------------------------------------------------------------------------


@pytest.mark.parametrize("unheard", [1, 2, 5])
@virtually
async def test_first_characters_may_be_lost(
    loop: VirtualLoop, tmp_path: Path, unheard: int
) -> None:
    """`modems.md` fault 69: the modem finds the rate first."""
    async with wired(loop, tmp_path) as wire:
        wire.sim.faults.set("silence")
        loop.call_later(3.0 * unheard - 1.0, wire.sim.faults.clear)
        await wire.session.wake()
        assert await wire.session.run(at.SIGNAL) == ("+CSQ: 20,99",)


@virtually
async def test_nobody_there(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        wire.sim.faults.set("silence")
        with pytest.raises(Desynced, match="is it the right port"):
            await wire.session.wake()
        with pytest.raises(PortLost, match="is it the right port"):
            await wire.session.until_lost()
        assert NOT_ALONE not in str(wire.session.error)


@virtually
async def test_somebody_there_who_does_not_answer(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        wire.sim.faults.set("wrong_port", form="nmea")
        with pytest.raises(Desynced, match=re.escape(NOT_ALONE)):
            await wire.session.wake()


@virtually
async def test_half_of_the_answers(loop: VirtualLoop, tmp_path: Path) -> None:
    """`modems.md` fault 57: another program reads the other half."""
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        wire.sim.faults.set("second_reader", share=0.5)
        with pytest.raises(Desynced, match=re.escape(NOT_ALONE)):
            await wire.session.run(at.SIGNAL)


@virtually
async def test_answers_of_an_earlier_life_are_not_ours(loop: VirtualLoop, tmp_path: Path) -> None:
    """The modem works off what the last session had asked, all at once."""
    async with wired(loop, tmp_path) as wire:
        wire.sim.faults.set("late_final", verb="+COPS", delay_s=7.0, count=1)
        wire.sim.interpreter.feed(b"AT+COPS?\r" + b"AT+CMEE?\r" * 10)
        await wire.session.wake()
        assert loop.time() == pytest.approx(7.0, abs=3.0)
        for _ in range(3):
            assert await wire.session.run(at.SIGNAL) == ("+CSQ: 20,99",)
            assert await wire.session.run(at.MODEL) == ("Generic",)


@virtually
async def test_an_open_prompt_is_left(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        wire.sim.interpreter.feed(b"AT+CMGS=20\r")
        await asyncio.sleep(0.1)
        await wire.session.wake()
        assert wire.sim.sends[-1].final == "escaped"
        assert await wire.session.run(at.SIGNAL) == ("+CSQ: 20,99",)


# -- turns -------------------------------------------------------------------------------------


@virtually
async def test_by_priority_then_by_order(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        order: list[str] = []

        async def wants(priority: Priority, name: str) -> None:
            async with wire.session.turn(priority):
                order.append(name)
                await asyncio.sleep(1)

        first = spawn(wants(Priority.CARE, "first"), name="first")
        await asyncio.sleep(0.5)
        waiting = [
            spawn(wants(priority, name), name=name)
            for priority, name in (
                (Priority.CARE, "care 1"), (Priority.RECEIVE, "receive"), (Priority.CARE, "care 2"),
                (Priority.SEND, "send"), (Priority.ACK, "ack"),
            )
        ]  # fmt: skip
        await asyncio.gather(first, *waiting)
        assert order == ["first", "ack", "send", "receive", "care 1", "care 2"]


@virtually
async def test_care_has_a_turn_while_sending_and_receiving_follow_each_other(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with wired(loop, tmp_path) as wire:
        order: list[str] = []

        async def without_end(priority: Priority, name: str) -> None:
            while "care" not in order and len(order) < 100:
                async with wire.session.turn(priority):
                    order.append(name)
                    await asyncio.sleep(0.1)

        async with wire.session.turn(Priority.SEND):
            others = [
                spawn(without_end(Priority.SEND, "send"), name="send"),
                spawn(without_end(Priority.RECEIVE, "receive"), name="receive"),
            ]
            await asyncio.sleep(0)
            care = spawn(without_end(Priority.CARE, "care"), name="care")
            await asyncio.sleep(0)
        await asyncio.gather(*others, care)
        before = order.index("care")
        assert "send" in order[:2], "what is sent goes first all the same"
        assert 2 <= before <= 12


@virtually
async def test_a_pause_before_each_command_where_it_is_wanted(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with wired(loop, tmp_path, guard_s=0.1) as wire:
        await wire.session.wake()
        await asyncio.sleep(1)
        begun_s, since = loop.time(), len(wire.sim.heard)
        first, second = wire.asking(at.SIGNAL), wire.asking(at.MODEL)
        await first
        await second
        await asyncio.sleep(0.04)
        await wire.session.run(at.SIGNAL)
        times = [at_s for at_s, _ in list(wire.sim.heard)[since:]]
        assert times[0] == begun_s, "it has rested for long"
        assert [round(later - at_s, 3) for at_s, later in pairwise(times)] == [0.1, 0.1]


@virtually
async def test_a_pause_for_the_text_of_a_message_too(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path, guard_s=0.1) as wire:
        await wire.session.wake()
        asking = wire.asking(at.SIGNAL)
        await asyncio.sleep(0)
        await wire.session.enter(Priority.SEND)
        begun_s = loop.time()
        await wire.text()
        assert asking.done()
        assert wire.sim.heard[-1] == (pytest.approx(begun_s), "AT+CMGS=20")
        assert wire.sim.heard[-1][0] - wire.sim.heard[-2][0] == pytest.approx(0.1, abs=0.001)
        wire.session.leave()


@virtually
async def test_without_a_pause_the_next_command_follows_at_once(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        since = len(wire.sim.heard)
        for _ in range(3):
            await wire.session.run(at.SIGNAL)
        assert len({at_s for at_s, _ in list(wire.sim.heard)[since:]}) == 1


@virtually
async def test_lost_in_the_pause(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path, guard_s=2.0) as wire:
        await wire.session.wake()
        asking = wire.asking(at.SIGNAL)
        await asyncio.sleep(1)
        wire.sim.unplug()
        with pytest.raises(PortLost):
            await asking
        assert wire.sim.heard[-1][1] != at.SIGNAL.text


@virtually
async def test_cancelled_in_the_queue(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        async with wire.session.turn(Priority.CARE):
            waiting = [wire.asking(at.SIGNAL) for _ in range(3)]
            await asyncio.sleep(0)
            waiting[0].cancel()
            waiting[1].cancel()
            await asyncio.sleep(0)
        assert await waiting[2] == ("+CSQ: 20,99",)
        assert await wire.session.run(at.SIGNAL) == ("+CSQ: 20,99",)


@virtually
async def test_cancelled_in_the_moment_of_its_turn(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        async with wire.session.turn(Priority.CARE):
            unlucky, lucky = wire.asking(at.SIGNAL), wire.asking(at.SIGNAL)
            await asyncio.sleep(0)
        unlucky.cancel()  # the wire was handed to it, but it has not run since
        assert await lucky == ("+CSQ: 20,99",)


@virtually
async def test_cancelled_on_the_wire_the_next_gets_its_own_answer(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        wire.sim.faults.set("late_final", verb="+COPS", delay_s=3.0, count=1)
        cut = wire.asking(at.OPERATOR)
        await asyncio.sleep(1)
        cut.cancel()
        assert await wire.session.run(at.SIGNAL) == ("+CSQ: 20,99",)
        assert loop.time() == pytest.approx(3.0, abs=0.5)


# -- limits ------------------------------------------------------------------------------------


@virtually
async def test_no_answer_within_the_limit(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        wire.sim.faults.set("no_final", verb="+CSQ", whole=True, count=1)
        with pytest.raises(CommandTimeout, match=r"AT\+CSQ was not answered within 5 s"):
            await wire.session.run(at.SIGNAL)
        assert await wire.session.run(at.SIGNAL) == ("+CSQ: 20,99",)


@virtually
async def test_an_answer_after_the_limit_is_nobody_elses(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        wire.sim.faults.set("late_final", verb="+CSQ", delay_s=8.0, count=1)
        with pytest.raises(CommandTimeout):
            await wire.session.run(at.SIGNAL)
        assert loop.time() == pytest.approx(8.0, abs=0.5)
        assert await wire.session.run(at.MODEL) == ("Generic",)
        assert wire.lates[0].line == "+CSQ: 20,99"


@virtually
async def test_a_modem_that_answers_nothing_any_more_is_given_up(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        wire.sim.faults.set("silence")
        with pytest.raises(Desynced):
            await wire.session.run(at.SIGNAL)
        assert loop.time() == pytest.approx(17.0, abs=0.5)
        with pytest.raises(PortLost, match="does not answer"):
            await wire.session.run(at.SIGNAL)


@virtually
async def test_a_flood_starves_no_limit(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        wire.sim.faults.set("flood", line="+ZUSIMR:2", every_s=0.01)
        wire.sim.faults.set("no_final", verb="+CSQ", whole=True, count=1)
        begun_s = loop.time()
        with pytest.raises(CommandTimeout):
            await wire.session.run(at.SIGNAL)
        assert loop.time() - begun_s == pytest.approx(5.0, abs=0.1)
        assert await wire.session.run(at.MODEL) == ("Generic",)
        wire.sim.faults.clear()
        assert len(wire.urcs) > 400


@virtually
async def test_an_answer_without_its_ok(loop: VirtualLoop, tmp_path: Path) -> None:
    """`modems.md` fault 25."""
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        wire.sim.faults.set("no_final", verb="+CPIN")
        begun_s = loop.time()
        assert await wire.session.run(at.PIN_STATE) == ("+CPIN: READY",)
        assert loop.time() - begun_s == pytest.approx(2.0, abs=0.1)
        assert await wire.session.run(at.SIGNAL) == ("+CSQ: 20,99",)


@pytest.mark.parametrize("fault", ["echo_on", "bytewise", "slow_output", "garbage", "glued"])
@virtually
async def test_the_form_of_the_answer_does_not_matter(
    loop: VirtualLoop, tmp_path: Path, fault: str
) -> None:
    async with wired(loop, tmp_path) as wire:
        wire.sim.faults.set(fault)
        await wire.session.wake()
        for _ in range(3):
            assert await wire.session.run(at.SIGNAL) == ("+CSQ: 20,99",)
            assert wire.sim.imei in await wire.session.run(at.IMEI)


@virtually
async def test_what_is_under_way_when_a_turn_ends_is_given_up(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()

        async def broken() -> None:
            async with wire.session.turn(Priority.SEND):
                await wire.text()
                raise KeyError("a bug of ours")

        with pytest.raises(KeyError):
            await broken()
        assert await wire.session.run(at.SIGNAL) == ("+CSQ: 20,99",)
        assert wire.sim.sends[-1].final == "escaped"


@virtually
async def test_one_answer_behind_is_noticed_and_caught_up(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        wire.sim.emit(b"\r\nOK\r\n")  # somebody else's, or a late one
        assert await wire.session.run(at.REGISTRATION) == ()
        for _ in range(3):
            assert await wire.session.run(at.SIGNAL) == ("+CSQ: 20,99",)
            assert await wire.session.run(at.PIN_STATE) == ("+CPIN: READY",)


@virtually
async def test_an_error_to_a_probe_after_the_reference_is_not_the_next_commands(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with wired(loop, tmp_path, air_s=17.0) as wire:
        await wire.session.wake()
        await wire.session.run(at.PDU_MODE)
        wire.sim.faults.set("cme_error", verb="+CMEE", code=515, count=2)
        pdu, length = submit_pdu("+491701234567", "hello")
        async with wire.session.turn(Priority.SEND):
            await wire.text(length)
            wire.session.payload(f"{pdu}\x1a".encode())
            assert await wire.session.event(15.0) is None
            wire.session.probe()
            reply = await wire.session.event(5.0)
            assert isinstance(reply, Reply)
            assert reply.lines == ("+CMGS: 0",)
        for _ in range(3):
            assert await wire.session.run(at.SIGNAL) == ("+CSQ: 20,99",)


# -- dialogues ---------------------------------------------------------------------------------


@virtually
async def test_a_payload_that_the_port_does_not_take(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire, wire.session.turn(Priority.SEND):
        await wire.text()
        wire.sim.unplug()
        with pytest.raises(PortLost):
            wire.session.payload(b"00\x1a")


@virtually
async def test_a_probe_tells_what_was_dropped(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        wire.sim.faults.set("no_final", verb="+CMGS")
        async with wire.session.turn(Priority.SEND):
            await wire.text()
            wire.session.payload(b"00\x1a")
            assert await wire.session.event(15.0) is None
            wire.session.probe()
            assert isinstance(await wire.session.event(5.0), Dropped)


@virtually
async def test_an_event_of_the_last_moment_is_not_lost(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        async with wire.session.turn(Priority.CARE):
            wire.session.begin(at.SIGNAL)
            reply = Reply(command=at.SIGNAL, lines=(), final=Final(kind=FinalKind.OK))
            # Due at the same time: the timer fires first, then this comes, then the waiter runs.
            loop.call_later(0.0, lambda: wire.session._hand_out(reply))
            assert await wire.session.event(0.0) is not None


# -- halves ------------------------------------------------------------------------------------


@virtually
async def test_each_header_has_its_own_two_seconds(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        wire.sim.emit(b"\r\n+CDS: 25\r\n")
        await asyncio.sleep(1.5)
        wire.sim.emit(b"0011223344\r\n\r\n+CDS: 26\r\n")
        await asyncio.sleep(1.5)
        wire.sim.emit(b"5566778899\r\n")
        await asyncio.sleep(0.1)
        assert [(urc.line, urc.payload) for urc in wire.urcs] == [
            ("+CDS: 25", "0011223344"),
            ("+CDS: 26", "5566778899"),
        ]


@virtually
async def test_a_header_alone_is_told_after_two_seconds(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        wire.sim.emit(b"\r\n+CDS: 25\r\n")
        await asyncio.sleep(1.9)
        assert wire.urcs == []
        await asyncio.sleep(0.2)
        assert [(urc.line, urc.payload) for urc in wire.urcs] == [("+CDS: 25", None)]


# -- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("final", "kind", "code"),
    [
        (Final(kind=FinalKind.CMS, code=38, text="38"), "CMS", 38),
        (Final(kind=FinalKind.CME, text="SIM busy"), "CME", 14),
        (Final(kind=FinalKind.CME, text="sim not inserted."), "CME", 10),
        (Final(kind=FinalKind.CMS, text="never heard of"), "CMS", None),
        (Final(kind=FinalKind.ERROR, text="COMMAND NOT SUPPORT"), "ERROR", None),
        (Final(kind=FinalKind.ERROR), "ERROR", None),
    ],
)
def test_a_final_error_as_an_exception(final: Final, kind: str, code: int | None) -> None:
    error = failed(final)
    assert (error.kind, error.code) == (kind, code)
    assert error.text


@virtually
async def test_an_error_is_raised_with_its_code(loop: VirtualLoop, tmp_path: Path) -> None:
    async with wired(loop, tmp_path) as wire:
        await wire.session.run(at.VERBOSE_ERRORS)
        wire.sim.faults.set("cme_error", verb="+CSQ", code=515)
        with pytest.raises(CommandFailed) as caught:
            await wire.session.run(at.SIGNAL)
        assert (caught.value.kind, caught.value.code) == ("CME", 515)


@pytest.mark.parametrize("fault", ["", "echo_on", "bytewise", "urc_before_echo"])
@virtually
async def test_a_pin_is_seen_nowhere(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    caplog.set_level(1, "airpost")
    async with wired(loop, tmp_path) as wire:
        if fault:
            wire.sim.faults.set(fault)
        wire.sim.card.lock("4711")
        wire.sim.faults.set("no_final", verb="+CPIN", count=1)
        with pytest.raises(CommandTimeout) as caught:
            await wire.session.run(at.enter_pin("4711"))
        wire.sim.card.lock("4711")
        await wire.session.run(at.enter_pin("4711"))
        seen = "\n".join(line.text for line in wire.trace.lines())
        assert "AT+CPIN=****" in seen
        for text in (seen, caplog.text, str(caught.value)):
            assert "4711" not in text


@virtually
async def test_a_modem_that_sleeps_is_woken_once_it_is_known_to(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """`modems.md` fault 71; one that does not sleep never gets an empty line."""
    async with wired(loop, tmp_path) as wire:
        await wire.session.wake()
        await asyncio.sleep(60)
        await wire.session.run(at.SIGNAL)
        wire.sim.faults.set("idle_sleep", after_s=30)
        await asyncio.sleep(60)
        with pytest.raises(CommandTimeout):
            await wire.session.run(at.SIGNAL)
        for pause_s in (60.0, 25.0, 0.0):
            await asyncio.sleep(pause_s)
            begun_s, written = loop.time(), wire.sim.pty.rx_bytes
            await wire.session.run(at.SIGNAL)
            assert loop.time() - begun_s == pytest.approx(0.2 if pause_s else 0.0)
            assert wire.sim.pty.rx_bytes - written == len("AT+CSQ\r") + bool(pause_s)

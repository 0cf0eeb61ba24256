"""A unit on a simulated modem: from the port to ready, sending, trouble, and back by itself."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from airpost.errors import CommandFailed, LocalProtocolError, ModemError, PortLost
from airpost.model import MessageClass, ProofKind, UnitState
from airpost.modem.healing import Place
from airpost.outcome import OutcomeClass, Scope
from airpost.tasks import spawn
from hwsim.personality import Personality, names
from tests.modem.rig import PHONE, open_descriptors, rigged, virtually
from tests.virtual import VirtualLoop

S = UnitState


@virtually
async def test_from_the_port_to_ready(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        assert rig.behind.states == [S.OPENING, S.PROBING, S.SIM, S.REGISTERING, S.READY]
        view = rig.view
        assert view.imei == rig.sim.imei
        assert view.sim_id == rig.sim.card.iccid
        assert view.imsi == rig.sim.card.imsi
        assert view.smsc == rig.sim.card.smsc
        assert view.number == rig.sim.number
        assert view.operator == "Airpost Test"
        assert view.signal_dbm == -73
        assert rig.behind.ids == [(view.lane, view.imei, view.sim_id)]
        assert loop.time() < 1.0


@pytest.mark.parametrize("personality", names())
@virtually
async def test_every_personality_sends_receives_and_reports(
    loop: VirtualLoop, tmp_path: Path, personality: str
) -> None:
    async with rigged(loop, tmp_path, personality=personality) as rig:
        result = await rig.send("hello")
        assert result.begun
        assert result.outcome.ok
        await rig.until(lambda: rig.behind.reports)
        (report,) = rig.behind.reports
        assert (report.mr, report.to, report.delivered) == (result.mr, PHONE, True)
        rig.pool.handset(PHONE).reply("hi there")
        await rig.until(lambda: rig.behind.parts)
        assert rig.behind.parts[0].sender == PHONE
        await rig.until(lambda: rig.sim.card.sms.used == 0)
        assert rig.texts() == ["hello"]


# -- the port goes and comes -------------------------------------------------------------------


@virtually
async def test_pulled_out_while_idle_it_is_seen_at_once(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(30)
        rig.sim.unplug()
        before_s = loop.time()
        await rig.until(lambda: rig.view.state is S.ABSENT)
        assert loop.time() - before_s < 0.2
        assert "went away" in (rig.view.last_error or "")
        assert "plug the modem in" in rig.view.detail
        await asyncio.sleep(600)
        rig.sim.plug()
        before_s = loop.time()
        await rig.ready()
        assert loop.time() - before_s < 3.0
        assert (await rig.send()).outcome.ok


@virtually
async def test_a_port_that_is_not_there_yet(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, plugged=False, wait=False) as rig:
        await asyncio.sleep(100)
        assert rig.view.state is S.ABSENT
        assert rig.behind.views == []  # nothing has changed, nobody was told
        rig.sim.plug()
        await rig.ready()


@virtually
async def test_a_usb_reset_comes_back_by_itself(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, personality="huawei-e3372-like") as rig:
        rig.sim.reset()
        await rig.until(lambda: not rig.view.ready)
        before_s = loop.time()
        await rig.ready()
        assert loop.time() - before_s < rig.sim.personality.back_s + 3.0


@virtually
async def test_a_busy_port_says_what_to_do(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, wait=False, plugged=False) as rig:
        rig.sim.plug()
        holder = os.open(rig.sim.port, os.O_RDWR | os.O_NOCTTY)
        fcntl.flock(holder, fcntl.LOCK_EX)
        await rig.until(lambda: rig.view.state is S.COOLDOWN)
        assert "ModemManager" in rig.view.detail
        assert "tried again in 1 s" in rig.view.detail
        await asyncio.sleep(600)
        assert rig.view.detail.endswith("tried again in 60 s")
        os.close(holder)
        await rig.ready()


@virtually
async def test_no_permission_says_which_group(loop: VirtualLoop, tmp_path: Path) -> None:
    def refused(path: str, *_args: object) -> None:
        raise PortLost(path, "permission denied; add the user airpost runs as to the group dialout")

    async with rigged(loop, tmp_path, wait=False, plugged=False) as rig:
        with mock.patch("airpost.modem.session.open_port", refused):
            rig.sim.plug()
            await rig.until(lambda: rig.view.state is S.COOLDOWN)
            assert "group dialout; tried again in 1 s" in rig.view.detail
        await rig.ready()


@virtually
async def test_pulling_it_out_ends_a_long_wait(loop: VirtualLoop, tmp_path: Path) -> None:
    def silent(modem: Any) -> None:
        modem.faults.set("silence")

    async with rigged(loop, tmp_path, wait=False, before=silent) as rig:
        await asyncio.sleep(400)
        await rig.until(lambda: rig.view.state is S.COOLDOWN)
        assert rig.view.detail.endswith("tried again in 5 min")
        rig.sim.faults.clear()
        rig.sim.unplug()
        await rig.until(lambda: rig.view.state is S.ABSENT, 2.0)
        rig.sim.plug()
        await rig.until(lambda: rig.view.ready, 3.0)


@virtually
async def test_a_path_that_is_no_serial_port(loop: VirtualLoop, tmp_path: Path) -> None:
    other = tmp_path / "a file"
    other.write_text("no modem")
    async with rigged(loop, tmp_path, wait=False) as rig:
        await rig.restart(port=str(other))
        await rig.until(lambda: rig.view.state is S.COOLDOWN)
        assert "is not a serial port; correct `port`" in rig.view.detail


@pytest.mark.parametrize("wrong", ["ok to everything", "satellites", "silence"])
@virtually
async def test_a_wrong_port_is_named_as_such(loop: VirtualLoop, tmp_path: Path, wrong: str) -> None:
    async with rigged(loop, tmp_path, wait=False, plugged=False) as rig:
        if wrong == "ok to everything":
            rig.sim.personality = _knowing(rig.sim.personality, **{"+CGSN": ()})
        elif wrong == "satellites":
            rig.sim.faults.set("no_final", whole=True)
            rig.sim.faults.set("flood", line="$GPGGA,,,,,,0,00,99.99,,,,,,*48", every_s=0.5)
        else:
            rig.sim.faults.set("silence")
        rig.sim.plug()
        await rig.until(lambda: rig.view.state is S.COOLDOWN)
        assert "not the AT port" in rig.view.detail or "is it the right port?" in rig.view.detail
        rig.sim.faults.clear()


def _knowing(personality: Personality, **commands: tuple[str, ...]) -> Personality:
    return replace(personality, commands={**personality.commands, **commands})


# -- it falls silent, it restarts --------------------------------------------------------------


@virtually
async def test_silence_then_opened_anew(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("silence")
        await rig.until(lambda: rig.view.state is S.COOLDOWN, 120)
        assert "does not answer" in (rig.view.last_error or "")
        rig.sim.faults.clear()
        await rig.until(lambda: rig.view.ready, 60)
        assert (await rig.send()).outcome.ok


@pytest.mark.parametrize(
    ("personality", "within_s"),
    [("quectel-ec25-like", 30), ("generic", 30), ("zte-mf626-like", 90)],
)
@virtually
async def test_after_a_restart_of_its_own_everything_is_set_again(
    loop: VirtualLoop, tmp_path: Path, personality: str, within_s: float
) -> None:
    """One says RDY, one only that the SIM is ready, one nothing: the poll notices then."""
    async with rigged(loop, tmp_path, personality=personality) as rig:
        await asyncio.sleep(20)
        wanted = list(rig.sim.settings.cnmi)
        rig.sim.restart()
        await rig.until(lambda: not rig.view.ready, within_s)
        await rig.until(lambda: rig.view.ready, 30)
        assert rig.sim.settings.cnmi == wanted
        assert rig.sim.settings.echo is False
        await asyncio.sleep(10)
        rig.arrives("after it")
        await rig.until(lambda: rig.behind.parts, 5)


# -- sending -----------------------------------------------------------------------------------


@virtually
async def test_steady_sending_is_one_exchange_a_segment(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        from_s = loop.time()
        for number in range(400):
            assert (await rig.send(f"number {number}")).outcome.ok
        heard = rig.heard(from_s)
        assert len([line for line in heard if line.startswith("AT+CMGS=")]) == 400
        assert len(heard) == 400, "something was asked between"
        await rig.until(lambda: len(rig.behind.reports) == 400)
        assert rig.view.service_s == pytest.approx(0.2, abs=0.01)
        assert rig.view.last_proof_at is not None
        assert rig.view.last_proof is ProofKind.REPORT  # those came last


@virtually
async def test_a_proof_is_of_one_sim_and_of_no_other(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        assert (rig.view.last_proof_at, rig.view.last_proof) == (None, None)
        rig.sim.network.report_loss = 1.0
        assert (await rig.send("hello")).outcome.ok
        await rig.until(lambda: rig.view.last_proof is ProofKind.SENT, 1)
        rig.sim.faults.set("sim_removed")
        await rig.until(lambda: not rig.view.ready, 5)
        rig.sim.card.iccid = "8949990000000000001"
        rig.sim.faults.clear()
        await rig.ready()
        assert (rig.view.last_proof_at, rig.view.last_proof) == (None, None)


@virtually
async def test_an_idle_hour_is_polls_only(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(30)
        from_s = loop.time()
        views = len(rig.behind.views)
        await asyncio.sleep(3600)
        heard = rig.heard(from_s)
        polls = {"AT+CREG?", 'AT+CPMS="ME"', 'AT+CPMS="SM"', "AT+CSQ", "AT+CNMI?"}
        assert set(heard) == polls
        assert len(heard) <= 4 * 60 + 1
        told = rig.behind.views[views:]  # nothing but that the memory was looked at
        assert len(told) <= 4
        assert {replace(each, memory=None) for each in told} <= {replace(rig.view, memory=None)}


@virtually
async def test_polls_go_on_seldom_while_messages_go_out(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        from_s = loop.time()
        while loop.time() < from_s + 1000:
            await rig.send()
            await asyncio.sleep(5)
        polls = [line for line in rig.heard(from_s + 5) if line == 'AT+CPMS="SM"']
        assert len(polls) == 3


@virtually
async def test_patience_ends_before_the_modem_does(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, air_s=90.0) as rig:
        segment = rig.segment()
        begun_s = loop.time()
        result = await rig.unit.send(segment, rig.commit)
        assert loop.time() - begun_s == pytest.approx(60.0, abs=0.1)
        assert (result.begun, result.outcome.cls) == (True, OutcomeClass.UNKNOWN)
        assert result.outcome.code == "patience"
        assert rig.view.stalled
        assert not rig.view.ready
        again = await rig.send("too early")
        assert (again.begun, again.outcome.cls) == (False, OutcomeClass.TRANSIENT)
        with pytest.raises(ModemError, match="on the air"):
            await rig.unit.ussd("*100#")
        await rig.until(lambda: rig.behind.lates)
        assert loop.time() - begun_s == pytest.approx(90.0, abs=1.0)
        ((segment_id, mr, outcome),) = rig.behind.lates
        assert (segment_id, mr, outcome.ok) == (segment.segment_id, 0, True)
        assert rig.view.ready
        assert rig.texts() == ["hello"]


@pytest.mark.parametrize(("class_", "patience_s"), [("otp", 15.0), ("alarm", 20.0)])
@virtually
async def test_patience_is_that_of_the_class(
    loop: VirtualLoop, tmp_path: Path, class_: str, patience_s: float
) -> None:
    async with rigged(loop, tmp_path, air_s=40.0) as rig:
        begun_s = loop.time()
        result = await rig.send(class_=MessageClass(class_))
        assert result.outcome.code == "patience"
        assert loop.time() - begun_s == pytest.approx(patience_s, abs=0.1)
        await rig.until(lambda: rig.behind.lates)
        assert rig.behind.lates[0][2].ok


@virtually
async def test_a_late_reference_finds_its_segment(loop: VirtualLoop, tmp_path: Path) -> None:
    """`modems.md` fault 13: the modem has dropped the dialogue, and tells the reference after."""
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=90, answers=True, count=1)
        segment = rig.segment()
        begun_s = loop.time()
        result = await rig.unit.send(segment, rig.commit)
        assert loop.time() - begun_s == pytest.approx(15.0, abs=0.1)
        assert (result.outcome.cls, result.outcome.code) == (OutcomeClass.UNKNOWN, "dropped")
        assert rig.view.ready
        await rig.until(lambda: rig.behind.lates)
        assert rig.behind.lates == [(segment.segment_id, 0, rig.behind.lates[0][2])]
        assert rig.behind.lates[0][2].ok
        assert loop.time() - begun_s == pytest.approx(90.2, abs=1.0)


@pytest.mark.parametrize("inside", [False, True])
@virtually
async def test_a_late_reference_behind_or_inside_another_dialogue(
    loop: VirtualLoop, tmp_path: Path, inside: bool
) -> None:
    """It is that of the message whose fate is open, and spoils nothing of the other."""
    async with rigged(loop, tmp_path) as rig:
        assert (await rig.send("first")).mr == 0
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=20, answers=True, count=1)
        segment = rig.segment()
        assert (await rig.unit.send(segment, rig.commit)).outcome.code == "dropped"
        if inside:
            await asyncio.sleep(3)
            rig.sim.faults.set("slow_prompt", delay_s=8.0, count=1)
        another = await rig.send("another")
        assert (another.outcome.ok, another.mr) == (True, 2)
        await rig.until(lambda: rig.behind.lates, 30)
        ((segment_id, mr, outcome),) = rig.behind.lates
        assert (segment_id, mr, outcome.ok) == (segment.segment_id, 1, True)
        assert sorted(rig.texts(), key=str) == ["another", "first", "hello"]


@pytest.mark.parametrize("class_", ["normal", "bulk"])
@virtually
async def test_a_reference_that_comes_while_the_modem_is_brought_in_step(
    loop: VirtualLoop, tmp_path: Path, class_: str
) -> None:
    """The limit has passed, the probes are out, the modem answers them all at once."""
    async with rigged(loop, tmp_path, air_s=127.0) as rig:
        result = await rig.send(class_=MessageClass(class_))
        await rig.until(lambda: not rig.view.stalled)
        if class_ == "bulk":
            assert (result.outcome.ok, result.mr) == (True, 0)
            assert rig.behind.lates == []
        else:
            assert result.outcome.code == "patience"
            ((_, mr, outcome),) = rig.behind.lates
            assert (mr, outcome.ok) == (0, True)
        assert rig.view.ready
        assert rig.texts() == ["hello"]


@virtually
async def test_the_probes_answer_and_the_reference_in_one_read(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("no_final", verb="+CMGS", count=1)
        rig.sim.faults.set("glued", line="+CMGS: 0\r\n\r\nOK")
        result = await rig.send()
        assert (result.outcome.ok, result.mr) == (True, 0)


@virtually
async def test_only_a_sending_command_can_answer_late_for_a_segment(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("no_final", verb="+CMGS", count=1)
        result = await rig.send()
        assert result.outcome.code == "dropped"
        rig.sim.faults.set("late_final", verb="+CMGR", delay_s=20, answers=True, count=1)
        rig.arrives("read too slowly")
        await asyncio.sleep(60)
        assert rig.behind.lates == []


@virtually
async def test_send_is_refused_with_words_while_not_ready(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, plugged=False, wait=False) as rig:
        result = await rig.send()
        assert (result.begun, result.outcome.cls) == (False, OutcomeClass.TRANSIENT)
        assert result.outcome.scope is Scope.MODEM
        assert "plug the modem in" in result.outcome.text
        assert rig.committed == []


@virtually
async def test_cancelling_the_caller_does_not_cut_the_dialogue(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, air_s=5.0) as rig:
        sending = spawn(rig.send(), name="the caller")
        await asyncio.sleep(1)
        sending.cancel()
        await rig.until(lambda: rig.texts() == ["hello"])
        assert (await rig.send("and the next")).outcome.ok


# -- stopping ----------------------------------------------------------------------------------


@virtually
async def test_stop_waits_for_what_is_on_the_air(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, air_s=20.0) as rig:
        sending = spawn(rig.send(), name="the caller")
        await asyncio.sleep(1)
        await rig.stop()
        assert (await sending).outcome.ok
        assert loop.time() == pytest.approx(20.0, abs=1.0)
        assert (rig.view.state, rig.view.detail) == (S.ABSENT, "stopped")


@virtually
async def test_stop_cuts_what_takes_too_long(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, air_s=100.0) as rig:
        sending = spawn(rig.send(class_=MessageClass.BULK), name="the caller")
        await asyncio.sleep(1)
        await rig.unit.stop(30.0)
        result = await sending
        assert (result.begun, result.outcome.cls) == (True, OutcomeClass.UNKNOWN)
        assert loop.time() == pytest.approx(31.0, abs=1.0)


@pytest.mark.parametrize("after_s", [0.0, 0.001, 0.01, 0.05, 0.1])
@virtually
async def test_stop_at_any_step_of_the_way_up(
    loop: VirtualLoop, tmp_path: Path, after_s: float
) -> None:
    def slow(modem: Any) -> None:
        modem.faults.set("slow_output", octets=64, gap_s=0.005)

    async with rigged(loop, tmp_path, wait=False, before=slow) as rig:
        await asyncio.sleep(after_s)
        async with asyncio.timeout(5):
            await rig.stop()
        assert rig.view.state is S.ABSENT


@pytest.mark.parametrize("faults", ["silence", "sim_removed", "not_registered"])
@virtually
async def test_stop_while_it_waits_for_the_world(
    loop: VirtualLoop, tmp_path: Path, faults: str
) -> None:
    async with rigged(loop, tmp_path, wait=False,
                      before=lambda modem: modem.faults.set(faults)) as rig:  # fmt: skip
        await asyncio.sleep(100)
        async with asyncio.timeout(5):
            await rig.stop()


# -- faults of our own -------------------------------------------------------------------------


@virtually
async def test_a_fault_of_ours_is_shown_closes_the_port_and_can_be_run_again(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, wait=False, plugged=False) as rig:
        kept = rig.behind.identified

        def broken(*_args: object) -> None:
            raise KeyError("a bug of ours")

        rig.behind.identified = broken  # type: ignore[method-assign]
        rig.sim.plug()
        with pytest.raises(KeyError):
            await rig.running
        assert rig.view.state is S.COOLDOWN
        assert rig.view.detail == "airpost failed: KeyError('a bug of ours'); see the log"
        assert open_descriptors(rig.sim.pty.device) == 1
        rig.behind.identified = kept  # type: ignore[method-assign]
        rig.running = spawn(rig.unit.run(), name="unit under test, again")
        await rig.ready()


@virtually
async def test_given_up_by_its_supervisor_it_takes_nothing(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.unit.crashed("KeyError, again and again")
        assert rig.view.state is S.QUARANTINED
        assert rig.view.last_error == "KeyError, again and again"
        assert not (await rig.send()).begun


@virtually
async def test_a_line_that_looks_like_the_answer_hides_no_locked_sim(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """It came while the SIM was asked after: without a network that is asked again and again."""
    async with rigged(
        loop, tmp_path, wait=False, pin="9999", before=lambda modem: modem.card.lock("1234")
    ) as rig:
        await rig.until(lambda: "refused" in rig.view.detail, 60)
        before = rig.view.detail
        rig.sim.restart()  # the boot lines of this one say READY of any SIM
        await asyncio.sleep(60)
        assert (rig.view.state, rig.view.detail) == (S.SIM, before)


# -- logs --------------------------------------------------------------------------------------


@virtually
async def test_the_log_tells_its_life(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "airpost")
    async with rigged(loop, tmp_path) as rig:
        rig.sim.unplug()
        await rig.until(lambda: rig.view.state is S.ABSENT)
        rig.sim.plug()
        await rig.ready()
    told = "\n".join(caplog.messages)
    for state in ("opening", "ready", "absent"):
        assert f"modem.{state} modem=gate-1" in told


@virtually
async def test_no_number_in_any_log(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1, "airpost")
    async with rigged(loop, tmp_path, smsc="+491710760000") as rig:
        await rig.send("secret words")
        rig.pool.handset(PHONE).reply("secret answer")
        await rig.until(lambda: rig.behind.parts)
        rig.sim.faults.set("cms_error", code=330, count=1)
        await rig.send()
        await asyncio.sleep(5)
        trace = "\n".join(line.text for line in rig.unit.trace.lines())
    for text in ("\n".join(caplog.messages), trace):
        assert PHONE[1:] not in text
        assert "491710760000" not in text
        assert rig.sim.imei not in text
        assert "secret" not in text


@virtually
async def test_a_typed_command_waits_for_the_message_on_the_air(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, air_s=5.0) as rig:
        sending = spawn(rig.send(), name="sending")
        await rig.until(lambda: rig.sim.sends and rig.sim.sends[-1].ctrl_z_at_s)
        assert await rig.unit.ask("AT+CSQ") == (f"+CSQ: {rig.sim.signal},99",)
        assert sending.done()
        assert (await sending).outcome.ok
        assert rig.heard()[-1] == "AT+CSQ"
        assert any("AT+CSQ" in line.text for line in rig.unit.wire())


@virtually
async def test_a_typed_command_that_is_refused_or_cannot_be_sent(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        with pytest.raises(CommandFailed):
            await rig.unit.ask("AT+NOSUCH?")
        with pytest.raises(LocalProtocolError):
            await rig.unit.ask("AT+CMGS=18")
        assert (await rig.send()).outcome.ok
        rig.sim.unplug()
        await rig.until(lambda: rig.view.state is UnitState.ABSENT)
        with pytest.raises(ModemError, match="plug the modem in"):
            await rig.unit.ask("AT+CSQ")


@virtually
async def test_a_typed_command_does_not_wait_for_ever(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, air_s=100.0) as rig:
        sending = spawn(rig.send(), name="sending")
        await rig.until(lambda: rig.sim.sends and rig.sim.sends[-1].ctrl_z_at_s)
        with pytest.raises(ModemError, match="on the air for long"):
            await rig.unit.ask("AT+CSQ")
        await rig.until(lambda: rig.sim.sends[-1].final == "OK")
        await sending
        assert len(rig.texts()) == 1


@virtually
async def test_another_profile_is_no_trouble(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What only its own words have told: it is opened anew, and nothing is wrong with it."""
    caplog.set_level(logging.INFO)
    async with rigged(
        loop, tmp_path, wait=False, before=lambda sim: sim.faults.set("silence", for_s=1.0)
    ) as rig:
        await rig.until(lambda: rig.view.state is S.PROBING)
        rig.profile = replace(rig.profile, name="another", title="Another")
        await rig.ready()
        assert rig.behind.states[:4] == [S.OPENING, S.PROBING, S.OPENING, S.PROBING]
        assert rig.view.last_error is None
        assert "it is to be spoken to as Another; opened anew in 1 s" in caplog.text
        assert [each for each in caplog.records if each.levelno > logging.INFO] == []


@virtually
async def test_nowhere_it_says_what_it_was_to_be_found_by(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    words = "no modem here has the SIM 8949; put it into one, or correct `iccid`"
    async with rigged(loop, tmp_path) as rig:
        port = rig.unit.view.port
        rig.unit.move(None, words)
        await rig.until(lambda: rig.view.state is S.ABSENT, 10)
        assert rig.view.detail == words
        rig.unit.move(None, "something else")
        assert rig.view.detail == "something else"
        rig.unit.move(Place(port=port))
        await rig.ready()


@virtually
async def test_what_is_owed_outlives_the_port_that_is_opened_anew(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """A late answer after the reopening is not taken for that of a newer message."""
    async with rigged(loop, tmp_path, air_s=10.0) as rig:
        await asyncio.sleep(30)
        await rig.send("warm")
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=55.0, count=3, answers=True)
        for number in range(3):
            assert (await rig.send(f"lost {number}")).outcome.cls is OutcomeClass.UNKNOWN
        await asyncio.sleep(0.5)
        await rig.ready()
        for number in range(3):
            result = await rig.send(f"after {number}")
            assert result.mr == 4 + number or not result.outcome.ok  # counted from 0, one each


@virtually
async def test_what_is_owed_outlives_a_restart_of_airpost(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, air_s=3.0) as rig:
        assert (await rig.send("warm")).mr == 0
        rig.sim.faults.set("late_final", verb="+CMGS", delay_s=30.0, count=1, answers=True)
        assert (await rig.send("lost")).outcome.cls is OutcomeClass.UNKNOWN
        await rig.restart()
        await rig.ready()
        results = [await rig.send(f"after {number}") for number in range(8)]
        assert 1 not in [each.mr for each in results], "the reference of the one that was lost"
        assert [each.mr for each in results[:3]] == [2, 3, 4], "those that are known to be newer"
        assert all(each.outcome.ok for each in results)

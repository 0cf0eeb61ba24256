"""One opening of one modem: probe, PIN, SIM, network, and the care while it serves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from airpost.model import Lane, UnitState
from airpost.modem.api import SendResult
from airpost.modem.connection import LOOK_GAP_S
from airpost.modem.owed import COUNTED
from airpost.modem.profile import load_profile
from airpost.tasks import spawn
from hwsim.modem import SimModem
from tests.modem.rig import rigged, virtually
from tests.virtual import VirtualLoop

S = UnitState
TIMING = load_profile().timing


# -- the SIM -----------------------------------------------------------------------------------


@virtually
async def test_the_sim_is_taken_out_and_put_back(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(30)
        rig.sim.faults.set("sim_removed")
        await rig.until(lambda: rig.view.state is S.SIM, 2)
        assert rig.view.sim_id is None
        await rig.until(lambda: "put one in" in rig.view.detail, 2)
        assert not (await rig.send()).begun
        await asyncio.sleep(100)
        rig.sim.faults.clear()
        await rig.until(lambda: rig.view.ready, 5)
        assert rig.view.sim_id == rig.sim.card.iccid
        assert len(rig.behind.ids) == 2
        assert (await rig.send()).outcome.ok


@virtually
async def test_another_sim_is_another_sim(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        for number in range(COUNTED + 1):
            assert (await rig.send()).mr == number
        rig.sim.faults.set("sim_removed")
        await rig.until(lambda: rig.view.state is S.SIM, 2)
        rig.sim.card.iccid = "8949990000000000001"
        rig.sim.faults.clear()
        await rig.ready()
        assert rig.behind.ids[-1] == (Lane("gate-1"), rig.sim.imei, "8949990000000000001")
        rig.sim.radio.last_mr = 199  # it counts by itself
        assert (await rig.send()).mr == 200


@virtually
async def test_a_sim_gone_without_a_word_is_noticed_by_the_next_failure(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("cms_error", code=310, count=1)
        rig.sim.card.lock("1234")
        await rig.send()
        await rig.until(lambda: rig.view.state is S.SIM, 2)
        await rig.until(lambda: "set `pin_file`" in rig.view.detail, 2)


@virtually
async def test_the_sim_is_busy_for_a_while(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, wait=False, plugged=False) as rig:
        rig.sim.faults.set("cme_error", verb="+CPIN", code=14, count=10)
        rig.sim.plug()
        await rig.ready()
        assert loop.time() < 20


# -- the network -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stat", "words"),
    [(2, "searching"), (3, "denied"), (0, "not searching"), (11, "no messages")],
)
@virtually
async def test_no_network_then_one(
    loop: VirtualLoop, tmp_path: Path, stat: int, words: str
) -> None:
    def without(modem: SimModem) -> None:
        modem.faults.set("not_registered", stat=stat)

    async with rigged(loop, tmp_path, before=without, wait=False) as rig:
        await asyncio.sleep(60)
        assert rig.view.state is S.REGISTERING
        assert words in rig.view.detail
        rig.sim.faults.clear()
        await rig.until(lambda: rig.view.ready, 6)
        assert rig.view.operator == "Airpost Test"


@virtually
async def test_the_network_goes_and_comes(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(30)
        rig.sim.faults.set("not_registered")
        await rig.until(lambda: rig.view.state is S.REGISTERING, 2)
        assert rig.view.operator is None
        assert "no network" in rig.view.detail
        rig.sim.faults.clear()
        await rig.until(lambda: rig.view.ready, 6)
        assert rig.view.operator == "Airpost Test"
        assert rig.view.detail == "ready"


@virtually
async def test_a_modem_that_roams_says_so(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await rig.until(lambda: rig.view.operator is not None, 120)
        assert rig.view.roaming is False
        rig.sim.faults.set("not_registered", stat=5)
        await rig.until(lambda: rig.view.roaming, 120)
        assert rig.view.ready  # whether it carries messages there is the pool's to decide
        rig.sim.faults.clear()
        await rig.until(lambda: not rig.view.roaming, 120)


@virtually
async def test_network_lines_that_say_nothing_new_ask_nothing(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        from_s = loop.time()
        for cell in range(50):
            rig.sim.urc(f'+CREG: 1,"00C3","{cell:04X}"')
            rig.sim.urc("+CGREG: 1")
            await asyncio.sleep(0.1)
        assert rig.heard(from_s) == []
        rig.sim.urc("+CREG: 2")
        await asyncio.sleep(0.5)
        assert rig.heard(from_s) == ["AT+CPIN?", "AT+CREG?"]


@virtually
async def test_a_message_still_comes_in_without_a_network_to_send(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.faults.set("not_registered")
        await rig.until(lambda: not rig.view.ready, 5)
        rig.sim.faults.clear()
        rig.arrives("hello")
        await rig.until(lambda: rig.behind.parts, 10)


# -- care --------------------------------------------------------------------------------------


@virtually
async def test_signal_is_looked_at_with_the_poll(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.signal = 5
        await rig.until(lambda: rig.view.signal_dbm == -103, 2 * TIMING.poll_s + 1)
        rig.sim.signal = 99
        await rig.until(lambda: rig.view.signal_dbm is None, 2 * TIMING.poll_s)


@virtually
async def test_indications_that_were_reset_are_set_again_within_the_hour(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """`modems.md` fault 75."""
    async with rigged(loop, tmp_path) as rig:
        wanted = list(rig.sim.settings.cnmi)
        rig.sim.settings.cnmi = [0, 0, 0, 0, 0]
        await asyncio.sleep(TIMING.settings_check_s + 120)
        (failed,) = [view for view in rig.behind.views if view.state is S.COOLDOWN]
        assert "another program uses it" in failed.detail
        await rig.ready()
        assert rig.sim.settings.cnmi == wanted


@virtually
async def test_what_the_profile_wants_first_is_asked_after_every_restart(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    profile = replace(load_profile(), init=("AT^CURC=0",))
    async with rigged(loop, tmp_path, profile=profile) as rig:
        for restarts in range(3):
            assert rig.heard().count("AT^CURC=0") == 1 + restarts
            rig.sim.urc("RDY")
            await rig.until(lambda: not rig.view.ready, 5)
            await rig.ready()


@virtually
async def test_the_pause_is_that_of_the_profile(loop: VirtualLoop, tmp_path: Path) -> None:
    generic = load_profile()
    profile = replace(generic, timing=replace(generic.timing, guard_ms=100))
    async with rigged(loop, tmp_path, profile=profile) as rig:
        await rig.send()
        times = [at_s for at_s, line in rig.sim.heard if line.startswith("AT+")][1:]
        assert min(later - at_s for at_s, later in pairwise(times)) == pytest.approx(0.1, abs=0.01)


LATER_STEPS = ("SMS DONE", "+CPIN: READY", "Call Ready", "+QIND: SMS DONE", "PB DONE", "+PBREADY",
               "+QIND: PB DONE", "+QUSIM: 1", "*EMRDY: 1")  # fmt: skip


@virtually
async def test_later_steps_of_starting_begin_nothing_anew(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """They come for a minute after a start, when all is set already: it is set once."""

    def before(modem: SimModem) -> None:
        steps = tuple((5.0 * at, line) for at, line in enumerate(LATER_STEPS, 1))
        modem.personality = replace(modem.personality, boot=((0.5, "RDY"), *steps))

    async with rigged(loop, tmp_path, before=before) as rig:
        await asyncio.sleep(100)
        rig.sim.restart()
        await rig.until(lambda: not rig.view.ready, 5)
        await asyncio.sleep(100)
        assert rig.view.ready
        assert rig.behind.states.count(S.PROBING) == 2
        asked = rig.heard().count("AT+CNMI?")
        await asyncio.sleep(100)
        assert rig.heard().count("AT+CNMI?") == asked


@virtually
async def test_lines_of_starting_without_a_restart_change_nothing(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        states = len(rig.behind.states)
        from_s = loop.time()
        for line in LATER_STEPS:
            rig.sim.urc(line)
            await asyncio.sleep(1)
        assert len(rig.behind.states) == states
        memories = {'AT+CPMS="ME"', 'AT+CPMS="SM"'}
        asked = {"AT+CPIN?", "AT+CIMI", "AT+CCID", "AT+CREG?", "AT+CNMI?", *memories}
        assert set(rig.heard(from_s)) == asked, "the SIM, the settings, and what it holds"


@pytest.mark.parametrize("line", ["SMS READY", "+CPIN: READY", "+CREG: 2", "+SIM DROP"])
@virtually
async def test_lines_that_never_end_do_not_make_it_ask_without_end(
    loop: VirtualLoop, tmp_path: Path, line: str
) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        from_s = loop.time()
        rig.sim.faults.set("flood", line=line, every_s=0.01)
        await asyncio.sleep(4)
        assert len(rig.heard(from_s)) <= 4 / LOOK_GAP_S * 6
        rig.sim.faults.clear()


@virtually
async def test_a_power_warning_is_shown(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        rig.sim.urc("UNDER-VOLTAGE WARNNING")
        await rig.until(lambda: rig.view.last_error, 5)
        assert rig.view.last_error is not None
        assert rig.view.last_error.startswith("power: UNDER-VOLTAGE WARNNING; use a powered hub")


@virtually
async def test_complaints_are_shown_and_it_serves(loop: VirtualLoop, tmp_path: Path) -> None:
    def before(modem: SimModem) -> None:
        modem.card.smsc = ""
        modem.personality = replace(modem.personality, cnmi="(0-2),(0-3),(0,2),(0),(0,1)")

    async with rigged(loop, tmp_path, before=before) as rig:
        await rig.until(lambda: rig.view.state is S.DEGRADED)
        assert "no delivery reports" in rig.view.detail
        assert "set `smsc`" in rig.view.detail
        assert rig.view.ready


@virtually
async def test_a_memory_that_was_refused_at_the_start_is_chosen_later(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    def before(modem: SimModem) -> None:
        modem.faults.set("cme_error", verb="+CPMS", code=14)

    async with rigged(loop, tmp_path, before=before) as rig:
        await rig.until(lambda: rig.view.state is S.DEGRADED)
        assert "no memory for messages could be chosen" in rig.view.detail
        await asyncio.sleep(600)
        assert rig.sim.records.opens == 1
        rig.sim.faults.clear()
        await rig.until(lambda: rig.view.state is S.READY, 120)
        rig.arrives("came later")
        await rig.until(lambda: rig.behind.parts, 60)


@virtually
async def test_lines_nobody_knows_change_nothing(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path) as rig:
        await asyncio.sleep(5)
        views, heard = len(rig.behind.views), len(rig.heard())
        for line in (
            "^BOOT:1,2",
            "+ZUSIMR:2",
            "^RSSI:18",
            "RING",
            "NO CARRIER",
            "+NEW: 1",
            "what?",
        ):
            rig.sim.urc(line)
        await asyncio.sleep(5)
        assert (len(rig.behind.views), len(rig.heard())) == (views, heard)


@pytest.mark.parametrize("fault", ["bytewise", "slow_output", "garbage", "echo_on", "flood"])
@virtually
async def test_the_whole_way_up_on_a_bad_wire(
    loop: VirtualLoop, tmp_path: Path, fault: str
) -> None:
    def before(modem: SimModem) -> None:
        modem.faults.set(fault)

    async with rigged(loop, tmp_path, before=before) as rig:
        assert rig.view.imei == rig.sim.imei
        assert rig.view.state is S.READY
        assert rig.view.model == "Generic"
        rig.sim.faults.clear()


@virtually
async def test_a_probe_that_takes_too_long(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, wait=False, plugged=False) as rig:
        rig.sim.faults.set("late_final", delay_s=14.0)
        rig.sim.plug()
        await rig.until(lambda: rig.view.state is S.COOLDOWN, 200)
        assert loop.time() <= 91.0
        rig.sim.faults.clear()
        await rig.ready()


@virtually
async def test_in_quick_succession_it_leaves_nothing_behind(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """The rig looks for ports and tasks that are left; here they would add up."""
    rng = Random(4)
    async with rigged(loop, tmp_path) as rig:
        sending: list[asyncio.Task[SendResult]] = []
        for _ in range(40):
            await asyncio.sleep(rng.uniform(0.0, 3.0))
            sending.append(spawn(rig.send(), name="the caller"))
            await asyncio.sleep(rng.uniform(0.0, 0.3))
            (rig.sim.unplug if rng.random() < 0.5 else rig.sim.restart)()
            await asyncio.sleep(rng.uniform(0.0, 0.3))
            rig.sim.plug()
        await rig.ready()
        await rig.until(lambda: all(each.done() for each in sending))
        assert all(each.result() for each in sending)
        assert (await rig.send("the last")).outcome.ok

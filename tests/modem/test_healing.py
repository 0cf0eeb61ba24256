"""Resets carried out on simulated modems, and what is remembered of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from airpost.clock import Instant, LoopClock
from airpost.errors import ModemError
from airpost.model import Lane
from airpost.modem.healing import BACK_S, LEAVE_S, Healing, Place, RungBook
from airpost.modem.health import DEAD_AFTER
from airpost.modem.identity import ModemIdentity
from airpost.modem.port import PortSettings
from airpost.modem.profile import Profile, Rung, load_profile
from airpost.modem.recovery import Failure, Step
from airpost.modem.rungs import KEY, RungRecord
from airpost.modem.trace import Trace
from airpost.modem.usbpower import UsbPower
from airpost.outcome import SENT, Outcome, OutcomeClass, Scope
from hwsim.modem import SimModem
from hwsim.pool import START_US, SimPool
from tests.modem.rig import Behind, busy_tasks, open_descriptors, virtually
from tests.virtual import VirtualLoop
from tests.wires import watched

LANE = Lane("gate-1")
TIMEOUT = Outcome(cls=OutcomeClass.UNKNOWN, scope=Scope.MODEM, code="timeout", text="no answer")


class Power(UsbPower):
    """Switches as the test says."""

    def __init__(self, clock: LoopClock, act: Callable[[str], None]) -> None:
        super().__init__(clock, hubs=["1-1"])
        self._act = act

    async def restart(self, usb_path: str) -> str:
        self._act(f"restart {usb_path}")
        return "its authorization was taken and given back"

    async def cycle(self, usb_path: str) -> None:
        self._act(f"cycle {usb_path}")


class Clinic:
    """One modem and its healing."""

    def __init__(self, sim: SimModem, clock: LoopClock) -> None:
        self.sim = sim
        self.clock = clock
        self.behind = Behind()
        self.switched: list[str] = []
        self.act: Callable[[str], None] = self.switched.append
        self.said: list[str] = []
        self.stops = False  # the daemon is to end
        self.profile = load_profile()
        self.place = Place(port=str(sim.port), usb_path="1-1.4")
        self.book = RungBook(self.behind)
        self.healing = self.made()

    def made(self) -> Healing:
        """As after a restart of the daemon."""
        power = Power(self.clock, lambda what: self.act(what))
        return Healing(
            LANE, self.place, PortSettings(), lambda *_: self.profile, self.behind, self.book,
            power, Trace(LANE, self.clock), self.clock,
        )  # fmt: skip

    async def do(self, rung: Rung) -> str | None:
        return await self.healing.carry_out(rung, self.said.append, self.pause)

    async def pause(self, pause_s: float) -> bool:
        await asyncio.sleep(0.0 if self.stops else pause_s)
        return not self.stops

    def fails(self, failure: Failure = Failure.DESYNC) -> Step:
        step = self.healing.failed(failure, self.healing.opening(), "made for the test")
        assert step is not None
        return step

    def climbs(self, to: Rung, failure: Failure = Failure.DESYNC) -> None:
        while self.fails(failure).rung is not to:
            pass

    async def record(self, rung: Rung, model: str | None = None) -> RungRecord:
        await self.healing.written()
        return (await self.book.read()).of(model).get(rung, RungRecord())


@asynccontextmanager
async def clinic(
    loop: VirtualLoop, folder: Path, personality: str = "generic"
) -> AsyncIterator[Clinic]:
    pool = SimPool(folder, 1, personalities=(personality,), air_s=0.2)
    await pool.start()
    with watched(loop, pool.modems):
        here = Clinic(pool.modems[0], LoopClock(loop.time, Instant(START_US)))
        yield here
        await here.healing.written()
        assert open_descriptors(pool.modems[0].pty.device) <= 1, "the port is still open"
        await pool.stop()
    assert busy_tasks() == []


# -- doing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("personality", ["generic", "huawei-e3372-like"])
@virtually
async def test_nothing_is_waited_for_when_the_daemon_is_to_end(
    loop: VirtualLoop, tmp_path: Path, personality: str
) -> None:
    async with clinic(loop, tmp_path, personality) as here:
        here.stops = True
        await here.do(Rung.RESET)
        assert loop.time() < 1.0
        await asyncio.sleep(10.0)  # until its own start is over


@pytest.mark.parametrize(("personality", "within_s"), [("generic", 26), ("huawei-e3372-like", 16)])
@virtually
async def test_a_reset_in_place_and_one_that_leaves_the_bus(
    loop: VirtualLoop, tmp_path: Path, personality: str, within_s: float
) -> None:
    async with clinic(loop, tmp_path, personality) as here:
        epoch = here.sim.epoch
        assert await here.do(Rung.RESET) is None
        assert here.sim.counts["+CFUN"] == 1
        assert here.sim.epoch > epoch
        assert here.sim.plugged
        assert loop.time() < within_s
        assert here.said == ["reset by AT+CFUN=1,1; waiting for it to come back"]


@virtually
async def test_reset_commands_are_tried_until_one_is_taken(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with clinic(loop, tmp_path) as here:
        here.healing.profile = replace(here.profile, reset=("AT^RESET", "AT+CFUN=1,1", "AT#REBOOT"))
        assert await here.do(Rung.RESET) is None
        assert [line for _, line in here.sim.heard] == ["AT^RESET", "AT+CFUN=1,1"]
        here.healing.profile = replace(here.profile, reset=("AT^RESET", "AT#REBOOT"))
        assert await here.do(Rung.RESET) == "it takes none of AT^RESET, AT#REBOOT"


@virtually
async def test_a_silent_modem_is_told_all_the_same(loop: VirtualLoop, tmp_path: Path) -> None:
    async with clinic(loop, tmp_path) as here:
        here.sim.faults.set("silence")
        assert await here.do(Rung.RESET) is None
        assert here.said == ["reset by AT+CFUN=1,1, without an answer; waiting for it to come back"]


@virtually
async def test_a_port_that_cannot_be_opened_is_said(loop: VirtualLoop, tmp_path: Path) -> None:
    async with clinic(loop, tmp_path) as here:
        here.sim.unplug()
        assert "no such port" in (await here.do(Rung.RESET) or "")


@virtually
async def test_usb_and_hub_power_wait_until_it_is_back(loop: VirtualLoop, tmp_path: Path) -> None:
    async with clinic(loop, tmp_path) as here:

        def act(what: str) -> None:
            here.switched.append(what)
            here.sim.unplug()
            loop.call_later(12, here.sim.plug)

        here.act = act
        for rung in (Rung.USB, Rung.HUB_POWER):
            before_s = loop.time()
            here.healing.owed.told(7)
            assert await here.do(rung) is None
            assert loop.time() - before_s == pytest.approx(12, abs=0.5)
            # Without power it forgets what it was at, and where it has counted to.
            assert (here.healing.owed.reference is None) is (rung is Rung.HUB_POWER)
        assert here.switched == ["restart 1-1.4", "cycle 1-1.4"]


@virtually
async def test_one_that_does_not_come_back_is_said(loop: VirtualLoop, tmp_path: Path) -> None:
    async with clinic(loop, tmp_path) as here:
        here.act = lambda _what: here.sim.unplug()
        words = await here.do(Rung.HUB_POWER)
        assert words == "the power of its USB port was off, and it has not come back within 60 s"
        assert loop.time() == pytest.approx(BACK_S, abs=1)


@virtually
async def test_what_cannot_be_done_is_said_and_waits_for_nothing(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with clinic(loop, tmp_path) as here:

        def act(_what: str) -> None:
            raise ModemError("no permission to write authorized")

        here.act = act
        assert await here.do(Rung.USB) == "no permission to write authorized"
        here.healing.place = replace(here.place, usb_path=None)
        assert await here.do(Rung.USB) == "it is not known which USB device it is"
        assert loop.time() < LEAVE_S


# -- opening in another way ----------------------------------------------------------------------


@virtually
async def test_the_other_port_is_for_one_opening_only(loop: VirtualLoop, tmp_path: Path) -> None:
    async with clinic(loop, tmp_path) as here:
        here.healing.place = replace(here.place, other_port="/dev/ttyUSB3")
        assert await here.do(Rung.OTHER_PORT) is None
        assert here.healing.port == "/dev/ttyUSB3"
        assert await here.do(Rung.REINIT) is None
        assert here.healing.port == here.place.port
        assert here.healing.cure == here.profile.reinit != ()
        assert await here.do(Rung.REOPEN) is None
        assert here.healing.cure == ()
        here.healing.pulled()
        assert here.healing.port == here.place.port


# -- means ---------------------------------------------------------------------------------------


@virtually
async def test_before_it_told_who_it_is_nothing_resets_it(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with clinic(loop, tmp_path) as here:
        assert not here.healing.means.proven
        here.healing.identified("E3372")
        assert here.healing.means.proven
        await here.healing.written()
        later = here.made()
        await later.recall()
        assert later.means.proven
        later.place = replace(later.place, usb_path="1-1.2")  # it may be another one
        assert not later.means.proven


@virtually
async def test_means_come_from_profile_place_and_configuration(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with clinic(loop, tmp_path) as here:
        means = here.healing.means
        assert (means.usb, means.hub, means.other_port) == (True, True, False)
        assert {Rung.RESET, Rung.REINIT} <= means.safe
        here.healing.profile = replace(
            here.profile, reset=(), reinit=(), safe={**here.profile.safe, Rung.USB: False}
        )
        assert not {Rung.RESET, Rung.REINIT, Rung.USB} & here.healing.means.safe
        here.healing.place = replace(here.place, usb_path="1-2")
        assert not here.healing.means.hub, "a root hub"
        here.healing.place = replace(here.place, usb_path=None)
        assert (here.healing.means.usb, here.healing.means.hub) == (False, False)


# -- what came of it -----------------------------------------------------------------------------


@virtually
async def test_what_a_rung_brought_is_recorded_for_the_model(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with clinic(loop, tmp_path) as here:
        here.healing.identified("E3372")
        here.climbs(Rung.RESET)
        await here.do(Rung.RESET)
        await asyncio.sleep(4)
        here.healing.serves()
        here.healing.serves()
        assert await here.record(Rung.REOPEN, "E3372") == RungRecord(tried=3)
        reset = await here.record(Rung.RESET, "E3372")
        assert (reset.tried, reset.healed) == (1, 1)
        assert reset.last_s == pytest.approx(29, abs=1)  # 25 to boot and 4 of the test


@virtually
async def test_a_reset_that_was_asked_for_is_recorded_once(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with clinic(loop, tmp_path) as here:
        here.healing.forced(Rung.RESET)
        await here.do(Rung.RESET)
        here.healing.serves()
        assert (await here.record(Rung.RESET)).healed == 1
        here.fails()
        assert (await here.record(Rung.RESET)).tried == 1
        here.healing.forced(Rung.USB)
        here.healing.not_done(Rung.USB)
        here.healing.serves()
        assert await here.record(Rung.USB) == RungRecord(tried=1)


@virtually
async def test_a_restart_on_the_way_is_no_end_of_the_rung_before_it(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with clinic(loop, tmp_path) as here:
        here.healing.identified(None)
        here.climbs(Rung.RESET)
        await here.do(Rung.RESET)
        assert here.fails(Failure.RESTARTED).rung is Rung.REOPEN
        await here.do(Rung.REOPEN)
        here.healing.serves()
        reset = await here.record(Rung.RESET)
        assert (reset.tried, reset.healed) == (1, 1)


@virtually
async def test_the_time_of_a_rung_includes_that_of_starting(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with clinic(loop, tmp_path) as here:
        here.healing.identified(None)
        here.climbs(Rung.RESET)
        begun_s = loop.time()
        await here.do(Rung.RESET)
        assert here.fails(Failure.SILENT).patient
        await here.do(Rung.REOPEN)
        await asyncio.sleep(10)
        here.healing.serves()
        took_s = (await here.record(Rung.RESET)).last_s
        assert took_s == pytest.approx(loop.time() - begun_s, abs=0.1)
        assert took_s > 30


@virtually
async def test_off_the_bus_and_back_by_a_rung_is_no_new_beginning(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with clinic(loop, tmp_path) as here:

        def act(_what: str) -> None:
            here.healing.moved(Place(port=""))
            loop.call_later(5, here.healing.moved, here.place)

        here.act = act
        here.healing.identified(None)
        here.climbs(Rung.USB)
        assert await here.do(Rung.USB) is None
        assert here.fails().rung is Rung.HUB_POWER
        here.healing.moved(Place(port=""))  # by a person's hand
        here.healing.moved(here.place)
        assert here.fails().rung is Rung.REOPEN


@virtually
async def test_a_probe_that_helped_is_recorded_too(loop: VirtualLoop, tmp_path: Path) -> None:
    async with clinic(loop, tmp_path) as here:
        here.healing.probed(None)
        here.healing.probed(0.4)
        assert await here.record(Rung.PROBE) == RungRecord(tried=2, healed=1, last_s=0.4)


@virtually
async def test_dead_messages_are_healed_by_one_that_goes_out(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with clinic(loop, tmp_path) as here:
        here.healing.identified(None)
        dead = [here.healing.sent(TIMEOUT, begun=True) for _ in range(DEAD_AFTER)]
        assert dead == [False] * (DEAD_AFTER - 1) + [True]
        assert here.fails(Failure.SMS_DEAD).rung is Rung.REINIT
        await here.do(Rung.REINIT)
        assert not here.healing.sent(TIMEOUT, begun=False), "one that never began shows nothing"
        here.healing.serves()  # it answers, and that proves nothing
        assert here.healing.sent(TIMEOUT, begun=True), "one more is enough now"
        assert here.fails(Failure.SMS_DEAD).rung is Rung.RESET
        await here.do(Rung.RESET)
        here.healing.serves()
        assert not here.healing.sent(SENT, begun=True)
        assert await here.record(Rung.REINIT) == RungRecord(tried=1)
        assert (await here.record(Rung.RESET)).healed == 1
        assert not here.healing.sent(TIMEOUT, begun=True)
        here.healing.answered_late()
        assert not any(here.healing.sent(TIMEOUT, begun=True) for _ in range(DEAD_AFTER - 1))


@virtually
async def test_resets_of_the_last_hour_outlive_a_restart_of_the_daemon(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with clinic(loop, tmp_path) as here:
        here.healing.identified(None)
        here.climbs(Rung.HUB_POWER)
        here.healing.forced(Rung.USB)
        await here.healing.written()
        here.healing = here.made()
        await here.healing.recall()
        left = [here.fails().rung for _ in range(5)]
        assert left == [Rung.REOPEN] * 3 + [Rung.RESET, Rung.REOPEN]


@virtually
async def test_a_store_that_cannot_write_stops_nothing(loop: VirtualLoop, tmp_path: Path) -> None:
    async with clinic(loop, tmp_path) as here:
        here.behind.closed = True
        await here.healing.recall()
        here.healing.identified(None)
        here.climbs(Rung.USB)
        await here.healing.written()
        assert here.behind.memory == {}
        here.behind.closed = False
        here.behind.memory = {KEY: "}", f"resets {LANE}": "[1]"}
        await here.healing.recall()
        assert await here.record(Rung.USB) == RungRecord()
        here.behind.closed = True
        assert await here.book.in_words() == {}
        here.behind.closed = False
        await here.book.note("E3372", Rung.RESET, None)
        assert await here.book.in_words() == {"E3372": {"reset": "healed 0 of 1"}}


@virtually
async def test_what_is_stale_is_no_failure(loop: VirtualLoop, tmp_path: Path) -> None:
    async with clinic(loop, tmp_path) as here:
        earlier = here.healing.opening()
        here.healing.opening()
        assert here.healing.failed(Failure.DESYNC, earlier, "late") is None


@virtually
async def test_going_off_the_bus_again_and_again_is_blamed_on_the_power(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with clinic(loop, tmp_path) as here:
        here.healing.pulled()
        assert here.healing.blamed("gone") == "gone"
        for _ in range(3):
            here.healing.pulled(by_itself=True)
        assert "power is too weak" in here.healing.blamed("gone")


@virtually
async def test_who_was_here_last_chooses_the_profile_of_the_next_opening(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    asked: list[ModemIdentity | None] = []
    modem = ModemIdentity(imei="490154203237518", manufacturer="SIMCOM", model="SIM800")
    async with clinic(loop, tmp_path) as here:

        def profile_of(_place: Place, known: ModemIdentity | None) -> Profile:
            asked.append(known)
            return here.profile

        def made(place: Place) -> Healing:
            power, trace = Power(here.clock, lambda _: None), Trace(LANE, here.clock)
            return Healing(LANE, place, PortSettings(), profile_of, here.behind, here.book, power,
                           trace, here.clock)  # fmt: skip

        first = made(here.place)
        assert first.met(modem) is here.profile
        await first.written()
        later = made(here.place)
        await later.recall()
        later.moved(replace(here.place, imei="356938035643809"))  # it is not that one
        later.moved(replace(here.place, imei=modem.imei))
        assert asked == [None, modem, None, modem, None, modem]

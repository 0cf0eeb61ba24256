"""Units that heal simulated sticks: every rung, its limits, its words, and what is never done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from airpost.clock import Instant, LoopClock
from airpost.errors import ModemError, PortLost
from airpost.model import MessageClass, UnitState
from airpost.modem import recovery, session, usbpower
from airpost.modem.healing import Place
from airpost.modem.health import DEAD_AFTER
from airpost.modem.port import PortTransport
from airpost.modem.profile import Rung
from airpost.modem.rungs import KEY, RungRecord, records_from_json
from airpost.modem.usbpower import UsbPower
from airpost.outcome import OutcomeClass
from airpost.tasks import spawn
from hwsim.pool import START_US
from tests.modem.rig import Rig, rigged, virtually
from tests.virtual import VirtualLoop

S = UnitState
RESET, USB, POWER = "AT+CFUN=1,1", "authorized", "hub power"  # as the simulator calls them


def ladder(loop: VirtualLoop, folder: Path, **more: Any) -> AbstractAsyncContextManager[Rig]:
    """A rig on a stick in a made-up /sys whose switches work, on a hub that switches power."""
    folder = folder / "machine"
    clock = LoopClock(loop.time, Instant(START_US))
    power = UsbPower(
        clock, hubs=["1-1"], sysfs=folder / "sys", uhubctl=str(folder / "bin" / "uhubctl")
    )
    more.setdefault("personality", "quectel-ec25-like")
    return rigged(loop, folder, usb=True, power=power, **more)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer and shorter waits between passes: more resets would fall into an hour, not fewer."""
    monkeypatch.setattr(recovery, "BETWEEN_S", (60.0, 120.0, 300.0))


def done(rig: Rig) -> list[str]:
    """What the stick was reset by, in order."""
    return [by for _, by in rig.sim.records.resets]


@contextmanager
def opening_fails(when: Callable[[str], bool]) -> Iterator[None]:
    """The kernel knows the port, and the device does not react."""
    kept = session.open_port

    async def opening(path: str, *args: Any, **named: Any) -> PortTransport:
        if when(path):
            raise PortLost(path, "the device does not react")
        return await kept(path, *args, **named)

    with mock.patch.object(session, "open_port", opening):
        yield


async def record(rig: Rig, rung: Rung) -> RungRecord:
    """What is kept about this model."""
    await asyncio.sleep(0.1)
    records = records_from_json(rig.behind.memory.get(KEY))
    return records.of(rig.view.model).get(rung, RungRecord())


def said(rig: Rig) -> str:
    return "\n".join(view.detail for view in rig.behind.views)


# -- each rung heals what it can -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "rung", "resets"),
    [
        ({"name": "silence", "for_s": 95.0}, Rung.REOPEN, []),
        ({"name": "no_final", "whole": True, "healed_by": "reset"}, Rung.RESET, [RESET]),
        ({"name": "silence", "ports": "all", "healed_by": "usb"}, Rung.USB, [USB]),
        ({"name": "silence", "ports": "all", "healed_by": "power"}, Rung.HUB_POWER, [USB, POWER]),
    ],
    ids=["reopen", "reset", "usb", "power"],
)
@virtually
async def test_a_modem_that_falls_silent_is_brought_back_by_the_gentlest_that_works(
    loop: VirtualLoop, tmp_path: Path, fault: dict[str, Any], rung: Rung, resets: list[str]
) -> None:
    async with ladder(loop, tmp_path) as rig:
        await asyncio.sleep(100)
        rig.sim.faults.set(**fault)
        before_s = loop.time()
        await rig.until(lambda: not rig.view.ready, 120)
        assert loop.time() - before_s < 60 + 10 + 15  # poll, a command's limit, three questions
        await rig.until(lambda: rig.view.ready, 600)
        assert (await rig.send()).outcome.ok
        assert (await record(rig, rung)).healed == 1
        harder = list(Rung)[list(Rung).index(rung) + 1 :]
        assert [(await record(rig, each)).tried for each in harder] == [0] * len(harder)
        assert done(rig) == resets


@virtually
async def test_the_second_port_serves_where_the_first_cannot_be_opened(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with ladder(loop, tmp_path) as rig:
        first, second = rig.view.port, rig.sim.side_ports[-1].pty.device
        rig.unit.move(Place(port=first, other_port=second))
        with opening_fails(lambda path: path == first):
            rig.sim.restart()
            await rig.until(lambda: rig.view.ready and rig.view.port == second, 200)
            assert rig.view.imei == rig.sim.imei
            assert (await rig.send()).outcome.ok
        assert (await record(rig, Rung.OTHER_PORT)).healed == 1
        assert done(rig) == []


@virtually
async def test_a_modem_that_cannot_be_set_up_is_set_up_from_its_own_defaults(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set("command_error", verb="+CMGF", error="ERROR")
        rig.sim.restart()
        await rig.until(lambda: any(line == "ATZ" for _, line in rig.sim.heard), 200)
        rig.sim.faults.clear()
        await rig.ready()
        assert (await record(rig, Rung.REINIT)).healed == 1
        assert done(rig) == []


@virtually
async def test_a_device_that_does_not_react_is_taken_off_the_bus(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """An open that fails is no business of AT: after three tries the device itself."""
    async with ladder(loop, tmp_path) as rig:
        with opening_fails(lambda _path: not done(rig)):
            rig.sim.faults.set("dead_descriptor")
            await rig.until(lambda: not rig.view.ready, 5)
            await rig.until(lambda: rig.view.ready, 60)
        assert done(rig) == [USB]


# -- messages die while AT is answered -----------------------------------------------------------


@virtually
async def test_dead_messages_are_found_and_healed(loop: VirtualLoop, tmp_path: Path) -> None:
    """`modems.md` fault 76: health is a message that goes out, not an answer to AT."""
    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set("sms_dead", healed_by="reset")
        codes = []
        while rig.view.state is S.READY and len(codes) < 5:
            result = await rig.send(class_=MessageClass.BULK)
            codes.append((result.outcome.cls, result.outcome.code))
            await asyncio.sleep(1)
        assert codes == [(OutcomeClass.UNKNOWN, "dropped")] * 3
        assert "no message gets an answer" in (rig.view.last_error or "")
        await rig.ready()
        assert await record(rig, Rung.REINIT) == RungRecord(), "ready is no proof"
        await rig.send(class_=MessageClass.BULK)  # one more shows that it did not help
        await rig.until(lambda: not rig.view.ready, 5)
        await rig.ready()
        assert (await rig.send()).outcome.ok
        assert await record(rig, Rung.REINIT) == RungRecord(tried=1)
        assert (await record(rig, Rung.RESET)).healed == 1
        assert done(rig) == [RESET]


@virtually
async def test_a_modem_that_never_asks_for_the_text_is_healed(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """`modems.md` fault 10."""
    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set("no_prompt", healed_by="reset")
        tried = 0
        while rig.sim.faults.get("no_prompt"):
            await rig.ready()
            tried += not (await rig.send()).begun
            await asyncio.sleep(1)
        await rig.ready()
        assert (await rig.send()).outcome.ok
        assert tried == DEAD_AFTER + 1, "one more shows that setting it up did not help"
        assert await record(rig, Rung.REINIT) == RungRecord(tried=1)
        assert (await record(rig, Rung.RESET)).healed == 1
        assert done(rig) == [RESET]


@pytest.mark.parametrize("fault", ["no_credit", "congestion"])
@virtually
async def test_a_message_that_is_refused_is_no_sickness(
    loop: VirtualLoop, tmp_path: Path, fault: str
) -> None:
    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set(fault)
        opened = rig.behind.states.count(S.OPENING)
        for _ in range(10):
            assert not (await rig.send()).outcome.ok
            await asyncio.sleep(10)
        assert rig.behind.states.count(S.OPENING) == opened
        assert done(rig) == []


# -- what is never healed by a reset -------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "state", "words"),
    [
        ("sim_removed", S.SIM, "there is no SIM"),
        ("puk", S.SIM, "PUK"),
        ("not_registered", S.REGISTERING, "no network"),
        ("denied", S.REGISTERING, "no network"),
    ],
)
@virtually
async def test_sim_and_network_are_waited_for(
    loop: VirtualLoop, tmp_path: Path, fault: str, state: UnitState, words: str
) -> None:
    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set(fault)
        await rig.until(lambda: rig.view.state is state, 60)
        await rig.until(lambda: words in rig.view.detail, 60)
        opened = rig.behind.states.count(S.OPENING)
        await asyncio.sleep(900)
        assert rig.view.state is state
        assert rig.behind.states.count(S.OPENING) == opened
        assert done(rig) == []


@pytest.mark.usefixtures("hurried")
@virtually
async def test_a_port_that_never_was_a_modem_is_not_reset(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with ladder(
        loop, tmp_path, wait=False, before=lambda sim: sim.faults.set("silence", ports="all")
    ) as rig:
        await rig.until(lambda: rig.view.state is S.QUARANTINED, 3600)
        assert "is it the right port?" in rig.view.detail
        assert rig.view.detail.startswith("out of service, nothing has helped")
        errors = [each for each in caplog.records if each.levelno >= logging.ERROR]
        assert [each.name for each in errors] == ["airpost.unit"]
        assert done(rig) == []
        rig.sim.faults.clear()
        await rig.until(lambda: rig.view.ready, 600)


@pytest.mark.usefixtures("hurried")
@virtually
async def test_in_quarantine_it_is_plugged_in_anew(loop: VirtualLoop, tmp_path: Path) -> None:
    async with ladder(
        loop, tmp_path, wait=False, before=lambda sim: sim.faults.set("silence", ports="all")
    ) as rig:
        await rig.until(lambda: rig.view.state is S.QUARANTINED, 3600)
        rig.sim.unplug()
        await rig.until(lambda: rig.view.state is S.ABSENT, 2)
        rig.sim.faults.clear()
        rig.sim.plug()
        await rig.until(lambda: rig.view.ready, 3)


# -- limits --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hurried")
@virtually
async def test_a_modem_that_nothing_heals_is_reset_within_limits(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """`modems.md` fault 72: no storm of resets, and in the end a person is called."""
    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set("no_final", whole=True)  # it hears, and never answers
        await rig.until(lambda: rig.view.state is S.QUARANTINED, 3600)
        assert {RESET, USB, POWER} == set(done(rig))
        assert rig.sim.records.worst_hour() <= 3 + 2 + 1
        before = done(rig)
        await asyncio.sleep(1800)
        assert done(rig) == before, "in quarantine it is opened, and no more"


@pytest.mark.parametrize("boot_s", [60, 90])
@virtually
async def test_a_modem_that_boots_slowly_is_left_the_time(
    loop: VirtualLoop, tmp_path: Path, boot_s: float
) -> None:
    """`modems.md` fault 72: impatience keeps it down."""
    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set("slow_boot", boot_s=boot_s)
        await rig.until(lambda: not rig.view.ready, 90)
        await rig.until(lambda: rig.view.ready, 300)
        assert len(done(rig)) <= 1
        assert not {USB, POWER} & set(done(rig))


@virtually
async def test_one_that_does_not_come_back_after_its_power_was_cut_is_said(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """`modems.md` fault 73; a person plugs it in anew."""
    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set("silence", ports="all", healed_by="power")
        rig.sim.faults.set("no_enumeration")
        await rig.until(lambda: "has not come back within 60 s" in rig.view.detail, 900)
        await rig.until(lambda: rig.view.state is S.ABSENT, 10)
        assert "plug it in anew" in rig.view.detail
        before = done(rig)
        await asyncio.sleep(300)
        assert done(rig) == before
        rig.sim.faults.clear()
        rig.sim.plug()
        await rig.until(lambda: rig.view.ready, 30)


@virtually
async def test_restarts_in_a_row_are_blamed_on_the_power(loop: VirtualLoop, tmp_path: Path) -> None:
    """`modems.md` fault 49, told within a minute of the third."""
    async with ladder(loop, tmp_path, personality="simcom-sim800-like") as rig:
        before_s = loop.time()
        rig.sim.faults.set("under_voltage", when="loop")
        await rig.until(lambda: "power is too weak" in rig.view.detail, 300)
        assert loop.time() - before_s < 3 * 25 + 60
        assert done(rig) == []


@virtually
async def test_a_rung_that_cannot_be_done_is_said_and_the_next_is_taken(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    def denied(path: Path, _value: str) -> None:
        raise ModemError(f"no permission to write {path.name}; install the udev rules of airpost")

    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set("silence", ports="all", healed_by="power")
        with mock.patch.object(usbpower, "_write", denied):
            await rig.until(lambda: not rig.view.ready, 90)
            await rig.ready()
        assert done(rig) == [POWER]
        assert "no permission to write authorized; install the udev rules of airpost" in said(rig)
        assert (await record(rig, Rung.USB)).tried == 1


@virtually
async def test_what_goes_and_comes_within_a_second_is_opened_at_once(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set("wrong_port", form="silent")
        await rig.until(lambda: rig.view.detail.endswith("tried again in 5 min"), 1800)
        rig.sim.faults.clear()
        place = Place(port=rig.view.port)
        rig.unit.move(None)
        await asyncio.sleep(0.1)
        rig.unit.move(place)
        await rig.until(lambda: rig.view.ready, 3)


# -- words ---------------------------------------------------------------------------------------


@virtually
async def test_every_step_is_shown_and_logged(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set("silence", ports="all", healed_by="power")
        await rig.until(lambda: not rig.view.ready, 90)
        await rig.ready()
        for words in (
            "does not answer any more; tried again in 1 s",
            "does not answer AT; is it the right port?; reset by its own command in 1 s",
            "reset by AT+CFUN=1,1, without an answer; waiting for it to come back",
            "is it the right port?; it may still be starting; tried again in 5 s",
            "its USB device is switched off and on in 1 s",
            "its authorization was taken and given back; waiting for it to come back",
            "the power of its USB port is switched off and on in 1 s",
            "the power of its USB port was off; waiting for it to come back",
        ):
            assert words in said(rig)
        logged = [each.getMessage() for each in caplog.records]
        assert any("healing.done" in line and "rung=usb" in line for line in logged)
        assert any("healing.healed" in line and "rung=hub_power" in line for line in logged)


# -- by a person's word --------------------------------------------------------------------------


@virtually
async def test_a_reset_that_is_asked_for_waits_for_what_is_on_the_air(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with ladder(loop, tmp_path, air_s=20.0) as rig:
        sending = spawn(rig.send(), name="the caller")
        await asyncio.sleep(1)
        healing = spawn(rig.unit.reset("reset"), name="the person")
        await asyncio.sleep(1)
        assert not rig.view.ready, "nothing new is given to it"
        assert rig.view.detail == "a person asked for it: reset by its own command"
        with pytest.raises(ModemError, match="being reset"):
            await rig.unit.reset("usb")
        assert (await sending).outcome.ok
        assert not rig.view.ready
        await healing
        assert done(rig) == [RESET]
        await rig.ready()
        assert (await rig.send()).outcome.ok


@virtually
async def test_what_takes_too_long_ends_as_unknown(loop: VirtualLoop, tmp_path: Path) -> None:
    async with ladder(loop, tmp_path, air_s=100.0) as rig:
        sending = spawn(rig.send(class_=MessageClass.BULK), name="the caller")
        await asyncio.sleep(1)
        before_s = loop.time()
        await rig.unit.reset("usb")
        result = await sending
        assert (result.begun, result.outcome.cls) == (True, OutcomeClass.UNKNOWN)
        assert loop.time() - before_s == pytest.approx(60 + usbpower.OFF_S + 1, abs=1)
        assert done(rig) == [USB]
        await rig.ready()


@virtually
async def test_a_reset_can_be_asked_for_while_it_waits_or_is_away(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set("silence", ports="all", healed_by="usb")
        await rig.until(lambda: rig.view.state is S.COOLDOWN, 90)
        await rig.unit.reset("usb")
        await rig.ready()
        rig.sim.power.unplug()  # it has fallen off the bus
        await rig.until(lambda: rig.view.state is S.ABSENT, 5)
        await rig.unit.reset("hub_power")
        await rig.ready()
        assert done(rig) == [USB, POWER]


@virtually
async def test_a_modem_that_is_away_is_shown_as_away_after_what_was_asked_for(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with ladder(loop, tmp_path) as rig:
        rig.sim.unplug()
        await rig.until(lambda: rig.view.state is S.ABSENT, 5)
        before = rig.view
        for how in ("reopen", "reinit", "reset"):
            with pytest.raises(ModemError, match="there is no port; plug it in"):
                await rig.unit.reset(how)
        with pytest.raises(ModemError, match=r"^there is no USB device [-0-9.]+$"):
            await rig.unit.reset("usb")
        await asyncio.sleep(2)
        assert (rig.view.detail, rig.view.stalled) == (before.detail, False)


@virtually
async def test_what_cannot_be_done_for_a_person_is_refused_with_words(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path) as rig:  # a port without USB
        with pytest.raises(ModemError, match="it is not known which USB device"):
            await rig.unit.reset("usb")
        with pytest.raises(ModemError, match="no hub that switches power"):
            await rig.unit.reset("hub_power")
        assert rig.view.ready
        rig.sim.personality = replace(rig.sim.personality, resets=())
        rig.sim.faults.set("command_error", verb="+CFUN", error="ERROR")
        with pytest.raises(ModemError, match="it takes none of"):
            await rig.unit.reset("reset")
        rig.sim.faults.clear()
        await rig.ready()


@virtually
async def test_a_stop_ends_what_was_asked_for(loop: VirtualLoop, tmp_path: Path) -> None:
    async with ladder(loop, tmp_path, air_s=20.0) as rig:
        sending = spawn(rig.send(), name="the caller")
        await asyncio.sleep(1)
        healing = spawn(rig.unit.reset("reset"), name="the person")
        await asyncio.sleep(1)
        await rig.stop()
        assert (await sending).outcome.ok
        with pytest.raises(ModemError, match="stopping"):
            await healing


@virtually
async def test_a_stop_in_mid_reset_is_no_success_and_no_failure_of_it(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with ladder(loop, tmp_path) as rig:
        for how in ("reset", "usb"):
            healing = spawn(rig.unit.reset(how), name="the person")
            await rig.until(lambda: "waiting for it to come back" in rig.view.detail, 30)
            before_s = loop.time()
            await rig.restart()
            assert loop.time() - before_s < 1
            with pytest.raises(ModemError, match="airpost is stopping"):
                await healing
            assert await record(rig, Rung(how)) == RungRecord()
            await rig.ready()


@virtually
async def test_a_reset_that_was_asked_for_and_worked_is_not_held_against_it_later(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with ladder(loop, tmp_path) as rig:
        await rig.unit.reset("usb")
        await rig.ready()
        assert (await record(rig, Rung.USB)).healed == 1
        rig.sim.faults.set("silence", for_s=95.0)
        await rig.until(lambda: not rig.view.ready, 120)
        await rig.ready()
        assert await record(rig, Rung.USB) == RungRecord(
            tried=1, healed=1, last_s=(await record(rig, Rung.USB)).last_s
        )


# -- and back ------------------------------------------------------------------------------------


@virtually
async def test_plugged_in_after_a_minute_it_serves_within_three_seconds(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with ladder(loop, tmp_path) as rig:
        rig.sim.unplug()
        await rig.until(lambda: rig.view.state is S.ABSENT, 2)
        await asyncio.sleep(60)
        rig.sim.plug()
        before_s = loop.time()
        await rig.ready()
        assert loop.time() - before_s < 3


@virtually
async def test_resets_are_counted_over_a_restart_of_the_daemon(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with ladder(loop, tmp_path) as rig:
        rig.sim.faults.set("no_final", whole=True)
        for _ in range(4):  # each climbs to the end, were it not for those before it
            await asyncio.sleep(500)
            await rig.restart()
        assert rig.sim.records.worst_hour() <= 3 + 2 + 1

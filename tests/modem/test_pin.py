"""The PIN is entered once, and a try that was made is never made again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from airpost.model import UnitState
from airpost.modem.profiles import load_profiles
from hwsim.modem import SimModem
from tests.modem.rig import Rig, rigged, virtually
from tests.virtual import VirtualLoop

S = UnitState
OTHER_SIM = "8949990000000000001"


def pins_tried(rig: Rig) -> int:
    return len([line for line in rig.heard() if line.startswith("AT+CPIN=")])


def locked(modem: SimModem) -> None:
    modem.card.lock("1234")


@virtually
async def test_the_right_pin_is_entered_once(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, before=locked, pin="1234") as rig:
        assert pins_tried(rig) == 1
        assert rig.behind.memory["pin gate-1"] == ""
        rig.sim.restart()
        await rig.until(lambda: not rig.view.ready, 30)
        await rig.until(lambda: rig.view.ready, 60)
        assert pins_tried(rig) == 2, "after a restart of the modem it is wanted again"


@virtually
async def test_a_wrong_pin_is_tried_once_ever(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, before=locked, pin="9999", wait=False) as rig:
        await asyncio.sleep(600)
        assert rig.view.state is S.SIM
        assert "not tried again; correct the file and restart airpost" in rig.view.detail
        assert rig.sim.card.pin_tries == 2
        await rig.restart()
        await asyncio.sleep(600)
        rig.sim.unplug()
        await asyncio.sleep(5)
        rig.sim.plug()
        await asyncio.sleep(600)
        assert pins_tried(rig) == 1
        await rig.restart(pin="1234", pin_mark="mark 2")
        await rig.ready()
        assert pins_tried(rig) == 2
        assert rig.sim.card.pin_tries == 3


@virtually
async def test_the_try_is_remembered_before_it_is_made(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, before=locked, pin="9999", wait=False) as rig:
        kept = rig.behind.remember

        async def remember(key: str, value: str) -> None:
            await kept(key, value)
            if key.startswith("pin"):
                rig.sim.unplug()  # or a crash: the try may have been made

        rig.behind.remember = remember  # type: ignore[method-assign]
        rig.sim.faults.set("command_error", verb="+CPINR")  # the tries that are left are not told
        await rig.until(lambda: "pin gate-1" in rig.behind.memory)
        await asyncio.sleep(5)
        rig.sim.plug()
        await asyncio.sleep(100)
        assert pins_tried(rig) == 0
        assert "not tried again" in rig.view.detail


def cut_at_the_pin(rig: Rig, times: int, *, heard: bool) -> None:
    """The modem is pulled out in the moment of so many PINs, before or after it has taken them."""
    enter, left = rig.sim.card.enter_pin, [times]

    def entered(pin: str) -> bool:
        if not left[0]:
            return enter(pin)
        left[0] -= 1
        rig.sim.unplug()
        rig.sim.network.later(5.0, rig.sim.plug)
        return enter(pin) if heard else False

    rig.sim.card.enter_pin = entered  # type: ignore[method-assign]


@virtually
async def test_what_the_sim_has_not_counted_was_no_try(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, before=locked, pin="1234", wait=False, plugged=False) as rig:
        cut_at_the_pin(rig, 1, heard=False)
        rig.sim.plug()
        await rig.until(lambda: "looking again" in rig.view.detail)
        await rig.ready()
        assert pins_tried(rig) == 2
        assert rig.behind.memory["pin gate-1"] == ""
        rig.sim.restart()
        await rig.until(lambda: not rig.view.ready, 30)
        await rig.ready()
        assert rig.sim.records.never.pin_again == 0


@virtually
async def test_tries_are_asked_by_nothing_that_could_become_one(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    """A question with an argument that loses a character on the line is a wrong PIN."""
    async with rigged(loop, tmp_path, before=locked, pin="1234") as rig:
        asked = [line for line in rig.heard() if line.startswith("AT+CPINR")]
        assert asked == ["AT+CPINR"]
        assert all('"' not in each.flags.pin_tries.ask for each in load_profiles())


@virtually
async def test_the_last_try_is_left_to_a_person(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, before=locked, pin="1234", wait=False, plugged=False) as rig:
        cut_at_the_pin(rig, 9, heard=False)
        rig.sim.plug()
        await rig.until(lambda: "write the file anew" in rig.view.detail)
        await asyncio.sleep(600)
        assert pins_tried(rig) == 2
        assert rig.sim.card.pin_tries == 3


@virtually
async def test_a_try_that_was_counted_is_not_made_again(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, before=locked, pin="9999", wait=False, plugged=False) as rig:
        cut_at_the_pin(rig, 9, heard=True)
        rig.sim.plug()
        await rig.until(lambda: "write the file anew" in rig.view.detail)
        await asyncio.sleep(600)
        assert pins_tried(rig) == 1
        assert rig.sim.card.pin_tries == 2


@virtually
async def test_no_try_while_the_store_cannot_remember_it(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, before=locked, pin="1234", wait=False, plugged=False) as rig:
        rig.behind.closed = True
        rig.sim.plug()
        await asyncio.sleep(60)
        assert pins_tried(rig) == 0
        assert "cannot remember" in rig.view.detail
        rig.behind.closed = False
        await rig.ready()


@virtually
async def test_no_pin_says_which_key_to_set(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, before=locked, wait=False) as rig:
        await asyncio.sleep(60)
        assert (rig.view.state, pins_tried(rig)) == (S.SIM, 0)
        assert "set `pin_file`" in rig.view.detail


@virtually
async def test_the_puk_is_never_touched(loop: VirtualLoop, tmp_path: Path) -> None:
    def blocked(modem: SimModem) -> None:
        locked(modem)
        modem.card.pin_tries = 0

    async with rigged(loop, tmp_path, before=blocked, pin="1234", wait=False) as rig:
        await asyncio.sleep(600)
        assert pins_tried(rig) == 0
        assert "wants its PUK" in rig.view.detail
        assert rig.sim.card.puk_tries == 10


@virtually
async def test_a_modem_that_tells_nothing_before_the_pin(loop: VirtualLoop, tmp_path: Path) -> None:
    async with rigged(loop, tmp_path, before=locked, pin="1234", wait=False, plugged=False) as rig:
        rig.sim.faults.set("cme_error", verb="+CGSN", code=11)
        rig.sim.plug()
        await rig.until(lambda: pins_tried(rig) == 1, 60)
        rig.sim.faults.clear()
        await rig.ready()


@virtually
async def test_a_pin_is_in_no_log_no_trace_and_no_view(
    loop: VirtualLoop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(1)
    async with rigged(loop, tmp_path, before=locked, pin="4711", wait=False) as rig:
        rig.sim.faults.set("echo_on")
        await asyncio.sleep(60)
        assert pins_tried(rig) == 1
        trace = "\n".join(line.text for line in rig.unit.trace.lines())
        shown = "\n".join(map(str, rig.behind.views))
        for text in (trace, shown, caplog.text, repr(rig.settings)):
            assert "4711" not in text


@virtually
async def test_a_refusal_is_not_forgotten_for_another_sim_that_opens(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, before=locked, pin="9999", wait=False) as rig:
        await rig.until(lambda: "refused" in rig.view.detail, 60)
        rig.sim.unplug()
        rig.sim.card.lock(None)  # as a SIM without a PIN would be
        rig.sim.plug()
        await rig.ready()
        rig.sim.unplug()
        rig.sim.card.lock("1234")
        rig.sim.plug()
        await rig.until(lambda: rig.view.state is S.SIM, 60)
        await asyncio.sleep(60)
        assert pins_tried(rig) == 1


@virtually
async def test_what_has_opened_one_sim_is_not_tried_on_another(
    loop: VirtualLoop, tmp_path: Path
) -> None:
    async with rigged(loop, tmp_path, before=locked, pin="1234") as rig:
        own = rig.sim.card.iccid
        rig.sim.unplug()
        await rig.until(lambda: rig.view.state is S.ABSENT, 30)
        rig.sim.card.iccid = OTHER_SIM
        rig.sim.card.lock("4321")
        rig.sim.plug()
        await rig.until(lambda: "not the SIM that the PIN" in rig.view.detail, 60)
        await rig.restart()
        await asyncio.sleep(300)
        assert "write the file anew" in rig.view.detail
        assert (pins_tried(rig), rig.sim.card.pin_tries) == (1, 3)
        rig.sim.unplug()
        await asyncio.sleep(5)
        rig.sim.card.iccid = own
        rig.sim.card.lock("1234")
        rig.sim.plug()
        await rig.ready()
        assert pins_tried(rig) == 2
        await rig.restart(pin="4321", pin_mark="mark 2")  # who writes it anew means the SIM in it
        rig.sim.unplug()
        await asyncio.sleep(5)
        rig.sim.card.iccid = OTHER_SIM
        rig.sim.card.lock("4321")
        rig.sim.plug()
        await rig.ready()
        assert pins_tried(rig) == 3

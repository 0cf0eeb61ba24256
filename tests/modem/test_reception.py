"""What is plugged in gets its lane, or is shown with what to do about it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from airpost.at.replies import SimStatus
from airpost.clock import Instant, LoopClock
from airpost.errors import StoreUnavailable
from airpost.model import Lane, ModemView, SimId, UnitState
from airpost.modem.binding import Bindings, Selector
from airpost.modem.devices import Device, PortInfo
from airpost.modem.healing import Place
from airpost.modem.lanebook import LaneBook
from airpost.modem.profile import DeviceMode, Role
from airpost.modem.proof import Finding, Proof, SimSeen
from airpost.modem.reception import Reception
from tests.modem.test_lanebook import ALIKE, Memory
from tests.virtual import VirtualLoop, run_virtual

IMEI, OTHER_IMEI = "490154203237518", "356938035643809"
START = Instant(1_767_225_600_000_000)


class FakeUnit:
    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.places: list[Place | None] = []
        self.words: str | None = None
        self.view = ModemView(lane=lane, port="", state=UnitState.ABSENT, since=START, detail="")

    def move(self, place: Place | None, words: str | None = None) -> None:
        self.places.append(place)
        self.words = words

    def tells(self, imei: str, sim: str | None = None) -> None:
        """It is open and has said who it is; with a SIM it is in service."""
        state = UnitState.SIM if sim is None else UnitState.READY
        sim_id = None if sim is None else SimId(sim)
        self.view = replace(self.view, state=state, imei=imei, sim_id=sim_id)


class House:
    """A reception with everything around it that can be watched."""

    def __init__(
        self, loop: VirtualLoop, bindings: Bindings, *lanes: str, memory: Memory | None = None
    ) -> None:
        self.memory = memory or Memory()
        self.clock = LoopClock(loop.time, START)
        self.units: dict[str, FakeUnit] = {}
        self.strangers: dict[str, ModemView] = {}
        self.answers: dict[str, Proof] = {}
        self.sims: dict[str, SimSeen] = {}
        self.asked: list[str] = []
        self.remarks: dict[str, str] = {}
        book = LaneBook(self.memory, bindings.lanes)
        self.reception = Reception(
            bindings, book, self, self, self.clock, make=self._make  # type: ignore[arg-type]
        )  # fmt: skip
        for lane in lanes:
            self.reception.add(self._make(Lane(lane)))  # type: ignore[arg-type]

    def _make(self, lane: Lane) -> FakeUnit:
        return self.units.setdefault(lane, FakeUnit(lane))

    def add(self, unit: Any) -> None:
        assert self.units[unit.lane] is unit

    def stranger(self, place: str, view: ModemView | None) -> None:
        self.strangers.pop(place, None)
        if view is not None:
            self.strangers[place] = view

    def remark(self, lane: Lane, words: str) -> None:
        self.remarks[lane] = words

    async def prove_first(self, ports: tuple[PortInfo, ...]) -> list[Proof]:
        proofs = []
        for port in ports:
            self.asked.append(port.path)
            await asyncio.sleep(1)
            silent = Proof(path=port.path, finding=Finding.SILENT, sentence="answers nothing")
            proofs.append(self.answers.get(port.path, silent))
            if proofs[-1].is_at_port:
                break
        return proofs

    async def sim(self, path: str) -> SimSeen:
        return self.sims.get(path, SimSeen())

    def modem_at(self, path: str, imei: str | None) -> None:
        self.answers[path] = Proof(path=path, finding=Finding.AT, sentence="", imei=imei)

    def where(self, lane: str) -> Place | None:
        return self.units[lane].places[-1]

    def ports(self) -> dict[str, str]:
        """The port of every modem that is somewhere."""
        last = {lane: unit.places[-1] for lane, unit in self.units.items() if unit.places}
        return {lane: place.port for lane, place in last.items() if place is not None}


def stick(usb_path: str, *ports: str, mode: DeviceMode = DeviceMode.MODEM, **more: Any) -> Device:
    roles = (Role.AT, Role.SPARE, Role.DIAG)
    found = [
        PortInfo(path=path, interface=at, role=role)
        for at, (path, role) in enumerate(zip(ports, roles, strict=False))
    ]
    return Device(
        usb_path=usb_path, vid="12d1", pid="1506", product="a stick", serial=None,
        ports=tuple(found), mode=mode, **more,
    )  # fmt: skip


def test_a_modem_found_by_itself_has_the_end_of_its_imei_as_its_name() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.modem_at("/dev/ttyUSB1", IMEI)
        house.reception.found(stick("1-1", "/dev/ttyUSB0", "/dev/ttyUSB1"))
        await asyncio.sleep(3)
        assert house.where("m-237518") == Place(
            port="/dev/ttyUSB1", other_port="/dev/ttyUSB0", usb_path="1-1",
            vid="12d1", pid="1506", imei=IMEI,
        )  # fmt: skip
        house.reception.gone("1-1")
        assert house.where("m-237518") is None
        house.modem_at("/dev/ttyUSB4", IMEI)  # another hub, other names: the same modem
        house.reception.found(stick("2-3", "/dev/ttyUSB4"))
        await asyncio.sleep(3)
        place = house.where("m-237518")
        assert place is not None
        assert (place.port, place.usb_path) == ("/dev/ttyUSB4", "2-3")
        assert list(house.units) == ["m-237518"]

    run_virtual(main)


def test_lanes_are_bound_by_place_modem_and_sim() -> None:
    async def main(loop: VirtualLoop) -> None:
        selectors = [
            Selector(lane=Lane("by-port"), port="/dev/p0"),
            Selector(lane=Lane("by-plug"), usb_path="1-2"),
            Selector(lane=Lane("by-imei"), imei=IMEI),
            Selector(lane=Lane("by-sim"), iccid="8949"),
        ]
        house = House(loop, Bindings(selectors, discover=False), *(s.lane for s in selectors))
        house.modem_at("/dev/p3", "100000000000009")
        house.modem_at("/dev/p2", IMEI)
        house.modem_at("/dev/p1", "200000000000008")
        house.modem_at("/dev/p4", OTHER_IMEI)
        house.sims["/dev/p3"] = SimSeen(iccid="8949")
        for at in range(5):
            house.reception.found(stick(f"1-{at + 1}", f"/dev/p{at}"))
        await asyncio.sleep(5)
        ports = {
            lane: unit.places[-1].port for lane, unit in house.units.items() if unit.places[-1]
        }
        assert ports == {
            "by-port": "/dev/p0", "by-plug": "/dev/p1", "by-imei": "/dev/p2", "by-sim": "/dev/p3",
        }  # fmt: skip
        assert "/dev/p0" not in house.asked  # named by its port: the unit asks it itself
        assert house.strangers.keys() == {"1-5"}  # its SIM may come yet
        assert house.where("by-plug").imei is None  # type: ignore[union-attr]

    run_virtual(main)


async def plugged(house: House, **ports: str) -> None:
    """One after another: `p1="/dev/a"` is plugged in at 1-1."""
    for at, port in ports.items():
        house.reception.found(stick(f"1-{at[1:]}", port))
        await asyncio.sleep(2)


@pytest.mark.parametrize("order", [("p1", "p2"), ("p2", "p1")])
def test_modems_with_one_imei_are_told_apart_by_their_plugs(order: tuple[str, str]) -> None:
    """Neither keeps the name of the IMEI, whichever came first, also after a restart."""

    async def main(loop: VirtualLoop) -> None:
        memory = Memory()
        at = {"p1": "/dev/a", "p2": "/dev/b"}
        for _ in ("first", "after a restart"):
            house = House(loop, Bindings(), memory=memory)
            house.modem_at("/dev/a", IMEI)
            house.modem_at("/dev/b", IMEI)
            await plugged(house, **{each: at[each] for each in order})
            assert house.ports() == {"u-1-1": "/dev/a", "u-1-2": "/dev/b"}
            assert sorted(house.remarks) == ["u-1-1", "u-1-2"]
            assert all(IMEI in words for words in house.remarks.values())
            assert house.strangers == {}
        assert "m-237518" not in house.units
        # Also alone: a name that comes and goes with another modem would be no name.
        house = House(loop, Bindings(), memory=memory)
        house.modem_at("/dev/b", IMEI)
        await plugged(house, p2="/dev/b")
        assert house.ports() == {"u-1-2": "/dev/b"}

    run_virtual(main)


def test_a_lane_named_after_an_imei_says_why_it_is_no_more() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.modem_at("/dev/a", IMEI)
        house.modem_at("/dev/b", IMEI)
        await plugged(house, p1="/dev/a")
        assert house.ports() == {"m-237518": "/dev/a"}
        await plugged(house, p2="/dev/b")
        left = house.units["m-237518"]
        assert left.places[-1] is None
        assert left.words is not None
        assert "u-1-1" in left.words
        assert house.where("u-1-1").imei == IMEI  # type: ignore[union-attr]

    run_virtual(main)


def test_both_at_once_are_told_apart_too() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        for at, port in enumerate(("/dev/a", "/dev/b", "/dev/c"), 1):
            house.modem_at(port, IMEI)
            house.reception.found(stick(f"1-{at}", port))
        await asyncio.sleep(5)
        assert house.ports() == {f"u-1-{at}": f"/dev/{port}" for at, port in enumerate("abc", 1)}

    run_virtual(main)


def test_names_are_given_one_after_another_also_while_the_store_is_slow() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.memory.takes_s = 0.5
        imeis = {"/dev/a": IMEI, "/dev/b": IMEI, "/dev/c": ALIKE}
        for at, (port, imei) in enumerate(imeis.items(), 1):
            house.modem_at(port, imei)
            house.reception.found(stick(f"1-{at}", port))
        await asyncio.sleep(3.5)  # nobody had to be asked twice
        assert house.asked == list(imeis)
        again = House(loop, Bindings(), memory=house.memory)
        again.answers = house.answers
        await asyncio.sleep(3)
        for at, port in enumerate(imeis, 1):
            again.reception.found(stick(f"1-{at}", port))
        await asyncio.sleep(5)
        assert again.ports() == house.ports()
        assert again.ports().keys() == {"u-1-1", "u-1-2", "m-237518"}

    run_virtual(main)


def test_a_placeholder_names_no_modem() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.modem_at("/dev/c", "000000000000000")
        await plugged(house, p3="/dev/c")
        assert house.ports() == {"u-1-3": "/dev/c"}
        assert "000000000000000" in house.remarks["u-1-3"]

    run_virtual(main)


def test_an_imei_behind_an_adapter_is_no_second_modem_before_the_first_has_told_it() -> None:
    """Two modems behind adapters may have been exchanged: who was there may be gone."""

    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.modem_at("/dev/a", IMEI)
        house.modem_at("/dev/b", IMEI)
        house.reception.found(stick("1-1", "/dev/a", mode=DeviceMode.SERIAL_ADAPTER))
        await asyncio.sleep(2)
        await plugged(house, p2="/dev/b")
        assert house.ports() == {"m-237518": "/dev/a"}
        assert "which is at 1-1" in house.strangers["1-2"].detail
        house.modem_at("/dev/a", OTHER_IMEI)
        house.reception.strayed(Lane("m-237518"))
        await asyncio.sleep(5)
        assert house.ports() == {"m-643809": "/dev/a", "m-237518": "/dev/b"}
        house.modem_at("/dev/c", OTHER_IMEI)
        house.units["m-643809"].tells(OTHER_IMEI)
        await plugged(house, p3="/dev/c")
        assert house.ports() == {"u-1-1": "/dev/a", "m-237518": "/dev/b", "u-1-3": "/dev/c"}

    run_virtual(main)


def test_an_imei_that_the_configuration_names_stays_the_one_s_that_had_it() -> None:
    async def main(loop: VirtualLoop) -> None:
        bindings = Bindings([Selector(lane=Lane("a"), imei=IMEI)])
        house = House(loop, bindings, "a")
        house.modem_at("/dev/a", IMEI)
        house.modem_at("/dev/b", IMEI)
        await plugged(house, p1="/dev/a", p2="/dev/b")
        assert house.ports() == {"a": "/dev/a", "u-1-2": "/dev/b"}
        assert house.remarks["a"].endswith("bind a by `usb_path` instead of `imei`")
        house.reception.gone("1-1")
        house.reception.strayed(Lane("u-1-2"))
        await asyncio.sleep(5)
        assert house.ports() == {"u-1-2": "/dev/b"}, "not the other one's messages"
        again = House(loop, bindings, "a", memory=house.memory)
        again.answers = house.answers
        await plugged(again, p2="/dev/b", p1="/dev/a")
        assert again.ports() == {"a": "/dev/a", "u-1-2": "/dev/b"}

    run_virtual(main)


def test_a_second_modem_of_a_bound_imei_is_not_used_where_nothing_is_found_by_itself() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings([Selector(lane=Lane("a"), imei=IMEI)], discover=False), "a")
        house.modem_at("/dev/a", IMEI)
        house.modem_at("/dev/b", IMEI)
        house.modem_at("/dev/c", OTHER_IMEI)
        await plugged(house, p1="/dev/a", p2="/dev/b", p3="/dev/c")
        assert house.ports() == {"a": "/dev/a"}
        assert house.strangers.keys() == {"1-2"}  # the third is nobody's business
        assert "bind a by `usb_path`" in house.strangers["1-2"].detail

    run_virtual(main)


@pytest.mark.parametrize("taken", ["m-237518", "u-1-1"])
def test_a_lane_of_the_configuration_is_no_found_modem_s(taken: str) -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings([Selector(lane=Lane(taken), usb_path="9-9")]), taken)
        house.modem_at("/dev/a", IMEI if taken.startswith("m") else None)
        await plugged(house, p1="/dev/a")
        name = "m-3237518" if taken.startswith("m") else "u-1-1-2"
        assert house.ports() == {name: "/dev/a"}

    run_virtual(main)


def test_two_places_with_one_name_are_two_lanes() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        for usb_path in ("/dev/a-b", "/dev/a/b"):
            house.modem_at(usb_path, None)
            house.reception.found(stick(usb_path, usb_path))
        await asyncio.sleep(3)
        assert house.ports() == {"u-dev-a-b": "/dev/a-b", "u-dev-a-b-2": "/dev/a/b"}

    run_virtual(main)


def test_a_lane_that_has_a_modem_is_given_to_no_other() -> None:
    """As where a named port leads to another device all of a sudden."""

    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings([Selector(lane=Lane("a"), port="/dev/a")]), "a")
        await plugged(house, p1="/dev/a", p2="/dev/a")
        assert house.ports() == {"a": "/dev/a"}
        assert len(house.units["a"].places) == 1
        assert "which is at 1-1" in house.strangers["1-2"].detail
        house.reception.gone("1-1")
        await asyncio.sleep(3)
        assert house.ports() == {"a": "/dev/a"}
        assert house.strangers == {}

    run_virtual(main)


def test_no_name_is_given_that_cannot_be_kept() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.memory.full = True
        house.modem_at("/dev/a", IMEI)
        await plugged(house, p1="/dev/a")
        assert house.ports() == {}
        assert house.strangers["1-1"].detail == str(StoreUnavailable("the disk is full").reason)
        house.memory.full = False
        await asyncio.sleep(3)
        assert house.ports() == {"m-237518": "/dev/a"}
        assert house.strangers == {}

    run_virtual(main)


def test_what_is_not_there_is_said_from_the_start_and_after_it_has_gone() -> None:
    async def main(loop: VirtualLoop) -> None:
        selectors = [
            Selector(lane=Lane("by-port"), port="/dev/p0"),
            Selector(lane=Lane("by-imei"), imei=IMEI),
        ]
        house = House(loop, Bindings(selectors), "by-port", "by-imei")
        assert house.units["by-port"].places == []  # its unit knows where to look
        assert house.units["by-imei"].words == selectors[1].missing
        house.modem_at("/dev/a", IMEI)
        house.modem_at("/dev/b", OTHER_IMEI)
        await plugged(house, p1="/dev/p0", p2="/dev/a", p3="/dev/b")
        for place in ("1-1", "1-2", "1-3"):
            house.reception.gone(place)
        assert house.units["by-port"].words == selectors[0].missing
        assert house.units["by-imei"].words == selectors[1].missing
        assert house.units["m-643809"].words == "it is not plugged in"

    run_virtual(main)


# -- SIMs ----------------------------------------------------------------------------------------
def sim_lanes(**more: Any) -> Bindings:
    """Lane a is SIM 8901's, b is 8902's."""
    selectors = [Selector(lane=Lane("a"), iccid="8901"), Selector(lane=Lane("b"), iccid="8902")]
    return Bindings(selectors, **more)


def test_a_sim_goes_before_the_modem_it_is_in() -> None:
    async def main(loop: VirtualLoop) -> None:
        selectors = [Selector(lane=Lane("a"), iccid="8901"), Selector(lane=Lane("b"), imei=IMEI)]
        house = House(loop, Bindings(selectors), "a", "b")
        house.modem_at("/dev/a", IMEI)
        house.sims["/dev/a"] = SimSeen(iccid="8901")
        await plugged(house, p1="/dev/a")
        assert house.ports() == {"a": "/dev/a"}

    run_virtual(main)


def test_exchanged_sims_take_their_lanes_with_them() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, sim_lanes(), "a", "b")
        house.modem_at("/dev/a", IMEI)
        house.modem_at("/dev/b", OTHER_IMEI)
        house.sims |= {"/dev/a": SimSeen(iccid="8901"), "/dev/b": SimSeen(iccid="8902")}
        await plugged(house, p1="/dev/a", p2="/dev/b")
        assert house.ports() == {"a": "/dev/a", "b": "/dev/b"}
        house.units["a"].tells(IMEI, "8901")
        house.units["b"].tells(OTHER_IMEI, "8902")
        house.sims |= {"/dev/a": SimSeen(iccid="8902"), "/dev/b": SimSeen(iccid="8901")}
        house.reception.strayed(Lane("a"))
        await asyncio.sleep(3)
        assert house.ports() == {"b": "/dev/b"}  # which has told it, as far as is known
        assert "which is at 1-2" in house.strangers["1-1"].detail
        house.reception.strayed(Lane("b"))
        await asyncio.sleep(5)
        assert house.ports() == {"a": "/dev/b", "b": "/dev/a"}
        assert house.strangers == {}

    run_virtual(main)


def test_a_sim_that_was_moved_takes_its_lane_from_the_stick_that_is_without() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, sim_lanes(discover=False), "a", "b")
        house.modem_at("/dev/a", IMEI)
        house.modem_at("/dev/b", OTHER_IMEI)
        house.sims |= {"/dev/a": SimSeen(iccid="8901")}
        await plugged(house, p1="/dev/a", p2="/dev/b")
        assert house.ports() == {"a": "/dev/a"}
        house.units["a"].tells(IMEI)  # the SIM is out
        gone = SimSeen(status=SimStatus.NOT_INSERTED)
        house.sims |= {"/dev/a": gone, "/dev/b": SimSeen(iccid="8901")}
        await asyncio.sleep(5)
        assert house.ports() == {"a": "/dev/b"}
        assert house.strangers["1-1"].detail == "there is no SIM in it; put one in"

    run_virtual(main)


@pytest.mark.parametrize(
    ("sim", "words"),
    [
        (SimSeen(), "there is no SIM in it, or one that tells no number"),
        (SimSeen(iccid="8903"), "no lane is bound to its SIM 8903; set `iccid`"),
        (SimSeen(status=SimStatus.NOT_INSERTED), "there is no SIM in it; put one in"),
        (SimSeen(status=SimStatus.SIM_PIN), "switch the PIN of the SIM off"),
        (SimSeen(status=SimStatus.SIM_PUK), "switch the PIN of the SIM off"),
    ],
)
def test_a_stick_whose_sim_comes_after_the_plug_is_shown_and_asked_again(
    sim: SimSeen, words: str
) -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, sim_lanes(discover=False), "a", "b")
        house.modem_at("/dev/a", IMEI)
        house.sims["/dev/a"] = sim
        await plugged(house, p1="/dev/a")
        await asyncio.sleep(600)
        assert words in house.strangers["1-1"].detail
        house.sims["/dev/a"] = SimSeen(iccid="8902")
        await asyncio.sleep(65)
        assert house.ports() == {"b": "/dev/a"}
        assert house.strangers == {}

    run_virtual(main)


def test_nobody_is_asked_where_only_places_are_named() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(
            loop, Bindings([Selector(lane=Lane("a"), usb_path="1-1")], discover=False), "a"
        )
        house.modem_at("/dev/a", IMEI)
        house.modem_at("/dev/b", OTHER_IMEI)
        await plugged(house, p1="/dev/a", p2="/dev/b")
        assert house.asked == ["/dev/a"]
        assert house.ports() == {"a": "/dev/a"}

    run_virtual(main)


def test_the_power_of_an_adapter_is_not_its_modem_s() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.modem_at("/dev/a", IMEI)
        house.modem_at("/dev/b", OTHER_IMEI)
        house.reception.found(stick("1-1", "/dev/a", mode=DeviceMode.SERIAL_ADAPTER))
        house.reception.found(replace(stick("/dev/b", "/dev/b"), vid=None, pid=None))
        await asyncio.sleep(3)
        assert house.where("m-237518").usb_path is None  # type: ignore[union-attr]
        assert house.where("m-643809").usb_path is None  # type: ignore[union-attr]

    run_virtual(main)


@pytest.mark.parametrize(
    ("role", "is_spare"),
    [(Role.AT, True), (Role.SPARE, True), (Role.PPP, False), (Role.NMEA, False), (None, False)],
)
def test_the_second_port_is_one_for_commands(role: Role | None, is_spare: bool) -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.modem_at("/dev/a", IMEI)
        found = stick("1-1", "/dev/a", "/dev/b")
        other = replace(found.ports[1], role=role)
        house.reception.found(replace(found, ports=(found.ports[0], other)))
        await asyncio.sleep(3)
        place = house.where("m-237518")
        assert place is not None
        assert place.other_port == ("/dev/b" if is_spare else None)

    run_virtual(main)


def test_what_cannot_send_is_shown_with_its_remedy() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        disc = stick("1-1", mode=DeviceMode.CDROM, remedy="apt install usb-modeswitch")
        house.reception.found(disc)
        assert house.strangers["1-1"].detail == "apt install usb-modeswitch"
        assert house.strangers["1-1"].lane == "u-1-1"
        house.modem_at("/dev/a", IMEI)
        house.reception.changed(stick("1-1", "/dev/a"))
        await asyncio.sleep(2)
        assert house.strangers == {}
        assert house.where("m-237518") is not None
        house.reception.found(replace(disc, usb_path="1-2"))
        house.reception.gone("1-2")
        assert house.strangers == {}

    run_virtual(main)


def test_ports_that_answer_nothing_are_asked_again() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.reception.found(stick("1-1", "/dev/a", "/dev/b"))
        await asyncio.sleep(3)
        assert house.strangers["1-1"].detail == "/dev/a: answers nothing; /dev/b: answers nothing"
        house.modem_at("/dev/b", IMEI)
        await asyncio.sleep(8)
        assert house.strangers == {}
        assert house.where("m-237518") is not None
        assert house.asked == ["/dev/a", "/dev/b"] * 2

    run_virtual(main)


def test_a_changed_device_is_left_alone_while_its_port_stays() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.modem_at("/dev/a", IMEI)
        house.reception.found(stick("1-1", "/dev/a"))
        await asyncio.sleep(2)
        house.reception.changed(stick("1-1", "/dev/a", "/dev/b"))
        assert len(house.units["m-237518"].places) == 1
        house.reception.changed(stick("1-1", "/dev/c"))
        assert house.where("m-237518") is None

    run_virtual(main)


def test_swapped_sticks_are_asked_anew() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.modem_at("/dev/a", IMEI)
        house.modem_at("/dev/b", OTHER_IMEI)
        house.reception.found(stick("1-1", "/dev/a"))
        house.reception.found(stick("1-2", "/dev/b"))
        await asyncio.sleep(2)
        house.modem_at("/dev/a", OTHER_IMEI)
        house.modem_at("/dev/b", IMEI)
        house.reception.strayed(Lane("m-237518"))
        house.reception.strayed(Lane("m-643809"))
        await asyncio.sleep(2)
        assert house.where("m-237518").port == "/dev/b"  # type: ignore[union-attr]
        assert house.where("m-643809").port == "/dev/a"  # type: ignore[union-attr]

    run_virtual(main)


def test_a_sim_decides_where_it_is_named() -> None:
    async def main(loop: VirtualLoop) -> None:
        selectors = [Selector(lane=Lane("a"), iccid="8949"), Selector(lane=Lane("b"), imei=IMEI)]
        reception = House(loop, Bindings(selectors), "a", "b").reception
        assert reception.belongs(Lane("a"), SimId("8949"))
        assert not reception.belongs(Lane("a"), SimId("8950"))  # another SIM is in it
        assert not reception.belongs(Lane("b"), SimId("8949"))  # it came in after the plug
        assert not reception.belongs(Lane("m-237518"), SimId("8949"))
        assert reception.belongs(Lane("b"), SimId("8950"))
        for untold in (None, SimId("imsi:26201")):
            assert not reception.belongs(Lane("a"), untold)
            assert reception.belongs(Lane("b"), untold)

    run_virtual(main)


def test_a_device_that_leaves_while_it_is_asked_is_forgotten() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.modem_at("/dev/a", IMEI)
        house.reception.found(stick("1-1", "/dev/a"))
        await asyncio.sleep(0.5)
        house.reception.gone("1-1")
        await asyncio.sleep(5)
        assert house.units == {}
        assert house.strangers == {}
        house.reception.gone("1-9")  # never told
        house.reception.found(stick("1-1", "/dev/x"))
        await asyncio.sleep(2)
        await house.reception.stop()
        assert house.asked == ["/dev/a", "/dev/x"]

    run_virtual(main)

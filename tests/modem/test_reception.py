"""What is plugged in gets its lane, or is shown with what to do about it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from airpost.clock import Instant, LoopClock
from airpost.model import Lane, ModemView, SimId
from airpost.modem.binding import Bindings, Selector
from airpost.modem.devices import Device, PortInfo
from airpost.modem.healing import Place
from airpost.modem.profile import DeviceMode, Role
from airpost.modem.proof import Finding, Proof
from airpost.modem.reception import Reception
from tests.virtual import VirtualLoop, run_virtual

IMEI, OTHER_IMEI = "490154203237518", "356938035643809"
START = Instant(1_767_225_600_000_000)


class FakeUnit:
    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.places: list[Place | None] = []

    def move(self, place: Place | None) -> None:
        self.places.append(place)


class House:
    """A reception with everything around it that can be watched."""

    def __init__(self, loop: VirtualLoop, bindings: Bindings, *lanes: str) -> None:
        self.clock = LoopClock(loop.time, START)
        self.units: dict[str, FakeUnit] = {}
        self.strangers: dict[str, ModemView] = {}
        self.answers: dict[str, Proof] = {}
        self.iccids: dict[str, str] = {}
        self.asked: list[str] = []
        self.remarks: dict[str, str] = {}
        self.reception = Reception(bindings, self, self, self.clock, make=self._make)  # type: ignore[arg-type]
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

    async def iccid(self, path: str) -> str | None:
        return self.iccids.get(path)

    def modem_at(self, path: str, imei: str | None) -> None:
        self.answers[path] = Proof(path=path, finding=Finding.AT, sentence="", imei=imei)

    def where(self, lane: str) -> Place | None:
        return self.units[lane].places[-1]


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
        house.iccids["/dev/p3"] = "8949"
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
        assert house.strangers == {}
        assert house.where("by-plug").imei is None  # type: ignore[union-attr]

    run_virtual(main)


def test_modems_with_one_imei_are_told_apart_by_their_plugs() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings())
        house.modem_at("/dev/a", IMEI)
        house.modem_at("/dev/b", IMEI)
        house.modem_at("/dev/c", "000000000000000")
        for usb_path, port in (("1-1", "/dev/a"), ("1-2", "/dev/b"), ("1-3", "/dev/c")):
            house.reception.found(stick(usb_path, port))
            await asyncio.sleep(2)
        assert sorted(house.units) == ["m-237518", "u-1-2", "u-1-3"]
        assert sorted(house.remarks) == ["u-1-2", "u-1-3"]
        assert IMEI in house.remarks["u-1-2"]

    run_virtual(main)


def test_a_second_modem_of_a_bound_imei_is_not_used() -> None:
    async def main(loop: VirtualLoop) -> None:
        house = House(loop, Bindings([Selector(lane=Lane("a"), imei=IMEI)]), "a")
        house.modem_at("/dev/a", IMEI)
        house.modem_at("/dev/b", IMEI)
        house.reception.found(stick("1-1", "/dev/a"))
        await asyncio.sleep(2)
        house.reception.found(stick("1-2", "/dev/b"))
        await asyncio.sleep(2)
        assert "which is at 1-1" in house.strangers["1-2"].detail
        house.reception.gone("1-1")
        await asyncio.sleep(20)
        assert house.where("a").port == "/dev/b"  # type: ignore[union-attr]
        assert house.strangers == {}

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
        assert reception.belongs(Lane("a"), SimId("imsi:26201"))  # it tells no number

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

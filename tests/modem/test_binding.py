"""Lanes by place, modem and SIM."""

from __future__ import annotations

import re

import pytest

from airpost.model import Lane
from airpost.modem.binding import (
    Bindings,
    Selector,
    is_placeholder,
    lane_of_imei,
    lane_of_place,
    other_than,
)
from airpost.modem.devices import Device, PortInfo
from airpost.modem.profile import DeviceMode, Role

IMEI, OTHER_IMEI = "490154203237518", "356938035643809"


def device(usb_path: str, *ports: str) -> Device:
    found = [PortInfo(path=path, interface=at, role=Role.AT) for at, path in enumerate(ports)]
    return Device(
        usb_path=usb_path, vid="12d1", pid="1506", product=None, serial=None, ports=tuple(found),
        mode=DeviceMode.MODEM,
    )  # fmt: skip


def test_a_place_binds_by_port_or_by_plug() -> None:
    port = Selector(lane=Lane("a"), port="/dev/serial/by-path/x")
    plug = Selector(lane=Lane("b"), usb_path="1-1.4")
    bindings = Bindings([port, plug])
    assert bindings.by_place(device("1-1.1", "/dev/ttyUSB0", "/dev/serial/by-path/x")) is port
    assert bindings.by_place(device("1-1.4", "/dev/ttyUSB7")) is plug
    assert bindings.by_place(device("1-1.41", "/dev/ttyUSB7")) is None


def test_a_sim_and_a_modem_are_named_each_by_its_number() -> None:
    modem = Selector(lane=Lane("a"), imei=IMEI)
    sim = Selector(lane=Lane("b"), iccid="8949")
    bindings = Bindings([modem, sim])
    assert bindings.by_sim("8949") is sim
    assert bindings.by_sim("8950") is None
    assert bindings.by_sim(None) is None
    assert bindings.by_modem(IMEI) is modem
    assert bindings.by_modem(OTHER_IMEI) is None
    assert bindings.by_modem(None) is None


@pytest.mark.parametrize(
    ("selectors", "discover", "modem", "sims"),
    [
        ([], True, True, set()),
        ([], False, False, set()),
        ([Selector(lane=Lane("a"), port="/dev/x")], False, False, set()),
        ([Selector(lane=Lane("a"), imei=IMEI)], False, True, set()),
        ([Selector(lane=Lane("a"), iccid="8949")], False, True, {"a"}),
    ],
)
def test_what_must_be_asked(
    selectors: list[Selector], discover: bool, modem: bool, sims: set[str]
) -> None:
    bindings = Bindings(selectors, discover=discover)
    assert (bindings.asks_modem, bindings.sim_lanes) == (modem, sims)
    assert bindings.lanes == {each.lane for each in selectors}


@pytest.mark.parametrize(
    ("selector", "words"),
    [
        (Selector(lane=Lane("a"), port="/dev/x"), "there is no port /dev/x; .*correct `port`"),
        (Selector(lane=Lane("a"), usb_path="1-1.4"), "at USB 1-1.4; .*correct `usb_path`"),
        (Selector(lane=Lane("a"), imei=IMEI), f"the IMEI {IMEI}; .*correct `imei`"),
        (Selector(lane=Lane("a"), iccid="8949"), "the SIM 8949; .*correct `iccid`"),
    ],
)
def test_what_is_not_there_is_called_by_what_it_was_to_be_found_by(
    selector: Selector, words: str
) -> None:
    assert re.search(words, selector.missing)
    assert Bindings([selector]).of_lane(Lane("a")) is selector
    assert Bindings([selector]).of_lane(Lane("b")) is None


@pytest.mark.parametrize("imei", [IMEI, OTHER_IMEI])
def test_a_real_imei_names_one_modem(imei: str) -> None:
    assert not is_placeholder(imei)


@pytest.mark.parametrize(
    "imei", ["000000000000000", "111111111111119", "490154203237519", "012345678901237", "49015420"]
)
def test_an_imei_that_many_share_names_none(imei: str) -> None:
    assert is_placeholder(imei)


def test_lanes_of_modems_that_end_alike_differ() -> None:
    first = lane_of_imei(IMEI, {})
    assert first == "m-237518"
    assert lane_of_imei(IMEI, {first: IMEI}) == first
    alike = OTHER_IMEI[:9] + IMEI[-6:]
    second = lane_of_imei(alike, {first: IMEI})
    assert second == "m-3237518" if alike[-7] == "3" else second == f"m-{alike[-7:]}"
    all_taken = {Lane(f"m-{IMEI[-n:]}"): alike for n in range(6, 16)}
    assert lane_of_imei(IMEI, all_taken) == f"m-{IMEI}-2"
    assert lane_of_imei(IMEI, {**all_taken, Lane(f"m-{IMEI}-2"): alike}) == f"m-{IMEI}-3"


def test_a_plug_gives_a_name_that_fits_an_address() -> None:
    assert lane_of_place("1-1.4:1.2") == "u-1-1.4-1.2"
    assert lane_of_place("/dev/ttyS1") == "u-dev-ttyS1"
    taken = {Lane("u-1-1"), Lane("u-1-1-2")}
    assert other_than(taken, Lane("u-1-1")) == "u-1-1-3"
    assert other_than(taken, Lane("u-1-2")) == "u-1-2"

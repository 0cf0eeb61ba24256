"""What USB devices are, by the packaged profiles and by what USB says of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airpost.modem.devices import (
    NO_DRIVER,
    PORT_TAKEN,
    SWITCH_S,
    UNSWITCHED,
    Device,
    Interface,
    Sighting,
    Tty,
    complete,
    devices_of,
    patience_s,
)
from airpost.modem.profile import DeviceMode, Role
from airpost.modem.profiles import load_profiles

PROFILES = load_profiles()
CDC_AT = (0x02, 0x02, 0x01)


def tty(interface: int | None, **changes: Any) -> Tty:
    name = f"/dev/ttyUSB{interface or 0}"
    return Tty(**({"path": name, "node": name, "interface": interface} | changes))


def seen(
    usb: str, *interfaces: tuple[int, ...], ttys: tuple[Any, ...] = (), **more: Any
) -> Sighting:
    """`interfaces` are number, class, subclass, protocol; `ttys` their numbers or whole values."""
    vid, _, pid = usb.partition(":")
    driver = more.pop("driver", "option")
    made = tuple(Interface(number=n, cls=c, subclass=s, protocol=p, driver=driver)
                 for n, c, s, p in interfaces)  # fmt: skip
    return Sighting(usb_path="1-1.4", address="7", vid=vid, pid=pid, interfaces=made,
                    ttys=tuple(each if isinstance(each, Tty) else tty(each) for each in ttys),
                    **({"announced": len(made)} | more))  # fmt: skip


def one(sighting: Sighting) -> Device:
    (device,) = devices_of(sighting, PROFILES)
    return device


def plain(*numbers: int) -> list[tuple[int, ...]]:
    return [(number, 0xFF, 0, 0) for number in numbers]


def roles(device: Device) -> list[tuple[int | None, Role | None]]:
    return [(port.interface, port.role) for port in device.ports]


def test_a_table_of_interfaces_orders_the_ports() -> None:
    device = one(seen("2c7c:0125", *plain(0, 1, 2, 3, 4), ttys=(0, 1, 2, 3)))
    assert roles(device) == [(2, Role.AT), (3, Role.SPARE), (1, Role.NMEA), (0, Role.DIAG)]
    assert device.mode is DeviceMode.MODEM
    assert device.remedy is None


def test_a_table_of_classes_orders_the_ports() -> None:
    interfaces = [(0, 0xFF, 2, 1), (1, 0xFF, 2, 3), (2, 0xFF, 2, 2)]
    device = one(seen("12d1:1506", *interfaces, ttys=(0, 1, 2)))
    assert device.at_ports[0].interface == 2
    assert dict(roles(device))[0] is Role.PPP


def test_usb_itself_tells_where_no_table_does() -> None:
    interfaces = [(0, *CDC_AT), (1, 0x0A, 0, 0), (2, *CDC_AT), (3, 0x0A, 0, 0)]
    device = one(seen("abcd:0001", *interfaces, ttys=(0, 2), driver="cdc_acm"))
    assert roles(device) == [(0, Role.AT), (2, Role.AT)]


def test_an_unknown_modem_is_known_by_its_driver_and_asked_port_by_port() -> None:
    device = one(seen("abcd:0002", *plain(0, 1, 2), ttys=(2, 0, 1)))
    assert roles(device) == [(0, None), (1, None), (2, None)]
    assert device.mode is DeviceMode.MODEM


def test_the_tag_of_udev_goes_before_the_table_and_an_unknown_one_is_nothing() -> None:
    ports = (tty(2, tag="diag"), tty(3, tag="at"), tty(1, tag="what"))
    device = one(seen("2c7c:0125", *plain(0, 1, 2, 3), ttys=ports))
    assert roles(device) == [(3, Role.AT), (1, Role.NMEA), (2, Role.DIAG)]


def test_the_configuration_goes_before_all() -> None:
    ports = (tty(2), tty(1, named=True, tag="diag"))
    device = one(seen("2c7c:0125", *plain(0, 1, 2, 3), ttys=ports))
    assert roles(device) == [(1, Role.AT), (2, Role.AT)]


def test_audio_and_ports_to_leave_alone_are_never_asked() -> None:
    device = one(seen("1bc7:1201", *plain(0, 2, 3, 4, 5, 6), ttys=(0, 3, 4, 5, 6)))
    assert [port.interface for port in device.at_ports] == [4, 5, 3, 0]
    assert roles(device)[-1] == (6, Role.IGNORE)


def test_a_port_without_usb_is_a_modem_of_its_own() -> None:
    port = Tty(path="/tmp/modem1", node="/dev/pts/7", named=True)
    sighting = Sighting(usb_path="/tmp/modem1", address="1", ttys=(port,))
    device = one(sighting)
    assert (device.usb_path, device.mode, device.vid) == ("/tmp/modem1", DeviceMode.MODEM, None)
    assert [each.path for each in device.at_ports] == ["/tmp/modem1"]
    assert complete(sighting, PROFILES)


@pytest.mark.parametrize("usb", ["046d:c31c", "2341:0043", "1d6b:0002"])
def test_what_is_no_modem_is_not_told(usb: str) -> None:
    assert devices_of(seen(usb, (0, 0x03, 1, 1), driver="usbhid"), PROFILES) == ()


def test_a_device_nobody_knows_is_told_when_the_configuration_names_it() -> None:
    sighting = seen("abcd:0003", (0, 0xFF, 0, 0), ttys=(tty(0, named=True),), driver="mystery")
    assert one(sighting).mode is DeviceMode.MODEM


# -- adapters ------------------------------------------------------------------------------------


def test_an_adapter_has_the_modem_of_its_port() -> None:
    device = one(seen("1a86:7523", (0, 0xFF, 1, 2), ttys=(0,), driver="ch341"))
    assert (device.mode, device.usb_path) == (DeviceMode.SERIAL_ADAPTER, "1-1.4")
    assert roles(device) == [(0, None)]


def test_an_adapter_with_several_ports_has_as_many_modems() -> None:
    four = seen("0403:6011", *plain(0, 1, 2, 3), ttys=(0, 1, 2, 3), driver="ftdi_sio")
    assert [(each.usb_path, len(each.ports)) for each in devices_of(four, PROFILES)] == [
        ("1-1.4:1.0", 1), ("1-1.4:1.1", 1), ("1-1.4:1.2", 1), ("1-1.4:1.3", 1)]  # fmt: skip
    shared = seen("9710:7820", (0, 0xFF, 0, 0), ttys=(tty(0, port=0), tty(0, port=1)),
                  driver="mos7840")  # fmt: skip
    assert [each.usb_path for each in devices_of(shared, PROFILES)] == [
        "1-1.4:1.0.0", "1-1.4:1.0.1"]  # fmt: skip


def test_an_adapter_whose_port_was_taken_away_says_by_whom() -> None:
    device = one(seen("1a86:7523", (0, 0xFF, 1, 2), driver="usbfs"))
    assert device.ports == device.at_ports == ()
    assert device.remedy is not None
    assert "brltty" in device.remedy
    unknown = one(seen("abcd:0004", *plain(0), *[(1, 0xFF, 0, 0)], driver="ch341", ttys=(0,)))
    assert unknown.mode is DeviceMode.SERIAL_ADAPTER
    assert "brltty" in PORT_TAKEN


def test_an_adapter_that_nobody_uses_is_not_told() -> None:
    assert devices_of(seen("0403:6014", (0, 0xFF, 0, 0), driver="x"), PROFILES) == ()


# -- modes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usb", "mode"),
    [("12d1:1f01", DeviceMode.CDROM), ("19d2:2000", DeviceMode.CDROM),
     ("12d1:14dc", DeviceMode.HILINK), ("05c6:9008", DeviceMode.DOWNLOAD)],
)  # fmt: skip
def test_modes_without_a_modem_are_named_with_their_remedy(usb: str, mode: DeviceMode) -> None:
    device = one(seen(usb, (0, 0x08, 6, 0x50), driver="usb-storage"))
    assert device.mode is mode
    assert device.at_ports == ()
    assert device.remedy


def test_download_mode_has_a_port_and_no_modem() -> None:
    device = one(seen("05c6:9008", (0, 0xFF, 0xFF, 0xFF), ttys=(0,), driver="qcserial"))
    assert len(device.ports) == 1
    assert device.at_ports == ()


def test_a_modem_that_shows_nothing_but_a_disc_was_not_switched() -> None:
    device = one(seen("2c7c:0125", (0, 0x08, 6, 0x50), driver="usb-storage"))
    assert (device.mode, device.remedy) == (DeviceMode.CDROM, UNSWITCHED)


def test_a_telephone_of_a_maker_of_modems_is_none() -> None:
    assert devices_of(seen("12d1:107e", (0, 0x06, 1, 1), driver="usbfs"), PROFILES) == ()


def test_a_modem_for_which_there_is_no_driver_says_so() -> None:
    device = one(seen("2c7c:0125", *plain(0, 1, 2, 3), driver=None))
    assert device.mode is DeviceMode.MODEM
    assert device.remedy == NO_DRIVER.format(vid="2c7c", pid="0125")
    assert "echo 2c7c 0125 >" in device.remedy
    by_class = one(seen("12d1:1506", (0, 0xFF, 2, 1), (1, 0xFF, 2, 2), driver=None))
    assert "echo 12d1 1506 >" in (by_class.remedy or "")


# -- settling ------------------------------------------------------------------------------------


def test_a_known_modem_is_complete_when_its_known_ports_are_there() -> None:
    four = plain(0, 1, 2, 3)
    assert complete(seen("2c7c:0125", *four, ttys=(0, 1, 2, 3)), PROFILES)
    assert not complete(seen("2c7c:0125", *four, ttys=(0, 1, 2)), PROFILES)
    assert not complete(seen("2c7c:0125", *four, ttys=(0, 1, 2, 3), announced=5), PROFILES)
    assert not complete(seen("2c7c:0125", *four, ttys=(0, 1, 2, 3), announced=0), PROFILES)


def test_a_port_is_waited_for_where_its_driver_makes_one_and_only_there() -> None:
    four = plain(0, 1, 2, 3)
    network = Interface(number=4, cls=0xFF, subclass=0, protocol=0, driver="qmi_wwan")
    sighting = seen("2c7c:0125", *four, ttys=(0, 1, 2, 3), announced=5)
    more = replace(sighting, interfaces=(*sighting.interfaces, network))
    assert complete(more, PROFILES)
    serial = replace(network, driver="option")
    assert not complete(replace(more, interfaces=(*sighting.interfaces, serial)), PROFILES)


def test_a_modem_nobody_knows_is_never_complete() -> None:
    assert not complete(seen("abcd:0002", *plain(0, 1), ttys=(0, 1)), PROFILES)


def test_an_adapter_is_complete_when_every_interface_has_its_port() -> None:
    assert complete(seen("1a86:7523", *plain(0), ttys=(0,), driver="ch341"), PROFILES)
    half = seen("0403:6011", *plain(0, 1), ttys=(0,), driver="ftdi_sio")
    assert not complete(half, PROFILES)
    several = seen("9710:7820", *plain(0), ttys=(0,), driver="mos7840")
    assert not complete(several, PROFILES)


def test_how_long_is_waited() -> None:
    settle_s = PROFILES.generic.timing.settle_s
    assert patience_s(seen("abcd:0002", *plain(0, 1), ttys=(0,)), PROFILES) == settle_s
    assert patience_s(seen("12d1:14dc", (0, 0x02, 6, 0), driver="cdc_ether"), PROFILES) < SWITCH_S
    assert patience_s(seen("12d1:1f01", (0, 0x08, 6, 0x50)), PROFILES) == SWITCH_S
    assert patience_s(seen("2c7c:0125", *plain(0), driver=None), PROFILES) == SWITCH_S

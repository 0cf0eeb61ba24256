"""Which lane a modem is given: by where it is, by what it is, or by the SIM in it.

May import devices and L0. Pure. A tty's name binds nothing, because it is another one after every
plug; the port of a selector is a path that stays (`/dev/serial/by-path/…`, `/dev/airpost/…`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airpost.model import Lane
from airpost.modem.devices import Device

SHORT_DIGITS = 6  # of the IMEI in a lane's name; more where two modems end alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """What the configuration binds a lane to: exactly one of the four is set."""

    lane: Lane
    port: str | None = None
    usb_path: str | None = None
    imei: str | None = None
    iccid: str | None = None


class Bindings:
    """All selectors, and whether modems without one get a lane of their own."""

    def __init__(self, selectors: Sequence[Selector] = (), *, discover: bool = True) -> None:
        self.discover = discover
        self._selectors = tuple(selectors)

    @property
    def asks_sim(self) -> bool:
        """True when a SIM's number decides about a lane."""
        return any(each.iccid is not None for each in self._selectors)

    @property
    def asks_modem(self) -> bool:
        """True when a modem must say who it is before its lane is known."""
        return self.discover or any(
            each.imei is not None or each.iccid is not None for each in self._selectors
        )

    def wants_sim(self, lane: Lane) -> bool:
        """True for a lane that is bound to one SIM."""
        return any(each.lane == lane and each.iccid is not None for each in self._selectors)

    def by_place(self, device: Device) -> Selector | None:
        """The selector that names a port of `device`, or where it is plugged in."""
        ports = {port.path for port in device.ports}
        for each in self._selectors:
            if each.port in ports or each.usb_path == device.usb_path:
                return each
        return None

    def by_identity(self, imei: str | None, iccid: str | None) -> Selector | None:
        """The selector that names the SIM, else the one that names the modem.

        The SIM goes first: whoever names it wants its number, in whatever stick it is.
        """
        for each in self._selectors:
            if each.iccid is not None and each.iccid == iccid:
                return each
        for each in self._selectors:
            if each.imei is not None and each.imei == imei:
                return each
        return None


def is_placeholder(imei: str) -> bool:
    """True for an IMEI that many modems share: one digit all over, or the check digit is wrong.

    TS 23.003 annex B: the last digit is the Luhn sum of the others; firmware that was never given
    an IMEI holds zeros or counts up.
    """
    if len(imei) != 15 or not imei.isdecimal() or len(set(imei[:14])) == 1:
        return True
    doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(imei)]
    return sum(value // 10 + value % 10 for value in doubled) % 10 != 0 or imei.startswith(
        "0123456"
    )


def lane_of_imei(imei: str, taken: Mapping[Lane, str]) -> Lane:
    """The lane of a modem that was found by itself: `m-` and the end of its IMEI.

    `taken` are the lanes that are given, each with its IMEI: one that ends alike has a longer name.
    """
    for digits in range(SHORT_DIGITS, len(imei) + 1):
        lane = Lane(f"m-{imei[-digits:]}")
        if taken.get(lane, imei) == imei:
            return lane
    return Lane(f"m-{imei}-2")


def lane_of_place(usb_path: str) -> Lane:
    """The lane of a modem that cannot be told apart by its IMEI: where it is plugged in."""
    return Lane(f"u-{usb_path.strip('/').replace('/', '-').replace(':', '-')}")

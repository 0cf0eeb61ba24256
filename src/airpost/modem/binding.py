"""Which lane a modem is given: by where it is, by what it is, or by the SIM in it.

May import devices, identity and L0. Pure. A tty's name binds nothing, because it is another one
after every plug; the port of a selector is a path that stays (`/dev/serial/by-path/…`,
`/dev/airpost/…`).
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count

from airpost.model import Lane
from airpost.modem.devices import Device
from airpost.modem.identity import check_digit

SHORT_DIGITS = 6  # of the IMEI in a lane's name; more where two modems end alike
FOUND = ("m-", "u-")  # what lanes of modems that no section names begin with
COUNTED_UP = "0123456"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """What the configuration binds a lane to: exactly one of the four is set."""

    lane: Lane
    port: str | None = None
    usb_path: str | None = None
    imei: str | None = None
    iccid: str | None = None

    @property
    def missing(self) -> str:
        """What is the case while nothing like it is here, and what to do."""
        if self.port is not None:
            return f"there is no port {self.port}; plug the modem in, or correct `port`"
        if self.usb_path is not None:
            words = f"no modem is plugged in at USB {self.usb_path}"
            return f"{words}; plug it in there, or correct `usb_path`"
        if self.iccid is not None:
            words = f"no modem here has the SIM {self.iccid}"
            return f"{words}; put it into one, or correct `iccid`"
        return f"no modem here has the IMEI {self.imei}; plug it in, or correct `imei`"


class Bindings:
    """All selectors, and whether modems without one get a lane of their own."""

    def __init__(self, selectors: Sequence[Selector] = (), *, discover: bool = True) -> None:
        self.discover = discover
        self._selectors = tuple(selectors)

    @property
    def asks_modem(self) -> bool:
        """True when a modem must say who it is before its lane is known."""
        return self.discover or any(
            each.imei is not None or each.iccid is not None for each in self._selectors
        )

    def of_lane(self, lane: Lane) -> Selector | None:
        """What the configuration binds `lane` to."""
        return next((each for each in self._selectors if each.lane == lane), None)

    @property
    def lanes(self) -> frozenset[Lane]:
        """All that the configuration names."""
        return frozenset(each.lane for each in self._selectors)

    @property
    def sim_lanes(self) -> frozenset[Lane]:
        """Those that are bound to one SIM each."""
        return frozenset(each.lane for each in self._selectors if each.iccid is not None)

    def by_place(self, device: Device) -> Selector | None:
        """The selector that names a port of `device`, or where it is plugged in."""
        ports = {port.path for port in device.ports}
        for each in self._selectors:
            if each.port in ports or each.usb_path == device.usb_path:
                return each
        return None

    def by_sim(self, iccid: str | None) -> Selector | None:
        """The selector that names the SIM.

        It goes before the others: whoever names it wants its number, in whatever stick it is.
        """
        return next((each for each in self._selectors if iccid and each.iccid == iccid), None)

    def by_modem(self, imei: str | None) -> Selector | None:
        """The selector that names the modem."""
        return next((each for each in self._selectors if imei and each.imei == imei), None)


def is_placeholder(imei: str) -> bool:
    """True for an IMEI that many modems share: one digit all over, or the check digit is wrong.

    TS 23.003 annex B: the last digit is the Luhn sum of the others; firmware that was never given
    an IMEI holds zeros or counts up.
    """
    if len(imei) != 15 or not imei.isdecimal() or len(set(imei[:14])) == 1:
        return True
    return imei[14] != check_digit(imei[:14]) or imei.startswith(COUNTED_UP)


def lane_of_imei(imei: str, taken: Mapping[Lane, str]) -> Lane:
    """The lane of a modem that was found by itself: `m-` and the end of its IMEI.

    `taken` are the lanes that are given, each with its IMEI: one that ends alike has a longer name.
    """
    for digits in range(SHORT_DIGITS, len(imei) + 1):
        lane = Lane(f"m-{imei[-digits:]}")
        if taken.get(lane, imei) == imei:
            return lane
    return other_than(taken, Lane(f"m-{imei}"))


def lane_of_place(usb_path: str) -> Lane:
    """The lane of a modem that cannot be told apart by its IMEI: where it is plugged in."""
    return Lane(f"u-{usb_path.strip('/').replace('/', '-').replace(':', '-')}")


def other_than(taken: Container[Lane], lane: Lane) -> Lane:
    """`lane`, or with a number behind it where it is taken."""
    names = chain([lane], (Lane(f"{lane}-{number}") for number in count(2)))
    return next(name for name in names if name not in taken)

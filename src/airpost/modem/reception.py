"""Gives every modem that is plugged in its lane: asks who it is, then tells its unit where it is.

May import modem and L0. It listens to discovery. A lane that names a place has what is plugged in
there; any other modem says its IMEI, and where a lane names a SIM also that, before a unit opens
it. What is no modem, or answers nothing, is shown with what to do about it, and asked again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from airpost.clock import Clock
from airpost.model import Lane, ModemView, SimId, UnitState
from airpost.modem.api import ModemUnit
from airpost.modem.binding import (
    Bindings,
    Selector,
    is_placeholder,
    lane_of_imei,
    lane_of_place,
)
from airpost.modem.devices import Device, PortInfo
from airpost.modem.healing import Place
from airpost.modem.profile import DeviceMode, Role
from airpost.modem.proof import Proof
from airpost.tasks import spawn, stop

log = logging.getLogger("airpost.reception")

STARTING_S = 90.0  # after a plug a modem may be starting: it is asked again and again
STARTING_AGAIN_S = 1.0
ASK_AGAIN_S = (5.0, 15.0, 60.0)  # one that has not said who it is until then
OWN_NAME = "its IMEI {imei} is no modem's alone: it is told apart by where it is plugged in"


class MovableUnit(ModemUnit, Protocol):
    """A unit that can be told where its modem is."""

    def move(self, place: Place | None) -> None:
        """From now on its modem is at `place`; None: nowhere."""
        ...


class Lodgings(Protocol):
    """What the pool does for the reception."""

    def add(self, unit: ModemUnit) -> None:
        """Take a new unit in and start it."""
        ...

    def stranger(self, place: str, view: ModemView | None) -> None:
        """Show what is plugged in and has no lane, or no more."""
        ...

    def remark(self, lane: Lane, words: str) -> None:
        """Write something about a modem into its history."""
        ...


class Questions(Protocol):
    """How ports are asked; nothing is kept open."""

    async def prove_first(self, ports: tuple[PortInfo, ...]) -> list[Proof]:
        """What each port is, in order, up to the AT port, which is the last."""
        ...

    async def iccid(self, path: str) -> str | None:
        """The number of the SIM behind an AT port."""
        ...


@dataclass(slots=True, kw_only=True)
class _Guest:
    """A device that is plugged in, who asks it, and the lane it was given."""

    device: Device
    asking: asyncio.Task[None]
    lane: Lane | None = None
    imei: str | None = None
    port: str | None = None


class Reception:
    """Listener of discovery. `make` builds the unit of a lane that nothing has configured."""

    def __init__(
        self,
        bindings: Bindings,
        lodgings: Lodgings,
        questions: Questions,
        clock: Clock,
        *,
        make: Callable[[Lane], MovableUnit],
    ) -> None:
        self._bindings = bindings
        self._lodgings = lodgings
        self._questions = questions
        self._clock = clock
        self._make = make
        self._units: dict[Lane, MovableUnit] = {}
        self._guests: dict[str, _Guest] = {}
        self._names: dict[Lane, str] = {}  # lanes that were named after an IMEI

    def add(self, unit: MovableUnit) -> None:
        """A unit whose lane the configuration names."""
        self._units[unit.lane] = unit

    async def stop(self) -> None:
        """Ask nobody any more."""
        for guest in tuple(self._guests.values()):
            await stop(guest.asking)

    # -- what discovery tells --------------------------------------------------------------------
    def found(self, device: Device) -> None:
        """It has come."""
        self._receive(device)

    def changed(self, device: Device) -> None:
        """Its ports or its mode are others now; one that is in use stays with its lane."""
        guest = self._guests.get(device.usb_path)
        if guest is not None and guest.port in {port.path for port in device.at_ports}:
            guest.device = device
            return
        self.gone(device.usb_path)
        self._receive(device)

    def gone(self, usb_path: str) -> None:
        """It was unplugged."""
        self._lodgings.stranger(usb_path, None)
        guest = self._guests.pop(usb_path, None)
        if guest is None:
            return
        guest.asking.cancel()
        if guest.lane is not None:
            self._units[guest.lane].move(None)

    def strayed(self, lane: Lane) -> None:
        """Another modem answers where the lane's was: two sticks were swapped, say."""
        for usb_path, guest in tuple(self._guests.items()):
            if guest.lane == lane:
                self.gone(usb_path)
                self._receive(guest.device)

    def belongs(self, lane: Lane, sim_id: SimId) -> bool:
        """False where the configuration gives this SIM to another lane, or the lane to another SIM.

        A SIM that tells no number is taken as it is.
        """
        named = self._bindings.by_identity(None, sim_id)
        if named is not None:
            return named.lane == lane
        return not (sim_id.isdecimal() and self._bindings.wants_sim(lane))

    # -- asking ----------------------------------------------------------------------------------
    def _receive(self, device: Device) -> None:
        if not device.at_ports:
            words = device.remedy or "no port of it can be used"
            self._lodgings.stranger(device.usb_path, self._view(device, words))
            return
        place = self._bindings.by_place(device)
        if place is None and not self._bindings.asks_modem:
            return
        asking = spawn(self._ask(device, place), name=f"reception {device.usb_path}")
        self._guests[device.usb_path] = _Guest(device=device, asking=asking)

    async def _ask(self, device: Device, place: Selector | None) -> None:
        """Until it has its lane; what hinders it is shown meanwhile."""
        tries, began_s = 0, self._clock.mono()
        while (hindrance := await self._settle(device, place)) is not None:
            self._lodgings.stranger(device.usb_path, self._view(device, hindrance))
            if self._clock.mono() - began_s < STARTING_S:
                await self._clock.sleep(STARTING_AGAIN_S)
                continue
            await self._clock.sleep(ASK_AGAIN_S[min(tries, len(ASK_AGAIN_S) - 1)])
            tries += 1
        self._lodgings.stranger(device.usb_path, None)

    async def _settle(self, device: Device, place: Selector | None) -> str | None:
        """None when it has its lane, or is to have none; else why not."""
        if place is not None and place.port is not None:
            self._give(device, place.lane, place.port, imei=None)
            return None
        proofs = await self._questions.prove_first(device.at_ports)
        at_port = proofs[-1] if proofs and proofs[-1].is_at_port else None
        if at_port is None:
            return "; ".join(f"{each.path}: {each.sentence}" for each in proofs)
        if place is not None:
            self._give(device, place.lane, at_port.path, imei=None)
            return None
        return await self._settle_modem(device, at_port)

    async def _settle_modem(self, device: Device, proof: Proof) -> str | None:
        iccid = None
        if self._bindings.asks_sim:
            iccid = await self._questions.iccid(proof.path)
        named = self._bindings.by_identity(proof.imei, iccid)
        if named is not None:
            holder = self._holder(named.lane)
            if holder is not None:
                return f"is also what {named.lane} is bound to, which is at {holder}"
            self._give(device, named.lane, proof.path, imei=proof.imei)
            return None
        if not self._bindings.discover:
            return None
        lane, shared = self._own_lane(device, proof.imei)
        if lane not in self._units:
            unit = self._make(lane)
            self._units[lane] = unit
            self._lodgings.add(unit)
        if shared:
            words = OWN_NAME.format(imei=proof.imei)
            log.warning("reception.same_imei usb=%s modem=%s %s", device.usb_path, lane, words)
            self._lodgings.remark(lane, words)
        self._give(device, lane, proof.path, imei=proof.imei)
        return None

    def _own_lane(self, device: Device, imei: str | None) -> tuple[Lane, bool]:
        """Its lane, and whether its IMEI is of no use to tell it apart."""
        if imei is None:
            return lane_of_place(device.usb_path), False
        present = [guest.imei for guest in self._guests.values() if guest.lane is not None]
        if is_placeholder(imei) or imei in present:
            return lane_of_place(device.usb_path), True
        lane = lane_of_imei(imei, self._names)
        self._names[lane] = imei
        return lane, False

    def _holder(self, lane: Lane) -> str | None:
        """Where the modem of a lane is plugged in."""
        return next((path for path, guest in self._guests.items() if guest.lane == lane), None)

    def _give(self, device: Device, lane: Lane, port: str, imei: str | None) -> None:
        guest = self._guests[device.usb_path]
        guest.lane, guest.imei, guest.port = lane, imei, port
        spare = (each.path for each in device.at_ports
                 if each.path != port and each.role in (Role.AT, Role.SPARE))  # fmt: skip
        # An adapter is not the modem: its power is not the modem's, and others may share it.
        own_usb = device.vid is not None and device.mode is not DeviceMode.SERIAL_ADAPTER
        place = Place(
            port=port,
            other_port=next(spare, None),
            usb_path=device.usb_path if own_usb else None,
            vid=device.vid,
            pid=device.pid,
            imei=imei,
        )
        log.info("reception.given usb=%s modem=%s port=%s", device.usb_path, lane, port)
        self._units[lane].move(place)

    def _view(self, device: Device, words: str) -> ModemView:
        return ModemView(
            lane=lane_of_place(device.usb_path),
            port=device.ports[0].path if device.ports else device.usb_path,
            state=UnitState.ABSENT,
            since=self._clock.now(),
            detail=words,
            model=device.product,
            routes=frozenset(),
        )

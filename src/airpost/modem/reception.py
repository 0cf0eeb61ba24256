"""Gives every modem that is plugged in its lane: asks who it is, then tells its unit where it is.

May import modem, at.replies and L0. It listens to discovery. A lane that names a place has what is
plugged in there; any other modem says its IMEI, and where a lane names a SIM also that, before a
unit opens it. What is no modem, or answers nothing, is shown with what to do about it, and asked
again. No lane ever has two modems.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from airpost.at.replies import SimStatus
from airpost.clock import Clock
from airpost.errors import StoreUnavailable
from airpost.model import Lane, ModemView, SimId, UnitState
from airpost.modem.api import ModemUnit
from airpost.modem.binding import (
    Bindings,
    Selector,
    is_placeholder,
    lane_of_place,
    other_than,
)
from airpost.modem.devices import Device, PortInfo
from airpost.modem.healing import Place
from airpost.modem.lanebook import NO_PLACE, LaneBook
from airpost.modem.profile import DeviceMode, Role
from airpost.modem.proof import Proof, SimSeen
from airpost.tasks import spawn, stop

log = logging.getLogger("airpost.reception")

HASTE_S = 90.0  # after a plug a modem may be starting: it is asked again and again
HASTE_PACE_S = 1.0
ASK_AGAIN_S = (5.0, 15.0, 60.0)  # one that has not said who it is until then
SHARED = "its IMEI {imei} is no modem's alone: it is told apart by where it is plugged in"
BIND_PLACE = "; bind {lane} by `usb_path` instead of `imei`"
DISPLACED = "its IMEI {imei} is that of several modems; it is {lane} now, by where it is plugged in"
TWIN = "has the IMEI of {lane}, which is at {place} and has not told yet whether it still is"
HELD = "is also what {lane} is bound to, which is at {place}"
UNPLUGGED = "it is not plugged in"
NO_LANE = "no lane is bound to its SIM {iccid}; set `iccid`, or `discover = true`"
NO_SIM = "there is no SIM in it; put one in"
SILENT_SIM = (
    "there is no SIM in it, or one that tells no number that an `iccid` could be compared with; "
    "put one in, or bind the lane by `imei` or `usb_path`"
)
LOCKED_SIM = (
    "its SIM waits for its PIN and tells no number before, so it is no lane's with an `iccid`; "
    "switch the PIN of the SIM off, or bind the lane by `imei` or `usb_path`"
)
WAITING = frozenset({SimStatus.SIM_PIN, SimStatus.SIM_PUK})
# Where a modem has told its IMEI in this opening.
SERVED_IN = (UnitState.REGISTERING, UnitState.READY, UnitState.DEGRADED)
KNOWN_IN = (UnitState.SIM, *SERVED_IN)


class MovableUnit(ModemUnit, Protocol):
    """A unit that can be told where its modem is."""

    def move(self, place: Place | None, words: str | None = None) -> None:
        """From now on its modem is at `place`; None: nowhere, and `words` say what to do."""
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

    async def sim(self, path: str) -> SimSeen:
        """The SIM behind an AT port."""
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
        book: LaneBook,
        lodgings: Lodgings,
        questions: Questions,
        clock: Clock,
        *,
        make: Callable[[Lane], MovableUnit],
    ) -> None:
        self._bindings = bindings
        self._book = book
        self._lodgings = lodgings
        self._questions = questions
        self._clock = clock
        self._make = make
        self._units: dict[Lane, MovableUnit] = {}
        self._guests: dict[str, _Guest] = {}
        self._turn = asyncio.Lock()  # who has which lane is looked up and changed in one

    def add(self, unit: MovableUnit) -> None:
        """A unit whose lane the configuration names."""
        self._units[unit.lane] = unit
        selector = self._bindings.of_lane(unit.lane)
        if selector is not None and selector.port is None:
            unit.move(None, selector.missing)

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
            selector = self._bindings.of_lane(guest.lane)
            words = UNPLUGGED if selector is None else selector.missing
            self._units[guest.lane].move(None, words)

    def strayed(self, lane: Lane) -> None:
        """Another modem answers where the lane's was: two sticks were swapped, say."""
        for usb_path, guest in tuple(self._guests.items()):
            if guest.lane == lane:
                self.gone(usb_path)
                self._receive(guest.device)

    def belongs(self, lane: Lane, sim_id: SimId | None) -> bool:
        """False where the configuration gives this SIM to another lane, or the lane to another SIM.

        None, or one that is no number: a SIM that tells none. No lane that is bound to a SIM may
        have it, any other may.
        """
        named = self._bindings.by_sim(sim_id)
        if named is not None:
            return named.lane == lane
        return lane not in self._bindings.sim_lanes

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
            if self._clock.mono() - began_s < HASTE_S:
                await self._clock.sleep(HASTE_PACE_S)
                continue
            await self._clock.sleep(ASK_AGAIN_S[min(tries, len(ASK_AGAIN_S) - 1)])
            tries += 1
        self._lodgings.stranger(device.usb_path, None)

    async def _settle(self, device: Device, place: Selector | None) -> str | None:
        """None when it has its lane, or is to have none; else why not."""
        if place is not None and place.port is not None:
            return self._give(device, place.lane, place.port, imei=None)
        proofs = await self._questions.prove_first(device.at_ports)
        at_port = proofs[-1] if proofs and proofs[-1].is_at_port else None
        if at_port is None:
            return "; ".join(f"{each.path}: {each.sentence}" for each in proofs)
        if place is not None:
            return self._give(device, place.lane, at_port.path, imei=None)
        sim = SimSeen()
        if self._bindings.sim_lanes:
            sim = await self._questions.sim(at_port.path)
        try:
            async with self._turn:
                return await self._settle_modem(device, at_port, sim)
        except StoreUnavailable as error:  # who it was before is not known
            return error.reason

    async def _settle_modem(self, device: Device, proof: Proof, sim: SimSeen) -> str | None:
        """By its SIM, else by its IMEI, else by where it is plugged in."""
        named = self._bindings.by_sim(sim.iccid)
        if named is not None:
            self._free(named.lane, sim.iccid)
            return self._give(device, named.lane, proof.path, proof.imei)
        imei, place, shared = proof.imei, None, False
        named = self._bindings.by_modem(imei)
        if imei is not None:
            shared = is_placeholder(imei)
            if named is not None or not shared:
                hindrance = await self._part_twins(device, imei)
                if hindrance is not None:
                    return hindrance
                place = await self._book.place_of(imei)
        if named is not None and place in (None, device.usb_path):
            return self._give(device, named.lane, proof.path, imei)
        shared = shared or place is not None
        if not self._bindings.discover:
            if named is not None:
                return SHARED.format(imei=imei) + BIND_PLACE.format(lane=named.lane)
            return _without_lane(sim) if self._bindings.sim_lanes else None
        lane = self._lane_at(device) if imei is None or shared else await self._book.name(imei)
        return self._house(device, lane, proof.path, imei, shared=shared)

    def _free(self, lane: Lane, iccid: str | None) -> None:
        """A SIM of this lane is elsewhere now: who has had it is asked anew, unless it has it."""
        view = self._units[lane].view
        if view.state not in SERVED_IN or view.sim_id != iccid:
            self.strayed(lane)

    async def _part_twins(self, device: Device, imei: str) -> str | None:
        """Two modems with one IMEI are told apart by their places from now on; why not yet."""
        twin = self._twin(device, imei)
        if twin is None or twin.lane is None or await self._book.place_of(imei) is not None:
            return None
        view, device_before = self._units[twin.lane].view, twin.device
        told = view.state in KNOWN_IN and view.imei == imei
        if not told and not _is_all_usb(device_before):  # two behind adapters may have been swapped
            return TWIN.format(lane=twin.lane, place=device_before.usb_path)
        named = self._bindings.by_modem(imei)
        stays = device_before if named is not None and named.lane == twin.lane else device
        await self._book.share(imei, NO_PLACE if named is None else stays.usb_path)
        if self._guests.get(device_before.usb_path) is not twin:
            return None  # it has gone meanwhile
        lane_before = twin.lane
        if named is not None:
            self._report(device_before, lane_before, imei, BIND_PLACE.format(lane=named.lane))
        elif twin.port and self._bindings.of_lane(lane_before) is None:
            lane, twin.lane = self._lane_at(device_before), None
            if lane != lane_before:
                words = DISPLACED.format(imei=imei, lane=lane)
                self._units[lane_before].move(None, words)
            self._house(device_before, lane, twin.port, imei, shared=True)
        return None

    def _twin(self, device: Device, imei: str) -> _Guest | None:
        """Another modem in use that has told this IMEI."""
        for usb_path, guest in self._guests.items():
            if guest.lane is None or usb_path == device.usb_path:
                continue
            if imei in (guest.imei, self._units[guest.lane].view.imei):
                return guest
        return None

    def _lane_at(self, device: Device) -> Lane:
        """The lane of whatever is plugged in there."""
        here = device.usb_path
        others = {guest.lane for usb_path, guest in self._guests.items()
                  if guest.lane is not None and usb_path != here}  # fmt: skip
        return other_than(self._bindings.lanes | others, lane_of_place(here))

    def _holder(self, lane: Lane) -> str | None:
        """Where the modem of a lane is plugged in."""
        return next((path for path, guest in self._guests.items() if guest.lane == lane), None)

    def _house(
        self, device: Device, lane: Lane, port: str, imei: str | None, *, shared: bool
    ) -> str | None:
        """Give it a lane that only what is found has; why not, as `_give`."""
        if lane not in self._units:
            self._units[lane] = self._make(lane)
            self._lodgings.add(self._units[lane])
        if shared and imei is not None:
            self._report(device, lane, imei)
        return self._give(device, lane, port, imei)

    def _report(self, device: Device, lane: Lane, imei: str, more: str = "") -> None:
        words = SHARED.format(imei=imei) + more
        log.warning("reception.same_imei usb=%s modem=%s %s", device.usb_path, lane, words)
        self._lodgings.remark(lane, words)

    def _give(self, device: Device, lane: Lane, port: str, imei: str | None) -> str | None:
        """The lane is its own from now on; why not, where another modem has it."""
        holder = self._holder(lane)
        if holder is not None:
            return HELD.format(lane=lane, place=holder)
        guest = self._guests[device.usb_path]
        guest.lane, guest.imei, guest.port = lane, imei, port
        spare = (each.path for each in device.at_ports
                 if each.path != port and each.role in (Role.AT, Role.SPARE))  # fmt: skip
        place = Place(
            port=port,
            other_port=next(spare, None),
            usb_path=device.usb_path if _is_all_usb(device) else None,
            vid=device.vid,
            pid=device.pid,
            imei=imei,
        )
        log.info("reception.given usb=%s modem=%s port=%s", device.usb_path, lane, port)
        self._units[lane].move(place)
        return None

    def _view(self, device: Device, words: str) -> ModemView:
        return ModemView(
            lane=self._lane_at(device),
            port=device.ports[0].path if device.ports else device.usb_path,
            state=UnitState.ABSENT,
            since=self._clock.now(),
            detail=words,
            model=device.product,
            routes=frozenset(),
        )


def _is_all_usb(device: Device) -> bool:
    """False for an adapter: its power is not the modem's, and who is behind it may be exchanged."""
    return device.vid is not None and device.mode is not DeviceMode.SERIAL_ADAPTER


def _without_lane(sim: SimSeen) -> str:
    """Why no lane is bound to it by its SIM, and what to do."""
    if sim.iccid is not None:
        return NO_LANE.format(iccid=sim.iccid)
    if sim.status is SimStatus.NOT_INSERTED:
        return NO_SIM
    return LOCKED_SIM if sim.status in WAITING else SILENT_SIM

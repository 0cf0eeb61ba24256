"""Faults that are no matter of bytes: what happens to power, cable, bus, card and calls.

Stdlib only. `changed` is told of every fault that is set or ends; the modem tells the rest.
"""

from __future__ import annotations

import fcntl
import os
import termios
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hwsim.answering import line_of_its_own
from hwsim.characters import CHARACTERS, Character
from hwsim.faults import Fault

if TYPE_CHECKING:
    from hwsim.modem import SimModem

RING_S = 3.0
TICK_S = 1.0
CLOSED, OPEN = 0o000, 0o620  # modes of a terminal


class World:
    """What is around one modem."""

    def __init__(self, modem: SimModem) -> None:
        self._modem = modem
        self._character: Character | None = None  # whose port it is instead of ours
        self._call = 0  # counts calls; timers of others do nothing
        self._holder = -1

    # Told by the modem

    def changed(self, fault: Fault, active: bool) -> None:
        """A fault was set, or has ended. ValueError where it cannot be."""
        handler = HANDLERS.get(fault.kind)
        if handler is not None:
            handler(self, fault, active)

    def plugged(self) -> None:
        """The port has come."""
        self._hold()
        steals = self._modem.faults.take("brltty_steals")
        if steals is not None:
            self._modem.later(steals.number("after_s"), self._modem.power.steal)

    def unplugged(self) -> None:
        """The port has gone, for whoever holds it too."""
        if self._holder >= 0:
            try:
                fcntl.ioctl(self._holder, termios.TIOCNXCL)
            except OSError:
                pass  # its terminal has gone
            os.close(self._holder)
            self._holder = -1

    def powered_up(self) -> None:
        """What goes on by itself goes on."""
        self._call += 1
        for name in ("flood", "foreign_program", "wrong_port", "under_voltage"):
            fault = self._modem.faults.get(name)
            if fault is not None:
                HANDLERS[name](self, fault, True)  # noqa: FBT003

    def heard(self, line: str) -> None:
        """A command line."""
        flood = self._modem.faults.get("flood")
        if flood is not None and flood.words("until") and flood.words("until") in line:
            self._modem.faults.clear(flood.name)

    def typed(self, octets: int) -> bool:
        """So many octets are typed at the prompt: True when the modem has gone over it."""
        fault = self._modem.faults.get("hangup_mid_pdu")
        if fault is None or fault.params["at"] != "pdu" or octets < fault.number("octets"):
            return False
        return self._hung_up()

    def on_air(self) -> None:
        """A message has just gone on the air, after Ctrl-Z."""
        faults = self._modem.faults
        call = faults.get("incoming_call")
        if call is not None and call.params["when"] == "ctrl_z" and faults.take("incoming_call"):
            self._ring(call)
        restart = faults.get("spontaneous_restart")
        at_end = restart is not None and restart.params["when"] == "ctrl_z"
        if at_end and faults.take("spontaneous_restart") is not None:
            self._modem.restart()
            return
        dip = faults.get("under_voltage")
        if dip is not None and dip.params["when"] == "ctrl_z" and faults.take("under_voltage"):
            self._dip(dip)
            return
        hangup = faults.get("hangup_mid_pdu")
        if hangup is not None and hangup.params["at"] == "ctrl_z":
            self._hung_up()

    def hang_up(self) -> None:
        """ATH or AT+CHUP."""
        self._call += 1

    # What stands in for the AT port

    @property
    def character(self) -> Character | None:
        """Who has the port in place of the modem."""
        return self._character

    # Inside

    def _hung_up(self) -> bool:
        fault = self._modem.faults.take("hangup_mid_pdu")
        if fault is None:
            return False
        self._away(fault)
        return True

    def _away(self, fault: Fault) -> None:
        """Off the bus, and back where the fault says when."""
        self._modem.unplug()
        if fault.params["back_s"] is not None:
            self._modem.network.later(fault.number("back_s"), self._modem.plug)

    def _sim(self, _fault: Fault, active: bool) -> None:
        modem = self._modem
        if not active:
            modem.card.power_up()
            modem.records.inserted()
        if modem.running:
            modem.urc("+CPIN: NOT INSERTED" if active else f"+CPIN: {modem.card.status}")
            modem.registration_changed()

    def _registration(self, _fault: Fault, _active: bool) -> None:
        if self._modem.running:
            self._modem.registration_changed()

    def _full(self, fault: Fault, active: bool) -> None:
        modem = self._modem
        if not active:
            modem.network.available(modem.number)
        elif fault.params["real"]:
            modem.radio.fill()
            modem.faults.clear(fault.name)

    def _flood(self, fault: Fault, active: bool) -> None:
        if active:
            self._again(fault, lambda: self._modem.urc(fault.words("line")), "every_s")

    def _foreign(self, fault: Fault, active: bool) -> None:
        if active:
            answer = line_of_its_own(fault.words("line")) + line_of_its_own("OK")
            self._again(fault, lambda: self._modem.output.emit(answer, ours=False), "every_s")

    def _again(self, fault: Fault, act: Callable[[], None], every: str) -> None:
        """`act` at once and every so many seconds while `fault` is set and power stays."""
        faults, modem = self._modem.faults, self._modem
        if not modem.running:
            return

        def act_and_go_on() -> None:
            if faults.active().get(fault.name) is fault and faults.take(fault.name) is not None:
                act()
                modem.later(fault.number(every), act_and_go_on)

        act_and_go_on()

    def _wrong_port(self, fault: Fault, active: bool) -> None:
        modem = self._modem
        self._character = None
        if not active:
            return
        kind = CHARACTERS[fault.words("form")]
        self._character = mine = kind(modem.rng, modem.network.now_us)

        def tick() -> None:
            if self._character is mine:
                modem.output.emit(mine.tick())
                modem.later(TICK_S, tick)

        if modem.running:
            tick()

    def _restart(self, fault: Fault, active: bool) -> None:
        if active and fault.params["when"] == "now":
            self._modem.faults.clear(fault.name)
            self._modem.restart()

    def _under_voltage(self, fault: Fault, active: bool) -> None:
        modem = self._modem
        if not active or not modem.running:
            return
        if fault.params["when"] == "now":
            modem.faults.clear(fault.name)
            self._dip(fault)
        elif fault.params["when"] == "loop":

            def dip() -> None:
                if modem.faults.active().get(fault.name) is fault and modem.faults.take(fault.name):
                    self._dip(fault)

            modem.later(fault.number("every_s"), dip)

    def _dip(self, fault: Fault) -> None:
        self._modem.urc(fault.words("line"))
        self._modem.restart(dark_s=fault.number("dark_s"))

    def _slow_boot(self, _fault: Fault, active: bool) -> None:
        if active:
            self._modem.restart()

    def _pin(self, fault: Fault, active: bool) -> None:
        card = self._modem.card
        if active:
            card.ask_other(fault.words("pin"), int(fault.number("tries")))
        else:
            card.ask_other(None)
        self._card_changed()

    def _puk(self, fault: Fault, active: bool) -> None:
        self._modem.card.block(int(fault.number("tries")) if active else None)
        self._card_changed()

    def _card_changed(self) -> None:
        self._modem.records.changed()
        if self._modem.running:
            self._modem.registration_changed()

    def _text_mode(self, fault: Fault, active: bool) -> None:
        if active and fault.params["whole"]:
            self._modem.settings.cmgf = 1
            self._modem.faults.clear(fault.name)

    def _cnmi(self, _fault: Fault, _active: bool) -> None:
        self._modem.settings.cnmi = [0] * len(self._modem.settings.cnmi)

    def _incoming(self, fault: Fault, active: bool) -> None:
        if active and fault.params["when"] == "now":
            self._modem.faults.clear(fault.name)
            self._ring(fault)

    def _ring(self, fault: Fault) -> None:
        modem = self._modem
        self._call += 1
        mine, caller, left = self._call, fault.words("caller"), int(fault.number("rings"))
        modem.network.event(modem.name, "call", {"from": caller})

        def ring() -> None:
            nonlocal left
            if self._call != mine:
                return
            left -= 1
            if left < 0:
                modem.urc("NO CARRIER")
                return
            modem.urc("RING")
            if modem.settings.clip:
                modem.urc(f'+CLIP: "{caller}",{modem.type_of(caller)},"",,"",0')
            modem.later(RING_S, ring)

        ring()

    def _unplug(self, fault: Fault, _active: bool) -> None:
        self._away(fault)
        if fault.params["renumber"] and self._modem.power.stick is not None:
            self._modem.power.stick.renumber()

    def _swap(self, fault: Fault, _active: bool) -> None:
        modem, other = self._modem, self._modem.neighbour(fault.words("other"))
        for each in (modem, other):
            each.unplug()
        modem.port, other.port = other.port, modem.port
        for each in (other, modem):
            modem.network.later(fault.number("back_s"), each.plug)

    def _as_new(self, fault: Fault, active: bool) -> None:
        """What strikes when the modem comes is shown at once; what it kept away comes back."""
        modem = self._modem
        if active and modem.plugged:
            modem.unplug()
            modem.plug()
        elif not active and not modem.plugged:
            if fault.kind == "brltty_steals":
                modem.unplug()
            modem.plug()

    def _permission(self, _fault: Fault, active: bool) -> None:
        self._modem.pty.change_mode(CLOSED if active else OPEN)

    def _held(self, _fault: Fault, active: bool) -> None:
        self.unplugged()
        if active:
            self._hold()

    def _hold(self) -> None:
        """Take the port as another program does."""
        fault, modem = self._modem.faults.get("port_held"), self._modem
        if fault is None or not modem.pty.is_open:
            return
        self.unplugged()
        self._holder = modem.pty.open_again()
        if fault.params["by"] in ("flock", "both"):
            fcntl.flock(self._holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if fault.params["by"] in ("exclusive", "both"):
            fcntl.ioctl(self._holder, termios.TIOCEXCL)


HANDLERS: Mapping[str, Callable[[World, Fault, bool], None]] = {
    "sim_removed": World._sim,
    "not_registered": World._registration,
    "store_full": World._full,
    "flood": World._flood,
    "foreign_program": World._foreign,
    "wrong_port": World._wrong_port,
    "spontaneous_restart": World._restart,
    "under_voltage": World._under_voltage,
    "slow_boot": World._slow_boot,
    "wrong_pin": World._pin,
    "puk": World._puk,
    "text_answers": World._text_mode,
    "cnmi_reset": World._cnmi,
    "incoming_call": World._incoming,
    "unplug": World._unplug,
    "dead_descriptor": World._unplug,
    "tty_swap": World._swap,
    "returns_as_cdrom": World._as_new,
    "brltty_steals": World._as_new,
    "no_permission": World._permission,
    "port_held": World._held,
}
"""By the kind of fault; called with it and whether it is set now."""

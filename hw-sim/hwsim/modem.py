"""One simulated modem: port, interpreter, card, radio, personality and faults put together.

May import airpost.codec (through the radio). Everything runs on the loop's timers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from hwsim.card import Card, CombinedStore, Store
from hwsim.faults import Fault, Faults
from hwsim.grammar import Refused
from hwsim.hearing import Hearing
from hwsim.interpreter import Interpreter
from hwsim.network import Network
from hwsim.output import Output
from hwsim.personality import Personality
from hwsim.ports import SidePort
from hwsim.power import Power
from hwsim.ptys import Pty
from hwsim.radio import REGISTERED, Radio
from hwsim.records import Records
from hwsim.transcript import read_steps
from hwsim.usb import UsbPort
from hwsim.watch import Watch
from hwsim.world import World

# What the state of the card means for other commands: +CME and +CMS codes.
CARD_ERRORS = {
    "ABSENT": (10, 310),
    "SIM PIN": (11, 311),
    "SIM PUK": (12, 316),
    "BLOCKED": (13, 313),
    "BUSY": (14, 302),
}


class SimModem:
    """A modem on `port`.

    `records` has what it was told and what may never happen, `boot_s` the seconds it is deaf after
    power-up, `signal` what +CSQ says, `ussd` answers of its own ("*100#" → text), `sender` the AT
    port whose message is on the air.
    """

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        name: str,
        port: Path,
        imei: str,
        card: Card,
        personality: Personality,
        network: Network,
        rng: Random,
        boot_s: float = 0.0,
        watch: Watch | None = None,
        side_ports: bool = False,
    ) -> None:
        self.name: str = name
        self.imei: str = imei
        self.card: Card = card
        self.personality: Personality = personality
        self.network: Network = network
        self.rng: Random = rng
        self.boot_s = boot_s
        self.signal = 20
        self.ussd: dict[str, str] = {}
        self.settings = personality.defaults()
        self.neighbours: Sequence[SimModem] = (self,)
        self._loop = loop
        self._stat = REGISTERED[0]
        self._catching: bytearray | None = None
        self.records = Records(loop.time, lambda kind, detail: network.event(name, kind, detail))
        self.counts, self.heard, self.sends = (
            self.records.counts, self.records.heard, self.records.sends,
        )  # fmt: skip
        self._port = port
        self.pty = Pty(port, self._received, watch=watch, opened=self._opened)
        self.faults = Faults(rng, self._fault_changed, network.later, loop.time)
        self.output = Output(self.pty.write, self.later, self.faults, rng)
        self.hearing = Hearing(self.faults, rng, loop.time)
        self.radio = Radio(self)
        self.world = World(self)
        self.power = Power(self, loop)
        self.interpreter = self.sender = Interpreter(self, self.emit, self.faults)
        self.side_ports = [
            SidePort(self, interface, role, watch)
            for interface, role, _ in personality.usb_ports
            if side_ports and role != "at"
        ]
        own = Store("ME", personality.sizes.get("ME", 0), personality.first_index)
        self._stores = {
            "SM": card.sms,
            "ME": own,
            "SR": card.reports,
            "BM": Store("BM", personality.sizes.get("BM", 0), personality.first_index),
            "MT": CombinedStore("MT", [card.sms, own]),
        }

    @property
    def port(self) -> Path:
        """What a host opens."""
        return self._port

    @port.setter
    def port(self, port: Path) -> None:
        self._port = self.pty.link = port

    @property
    def plugged(self) -> bool:
        """Its ports are there."""
        return self.pty.is_open

    @property
    def number(self) -> str:
        """The card's number."""
        return self.card.number

    @property
    def now_s(self) -> float:
        """Loop time."""
        return self._loop.time()

    # Power

    @property
    def running(self) -> bool:
        """It has power."""
        return self.power.running

    @property
    def waking(self) -> bool:
        """It has power, but the card is not ready yet."""
        return self.power.waking

    @property
    def hears(self) -> bool:
        """It has booted so far that it takes commands."""
        return self.power.running and not self.power.deaf

    @property
    def epoch(self) -> int:
        """Counts losses of power."""
        return self.power.epoch

    def plug(self) -> None:
        """Put on the bus: the port is there, and the modem ready at once or after its boot."""
        self.power.plug()

    def unplug(self) -> None:
        """Pull out: the host sees a hang-up; a message on the air may or may not get through."""
        self.power.unplug()

    def restart(self, *, dark_s: float = 0.0) -> None:
        """Restart in place, as after a power dip: settings gone, the personality's boot lines.

        `dark_s` it is without power before.
        """
        self.power.restart(dark_s=dark_s)

    def reset(self, by: str = "") -> None:
        """In place, or off the bus and back, as the personality has it; `by` a host's command."""
        self.power.reset(by)

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Run `call` unless power went away meanwhile."""
        self.power.later(delay_s, call)

    def open_ports(self) -> None:
        """All ports come."""
        self.pty.open(self._loop)
        for port in self.side_ports:
            port.open(self._loop)

    def close_ports(self) -> None:
        """All ports go; the host sees a hang-up."""
        self.pty.close()
        self.world.unplugged()
        self.output.drop()
        self.interpreter.restart()
        for port in self.side_ports:
            port.close()
            port.restart()

    def layout(self) -> list[UsbPort]:
        """Its interfaces, each with the terminal behind it."""
        devices = {port.interface: port.pty.device for port in self.side_ports}
        return [
            UsbPort(interface=interface, kind=kind, device=devices.get(interface, self.pty.device))
            for interface, _, kind in self.personality.usb_ports
        ]

    def powered_down(self) -> None:
        """Nothing half-done is left."""
        self.records.powered_down()
        self.output.drop()
        self.interpreter.restart()
        for port in self.side_ports:
            port.restart()
        self.radio.restart()

    def powered_up(self) -> None:
        """As new."""
        self.settings = self.personality.defaults()
        self.card.power_up()
        self.records.inserted()
        self.hearing.powered_up()
        self._stat = self.radio.stat
        self.world.powered_up()

    # Card and network

    def sim_status(self) -> str:
        """READY, SIM PIN, SIM PUK, BLOCKED, or ABSENT."""
        if self.faults.get("sim_removed"):
            return "ABSENT"
        return self.card.status or "BLOCKED"

    def insert(self, card: Card) -> None:
        """Another card, put in while it is unplugged."""
        self.card = card
        self._stores |= {
            "SM": card.sms,
            "SR": card.reports,
            "MT": CombinedStore("MT", [card.sms, self._stores["ME"]]),
        }
        self.records.changed()

    def check_card(self, kind: str, only: Collection[str] = CARD_ERRORS) -> None:
        """Refused, as a "CME" or "CMS" error, when the card cannot be used for one of `only`."""
        status = "BUSY" if self.waking else self.sim_status()
        if status in only:
            cme, cms = CARD_ERRORS[status]
            raise Refused(kind, cme if kind == "CME" else cms)

    def registration(self, name: str) -> str:
        """What +CREG and its sisters say behind their n."""
        stat = self.radio.stat
        if self.settings.creg[name] == 2 and self.radio.reachable:
            return f"{stat},{self.personality.location}"
        return str(stat)

    def registration_changed(self) -> None:
        """Tell the host where it asked for it; on the air again, fetch what waits."""
        before, self._stat = self._stat, self.radio.stat
        if self._stat == before:
            return
        for name, n in self.settings.creg.items():
            if n:
                self.urc(f"{name}: {self.registration(name)}")
        if self.radio.reachable and before not in REGISTERED:
            self.network.available(self.number)

    def store(self, name: str) -> Store:
        """A memory by its +CPMS name; KeyError where there is none."""
        return self._stores[name]

    # Strings

    def quoted(self, text: str) -> str:
        """`text` as a string of an answer, by +CSCS."""
        if self.personality.ucs2 and self.settings.cscs == "UCS2":
            return text.encode("utf-16-be").hex().upper()
        return text

    def unquoted(self, text: str) -> str:
        """A string the host wrote, by +CSCS; what is no UCS-2 is taken as it is."""
        if self.personality.ucs2 and self.settings.cscs == "UCS2":
            try:
                return bytes.fromhex(text).decode("utf-16-be")
            except ValueError:
                return text
        return text

    def type_of(self, number: str) -> int:
        """145 for an international number, else 129."""
        return 145 if number.startswith("+") else 129

    def filled(self, lines: Sequence[str]) -> list[str]:
        """Lines of the personality with this modem's {fields} put in."""
        status = self.sim_status()
        values = {
            "imei": self.imei,
            "imsi": self.card.imsi,
            "iccid": self.card.iccid,
            "number": self.card.number,
            "pin_word": status,
            "pin_tries": self.card.pin_tries,
            "puk_tries": self.card.puk_tries,
        }
        if any("{iccid}" in line or "{imsi}" in line for line in lines) and status == "ABSENT":
            raise Refused("CME", 10)
        return [line.format_map(values) for line in lines]

    # Bytes

    def _opened(self) -> None:
        self.interpreter.imei_told = False
        self.records.opens += 1
        self.faults.heal("reopen")

    def _received(self, data: bytes) -> None:
        if not self.hears:
            return
        data = self.hearing.through(data)
        stranger = self.world.character
        if stranger is not None:
            self.output.emit(stranger.heard(data))
        elif data:
            self.interpreter.feed(data)

    def emit(self, data: bytes) -> None:
        """Bytes to the host, as the faults let them through."""
        if self._catching is not None:
            self._catching += data
        elif self.hears and self.world.character is None:
            self.output.emit(data)

    def caught(self, call: Callable[[], None]) -> bytes:
        """What `call` would have said."""
        self._catching = bytearray()
        try:
            call()
            return bytes(self._catching)
        finally:
            self._catching = None

    def urc(self, *lines: str) -> None:
        """An unsolicited line, or header and PDU."""
        lead = "\r\n" if self.settings.verbose else ""
        if len(lines) > 1 and self.faults.take("blank_line"):
            lines = (lines[0], "", *lines[1:])
        split = self.faults.take("split_urc") if len(lines) > 1 else None
        if split is None:
            self.emit((lead + "\r\n".join(lines) + "\r\n").encode("latin-1", "replace"))
            return
        self.emit(f"{lead}{lines[0]}\r\n".encode())
        self.output.pause(split.number("gap_s"))
        self.emit("".join(f"{line}\r\n" for line in lines[1:]).encode("latin-1", "replace"))

    def replay(self, steps: Iterable[Any]) -> None:
        """Play a recorded dialogue back (`transcript`) until it or the power ends.

        What does not fit in it is answered as ever. ValueError for steps that make no sense.
        """
        self.interpreter.replay(read_steps(steps))

    # Faults that are states or events

    def _fault_changed(self, fault: Fault, active: bool) -> None:
        self.network.event(self.name, "fault", {"name": fault.name, "active": active})
        self.world.changed(fault, active)

    def neighbour(self, name: str) -> SimModem:
        """Another modem of the pool, the next one for ""; ValueError where there is none."""
        names = [each.name for each in self.neighbours]
        if not name:
            return self.neighbours[(names.index(self.name) + 1) % len(names)]
        if name not in names or name == self.name:
            raise ValueError(f"{self.name} has no neighbour {name!r}; there are {', '.join(names)}")
        return self.neighbours[names.index(name)]

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
from hwsim.ptys import Pty
from hwsim.radio import Radio
from hwsim.records import Records
from hwsim.transcript import read_steps
from hwsim.world import World

RESET_S = 0.5  # from the OK of AT+CFUN=1,1
BACK_S = (9.0, 25.0)  # until a stick is back after a reset that left the bus
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
        self.running = False  # powered
        self.waking = False  # powered, but the card is not ready yet
        self.started_s = 0.0  # loop time of the last power-up, PIN or AT+CFUN=1
        self.epoch = 0  # counts losses of power: timers of before do nothing
        self.neighbours: Sequence[SimModem] = (self,)
        self._loop = loop
        self._deaf = False
        self._cdrom = False  # on the bus, without ports
        self._powered = True  # by the hub
        self._registered = True
        self._catching: bytearray | None = None
        self.records = Records(loop.time, lambda kind, detail: network.event(name, kind, detail))
        self.counts, self.heard, self.sends = (
            self.records.counts, self.records.heard, self.records.sends,
        )  # fmt: skip
        self.pty = Pty(port, self._received)
        self.faults = Faults(rng, self._fault_changed, network.later, loop.time)
        self.output = Output(self.pty.write, self.later, self.faults, rng)
        self.hearing = Hearing(self.faults, rng, loop.time)
        self.radio = Radio(self)
        self.world = World(self)
        self.interpreter = self.sender = Interpreter(self, self.emit, self.faults)
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
        return self.pty.link

    @property
    def plugged(self) -> bool:
        """On the bus."""
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

    def plug(self) -> None:
        """Put on the bus: the port is there, and the modem ready at once or after its boot."""
        if self.plugged or self._cdrom or not self._powered:
            return
        self.faults.heal("power")
        cdrom = self.faults.take("returns_as_cdrom")
        if cdrom is not None:
            self._cdrom = True
            self.network.event(self.name, "cdrom", {})
            if cdrom.number("switch_s"):
                self.later(cdrom.number("switch_s"), self._switch_mode)
            return
        self._appear()

    def _switch_mode(self) -> None:
        if self._cdrom:
            self._cdrom = False
            self._appear()

    def _appear(self) -> None:
        self.pty.open(self._loop)
        self._power_up()
        if self._boot_s():
            self._boot()
        else:
            self.waking = self._deaf = False
        self.network.event(self.name, "plugged", {"port": str(self.port)})
        self.network.attach(self.radio)
        self.world.plugged()

    def unplug(self) -> None:
        """Pull out: the host sees a hang-up; a message on the air may or may not get through."""
        if self._cdrom:
            self._cdrom = False
            self.epoch += 1
        if not self.plugged:
            return
        self._power_down()
        self.pty.close()
        self.network.event(self.name, "unplugged", {})

    def restart(self, *, dark_s: float = 0.0) -> None:
        """Restart in place, as after a power dip: settings gone, the personality's boot lines.

        `dark_s` it is without power before.
        """
        if not self.plugged:
            return
        self._power_down()
        self.network.event(self.name, "restart", {})

        def up() -> None:
            self.faults.heal("reset")
            self._power_up()
            self._boot()

        if dark_s:
            self.later(dark_s, up)
        else:
            up()

    def reset(self, by: str = "") -> None:
        """In place, or off the bus and back, as the personality has it; `by` a host's command."""
        if by:
            self.records.reset(by)
        # Not at once: its OK must still leave the terminal.
        self.later(RESET_S, self._reset)

    def _reset(self) -> None:
        leaves = self.faults.take("reset_leaves_bus")
        self.faults.heal("reset")
        if leaves is None and self.personality.reset != "usb":
            self.restart()
            return
        back_s = self.personality.back_s
        if leaves is not None:
            given = leaves.params["back_s"]
            back_s = self.rng.uniform(*BACK_S) if given is None else leaves.number("back_s")
        self.unplug()
        self.network.later(back_s, self.plug)

    def power_off(self) -> None:
        """A command of the host: dead until it is plugged in anew or its hub port is switched."""
        self.later(RESET_S, self._power_down)

    def cut_power(self) -> None:
        """The hub takes the port's power away."""
        self._powered = False
        self.unplug()

    def restore_power(self) -> None:
        """The hub gives it back."""
        self._powered = True
        if self.faults.take("no_enumeration") is None:
            self.plug()

    def _power_down(self) -> None:
        self.running = False
        self.epoch += 1
        self.records.powered_down()
        self.output.drop()
        self.interpreter.restart()
        self.radio.restart()

    def _power_up(self) -> None:
        self.settings = self.personality.defaults()
        self.card.power_up()
        self.records.inserted()
        self.running = True
        self.started_s = self.now_s
        self.hearing.powered_up()
        self._registered = self.radio.reachable
        self.world.powered_up()

    def _boot_s(self) -> float:
        slow = self.faults.get("slow_boot")
        return self.boot_s if slow is None else max(self.boot_s, slow.number("boot_s"))

    def _boot(self) -> None:
        """Deaf until the first line, not ready until the last."""
        least_s = self._boot_s()
        times = [(max(after_s, least_s), line) for after_s, line in self.personality.boot]
        self.waking = self._deaf = bool(times) or least_s > 0
        for after_s, line in times:
            self.later(after_s, lambda line=line: self._boot_line(line))  # type: ignore[misc]
        if self.waking:
            self.later(max([least_s, *(after_s for after_s, _ in times)]), self._awake)

    def _boot_line(self, line: str) -> None:
        self._deaf = False
        self.urc(line)

    def settle(self) -> None:
        """After the PIN and AT+CFUN=1 a modem may need a while for its card."""
        self.started_s = self.now_s
        if self.personality.settle_s:
            self.waking = True
            self.later(self.personality.settle_s, self._awake)
        self.registration_changed()

    def _awake(self) -> None:
        self.waking = self._deaf = False
        self.registration_changed()
        self.network.available(self.number)

    # Card and network

    def sim_status(self) -> str:
        """READY, SIM PIN, SIM PUK, BLOCKED, or ABSENT."""
        if self.faults.get("sim_removed"):
            return "ABSENT"
        return self.card.status or "BLOCKED"

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
        registered = self.radio.reachable
        if registered == self._registered:
            return
        self._registered = registered
        for name, n in self.settings.creg.items():
            if n:
                self.urc(f"{name}: {self.registration(name)}")
        if registered:
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

    def _received(self, data: bytes) -> None:
        if not self.running or self._deaf:
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
        elif self.running and not self._deaf and self.world.character is None:
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

    def later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Run `call` unless power went away meanwhile."""
        epoch = self.epoch
        self.network.later(delay_s, lambda: call() if self.epoch == epoch else None)

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

"""One simulated modem: port, interpreter, card, radio, personality and faults put together.

May import airpost.codec (through the radio). Everything runs on the loop's timers.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from hwsim.card import Card, CombinedStore, Store
from hwsim.faults import Faults
from hwsim.grammar import Refused
from hwsim.interpreter import Interpreter
from hwsim.network import Network
from hwsim.output import Output
from hwsim.personality import Personality
from hwsim.ptys import Pty
from hwsim.radio import Radio
from hwsim.transcript import read_steps

RESET_S = 0.5  # from the OK of AT+CFUN=1,1
REMEMBERED = 100_000  # sends and lines kept for looking at
# What the state of the card means for other commands: +CME and +CMS codes.
CARD_ERRORS = {
    "ABSENT": (10, 310),
    "SIM PIN": (11, 311),
    "SIM PUK": (12, 316),
    "BLOCKED": (13, 313),
    "BUSY": (14, 302),
}


@dataclass(slots=True, kw_only=True)
class Sending:
    """One AT+CMGS dialogue in loop time, None for what did not happen.

    `final` is the final line ("" when none was said, "escaped" after ESC); `mr` is the TP-MR.
    """

    cmgs_at_s: float
    prompt_at_s: float | None = None
    ctrl_z_at_s: float | None = None
    final_at_s: float | None = None
    final: str | None = None
    mr: int | None = None
    to: str | None = None


class SimModem:
    """A modem on `port`.

    `counts` counts commands by verb ("+CMGS", "E"), `heard` keeps (loop time, line) of every line,
    `sends` every AT+CMGS. `signal` is what +CSQ says.
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
    ) -> None:
        self.name: str = name
        self.imei: str = imei
        self.card: Card = card
        self.personality: Personality = personality
        self.network: Network = network
        self.rng: Random = rng
        self.signal = 20
        self.settings = personality.defaults()
        self.counts: Counter[str] = Counter()
        self.heard: deque[tuple[float, str]] = deque(maxlen=REMEMBERED)
        self.sends: deque[Sending] = deque(maxlen=REMEMBERED)
        self.running = False  # powered
        self.waking = False  # powered, but the card is not ready yet
        self.epoch = 0  # counts losses of power: timers of before do nothing
        self._loop = loop
        self._deaf = False
        self._sending: Sending | None = None
        self._registered = True
        self.pty = Pty(port, self._received)
        self.faults = Faults(rng, self._fault_changed)
        self.output = Output(self.pty.write, self.later, self.faults, rng)
        self.radio = Radio(self)
        self.interpreter = Interpreter(self)
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
        """Put on the bus: the port is there and the modem ready at once."""
        if self.plugged:
            return
        self.pty.open(self._loop)
        self._power_up()
        self.waking = self._deaf = False
        self.network.event(self.name, "plugged", {"port": str(self.port)})
        self.network.attach(self.radio)

    def unplug(self) -> None:
        """Pull out: the host sees a hang-up; a message on the air may or may not get through."""
        if not self.plugged:
            return
        self._power_down()
        self.pty.close()
        self.network.event(self.name, "unplugged", {})

    def restart(self) -> None:
        """Restart in place, as after a power dip: settings gone, the personality's boot lines."""
        if not self.plugged:
            return
        self._power_down()
        self._power_up()
        self.network.event(self.name, "restart", {})
        boot = self.personality.boot
        self.waking = self._deaf = bool(boot)
        for after_s, line in boot:
            self.later(after_s, lambda line=line: self._boot_line(line))  # type: ignore[misc]
        if boot:
            self.later(max(after_s for after_s, _ in boot), self._awake)

    def reset(self) -> None:
        """AT+CFUN=1,1: in place, or off the bus and back, as the personality has it."""
        # Not at once: its OK must still leave the terminal.
        self.later(RESET_S, self._reset)

    def _reset(self) -> None:
        if self.personality.reset == "usb":
            self.unplug()
            self.network.later(self.personality.back_s, self.plug)
        else:
            self.restart()

    def _power_down(self) -> None:
        self.running = False
        self.epoch += 1
        self.note_final("")
        self.output.drop()
        self.interpreter.restart()
        self.radio.restart()

    def _power_up(self) -> None:
        self.settings = self.personality.defaults()
        self.card.power_up()
        self.running = True
        self._registered = self.radio.reachable
        if self.faults.get("flood"):
            self._flood(self.epoch)

    def _boot_line(self, line: str) -> None:
        self._deaf = False
        self.urc(line)

    def settle(self) -> None:
        """After the PIN and AT+CFUN=1 a modem may need a while for its card."""
        if self.personality.settle_s:
            self.waking = True
            self.later(self.personality.settle_s, self._awake)
        self.registration_changed()

    def _awake(self) -> None:
        self.waking = False
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
        if self.running and not self._deaf and not self.faults.get("silence"):
            self.interpreter.feed(data)

    def emit(self, data: bytes) -> None:
        """Bytes to the host, as the faults let them through."""
        if self.running and not self._deaf:
            self.output.emit(data)

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

    def _fault_changed(self, name: str) -> None:
        active = self.faults.get(name) is not None
        self.network.event(self.name, "fault", {"name": name, "active": active})
        if not self.running:
            return
        if name == "sim_removed":
            self.urc("+CPIN: NOT INSERTED" if active else f"+CPIN: {self._inserted()}")
        if name in ("sim_removed", "not_registered"):
            self.registration_changed()
        if name == "store_full" and not active:
            self.network.available(self.number)
        if name == "flood" and active:
            self._flood(self.epoch)
        fault = self.faults.get("spontaneous_restart")
        if name == "spontaneous_restart" and fault and fault.params["when"] == "now":
            self.faults.clear(name)
            self.restart()

    def _inserted(self) -> str:
        self.card.power_up()
        return self.card.status

    def _flood(self, epoch: int) -> None:
        fault = self.faults.take("flood") if self.epoch == epoch else None
        if fault is not None:
            self.urc(fault.words("line"))
            self.later(fault.number("every_s"), lambda: self._flood(epoch))

    # Records

    def note_line(self, line: str) -> None:
        """A command line came in."""
        self.heard.append((self.now_s, line))
        if line[:8].upper() == "AT+CMGS=" and line[8:9] != "?":
            self.note_final("")
            self._sending = Sending(cmgs_at_s=self.now_s)
            self.sends.append(self._sending)

    def note_prompt(self) -> None:
        """The prompt was shown."""
        if self._sending is not None:
            self._sending.prompt_at_s = self.now_s

    def note_ctrl_z(self) -> None:
        """The text is complete."""
        if self._sending is not None:
            self._sending.ctrl_z_at_s = self.now_s

    def note_to(self, number: str) -> None:
        """The destination is known."""
        if self._sending is not None:
            self._sending.to = number

    def note_final(self, final: str, mr: int | None = None) -> None:
        """The dialogue under way has ended; nothing happens when there is none."""
        if self._sending is not None:
            self._sending.final_at_s = self.now_s if final else None
            self._sending.final, self._sending.mr = final, mr
            if mr is not None:
                self.network.event(self.name, "sent", {"to": self._sending.to, "mr": mr})
            self._sending = None

"""What a modem remembers of its hosts: lines, sendings, resets, and what may never happen.

Stdlib only. Nothing here changes what the modem does.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

REMEMBERED = 100_000  # sends and lines kept for looking at
HOUR_S = 3600.0


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


@dataclass(slots=True, kw_only=True)
class Never:
    """Counts of what no host may ever do.

    `pdu_before_imei`: a message typed to its end on a port where the IMEI had not been asked since
    it was opened. `pin_again`: a second PIN or PUK between two power-ups of the card.
    `wrong_pin_again`: a PIN that this card had refused already. `cmgs_while_open`: AT+CMGS while
    the one before had no result, no ESC was heard, and no other command had been answered since.
    """

    pdu_before_imei: int = 0
    pin_again: int = 0
    wrong_pin_again: int = 0
    cmgs_while_open: int = 0


class Records:
    """One modem's memory.

    `counts` counts commands by verb ("+CMGS", "E"), `heard` keeps (loop time, line) of every line,
    `sends` every AT+CMGS, `resets` (loop time, what did it) of every reset that a host asked for,
    `opens` how often a port was opened.
    """

    def __init__(
        self, now_s: Callable[[], float], tell: Callable[[str, dict[str, object]], None]
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.heard: deque[tuple[float, str]] = deque(maxlen=REMEMBERED)
        self.sends: deque[Sending] = deque(maxlen=REMEMBERED)
        self.resets: deque[tuple[float, str]] = deque(maxlen=REMEMBERED)
        self.opens = 0
        self.never = Never()
        self._now_s = now_s
        self._tell = tell
        self._sending: Sending | None = None
        self._open = False  # as the host must see it
        self._pins = 0
        self._refused_pins: set[str] = set()

    def worst_hour(self) -> int:
        """The most resets there were in any hour."""
        times = [at_s for at_s, _ in self.resets]
        return max((sum(0 <= at - first < HOUR_S for at in times) for first in times), default=0)

    # Lines and messages

    def line(self, line: str) -> None:
        """A command line came in."""
        self.heard.append((self._now_s(), line))
        if line[:8].upper() == "AT+CMGS=" and line[8:9] != "?":
            self.final("")
            self.never.cmgs_while_open += self._open
            self._open = True
            self._sending = Sending(cmgs_at_s=self._now_s())
            self.sends.append(self._sending)

    def prompt(self) -> None:
        """The prompt was shown."""
        if self._sending is not None:
            self._sending.prompt_at_s = self._now_s()

    def ctrl_z(self, *, imei_told: bool) -> None:
        """The text is complete; `imei_told` on this port since it was opened."""
        if self._sending is not None:
            self._sending.ctrl_z_at_s = self._now_s()
            self.never.pdu_before_imei += not imei_told

    def to(self, number: str) -> None:
        """The destination is known."""
        if self._sending is not None:
            self._sending.to = number

    def final(self, final: str, mr: int | None = None) -> None:
        """The dialogue under way has ended; nothing happens when there is none."""
        self._open = self._open and not final
        if self._sending is not None:
            self._sending.final_at_s = self._now_s() if final else None
            self._sending.final, self._sending.mr = final, mr
            if mr is not None:
                self._tell("sent", {"to": self._sending.to, "mr": mr})
            self._sending = None

    def given_up(self) -> None:
        """ESC was heard, or another command was answered: nothing is open for the host."""
        self._open = False

    # Power and card

    def powered_down(self) -> None:
        """Nothing is open any more."""
        self.final("")
        self._open = False

    def reset(self, by: str) -> None:
        """A host reset the modem, by this command or means."""
        self.resets.append((self._now_s(), by))
        self._tell("reset", {"by": by})

    def inserted(self) -> None:
        """The card has power anew, and wants its PIN once."""
        self._pins = 0

    def changed(self) -> None:
        """The card is another one."""
        self._refused_pins.clear()
        self.inserted()

    def pin(self, pin: str, *, right: bool) -> None:
        """A PIN or PUK was entered."""
        self._pins += 1
        self.never.pin_again += self._pins > 1
        self.never.wrong_pin_again += pin in self._refused_pins
        if not right:
            self._refused_pins.add(pin)

"""The further ports of a stick: a second AT port, and ports that are none.

Stdlib only. They exist where there is a USB tree to find them in.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hwsim.characters import CHARACTERS
from hwsim.interpreter import Interpreter
from hwsim.ptys import Pty
from hwsim.watch import Watch

if TYPE_CHECKING:
    from hwsim.modem import SimModem

AT_ROLES = ("spare", "ppp")
TICK_S = 1.0


class SidePort:
    """Interface `interface` of a modem in this `role`: "spare", "ppp", or one of CHARACTERS."""

    def __init__(self, modem: SimModem, interface: int, role: str, watch: Watch | None) -> None:
        self.interface = interface
        self.role = role
        self.pty = Pty(None, self._received, watch=watch, opened=self._opened)
        self.interpreter: Interpreter | None = None
        self._modem = modem
        self._ticking = 0  # counts openings: timers of before do nothing
        if role in AT_ROLES:
            self.interpreter = Interpreter(modem, self._emit, modem.faults)
        else:
            self._character = CHARACTERS[role](modem.rng, modem.network.now_us)

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """The port comes."""
        self.pty.open(loop)

    def close(self) -> None:
        """It goes."""
        self._ticking += 1
        self.pty.close()

    def restart(self) -> None:
        """The modem has lost its power."""
        if self.interpreter is not None:
            self.interpreter.restart()

    def _opened(self) -> None:
        if self.interpreter is not None:
            self.interpreter.imei_told = False
            self._modem.records.opens += 1
            return
        self._ticking += 1
        mine = self._ticking

        def tick() -> None:
            if self._ticking == mine:
                if not self.pty.pending:  # somebody reads
                    self._emit(self._character.tick())
                self._modem.network.later(TICK_S, tick)

        tick()

    def _received(self, data: bytes) -> None:
        if not self._modem.hears or self._deaf():
            return
        if self.interpreter is None:
            self._emit(self._character.heard(data))
            return
        self._modem.faults.heal("other_port")
        self.interpreter.feed(data)

    def _emit(self, data: bytes) -> None:
        if self._modem.hears and not self._deaf():
            self.pty.write(data)

    def _deaf(self) -> bool:
        silence = self._modem.faults.get("silence")
        return silence is not None and silence.params["ports"] == "all"

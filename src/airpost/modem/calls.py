"""Calls that come in: each is told once, and hung up where that is wished. None is ever answered.

May import at, L0 and session. A call is never in the way of a message: hanging up waits for its
turn on the wire like any other command.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from airpost.at import urc
from airpost.at.command import plain
from airpost.clock import Clock
from airpost.errors import CommandFailed, CommandTimeout, ModemError, PortError
from airpost.model import Lane
from airpost.modem.session import Session
from airpost.tasks import spawn

log = logging.getLogger("airpost.calls")

RING_GAP_S = 10.0  # a call rings every 3 to 6 s; after a longer pause it is another one
NUMBER_S = 4.0  # the number follows the first ring, where it is told at all
HANG_UP_S = 5.0


@dataclass(slots=True, kw_only=True)
class _Ringing:
    """The newest call."""

    heard_s: float
    number: str | None = None
    told: bool = False
    over: bool = False


class Calls:
    """The calls of one session. `hang_up` are the commands for it, until one is taken; () never."""

    def __init__(
        self,
        session: Session,
        clock: Clock,
        *,
        lane: Lane,
        hang_up: tuple[str, ...],
        called: Callable[[str | None], None],
    ) -> None:
        self._session = session
        self._clock = clock
        self._lane = lane
        self._hang_up_by = hang_up
        self._called = called
        self._newest: _Ringing | None = None
        self._timer: asyncio.TimerHandle | None = None  # while the number may still come

    def take(self, line: str) -> None:
        """A line about calls: `called` gets the number, None for one that is withheld or untold."""
        found, over = urc.call(line), urc.call_ended(line)
        if found is not None:
            self._rings(found, over=over)
        elif over:
            self._end()

    def close(self) -> None:
        """The port is gone: a call that was ringing is told all the same."""
        self._end()

    def _end(self) -> None:
        if self._newest is not None:
            self._newest.over = True
            self._tell(self._newest)

    def _rings(self, found: urc.Call, *, over: bool) -> None:
        now_s, ringing = self._clock.mono(), self._newest
        if ringing is None or self._is_another(ringing, found, now_s, over=over):
            ringing = self._newest = _Ringing(heard_s=now_s)
        ringing.heard_s, ringing.over = now_s, over
        ringing.number = ringing.number or found.number
        withheld = found.number is None and found.toa is not None
        if ringing.number or withheld or over:
            self._tell(ringing)
        elif not ringing.told and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(NUMBER_S, self._tell, ringing)

    def _is_another(self, ringing: _Ringing, found: urc.Call, now_s: float, *, over: bool) -> bool:
        """True unless `found` is of the call that rang last."""
        if now_s - ringing.heard_s > RING_GAP_S or (ringing.over and not over):
            return True
        return None not in (ringing.number, found.number) and ringing.number != found.number

    def _tell(self, ringing: _Ringing) -> None:
        if ringing.told:
            return
        ringing.told = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._called(ringing.number)
        if self._hang_up_by and not ringing.over:
            spawn(self._hang_up(), name=f"hang up {self._lane}")

    async def _hang_up(self) -> None:
        for text in self._hang_up_by:
            try:
                await self._session.run(plain(text, HANG_UP_S))
            except (CommandFailed, CommandTimeout) as error:
                log.info("modem.not_hung_up modem=%s command=%s %s", self._lane, text, error)
            except (ModemError, PortError):
                return  # the modem has gone, and the call with it
            else:
                log.info("modem.hung_up modem=%s", self._lane)
                return

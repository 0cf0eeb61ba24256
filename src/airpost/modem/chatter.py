"""Lines a modem says unasked that are about nothing of ours: calls, floods, what nobody knows.

May import at.command, at.urc, L0, calls, driver and profile. No line is worth more than a log
entry, and none holds anything up: what is asked because of one waits for its turn on the wire.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from airpost.at.command import ANSWERS
from airpost.at.urc import Kind, kind_of, prefix_of
from airpost.clock import Clock
from airpost.errors import ModemError, PortError
from airpost.model import Lane
from airpost.modem.calls import Calls
from airpost.modem.driver import Driver
from airpost.modem.profile import Profile
from airpost.tasks import spawn

log = logging.getLogger("airpost.chatter")

# Sticks that chatter do so every two or three seconds.
FLOOD_LINES, FLOOD_S = 3, 10.0
# Of lines that only come when somebody asks: so many, unasked, are no late answer of our own.
SHARED_LINES, SHARED_S = 3, 600.0
SHARED = "answers came that nobody here asked for: another program (ModemManager?) uses this port"
UNKNOWN = 100  # names that are logged; a line full of garbage makes up new ones without end


class Chatter:
    """The chatter of one opening. `tell` is given words for people."""

    def __init__(
        self,
        driver: Driver,
        calls: Calls,
        clock: Clock,
        *,
        lane: Lane,
        profile: Profile,
        tell: Callable[[str], None],
    ) -> None:
        self._driver = driver
        self._calls = calls
        self._clock = clock
        self._lane = lane
        self._profile = profile
        self._tell = tell
        self._unasked: deque[float] = deque(maxlen=SHARED_LINES)
        self._shared = False
        self._unknown: set[str] = set()
        self._heard: dict[str, deque[float]] = {}  # by the command that would stop it
        self._asked: set[str] = set()

    def hear(self, line: str) -> None:
        """A line. Of no known kind: it is logged the first time its name comes.

        What the profile knows how to stop is stopped when it came more than FLOOD_LINES times in
        FLOOD_S; each command once, whether it helps or not.
        """
        kind = kind_of(line)
        if kind is Kind.CALL:
            self._calls.take(line)
        elif kind is None:
            name = prefix_of(line) or ""
            self._note(name)
            if name in ANSWERS and not self._shared:
                self._answer_to_others()
        stop = self._profile.silenced_by(line)
        if stop is not None and stop not in self._asked and self._floods(stop):
            self._asked.add(stop)
            log.info("modem.floods modem=%s line=%s asked=%s", self._lane, prefix_of(line), stop)
            spawn(self._silence(stop), name=f"silence {self._lane}")

    def close(self) -> None:
        """The port is gone."""
        self._calls.close()

    def _note(self, name: str) -> None:
        if name not in self._unknown and len(self._unknown) < UNKNOWN:
            self._unknown.add(name)
            log.info("modem.unknown_line modem=%s line=%s", self._lane, name)

    def _answer_to_others(self) -> None:
        now_s = self._clock.mono()
        self._unasked.append(now_s)
        if len(self._unasked) == SHARED_LINES and now_s - self._unasked[0] <= SHARED_S:
            self._shared = True
            log.warning("modem.shared modem=%s %s", self._lane, SHARED)
            self._tell(SHARED)

    def _floods(self, stop: str) -> bool:
        now_s = self._clock.mono()
        times = self._heard.setdefault(stop, deque(maxlen=FLOOD_LINES + 1))
        times.append(now_s)
        return len(times) > FLOOD_LINES and now_s - times[0] <= FLOOD_S

    async def _silence(self, stop: str) -> None:
        try:
            await self._driver.silence(stop)
        except (ModemError, PortError):
            pass  # the modem has gone, and its chatter with it

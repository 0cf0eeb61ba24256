"""What stands between a lane's queue and the air: the limits of its SIM, the hours of recipients.

May import modem.api, L0. There is none where nothing is limited.
"""

from __future__ import annotations

from collections.abc import Callable

from airpost.model import Claimed, Lane, SimId
from airpost.modem.api import ModemUnit
from airpost.pool.limiter import SOON_S, Limiter


class Gate:
    """One lane's. `closed` is told when nothing may go for longer than SOON_S."""

    def __init__(
        self, limiter: Limiter, unit: ModemUnit, mono: Callable[[], float],
        closed: Callable[[Lane], None],
    ) -> None:  # fmt: skip
        self.opens_at = 0.0  # seconds of `mono()`
        self._limiter = limiter
        self._unit = unit
        self._mono = mono
        self._closed = closed
        self._told: set[int] = set()  # messages that were there when the lane was told closed

    def take(self, ahead: list[Claimed]) -> Claimed | None:
        """Take the first that may begin now out of `ahead`; None where none may."""
        self.opens_at = 0.0
        waits_s = []
        for at, segment in enumerate(ahead):
            wait_s = self.wait_s(segment)
            if wait_s <= 0:
                self._told.clear()
                return ahead.pop(at)
            waits_s.append(wait_s)
        if waits_s:
            self.opens_at = self._mono() + min(waits_s)
            messages = {segment.message_seq for segment in ahead}
            # What stays though it was told, parts of which are out, is not told again.
            if min(waits_s) > SOON_S and not messages <= self._told:
                self._told = messages
                self._closed(self._unit.lane)
        return None

    def wait_s(self, segment: Claimed) -> float:
        """Seconds until it may begin; 0 for now."""
        return self._limiter.wait_s(self._unit.lane, self._unit.view.sim_id, segment)

    def begun(self, segment: Claimed, sim_id: SimId) -> None:
        """Its attempt is kept, and so it counts after a restart too."""
        self._limiter.begun(self._unit.lane, sim_id, segment)

"""How long a modem takes for a segment, as measured, and when it last did what.

May import L0. Each success changes both, and people need not see each: what is shown goes round to
everybody who watches the modems.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from airpost.clock import Clock, Instant
from airpost.model import ProofKind

WEIGHT = 0.2  # of the newest segment in the measured seconds
SHOW_EVERY_S = 1.0


class Pace:
    """Of one modem. `show` is called once a second at most, and soon when the first is known."""

    def __init__(self, show: Callable[[], None], clock: Clock) -> None:
        self.service_s: float | None = None
        self.proved_at: Instant | None = None
        self._proof: ProofKind | None = None
        self._show = show
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._shown_s: float | None = None

    def took(self, took_s: float) -> None:
        """A segment was taken, after so many seconds."""
        known_s = self.service_s
        self.service_s = took_s if known_s is None else known_s + WEIGHT * (took_s - known_s)
        self.proved(ProofKind.SENT)

    def proved(self, kind: ProofKind) -> None:
        """It has just done this."""
        self.proved_at, self._proof = self._clock.now(), kind
        if self._timer is None:  # never at once: the next command goes first
            shown_s = self._shown_s
            wait_s = 0.0 if shown_s is None else shown_s + SHOW_EVERY_S - self._clock.mono()
            self._timer = asyncio.get_running_loop().call_later(max(0.0, wait_s), self._tell)

    def shown(self, proof_at: Instant | None) -> dict[str, Any]:
        """What people see of it: fields of a ModemView whose last proof was at `proof_at`."""
        if (self.proved_at or 0) <= (proof_at or 0):
            return {"service_s": self.service_s}
        proof = {"last_proof_at": self.proved_at, "last_proof": self._proof}
        return {"service_s": self.service_s, **proof}

    def flush(self) -> None:
        """Show what is not shown yet."""
        if self._timer is not None:
            self._tell()

    def _tell(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._shown_s = self._clock.mono()
        self._show()

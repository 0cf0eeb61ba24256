"""How fast one SIM may be used now, and whether it is dead.

Pure: no clock, no asyncio. May import L0. A modem sends one segment at a time, so the window is a
gap between segments, not a number of them: it doubles on failures of SIM or modem scope, shrinks on
success, and closes for a growing time after several failures in a row. Failures that concern a
message or its destination never touch it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from airpost.outcome import Outcome, OutcomeClass, Scope

FIRST_GAP_S = 1.0
LONGEST_GAP_S = 60.0
DEAD_AFTER = 5  # failures in a row
FIRST_DEAD_S = 60.0
LONGEST_DEAD_S = 3600.0
_OURS = frozenset({Scope.SIM, Scope.MODEM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The state of one SIM's window. Times are seconds of a monotonic clock."""

    gap_s: float = 0.0
    failures: int = 0
    dead_s: float = FIRST_DEAD_S  # how long the next closure lasts
    closed_until: float = 0.0

    def free_at(self) -> float:
        """When the next segment may begin."""
        return self.closed_until

    @property
    def dead(self) -> bool:
        """True after so many failures in a row that others should take the queue."""
        return self.failures >= DEAD_AFTER

    def feedback(self, outcome: Outcome, now: float) -> Window:
        """The window after an attempt ended at `now`."""
        if outcome.scope not in _OURS and outcome.cls is not OutcomeClass.OK:
            return self
        if outcome.cls is OutcomeClass.OK:
            gap = self.gap_s / 2 if self.gap_s > FIRST_GAP_S else 0.0
            return Window(gap_s=gap, closed_until=now + gap)
        failures = self.failures + 1
        if failures >= DEAD_AFTER:
            return Window(
                gap_s=LONGEST_GAP_S,
                failures=failures,
                dead_s=min(self.dead_s * 2, LONGEST_DEAD_S),
                closed_until=now + self.dead_s,
            )
        gap = min(max(self.gap_s * 2, FIRST_GAP_S), LONGEST_GAP_S)
        return replace(self, gap_s=gap, failures=failures, closed_until=now + gap)

    def reopened(self) -> Window:
        """After the modem came back new: what it does best is anyone's guess, so from the start."""
        return Window()

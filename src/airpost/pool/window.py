"""How fast one SIM may be used now, whether it is dead, and whether it is in doubt.

Pure: no clock, no asyncio. May import codec, L0. The only breaker of a SIM. A modem sends one
segment at a time, so the window is a gap between segments, not a number of them: it doubles on
failures of SIM or modem scope, shrinks slowly on success, and closes for a growing time after
several failures in a row; then one message tries it. Failures that concern a message or its
destination never touch it, but for the codes that name the message and are often the SIM's: several
in a row close it too. After several messages in a row whose fate nobody knows it opens for nothing
but a probe.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from airpost.codec.causes import sim_in_doubt
from airpost.outcome import WHOSE, Outcome, OutcomeClass, Scope

FIRST_GAP_S = 1.0
LONGEST_GAP_S = 60.0
WIDENS_BY = 1 / 4  # segments a second more, on each success
SMALLEST_GAP_S = 0.25  # below it there is none
DEAD_AFTER = 5  # failures in a row
DOUBTED_AFTER = 3  # in a row: of unknown fate, or refused with a code that is often the SIM's
FIRST_DEAD_S = 60.0
LONGEST_DEAD_S = 3600.0
_OURS = frozenset({Scope.SIM, Scope.MODEM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The state of one SIM's window. Times are seconds of a monotonic clock."""

    gap_s: float = 0.0
    failures: int = 0
    refusals: int = 0  # in a row, with codes that are often the SIM's
    unknown: int = 0  # in a row, with no answer at all
    dead_s: float = FIRST_DEAD_S  # how long the next closure lasts
    closed_until: float = 0.0

    def free_at(self) -> float:
        """When the next segment may begin."""
        return self.closed_until

    @property
    def dead(self) -> bool:
        """True after so many failures in a row that others should take the queue."""
        return self.failures >= DEAD_AFTER or self.refusals >= DOUBTED_AFTER

    @property
    def in_doubt(self) -> bool:
        """True when only a probe, a late answer or a person opens it again."""
        return self.unknown >= DOUBTED_AFTER

    def feedback(self, outcome: Outcome, now: float, *, answered: bool = True) -> Window:
        """The window after an attempt ended at `now`.

        Not `answered`: nothing was handed to the SIM, so that says nothing of a row of silence.
        """
        if outcome.cls is OutcomeClass.OK:
            gap = self.gap_s / (1 + WIDENS_BY * self.gap_s)
            gap = gap if gap >= SMALLEST_GAP_S else 0.0
            return Window(gap_s=gap, closed_until=now + gap)
        unknown = 0 if answered else self.unknown
        if outcome.cls is OutcomeClass.UNKNOWN:  # an answer, whosever it is, is no sign of silence
            unknown = self.unknown + (outcome.code != WHOSE)
        if outcome.scope in _OURS:
            failures = self.failures + 1
            known = replace(self, failures=failures, unknown=unknown)
            if known.dead:
                return known._closed(now)
            gap = min(max(self.gap_s * 2, FIRST_GAP_S), LONGEST_GAP_S)
            return replace(known, gap_s=gap, closed_until=now + gap)
        if not sim_in_doubt(outcome):
            return replace(self, unknown=unknown, refusals=0 if answered else self.refusals)
        refused = replace(self, unknown=unknown, refusals=self.refusals + 1)
        return refused._closed(now) if refused.dead else refused

    def refused_late(self, outcome: Outcome, now: float, *, counted: bool) -> Window:
        """The window once an attempt that was of unknown fate turns out at `now` to be refused.

        `counted`: as a failure it stands in the row already, by its silence. How long the row of
        silence is without it, the store knows. A SIM that rests does not rest longer for it.
        """
        if counted and outcome.scope in _OURS:
            return self
        learnt = replace(self.feedback(outcome, now), unknown=self.unknown)
        if self.dead and learnt.dead and now < self.closed_until:
            # It was on the air before the SIM began to rest: it has failed no trial since.
            return replace(
                learnt, gap_s=self.gap_s, dead_s=self.dead_s, closed_until=self.closed_until
            )
        return learnt

    def _closed(self, now: float) -> Window:
        return replace(
            self,
            gap_s=FIRST_GAP_S,  # the rate it begins with again
            dead_s=min(self.dead_s * 2, LONGEST_DEAD_S),
            closed_until=now + self.dead_s,
        )

    def settled(self, unknown: int = 0) -> Window:
        """After it became known that some of what had no answer went out: that many follow it."""
        return replace(self, unknown=min(self.unknown, unknown))

    def on_trial(self) -> Window:
        """One message may go out; if nobody knows what became of it either, it is shut again."""
        return replace(self, unknown=min(self.unknown, DOUBTED_AFTER - 1))

    def acquitted(self) -> Window:
        """After another SIM was refused the same: it was the message."""
        return replace(self, refusals=0) if self.refusals < DOUBTED_AFTER else self.reopened()

    def reopened(self) -> Window:
        """After the modem came back new: what it does best is anyone's guess, so from the start.

        That it came back says nothing of the SIM: what is in doubt stays so.
        """
        return Window(unknown=self.unknown)

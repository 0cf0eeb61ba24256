"""Whether messages still get through a modem that answers AT (`modems.md` faults 10, 76).

May import outcome. Pure. `OK` to `AT` proves nothing: what counts is a message that went
out or came in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from airpost.outcome import Outcome, OutcomeClass, Scope

NO_ANSWER = frozenset({"timeout", "dropped"})  # the codes of a send nobody answered, AT did
NO_PROMPT = "no prompt"  # the code of one whose text the modem never asked for
DEAD_AFTER = 3  # in a row
SUSPECT_DEAD_AFTER = 1  # after a try to heal it


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsHealth:
    """Counts sends without an answer; one value a unit, replaced at each outcome."""

    unanswered: int = 0
    suspect: bool = False

    @property
    def dead(self) -> bool:
        """True when no message gets an answer any more."""
        return self.unanswered >= (SUSPECT_DEAD_AFTER if self.suspect else DEAD_AFTER)

    def sent(self, outcome: Outcome, *, begun: bool) -> SmsHealth:
        """After a dialogue. An answer from the SIM or the network shows that messages get there.

        One whose PDU was not written shows nothing, unless the modem did not ask for it.
        """
        if outcome.code == NO_PROMPT:
            return replace(self, unanswered=self.unanswered + 1)
        if not begun:
            return self
        if outcome.cls is OutcomeClass.UNKNOWN and outcome.code in NO_ANSWER:
            return replace(self, unanswered=self.unanswered + 1)
        if outcome.ok or outcome.scope is not Scope.MODEM:
            return WELL
        return self

    def proved(self) -> SmsHealth:
        """An answer came after its dialogue was over: it went out all the same."""
        return WELL

    def suspected(self) -> SmsHealth:
        """Something was done about it; the next send shows whether it helped."""
        return SmsHealth(suspect=True)


WELL = SmsHealth()

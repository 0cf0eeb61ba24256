"""Whether the network refuses whatever a SIM sends: no credit, barred, a wrong service centre.

May import at.events, codec.causes, errors and outcome. Pure. One such answer is about its message;
several in a row to different numbers are about the SIM, and then the messages are for another one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from airpost.at.events import Final, FinalKind
from airpost.codec.causes import code_of_words, sim_in_doubt
from airpost.errors import CommandFailed
from airpost.outcome import Outcome, Scope

BLOCKED_AFTER = 3  # different numbers in a row
GARBLED = "CMS 304"  # by the modem, of a text it did not get whole: no network has seen it
REFUSED = (
    "the network refuses what this SIM sends ({code}): it has no credit, is barred, or has a wrong "
    "service centre; top it up, or ask the operator"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Who could not be reached since the last message that was taken; replaced at each outcome."""

    numbers: frozenset[str] = frozenset()
    code: str = ""

    @property
    def blocked(self) -> bool:
        """True when it is the SIM."""
        return len(self.numbers) >= BLOCKED_AFTER

    @property
    def complaint(self) -> str | None:
        """What is wrong and what to do, for people; None while nothing is."""
        return REFUSED.format(code=self.code) if self.blocked else None

    def sent(self, outcome: Outcome, to: str) -> Refusals:
        """After a message to `to`."""
        if outcome.ok:
            return NONE
        if _by_the_network(outcome):
            return Refusals(numbers=self.numbers | {to}, code=outcome.code)
        return self

    def judged(self, outcome: Outcome) -> Outcome:
        """`outcome` with the SIM as its scope where that is to blame."""
        if self.blocked and _by_the_network(outcome):
            return replace(outcome, scope=Scope.SIM)
        return outcome


NONE = Refusals()


def _by_the_network(outcome: Outcome) -> bool:
    return sim_in_doubt(outcome) and outcome.code != GARBLED


def failed(final: Final) -> CommandFailed:
    """A final error as an exception; words are turned into their code where they have one."""
    code = final.code
    if code is None and final.kind is not FinalKind.ERROR:
        code = code_of_words(final.kind.value, final.text)
    return CommandFailed(final.kind.value, code, final.text or final.kind.value)

"""One message on the air: the clocks that run, and whose the answers are that come meanwhile.

May import at.events and owed. Pure: times are seconds of one monotonic clock, which its caller
reads. An answer may be that of an earlier message which is still owed; only where that can be told,
or where the modem has nothing more to say, is it taken for this one's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import inf

from airpost.at.events import Final, FinalKind
from airpost.modem.owed import REFERENCES, Owed, Whose

AT_ONCE_S = 0.5  # an ERROR so soon after the text comes from no network
INVALID_PDU = 304  # what is built here is valid: something of it was lost, or the prompt was
LISTEN_S = 15.0  # after an answer that may be an earlier message's, until the modem is asked
SCRAPS = 3  # probes of one message that were answered by what is no answer, until it is told


@dataclass(frozen=True, slots=True)
class Answer:
    """What the modem said to a message; `mr` is the reference it gave."""

    mr: int | None
    final: Final

    @property
    def refuses_pdu(self) -> bool:
        """True where the modem, and no network, says that what was typed is no message."""
        return self.final.kind is FinalKind.CMS and self.final.code == INVALID_PDU


class Doubt(Enum):
    """What stands in place of an answer."""

    UNCLEAR = "an answer came that may be that of an earlier message"


@dataclass(slots=True, kw_only=True)
class OnAir:
    """From Ctrl-Z on. `earlier` is told what was the answer to the message before.

    `decides` tells refusals after which a message is sent anew, or given up, from errors that leave
    open what became of it.
    """

    owed: Owed
    earlier: Callable[[Answer], None]
    decides: Callable[[Final], bool] = lambda _final: False
    begun_s: float
    patient_until: float  # inf: its patience is over
    probe_at: float  # inf: never
    limit: float
    noise_before: int = 0  # lines that are nobody's, until Ctrl-Z
    unanswered: int = 0  # probes
    noise: int = 0  # lines of it that had come when the last probe went out
    scraps: int = 0
    kept: Answer | None = None  # which may be an earlier message's: listening for a further one
    kept_s: float | None = None  # when that, or the one before it, came
    astray: int | None = None  # the reference of an answer that was not this message's

    @property
    def due(self) -> float:
        """When the next of the three clocks runs out."""
        return min(self.patient_until, self.probe_at, self.limit)

    @property
    def in_doubt(self) -> bool:
        """True where an answer came, and is not known to be this message's."""
        return self.kept is not None or self.astray is not None

    def probed(self, unanswered: int, noise: int) -> bool:
        """One more probe goes out; True, once, where pieces of answers say that others get lost."""
        lost = unanswered > self.unanswered > 0 and noise > self.noise
        self.scraps += lost
        self.unanswered = unanswered
        if self.kept is None:
            self.noise = noise
        return lost and self.scraps == SCRAPS

    def heard(self, answer: Answer, now_s: float, noise: int) -> Answer | Doubt | None:
        """The answer to this message; None where it may still come."""
        owed = self.owed
        whose = owed.whose(answer.mr, now_s)
        if whose is Whose.EARLIER:
            if owed.owing(now_s) and owed.is_awaited(answer.mr):
                self._credit(answer)
            elif self.astray is None:
                self.astray = answer.mr
            return None
        if self._is_bare(answer, noise):
            if self.kept is None:
                self._listen(answer, now_s, noise)
            return None
        if self._may_be_unasked(answer, now_s):
            if self.kept is None:
                self._listen(answer, now_s, noise)
                return None
            owed.unasked_until_s = 0.0  # two errors: one of them was that
        if whose is Whose.NEWEST or self._at_once(answer, now_s):
            if self.kept is not None and self._may_be_unasked(self.kept, now_s):
                owed.unasked_until_s = 0.0  # or that of what is owed: nobody can tell
            elif self.kept is not None and owed.is_awaited(self.kept.mr):
                self._credit(self.kept)
            self.kept = self.kept_s = None
            return answer
        if self.kept is None:
            self._listen(answer, now_s, noise)
            return None
        return self._one_of_two(self.kept, answer, now_s, noise)

    def nothing_more(self, now_s: float, noise: int) -> Answer | Doubt:
        """The modem has nothing more to say, and has not said what must be this message's.

        A modem that answers by and by has nothing to say either: so where one is owed, a refusal is
        nobody's. Taken for this one's, it would have a message sent anew that is out.
        """
        kept, owed = self.kept, self.owed
        told = kept is not None and owed.count <= 1 and noise <= self.noise
        if kept is not None and told and not self._is_open(kept, now_s):
            return kept
        if kept is not None:
            owed.left_open(None if owed.counted else kept.mr)
        else:  # late answers come one after the other, and count up as those of a new count do
            owed.left_open(None if owed.owing(now_s) else self.astray)
        return Doubt.UNCLEAR

    def _listen(self, answer: Answer, now_s: float, noise: int) -> None:
        """Wait on: what else is said decides, or that the modem has nothing more to do."""
        self.kept, self.kept_s = answer, now_s
        if self.probe_at == inf:
            self.limit = min(self.limit, now_s + LISTEN_S)
        else:
            self.probe_at = now_s + LISTEN_S
        self.noise = noise

    def _one_of_two(
        self, first: Answer, second: Answer, now_s: float, noise: int
    ) -> Answer | Doubt | None:
        """Two answers, each of which may be either's: references are counted up."""
        if first.mr is None or second.mr is None:
            if not (first.final.ok and second.final.ok):
                if self.owed.count > 1:
                    self.owed.left_open(None)  # others are owed yet
                else:
                    self.owed.paid()
                return Doubt.UNCLEAR
        elif (second.mr - first.mr) % REFERENCES > REFERENCES // 2:
            first, second = second, first
        if self.owed.count > 1:
            self._listen(second, now_s, noise)
            return None
        self._credit(first)
        self.kept = None
        return second

    def _credit(self, answer: Answer) -> None:
        """The one answer that was owed."""
        self.owed.paid()
        self.earlier(answer)

    def _is_bare(self, answer: Answer, noise: int) -> bool:
        """True for an OK without the reference that the modem gives else, beside strange lines.

        It may be another program's whose line is damaged, or this message's whose line is.
        """
        bare = answer.mr is None and answer.final.ok
        return bare and self.owed.counted and noise > self.noise_before

    def _is_open(self, kept: Answer, now_s: float) -> bool:
        """True where even what came alone is not believed."""
        refused = not kept.final.ok and self.decides(kept.final)
        return (refused and self.owed.owing(now_s)) or self._is_bare(kept, self.noise)

    def _may_be_unasked(self, answer: Answer, now_s: float) -> bool:
        """True for an error that a dialogue given up before its prompt may have left behind."""
        if answer.final.ok or self._at_once(answer, now_s):
            return False
        return now_s < self.owed.unasked_until_s

    def _at_once(self, answer: Answer, now_s: float) -> bool:
        """True for an error of what was typed just now: none that comes late has that code."""
        told = answer.final.kind is FinalKind.ERROR or answer.refuses_pdu
        return told and now_s - self.begun_s < AT_ONCE_S

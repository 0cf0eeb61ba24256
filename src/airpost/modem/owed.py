"""Answers to earlier messages that a modem still owes, and the references by which they are told.

Pure: stdlib only. A port that is opened anew does not make a modem forget what it was at: what is
owed outlives a connection and a restart of airpost, and ends where the modem has started anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum

REFERENCES = 256
COUNTED = 3  # references in a row, until a modem is known to count them
BELIEVED_LESS = 4  # so many times as long, after a count that went back
LONGEST_S = 3600.0  # that an answer is ever waited for


class Whose(Enum):
    """Which message an answer belongs to that came while the newest was on the air."""

    NEWEST = "the newest's"
    EARLIER = "that of an earlier one"
    EITHER = "either's"


@dataclass(slots=True, kw_only=True)
class Owed:
    """`until_s` is of a monotonic clock: until then an answer may be that of an earlier message."""

    until_s: float = 0.0
    count: int = 0  # so many may be the one that it is the answer to
    reference: int | None = None  # the last one told
    since: int = 0  # messages that went out since
    steps: int = 0  # references that were counted on, in a row
    needed: int = COUNTED  # steps, until it is known to count: more where its count went back
    awaited: int | None = None  # the reference of the newest that is owed, where it can be known
    unasked_until_s: float = 0.0  # until then the error of a dialogue without a prompt may come
    told_from: int | None = None  # the first that was told since then: those from it on are others'

    def owing(self, now_s: float) -> bool:
        """True while an earlier answer may come."""
        return now_s < self.until_s

    def owe(self, now_s: float, until_s: float) -> None:
        """One more message went out whose answer has not come."""
        self.count = self.count + 1 if self.owing(now_s) else 1
        self.until_s = until_s
        self.awaited = self.told_from = None
        if self.reference is not None:
            self.awaited = (self.reference + self.since) % REFERENCES

    def paid(self) -> None:
        """What was owed has come."""
        self.until_s, self.count, self.awaited, self.told_from = 0.0, 0, None, None

    def unasked(self, until_s: float) -> None:
        """A dialogue was given up whose prompt had not come: what comes of it is an error."""
        self.unasked_until_s = until_s

    def went_out(self) -> None:
        """One more message is on the air."""
        self.since += 1

    def told(self, mr: int) -> None:
        """The newest message got this reference."""
        follows = self.reference is not None and 0 < self._ahead(mr) <= self.since
        self.steps = self.steps + 1 if follows else 0
        self.reference, self.since = mr, 0
        if self.count and self.told_from is None:
            self.told_from = mr

    def recount(self, mr: int) -> None:
        """The modem gave this one, which follows from nothing that is known.

        One that begins its count anew by itself again and again is not believed to count for long.
        """
        if self.counted:
            self.needed *= BELIEVED_LESS
        self.reference, self.since, self.steps, self.told_from = mr, 0, 0, None

    def left_open(self, mr: int | None) -> None:
        """An answer came that may be an earlier message's: one more may be the one it was for.

        `mr` is what the next one can be told from, None for nothing.
        """
        if mr is not None:
            self.recount(mr)
        self.count += 1

    @property
    def counted(self) -> bool:
        """True where the modem is known to count."""
        return self.reference is not None and self.steps >= self.needed

    def is_newest(self, mr: int | None) -> bool:
        """True for a reference no earlier message has: they are counted (TS 23.040 9.2.3.6)."""
        return mr is not None and self.reference is not None and self._ahead(mr) == self.since

    def is_awaited(self, mr: int | None) -> bool:
        """True for what can only be the answer that is owed: there is but one."""
        if mr is None or self.count != 1:
            return self.count == 1
        return self.awaited in (None, mr) and not self._told_since(mr)

    def _told_since(self, mr: int) -> bool:
        """True for a reference that a message got which went out after what is owed."""
        first, last = self.told_from, self.reference
        if first is None or last is None:
            return False
        return (mr - first) % REFERENCES <= (last - first) % REFERENCES

    def whose(self, mr: int | None, now_s: float) -> Whose:
        """Whose answer it is that came with this reference, None for one without.

        A modem that counts gives an earlier message a smaller one; a larger one than was counted to
        comes from others who send by the same modem.
        """
        if self.is_newest(mr):
            return Whose.NEWEST
        either = Whose.EITHER if self.owing(now_s) else Whose.NEWEST
        if mr is None or not self.counted:
            return either
        ahead = self._ahead(mr)
        if 0 < ahead < self.since:  # one that was refused may have had none
            return either
        return Whose.NEWEST if 0 < ahead <= REFERENCES // 2 else Whose.EARLIER

    def _ahead(self, mr: int) -> int:
        assert self.reference is not None
        return (mr - self.reference) % REFERENCES

    def forget(self) -> None:
        """The modem has started anew."""
        self.paid()
        self.reference, self.since, self.steps, self.needed = None, 0, 0, COUNTED
        self.unasked_until_s = 0.0

    def sim_gone(self) -> None:
        """The next one may be another, which has counted by itself; what is owed stays so."""
        self.reference, self.since, self.steps = None, 0, 0
        self.awaited = self.told_from = None

    def kept(self, now_s: float, at_s: float) -> str:
        """As text, for the next start of airpost; `at_s` is now by a clock that goes on."""
        if not self.owing(now_s):
            return ""
        until_at_s = round(at_s + self.until_s - now_s)
        told = self.count, self.reference, self.since, self.steps, self.awaited, self.told_from
        return json.dumps([until_at_s, *told])

    def take_up(self, kept: str | None, now_s: float, at_s: float) -> None:
        """What `kept()` told, as far as it is still to come; text of anything else is passed over.

        A clock that was set back meanwhile makes nothing be waited for longer than it was to be.
        """
        try:
            until_at_s, count, reference, since, steps, awaited, *more = json.loads(kept or "")
            left_s = float(until_at_s) - at_s
            if 0 < left_s <= LONGEST_S:
                self.until_s, self.count = now_s + left_s, int(count)
                self.reference, self.since = reference, int(since)
                self.steps, self.awaited = int(steps), awaited
                self.told_from = more[0] if more else None  # an earlier version kept none
        except (ValueError, TypeError):
            return

"""Answers to earlier messages that a modem still owes, and the reference it gives next.

Pure: stdlib only. A port that is opened anew does not make a modem forget what it was at: what is
owed outlives a connection and a restart of airpost, and ends where the modem has started anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

REFERENCES = 256
LONGEST_S = 3600.0  # that an answer is ever waited for


@dataclass(slots=True, kw_only=True)
class Owed:
    """`until_s` is of a monotonic clock: until then an answer may be that of an earlier message."""

    until_s: float = 0.0
    count: int = 0  # so many may be the one that it is the answer to
    reference: int | None = None  # the last one told
    since: int = 0  # messages that went out since

    def owing(self, now_s: float) -> bool:
        """True while an earlier answer may come."""
        return now_s < self.until_s

    def owe(self, now_s: float, until_s: float) -> None:
        """One more message went out whose answer has not come."""
        self.count = self.count + 1 if self.owing(now_s) else 1
        self.until_s = until_s

    def told(self, mr: int) -> None:
        """The newest message got this reference."""
        self.reference, self.since = mr, 0

    def is_newest(self, mr: int | None) -> bool:
        """True for a reference no earlier message has: they are counted (TS 23.040 9.2.3.6)."""
        if mr is None or self.reference is None:
            return False
        return mr == (self.reference + self.since) % REFERENCES

    def forget(self) -> None:
        """The modem has started anew."""
        self.until_s, self.count, self.reference, self.since = 0.0, 0, None, 0

    def kept(self, now_s: float, at_s: float) -> str:
        """As text, for the next start of airpost; `at_s` is now by a clock that goes on."""
        if not self.owing(now_s):
            return ""
        until_at_s = round(at_s + self.until_s - now_s)
        return json.dumps([until_at_s, self.count, self.reference, self.since])

    def take_up(self, kept: str | None, now_s: float, at_s: float) -> None:
        """What `kept()` told, as far as it is still to come; text of anything else is passed over.

        A clock that was set back meanwhile makes nothing be waited for longer than it was to be.
        """
        try:
            until_at_s, count, reference, since = json.loads(kept or "")
            left_s = float(until_at_s) - at_s
            if 0 < left_s <= LONGEST_S:
                self.until_s, self.count = now_s + left_s, int(count)
                self.reference, self.since = reference, int(since)
        except (ValueError, TypeError):
            return

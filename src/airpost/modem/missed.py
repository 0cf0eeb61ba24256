"""Delivery reports that were asked for and do not come: a sign that a modem tells nothing any more.

Pure: stdlib only. A report that is passed on directly and announced to nobody is lost, so what a
restart or another program has done to the settings must be found soon. That no report comes may as
well be the network's or the handsets' doing: then it is asked less and less often.
"""

from __future__ import annotations


class Missed:
    """`late_s` without any report, while one is due, lead to a question; at most every `most_s`.

    Times are of a monotonic clock.
    """

    def __init__(self, late_s: float, most_s: float) -> None:
        self._late_s = late_s
        self._most_s = most_s
        self._patience_s = late_s
        self._since_s: float | None = None  # a report is due, and none has come

    def asked(self, now_s: float) -> None:
        """A message went out that asks for a report."""
        if self._since_s is None:
            self._since_s = now_s

    def came(self) -> None:
        """A report came."""
        self._since_s, self._patience_s = None, self._late_s

    def due(self, now_s: float) -> bool:
        """True when the settings are to be looked at."""
        return self._since_s is not None and now_s - self._since_s >= self._patience_s

    def looked(self) -> None:
        """They were, and are as they should be."""
        if self._since_s is not None:
            self._since_s, self._patience_s = None, min(2 * self._patience_s, self._most_s)

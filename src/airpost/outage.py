"""What is tried again and again while it cannot be done: the log says so once, and once that it is
over.

L0: stdlib only.
"""

from __future__ import annotations

import logging


class Outage:
    """One line of a log that would come with every try; `where` stands behind its name."""

    def __init__(self, log: logging.Logger, begins: str, ends: str, where: str = "") -> None:
        self._log = log
        self._begins = f"{begins} {where}".rstrip()
        self._ends = f"{ends} {where}".rstrip()
        self._suppressed: int | None = None  # lines since it began, None while all is well

    def failed(self, reason: str) -> None:
        """One more try has failed."""
        if self._suppressed is None:
            self._suppressed = 0
            self._log.warning("%s %s", self._begins, reason)
        else:
            self._suppressed += 1

    def over(self) -> None:
        """A try has come through."""
        if self._suppressed is not None:
            self._log.info("%s suppressed=%d", self._ends, self._suppressed)
            self._suppressed = None

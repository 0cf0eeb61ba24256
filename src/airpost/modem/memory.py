"""What a person has to know of the memory that received messages wait in.

Pure. Told after a sweep, when everything in it was taken: what is still there is in the way.
"""

from __future__ import annotations

from dataclasses import dataclass

from airpost.clock import Instant

NEVER = Instant(0)
FILL_ALARM = 0.8  # of its places
UNDELETED = (
    "the modem deletes no messages though it says so; when its memory is full, nothing comes in: "
    "empty it in a phone, or replace the SIM"
)
FULL = (
    "the memory for messages is full and cannot be emptied: nothing comes in; empty it in a phone, "
    "or replace the SIM"
)
NEARLY_FULL = (
    "{used} of {total} places of the memory for messages are taken, {orphans} of them by drafts or "
    "copies that airpost leaves alone; empty it in a phone before nothing comes in any more"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The memory after a sweep; `total` 0 where the modem does not tell its places.

    `undeleted` records were found again although they had been deleted; `orphans` are records of
    the modem's own, which no sweep takes. `at` is when its places were told.
    """

    used: int = 0
    total: int = 0
    undeleted: int = 0
    orphans: int = 0
    at: Instant = NEVER

    @property
    def filled(self) -> tuple[int, int, Instant] | None:
        """Places taken, places there are, and when that was so; None where it is not told."""
        return (self.used, self.total, self.at) if self.total > 0 else None

    @property
    def full(self) -> bool:
        """True when nothing more can come in."""
        return 0 < self.total <= self.used

    @property
    def filling(self) -> bool:
        """True from FILL_ALARM on."""
        return self.total > 0 and self.used >= FILL_ALARM * self.total

    @property
    def complaints(self) -> tuple[str, ...]:
        """What a person has to mend."""
        told = (UNDELETED,) if self.undeleted else ()
        if self.full:
            return (*told, FULL)
        if not self.filling:
            return told
        words = NEARLY_FULL.format(used=self.used, total=self.total, orphans=self.orphans)
        return (*told, words)

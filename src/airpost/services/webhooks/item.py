"""An event that an endpoint has not taken yet, and what came of trying.

May import L0 and the store's values.
"""

from __future__ import annotations

from dataclasses import dataclass

from airpost.clock import Instant
from airpost.store.publishing import Delivery, LogEvent

NOW = Instant(0)  # due at once


@dataclass(slots=True, eq=False)
class Item:
    """An event that is not delivered yet."""

    event: LogEvent
    type: str
    order: str
    next_at: Instant = NOW
    tries: int = 0
    first_at: Instant | None = None
    last_at: Instant | None = None
    status: int | None = None
    error: str | None = None
    stored: bool = False  # as it is now
    has_row: bool = False
    flying: bool = False
    dead: bool = False

    @property
    def seq(self) -> int:
        """The number of the event."""
        return self.event.seq

    def take(self, row: Delivery) -> None:
        """It is as this row says."""
        self.tries, self.first_at, self.last_at = row.tries, row.first_at, row.last_at
        self.next_at, self.status, self.error = row.next_at, row.status, row.error
        self.stored = self.has_row = True

    def row(self) -> Delivery:
        """Its row."""
        return Delivery(
            seq=self.seq,
            dead=self.dead,
            tries=self.tries,
            first_at=self.first_at,
            last_at=self.last_at,
            next_at=self.next_at,
            status=self.status,
            error=self.error,
        )

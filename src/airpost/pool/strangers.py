"""What is plugged in and cannot be a modem of ours: shown with its remedy, never sent by.

May import L0.
"""

from __future__ import annotations

import logging

from airpost.model import Lane, ModemView

log = logging.getLogger("airpost.pool")


class Strangers:
    """By place; people see each under a name, like a modem."""

    def __init__(self) -> None:
        self._at: dict[str, ModemView] = {}

    def seen(self, place: str, view: ModemView | None) -> None:
        """Something is plugged in at `place` that people should see; None: no more."""
        before = self._at.pop(place, None)
        if view is not None:
            self._at[place] = view
            if before is None or before.detail != view.detail:
                log.warning("modem.stranger place=%s %s", place, view.detail)

    def all(self) -> list[ModemView]:
        """A view of each, by place."""
        return [self._at[place] for place in sorted(self._at)]

    def named(self, lane: Lane) -> ModemView | None:
        """One by its name."""
        return next((each for each in self._at.values() if each.lane == lane), None)

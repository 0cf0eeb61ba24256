"""Attempts of one lane whose fate is open: what an answer that comes late is credited to.

Values only. May import L0.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from airpost.model import Claimed, SimId

KEPT = 16  # the newest: a modem owes the answers to a few


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFate:
    """An attempt that ended without a known outcome, and the SIM it went by."""

    segment: Claimed
    attempt: int
    sim_id: SimId


class OpenFates:
    """By segment: the newest attempt of each; and which of them stand in the row of failures."""

    def __init__(self) -> None:
        self._of: OrderedDict[int, OpenFate] = OrderedDict()
        self._row: set[int] = set()

    def add(self, fate: OpenFate) -> None:
        """One more; it takes the place of an earlier attempt of its segment."""
        self._of[fate.segment.segment_id] = fate
        self._of.move_to_end(fate.segment.segment_id)
        self._row.add(fate.segment.segment_id)
        while len(self._of) > KEPT:
            self.known(next(iter(self._of)))

    def of(self, segment_id: int) -> OpenFate | None:
        """What is open of a segment, None for nothing."""
        return self._of.get(segment_id)

    def in_row(self, segment_id: int) -> bool:
        """True while its silence counts as a failure of the SIM."""
        return segment_id in self._row

    def row_over(self) -> None:
        """The SIM begins anew: something went out, or the modem came back."""
        self._row.clear()

    def known(self, segment_id: int) -> None:
        """It is open no longer."""
        self._of.pop(segment_id, None)
        self._row.discard(segment_id)

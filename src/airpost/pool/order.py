"""Which of the segments a lane has before it goes next.

Pure: no clock, no asyncio. May import L0. Classes are strict, and what is urgent overtakes
everything but the segment on the air. A message of several parts that has begun is not cut in two
without need, though: its parts lie incomplete on the handset meanwhile. So one of a higher class
goes first only where waiting for the rest would make it later than its class may be.
"""

from __future__ import annotations

from collections.abc import Sequence

from airpost.clock import SECOND_US, Instant
from airpost.model import Claimed
from airpost.policy import Policies

MOST_IN_HAND = 8  # messages; more do not overtake one another in a lane


class InHand:
    """The messages of several parts that a lane has begun, the newest last."""

    def __init__(self) -> None:
        self._begun: list[int] = []

    def began(self, segment: Claimed) -> None:
        """It goes out now."""
        if segment.of > 1:
            before = [seq for seq in self._begun if seq != segment.message_seq]
            self._begun = [*before, segment.message_seq][-MOST_IN_HAND:]

    def of(self, ahead: Sequence[Claimed]) -> int | None:
        """The newest one (its `message_seq`) of which parts are `ahead`."""
        if not self._begun:
            return None
        waiting = {each.message_seq for each in ahead}
        return next((seq for seq in reversed(self._begun) if seq in waiting), None)


def next_up(
    ahead: Sequence[Claimed],
    in_hand: int | None,
    service_s: float,
    now: Instant,
    policies: Policies,
) -> Claimed | None:
    """The next of `ahead`, which comes by class and age; None when there is none.

    `in_hand` is the message (its `message_seq`) that the lane has begun and not finished.
    """
    if not ahead:
        return None
    first = ahead[0]
    rest = [each for each in ahead if each.message_seq == in_hand]
    if not rest or first.message_seq == in_hand:
        return first
    if first.goes_as.rank >= rest[0].goes_as.rank:
        return rest[0]
    # Claimed ahead are a few segments only: the last of its parts may lie beyond.
    parts = rest[0].of - rest[0].seq + 1
    waits_s = (now - first.waiting_since) / SECOND_US + parts * service_s
    return rest[0] if waits_s <= policies[first.goes_as].begin_within_s else first

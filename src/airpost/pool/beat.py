"""When a lane tells the store what has begun: lanes of like pace do it together.

Pure. A modem that takes 200 ms for a segment leaves as long to write that it has begun, to bind
what comes next and to prepare it. Done by each at once that is a round of binding, a claim and two
commits for every segment; at instants that lanes have in common they share them, and a quick lane
does it for several of its segments.
"""

from __future__ import annotations

LONGEST_S = 0.36  # between two such instants: what was sent is seen to be that much later
SHORTEST_S = 0.002  # below, waiting costs more than sharing saves
SHARE = 0.5  # of the time the last that is prepared takes; the rest is for the store
LINGER_SHARE = 0.2  # of it too: for binding what comes next, which then goes along
AHEAD_MESSAGES = 2  # bound to a lane at once; the rest stays for whoever is free first
AHEAD_S = 2.5  # where segments take less, so many more that this is what they take
MOST_AHEAD = 12
QUICK_S = 0.03  # what a segment takes where it is over before the next one could be prepared


def until_beat(now_s: float, service_s: float | None, ready: int = 0) -> float:
    """Seconds until the next of the instants of its pace; 0 where it should not wait.

    So many are `ready` to begin after the one on the air.
    """
    most_s = (service_s or 0.0) * (ready + SHARE)
    every_s = LONGEST_S
    while every_s > most_s:
        every_s /= 2
        if every_s < SHORTEST_S:
            return 0.0
    return every_s - now_s % every_s


def linger_s(service_s: float | None) -> float:
    """Seconds that what has begun waits for what comes next."""
    return min((service_s or 0.0) * SHARE, LONGEST_S) * LINGER_SHARE


def ahead_messages(service_s: float | None) -> int:
    """How many messages are bound at once to a lane that takes so long for a segment."""
    if service_s is None:
        return AHEAD_MESSAGES
    return max(AHEAD_MESSAGES, min(MOST_AHEAD, round(AHEAD_S / max(service_s, SHORTEST_S))))


def prepared_ahead(service_s: float | None) -> int:
    """How many of them are prepared, so that they begin without a commit."""
    return ahead_messages(service_s) - 1


def is_quick(service_s: float | None) -> bool:
    """True where nothing is prepared: a commit for each segment is less than two."""
    return service_s is not None and service_s < QUICK_S

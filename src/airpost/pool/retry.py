"""When a failed segment is tried again.

Pure: no clock, no I/O; randomness is an argument. May import L0.
"""

from __future__ import annotations

from random import Random

from airpost.clock import SECOND_US, Instant
from airpost.model import MessageClass

FIRST_WAIT_S = {
    MessageClass.OTP: 1.0,
    MessageClass.ALARM: 2.0,
    MessageClass.NORMAL: 5.0,
    MessageClass.BULK: 15.0,
}
LONGEST_WAIT_S = {
    MessageClass.OTP: 10.0,
    MessageClass.ALARM: 60.0,
    MessageClass.NORMAL: 900.0,
    MessageClass.BULK: 1800.0,
}
JITTER = 0.1  # share by which a wait is spread, so that a congested cell is not hit in step


def next_attempt(now: Instant, since: Instant, class_: MessageClass, rng: Random) -> Instant:
    """The instant of the next try: as long from now as has passed since `since`, clamped.

    Waiting as long again as one has waited is an exponential back-off that needs no counter.
    """
    age_s = (now - since) / SECOND_US
    wait_s = min(max(age_s, FIRST_WAIT_S[class_]), LONGEST_WAIT_S[class_])
    wait_s *= 1 + rng.uniform(-JITTER, JITTER)
    return Instant(now + round(wait_s * SECOND_US))

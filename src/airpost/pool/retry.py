"""What an attempt has come to: whether and when a failed segment is tried again.

Pure: no clock, no I/O; randomness is an argument. May import store.api, modem.api, L0.
"""

from __future__ import annotations

from random import Random

from airpost.clock import SECOND_US, Instant
from airpost.model import Claimed, MessageClass
from airpost.modem.api import SendResult
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.policy import Policies
from airpost.states import SegmentEvent
from airpost.store.api import Settlement

JITTER = 0.1  # share by which a wait is spread, so that a congested cell is not hit in step
# The waits of a class (`policy.py`) times this. What the SIM or the modem is to blame for can go by
# another soon, and the window slows the guilty one; a handset that is full or off stays so.
SHARE_OF_WAIT = {
    Scope.MESSAGE: 1.0,
    Scope.DESTINATION: 2.0,
    Scope.SIM: 0.5,
    Scope.MODEM: 0.5,
}

CONCERNS_IT = (Scope.MESSAGE, Scope.DESTINATION)  # the message itself, whoever sends it


def next_attempt(
    now: Instant,
    since: Instant,
    class_: MessageClass,
    scope: Scope,
    policies: Policies,
    rng: Random,
) -> Instant:
    """The instant of the next try: as long from now as has passed since `since`, clamped.

    Waiting as long again as one has waited is an exponential back-off that needs no counter.
    """
    policy, share = policies[class_], SHARE_OF_WAIT[scope]
    age_s = (now - since) / SECOND_US
    wait_s = min(max(age_s, policy.retry_first_s * share), policy.retry_longest_s * share)
    wait_s *= 1 + rng.uniform(-JITTER, JITTER)
    return Instant(now + round(wait_s * SECOND_US))


def event_of(outcome: Outcome) -> SegmentEvent:
    """What an outcome means for the segment.

    A permanent failure of the SIM or the modem is none of the message: it goes to another.
    """
    if outcome.cls is OutcomeClass.OK:
        return SegmentEvent.TAKEN
    if outcome.cls is OutcomeClass.UNKNOWN:
        return SegmentEvent.UNKNOWN
    if outcome.cls is OutcomeClass.PERMANENT and outcome.scope in CONCERNS_IT:
        return SegmentEvent.PERMANENT
    return SegmentEvent.TRANSIENT


def settlement(
    segment: Claimed,
    attempt: int,
    result: SendResult,
    now: Instant,
    policies: Policies,
    rng: Random,
    *,
    elsewhere: bool,
) -> Settlement:
    """How an attempt that ended just now is settled; `elsewhere`: it is tried by another SIM."""
    event = SegmentEvent.TRANSIENT if elsewhere else event_of(result.outcome)
    retry_at = grace_until = None
    if event is SegmentEvent.TRANSIENT:
        retry_at = next_attempt(
            now, segment.waiting_since, segment.class_, result.outcome.scope, policies, rng
        )
    if event is SegmentEvent.UNKNOWN:
        grace_until = Instant(now + round(policies[segment.class_].grace_s * SECOND_US))
    return Settlement(
        segment_id=segment.segment_id, attempt_id=attempt, event=event, outcome=result.outcome,
        mr=result.mr, ended_at=now, retry_at=retry_at, grace_until=grace_until,
    )  # fmt: skip

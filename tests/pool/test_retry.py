"""When a failed segment is tried again."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpost.clock import SECOND_US, Instant
from airpost.model import MessageClass
from airpost.outcome import Outcome, OutcomeClass, Scope
from airpost.policy import CLASS_POLICY
from airpost.pool.retry import JITTER, SHARE_OF_WAIT, event_of, next_attempt
from airpost.states import SegmentEvent

HOUR_US = 3600 * SECOND_US


@given(
    st.sampled_from(MessageClass), st.sampled_from(Scope),
    st.integers(0, 10 * HOUR_US), st.integers(0, 99),
)  # fmt: skip
def test_the_wait_is_the_age_clamped_and_spread(
    class_: MessageClass, scope: Scope, age: int, seed: int
) -> None:
    policy, share = CLASS_POLICY[class_], SHARE_OF_WAIT[scope]
    at = next_attempt(Instant(age), Instant(0), class_, scope, CLASS_POLICY, Random(seed))
    wait_s = (at - age) / SECOND_US
    plain_s = min(max(age / SECOND_US, policy.retry_first_s * share),
                  policy.retry_longest_s * share)  # fmt: skip
    assert plain_s * (1 - JITTER) - 1e-5 <= wait_s <= plain_s * (1 + JITTER) + 1e-5


def test_every_scope_has_its_share() -> None:
    assert set(SHARE_OF_WAIT) == set(Scope)


def test_tries_of_one_message_thin_out() -> None:
    rng = Random(3)
    at = Instant(0)
    tries = 0
    while at < HOUR_US:
        at = next_attempt(at, Instant(0), MessageClass.NORMAL, Scope.MESSAGE, CLASS_POLICY, rng)
        tries += 1
    assert 8 <= tries <= 16


def test_urgent_classes_are_tried_again_sooner() -> None:
    ordered = [CLASS_POLICY[each] for each in sorted(MessageClass, key=lambda each: each.rank)]
    for one, other in pairwise(ordered):
        assert one.retry_first_s < other.retry_first_s
        assert one.retry_longest_s < other.retry_longest_s


def test_the_same_seed_gives_the_same_instant() -> None:
    args = (Instant(5 * SECOND_US), Instant(0), MessageClass.ALARM, Scope.SIM, CLASS_POLICY)
    assert next_attempt(*args, Random(7)) == next_attempt(*args, Random(7))


@pytest.mark.parametrize(
    ("cls", "scope", "event"),
    [
        (OutcomeClass.OK, Scope.MESSAGE, SegmentEvent.TAKEN),
        (OutcomeClass.UNKNOWN, Scope.MODEM, SegmentEvent.UNKNOWN),
        (OutcomeClass.TRANSIENT, Scope.DESTINATION, SegmentEvent.TRANSIENT),
        (OutcomeClass.PERMANENT, Scope.MESSAGE, SegmentEvent.PERMANENT),
        (OutcomeClass.PERMANENT, Scope.DESTINATION, SegmentEvent.PERMANENT),
        (OutcomeClass.PERMANENT, Scope.SIM, SegmentEvent.TRANSIENT),  # another SIM may
        (OutcomeClass.PERMANENT, Scope.MODEM, SegmentEvent.TRANSIENT),
    ],
)
def test_what_an_outcome_means_for_its_segment(
    cls: OutcomeClass, scope: Scope, event: SegmentEvent
) -> None:
    assert event_of(Outcome(cls=cls, scope=scope, code="x", text="")) is event

"""What classes mean."""

from __future__ import annotations

from airpost.model import MessageClass, OnUncertain
from airpost.policy import CLASS_POLICY, QueuePolicy


def test_every_class_has_a_policy() -> None:
    assert set(CLASS_POLICY) == set(MessageClass)


def test_the_defaults_that_callers_rely_on() -> None:
    told = {each.value: (policy.report, policy.grace_s, policy.on_uncertain)
            for each, policy in CLASS_POLICY.items()}  # fmt: skip
    resend, hold = OnUncertain.RESEND, OnUncertain.HOLD
    assert told == {
        "otp": (True, 5, resend), "alarm": (True, 10, resend),
        "normal": (True, 60, resend), "bulk": (False, 60, hold),
    }  # fmt: skip
    queue = QueuePolicy()
    assert (queue.ageing_s, queue.reserved, queue.resume_s) == (3600, 1, 300)

"""What a class of messages means, and what holds for the queue: numbers that people may set.

L0: stdlib only. Durations in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airpost.model import MessageClass, OnUncertain


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPolicy:
    """What a class means in seconds and defaults."""

    report: bool
    validity_s: int
    patience_s: float  # after Ctrl-Z until the message counts as uncertain
    grace_s: float  # in uncertain, before a resend
    on_uncertain: OnUncertain
    begin_within_s: float  # it cuts into a longer message of a lower class rather than wait longer
    retry_first_s: float  # waits between tries grow with the age of the message, within these
    retry_longest_s: float
    max_waiting: int = 1_000_000  # messages; one more is refused


Policies = Mapping[MessageClass, ClassPolicy]

CLASS_POLICY: Policies = {
    MessageClass.OTP: ClassPolicy(
        report=True, validity_s=600, patience_s=15, grace_s=5, on_uncertain=OnUncertain.RESEND,
        begin_within_s=1, retry_first_s=1, retry_longest_s=10, max_waiting=100_000,
    ),
    MessageClass.ALARM: ClassPolicy(
        report=True, validity_s=1800, patience_s=20, grace_s=10, on_uncertain=OnUncertain.RESEND,
        begin_within_s=1, retry_first_s=2, retry_longest_s=60, max_waiting=100_000,
    ),
    MessageClass.NORMAL: ClassPolicy(
        report=True, validity_s=86_400, patience_s=60, grace_s=60, on_uncertain=OnUncertain.RESEND,
        begin_within_s=60, retry_first_s=5, retry_longest_s=900,
    ),
    MessageClass.BULK: ClassPolicy(
        report=False, validity_s=86_400, patience_s=120, grace_s=60, on_uncertain=OnUncertain.HOLD,
        begin_within_s=3600, retry_first_s=15, retry_longest_s=1800,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePolicy:
    """What holds for the queue as a whole."""

    classes: Policies = field(default_factory=lambda: CLASS_POLICY)
    ageing_s: float = 3600.0  # bulk that has waited so long goes as normal does
    reserved: int = 1  # modems of a route that carry no bulk, while two or more are ready
    max_waiting_key: int = 500_000  # messages of one key; one more is refused
    resume_s: float = 300.0  # how long operators and handsets keep the parts they have

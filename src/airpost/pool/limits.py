"""What may be set as a limit, and the profiles that are ready to be named.

Pure: no clock, no asyncio. May import L0. A profile is about one subject: a SIM, a recipient or a
key. Nothing is limited until the configuration names a profile for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from airpost.model import MessageClass
from airpost.pool.sendwindow import SendWindow


class Span(Enum):
    """What is counted over; a month is always that of the calendar."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


SPAN_S = {Span.MINUTE: 60, Span.HOUR: 3600, Span.DAY: 86_400}


class OnLimit(Enum):
    """What becomes of a message that a limit stands against."""

    HOLD = "hold"  # it waits for this subject
    OTHER = "other"  # another SIM takes it; it waits while there is none
    REJECT = "reject"  # it fails at once


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitProfile:
    """How much one subject may have. None and 0 stand for no limit.

    `reserve_percent` of every count is kept for classes otp and alarm; at `warn_percent` of an
    hour, day or month an event is written. Spans in `clock` are those of the clock in `zone`, the
    others roll: the last 60 s, 3600 s, 24 h. With `burst` a minute's count is a mean, and that many
    may go at once after a quiet time. Recipients of a month count once, however many messages they
    get. `all_per_day` counts what a recipient gets in all classes.
    """

    name: str
    gap_s: float = 0.0
    per_minute: int | None = None
    per_hour: int | None = None
    per_day: int | None = None
    per_month: int | None = None
    burst: int | None = None
    recipients_per_month: int | None = None
    all_per_day: int | None = None
    reserve_percent: int = 0
    warn_percent: int = 80
    clock: frozenset[Span] = frozenset()
    zone: str = "UTC"
    on_limit: OnLimit = OnLimit.HOLD

    @property
    def counts(self) -> dict[Span, int]:
        """The count of every span that is limited, but of a minute with a burst."""
        given = {
            Span.MINUTE: None if self.burst else self.per_minute,
            Span.HOUR: self.per_hour,
            Span.DAY: self.per_day,
            Span.MONTH: self.per_month,
        }
        return {span: count for span, count in given.items() if count is not None}


READY = {
    each.name: each
    for each in (
        LimitProfile(
            name="consumer-sim", gap_s=3.0, per_minute=10, burst=20, on_limit=OnLimit.OTHER
        ),
        LimitProfile(name="cautious", gap_s=3.0, per_minute=6, on_limit=OnLimit.OTHER),
        # What Chinese operators let through of one-time passwords to one number: minutes and hours
        # are those of the clock there, a day is 24 h from the message.
        LimitProfile(
            name="cn-otp",
            per_minute=1,
            per_hour=5,
            per_day=10,
            all_per_day=40,
            clock=frozenset({Span.MINUTE, Span.HOUR}),
            zone="Asia/Shanghai",
        ),
    )
}
"""Profiles that a configuration may name without a section of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLimits:
    """What holds for the messages of one class: when they may leave, how many a recipient gets."""

    per_recipient: LimitProfile | None = None
    window: SendWindow | None = None
    on_quiet: OnLimit = OnLimit.HOLD
    zone: str | None = None  # instead of the recipient's own


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """What the configuration asks for. `default_sim`: of modems that name no profile.

    `mark` is another one where any of it is another.
    """

    default_sim: LimitProfile | None = None
    sims: Mapping[str, LimitProfile] = field(default_factory=dict)  # by the lane's name
    keys: Mapping[str, LimitProfile] = field(default_factory=dict)  # by the key's name
    classes: Mapping[MessageClass, ClassLimits] = field(default_factory=dict)
    home_region: str | None = None
    mark: str = field(default="", compare=False)

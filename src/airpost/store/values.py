"""What the store is asked and what it answers: values, and nothing of how.

May import L0. `api.py` is the face: others import them from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from airpost.clock import Instant
from airpost.model import Lane, Message, MessageClass, MessageId, SimId
from airpost.outcome import Outcome
from airpost.received import Inbound
from airpost.states import MessageState, SegmentEvent, SegmentState

T = TypeVar("T")


class Wake(Enum):
    """A hint that a commit may matter to somebody; the store is the truth, a hint may be lost."""

    __hash__ = object.__hash__  # Enum's own is Python

    QUEUE = "queue"  # something became sendable, bound, released or cancelled
    URGENT = "urgent"  # an otp or alarm was accepted
    DECIDED = "decided"  # by a person: something may go now, whatever lane it is bound to
    EVENT = "event"  # an event row was written
    INBOUND = "inbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The receipt of one message."""

    id: MessageId
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """The decision that a message goes out over a lane, and why."""

    message_seq: int
    lane: Lane
    sim_id: SimId
    reason: str
    charged_at: Instant | None = None  # it counts for its recipient and key, if it did not yet
    others: Mapping[Lane, str] = field(default_factory=dict)  # why not each of them
    group: int = 0  # of its route
    failover_s: float | None = None  # without a report by then the next group is tried
    trying_s: float = 0.0  # so much later, once the network has said that it still tries
    follows: bool = False  # only while the message before it is bound to that lane, or has begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A limit holds a message until then: `reason` for programs, `words` for people."""

    message_seq: int
    until: Instant
    reason: str
    words: str


@dataclass(slots=True, kw_only=True)
class Intent:
    """A segment is about to be written to a modem: from this commit on its fate may be unknown.

    `shares`: the commit may be that of others too, though one waits for the other then.
    """

    segment_id: int
    lane: Lane
    sim_id: SimId
    tpdu: bytes
    begun_at: Instant
    shares: bool = False


@dataclass(slots=True, kw_only=True)
class Settlement:
    """What became of an attempt. `event` is TAKEN, TRANSIENT, PERMANENT, UNKNOWN or LATE."""

    segment_id: int
    attempt_id: int
    event: SegmentEvent
    outcome: Outcome
    mr: int | None
    ended_at: Instant
    retry_at: Instant | None = None  # with TRANSIENT
    grace_until: Instant | None = None  # with UNKNOWN: no resend before


@dataclass(frozen=True, slots=True, kw_only=True)
class AirResult:
    """What `air()` did. `attempt_id` is None when the intent's segment was no longer queued."""

    attempt_id: int | None
    state: SegmentState | None  # of the settled segment, after any report that overtook us


CANNOT_SEND = "cannot send it now"  # why a modem's messages are given back, behind its name
CLAIM_SEGMENTS = 16  # of a lane's queue are known at once
MOST_PREPARED = 15  # of a lane; the journal keeps that each begins and ends before the next commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An intent on disk that may begin later without a commit; its segment is still queued.

    `attempt_id` is the number its attempt will have.
    """

    segment_id: int
    message_seq: int
    attempt_id: int
    lane: Lane
    sim_id: SimId
    tpdu: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What was prepared is on the air since `begun_at`."""

    segment_id: int
    message_seq: int
    attempt_id: int
    lane: Lane
    begun_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class PartStored:
    """`inbound` is the message when this part completed it; `repeat` when it was known already."""

    inbound: Inbound | None
    repeat: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStored:
    """`message_id` is None when no attempt matched: kept and listed, never applied."""

    message_id: MessageId | None
    state: SegmentState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelResult:
    """`cancelled` False with the state that forbids it."""

    cancelled: bool
    state: MessageState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a timed sweep moved."""

    expired: int
    resent: int
    finalised: int
    partials: int
    forgotten: int  # idempotency keys past their time


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What a start found from the run before."""

    uncertain: int  # segments that were sending
    unbound: int  # messages given back to the backlog


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneBinding:
    """Which modem and SIM a lane last was."""

    lane: Lane
    imei: str
    sim_id: SimId | None
    since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a list in commit order; `next` continues after its last item, None at the end."""

    items: tuple[T, ...]
    next: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages a list shows; None means any. `owner` None sees all.

    `uncertain`: only those that are, or of which something may have gone out twice. `newest`: the
    newest first, and a place in the list is where those before it begin.
    """

    owner: str | None = None
    state: MessageState | None = None
    to: str | None = None
    class_: MessageClass | None = None
    modem: Lane | None = None
    tag: str | None = None
    since: Instant | None = None
    until: Instant | None = None  # made before that
    sender_ref: str | None = None
    key_id: str | None = None
    batch: str | None = None
    uncertain: bool | None = None
    newest: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueView:
    """A lane's queue: what is bound to it, then what of the backlog is waiting."""

    bound: tuple[Message, ...]
    backlog: tuple[Message, ...]
    backlog_total: int


class Verdict(Enum):
    """What a person says of a message of unknown fate."""

    RESEND = "resend"
    SENT = "sent"
    CANCELLED = "cancelled"

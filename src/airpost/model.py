"""Values that cross layers; nobody changes one.

L0: stdlib only. Times are `Instant` (UTC microseconds), durations carry their unit in the name.
What is made for every message is not frozen: that takes three times as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import NewType

from airpost.clock import Instant
from airpost.outcome import Outcome
from airpost.states import MessageState, SegmentState

MessageId = NewType("MessageId", str)
InboundId = NewType("InboundId", str)
Lane = NewType("Lane", str)
SimId = NewType("SimId", str)  # the ICCID, or `imsi:…`, or `imei:…` where the modem tells no ICCID


def uuid7(now: Instant, rng: Random) -> str:
    """A UUID version 7 (RFC 9562 5.7) from the given clock and randomness."""
    value = (now // 1000 & (1 << 48) - 1) << 80 | 0x7 << 76 | rng.getrandbits(12) << 64
    value |= 0b10 << 62 | rng.getrandbits(62)
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def masked(number: str) -> str:
    """A number as logs may show it: the first three and last two characters."""
    return number if len(number) < 6 else f"{number[:3]}…{number[-2:]}"


class MessageClass(Enum):
    """How urgent; strict order otp, alarm, normal, bulk."""

    __hash__ = object.__hash__  # Enum's own is Python

    OTP = "otp"
    ALARM = "alarm"
    NORMAL = "normal"
    BULK = "bulk"

    @property
    def rank(self) -> int:
        """0 goes first."""
        return _RANKS[self]

    @property
    def urgent(self) -> bool:
        """True for what may not wait behind a lane's queue."""
        return self in (MessageClass.OTP, MessageClass.ALARM)


_RANKS = {each: rank for rank, each in enumerate(MessageClass)}


class OnUncertain(Enum):
    """The caller's word for what follows an unknown outcome."""

    RESEND = "resend"
    HOLD = "hold"


class Encoding(Enum):
    """What the user data holds."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"
    DATA = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentBody:
    """One part as it will go on the air, but for what only the moment of sending knows.

    `udh` holds the header with its length octet (b"" for none, concatenation reference 0), `ud` the
    octets after it, `udl` is TP-UDL.
    """

    pid: int
    dcs: int
    udh: bytes
    ud: bytes
    udl: int


@dataclass(slots=True, kw_only=True)
class Idempotency:
    """A caller's key for one request, and the answer to keep for a repeat."""

    key: str
    fingerprint: str  # SHA-256 of the canonical request
    status: int
    body: bytes
    kept_s: int = 86_400  # how long a repeat gets the answer


Asked = Mapping[str, str | int]
"""Fields of the caller that a message does not show otherwise: ports, flash, a route asked for."""


@dataclass(slots=True, kw_only=True)
class NewMessage:
    """A message that passed every check, before it is stored."""

    id: MessageId
    owner: str
    key_id: str | None
    to: str  # "+" and digits, a national number, a short code, or a *# code
    class_: MessageClass
    encoding: Encoding
    text: str | None
    data: bytes | None
    segments: tuple[SegmentBody, ...]
    concat_bits: int
    want_report: bool
    created_at: Instant
    not_before: Instant | None
    expires_at: Instant
    on_uncertain: OnUncertain
    ordered: bool = False  # later ones to the same number wait until its fate is known
    lane: Lane | None = None  # the caller asked for this modem
    route: str | None = None
    carrier: str | None = None  # of the recipient, by prefix; where routes ask for it
    sender_ref: str | None = None
    tags: tuple[str, ...] = ()
    idempotency: Idempotency | None = None
    batch: tuple[int, int] | None = None  # number of its batch, and which of its rows it is
    sent_text: str | None = None  # what goes out, where transliteration has made it another
    asked: Asked = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class PartView:
    """One segment of the newest transmission, as callers see it."""

    seq: int
    state: SegmentState
    modem: Lane | None
    reference: int | None  # TP-MR
    attempts: int
    sent_at: Instant | None
    reported_at: Instant | None
    outcome: Outcome | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """What a message waits for: `reason` for programs, `words` for people, and until when."""

    reason: str  # rate_limited_local, quota_exhausted, quiet_hours
    words: str
    until: Instant


@dataclass(slots=True, kw_only=True)
class Message:
    """A stored message."""

    id: MessageId
    seq: int  # commit order
    owner: str
    to: str
    class_: MessageClass
    state: MessageState
    encoding: Encoding
    parts: tuple[PartView, ...]
    modem: Lane | None
    created_at: Instant
    not_before: Instant | None
    expires_at: Instant
    sent_at: Instant | None
    delivered_at: Instant | None
    final: bool
    reason: str | None
    text: str | None
    data: bytes | None
    want_report: bool
    on_uncertain: OnUncertain
    possible_duplicates: int
    sender_ref: str | None
    tags: tuple[str, ...]
    waits: Waits | None = None  # a limit holds it
    outlet: str = ""  # what may carry it: "lane X" where asked for, else "route Y"
    ordered: bool = False  # later ones to the same number wait until its fate is known
    sent_text: str | None = None  # what goes out, where transliteration has made it another
    batch: str | None = None
    asked: Asked = field(default_factory=dict)


class Severity(Enum):
    """How grave an event is. `high` is for a person, now: nothing of ours helps any more."""

    INFO = "info"
    WARNING = "warning"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of history; `seq` is the store's commit order."""

    seq: int
    at: Instant
    message_id: MessageId | None
    subject: str  # "message", "part 2", "inbound", "modem gate-1", …
    from_: str | None
    to: str | None
    reason: str
    actor: str
    severity: Severity = Severity.INFO


@dataclass(slots=True, kw_only=True)
class Waiting:
    """A due message of the shared backlog, with what routing needs."""

    seq: int
    id: MessageId
    to: str
    class_: MessageClass
    parts: int
    lane: Lane | None
    route: str | None
    key_id: str | None = None
    charged: bool = False  # counted for recipient and key already
    avoid_sim: SimId | None = None  # refused it with a code that is often the SIM's
    follows: Lane | None = None  # where the message before it to this number is bound
    aged: bool = False  # bulk that has waited so long that it goes as normal does
    carrier: str | None = None  # of the recipient, by prefix; where routes ask for it
    last_sim: SimId | None = None  # which last exchanged messages with this number
    failed_on: frozenset[SimId] = frozenset()  # by failures of SIM or modem, with this message
    groups_failed: int = 0  # of its route: brought no delivery report in time
    segments: tuple[Claimed, ...] = ()  # that may go now; looked up for modems at rest alone

    @property
    def goes_as(self) -> MessageClass:
        """The class in whose turn it goes."""
        return MessageClass.NORMAL if self.aged else self.class_


@dataclass(slots=True, kw_only=True)
class Claimed:
    """A queued segment that a lane may send next."""

    segment_id: int
    message_seq: int
    message_id: MessageId
    to: str
    class_: MessageClass
    seq: int
    of: int
    body: SegmentBody
    concat_ref: int
    attempts: int
    resends: int  # TP-RD is asked for when above 0
    want_report: bool
    waiting_since: Instant  # created_at, or not_before where that is later
    expires_at: Instant
    avoid_sim: SimId | None = None  # refused it with a code that is often the SIM's
    aged: bool = False  # bulk that has waited so long that it goes as normal does

    @property
    def goes_as(self) -> MessageClass:
        """The class in whose turn it goes."""
        return MessageClass.NORMAL if self.aged else self.class_


class UnitState(Enum):
    """Where one modem is."""

    __hash__ = object.__hash__  # Enum's own is Python

    ABSENT = "absent"
    OPENING = "opening"
    PROBING = "probing"
    SIM = "sim"
    REGISTERING = "registering"
    READY = "ready"
    DEGRADED = "degraded"
    DRAINING = "draining"
    COOLDOWN = "cooldown"
    QUARANTINED = "quarantined"

    @property
    def severity(self) -> Severity:
        """How grave it is to come into it."""
        return _SEVERITIES.get(self, Severity.INFO)


_SEVERITIES = {
    UnitState.DEGRADED: Severity.WARNING, UnitState.COOLDOWN: Severity.WARNING,
    UnitState.QUARANTINED: Severity.HIGH,
}  # fmt: skip


class Way(Enum):
    """Which way bytes went on a modem's wire."""

    SENT = ">>"
    RECEIVED = "<<"
    NOTE = "--"  # no bytes: opened, lost, resynchronised


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLine:
    """One line of a modem's wire, redacted."""

    at: Instant
    way: Way
    text: str


class ProofKind(Enum):
    """What showed that messages get through a modem."""

    SENT = "sent"  # the network took one
    REPORT = "report"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """The newest self-test of a SIM; `detail` is a sentence for people."""

    message_id: MessageId
    at: Instant
    state: MessageState
    over: bool  # nothing is waited for any more
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """What is left on a prepaid SIM. `problem`: why the last look brought nothing."""

    value: float | None  # in the SIM's own currency
    at: Instant | None
    low: bool
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemView:
    """What the pool and people see of one modem; a unit knows nothing of the last two."""

    lane: Lane
    port: str
    state: UnitState
    since: Instant
    detail: str  # a sentence for people: what is the case and what to do
    imei: str | None = None
    sim_id: SimId | None = None
    imsi: str | None = None
    number: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    operator: str | None = None
    registration: str | None = None
    signal_dbm: int | None = None
    smsc: str | None = None
    last_error: str | None = None
    last_proof_at: Instant | None = None  # last segment taken or message received
    last_proof: ProofKind | None = None
    service_s: float | None = None  # measured seconds a segment
    paused: str | None = None  # why it takes no messages though it could
    roaming: bool = False  # in somebody else's network
    stalled: bool = False  # still on the air past the segment's patience: takes nothing now
    routes: frozenset[str] = field(default_factory=lambda: frozenset({"default"}))
    memory: tuple[int, int, Instant] | None = None  # places taken, places there are, as seen at
    credit: Credit | None = None
    selftest: SelfTest | None = None

    @property
    def ready(self) -> bool:
        """True when segments may be given to it."""
        return self.state in (UnitState.READY, UnitState.DEGRADED) and not self.stalled

    @property
    def takes(self) -> bool:
        """True when messages may be bound to it: ready, and nothing holds it back."""
        return self.ready and self.paused is None

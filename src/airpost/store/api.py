"""The Store protocol: what the pool and the services may ask of it, and nothing about how.

May import L0. Every writing method returns after its commit is on disk; every one may raise
StoreUnavailable, and then nothing of the request was written.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from airpost.apikey import ApiKey
from airpost.clock import Instant
from airpost.errors import InvalidRequest, QueueFull
from airpost.model import (
    Claimed,
    Event,
    Lane,
    Message,
    MessageClass,
    MessageId,
    NewMessage,
    Severity,
    SimId,
    Waiting,
)
from airpost.outcome import Outcome
from airpost.received import Inbound, RawPart, RawReport
from airpost.schedule import Schedule
from airpost.store.auditing import AuditLog
from airpost.store.batching import Batches
from airpost.store.deciding import Decisions
from airpost.store.keeping import Keeping
from airpost.store.people import People
from airpost.store.publishing import HookEvents, Outbox
from airpost.store.routing import Blocklist, Choices, Reach, Served
from airpost.store.values import (
    CANNOT_SEND,
    CLAIM_SEGMENTS,
    MOST_PREPARED,
    Accepted,
    AirResult,
    Begun,
    Binding,
    CancelResult,
    Hold,
    Intent,
    LaneBinding,
    MessageFilter,
    Page,
    PartStored,
    Prepared,
    QueueView,
    Recovered,
    ReportStored,
    Settlement,
    Swept,
    Verdict,
    Wake,
)

__all__ = [
    "CANNOT_SEND",
    "CLAIM_SEGMENTS",
    "MOST_PREPARED",
    "Accepted",
    "AirResult",
    "Begun",
    "Binding",
    "CancelResult",
    "Decisions",
    "Hold",
    "Intent",
    "LaneBinding",
    "MessageFilter",
    "Page",
    "PartStored",
    "Prepared",
    "QueueView",
    "Recovered",
    "ReportStored",
    "Schedules",
    "Settlement",
    "Store",
    "Swept",
    "Verdict",
    "Wake",
]


class Schedules(Protocol):
    """Recurring schedules, kept and fired."""

    async def add(self, schedule: Schedule, most: int) -> None:
        """Keep a new one; `people.TooMany` when its owner has `most` already."""
        ...

    async def find(self, schedule_id: str, owner: str | None) -> Schedule | None:
        """One of an owner's (None: of anybody's)."""
        ...

    async def page(self, owner: str | None, after: int, limit: int) -> Page[Schedule]:
        """An owner's (None: everybody's) in the order they were made."""
        ...

    async def delete(self, schedule_id: str, owner: str | None, actor: str, now: Instant) -> bool:
        """True when there was such a schedule; messages it has made stay."""
        ...

    async def due(self, now: Instant) -> list[Schedule]:
        """Some of those whose instant has come, the oldest first."""
        ...

    async def next_at(self) -> Instant | None:
        """When the next one fires, past instants too."""
        ...

    async def fire(
        self,
        schedule: Schedule,
        message: NewMessage | None,
        *,
        at: Instant,
        next_at: Instant,
        skipped: int,
        problem: str | None,
        now: Instant,
    ) -> bool:
        """The firing for the instant `at` and what is next, in one commit; None: no message.

        False, and nothing is written, where the schedule is gone or was moved on already.
        InvalidRequest, and nothing is written, for a number on the blocklist.
        """
        ...


class Store(Protocol):
    """Durable state. One process owns it; methods may be called from its event loop only."""

    # -- life ------------------------------------------------------------------------------------
    async def open(self, now: Instant) -> Recovered:
        """Migrate, then turn `sending` into `uncertain` and unbind what had not begun.

        ConfigError when another process holds the store or the file is newer than this code.
        """
        ...

    async def close(self) -> None:
        """Finish every request taken, then close. Later requests raise StoreUnavailable."""
        ...

    @property
    def pending(self) -> int:
        """Requests taken and not yet answered."""
        ...

    @property
    def unavailable(self) -> str | None:
        """Why nothing can be written now, or None. A probe every 5 s clears it."""
        ...

    @property
    def choices(self) -> Choices:
        """Why messages go where they go."""
        ...

    @property
    def batches(self) -> Batches:
        """Messages that are handed in together."""
        ...

    @property
    def blocklist(self) -> Blocklist:
        """Numbers never to be texted."""
        ...

    @property
    def people(self) -> People:
        """Contacts and groups."""
        ...

    @property
    def keeping(self) -> Keeping:
        """Statistics, retention and copies of this store."""
        ...

    @property
    def audit(self) -> AuditLog:
        """Who did what."""
        ...

    @property
    def outbox(self) -> Outbox:
        """Who is told of events, and what of."""
        ...

    @property
    def hook_events(self) -> HookEvents:
        """What comes in by hooks."""
        ...

    def subscribe(self, callback: Callable[[Wake], None]) -> Callable[[], None]:
        """Call `callback` on the loop after commits; returns what ends it."""
        ...

    # -- outbound --------------------------------------------------------------------------------
    @property
    def decisions(self) -> Decisions:
        """What people decide."""
        ...

    async def accept(
        self, new: Sequence[NewMessage]
    ) -> list[Accepted | InvalidRequest | QueueFull]:
        """Store the messages of a request, with segments and events, all or none of each.

        One to a number on the blocklist has its InvalidRequest in its place, one for which there is
        no room its QueueFull; they cost no other.
        DuplicateRequest when an idempotency key of the same API key is stored (`result`), or stored
        with another fingerprint (`mismatch`); then none of `new` is stored.
        """
        ...

    def hand_in(self, new: NewMessage) -> Future[Accepted]:
        """As `accept` of one message, sharing the writer's work with others handed in meanwhile.

        Whoever waits for it may be cancelled: it is stored all the same.
        """
        ...

    async def idempotent(self, scope: str, key: str) -> tuple[str, int, bytes] | None:
        """(fingerprint, status, body) kept for the key, or None.

        `scope` is "key ID" for who has an API key, else the owner.
        """
        ...

    async def backlog(
        self, now: Instant, n: int, lanes: Sequence[Lane], routes: Sequence[str],
        lowest: MessageClass = MessageClass.BULK, sims: int = 0, begins: int = 0,
        *, newest: bool = True,
    ) -> list[Waiting]:  # fmt: skip
        """Up to `n` unbound messages that are due, by class rank, then commit order.

        Of a number, class and outlet (a route, or a modem asked for) only the first that was never
        tried: `follows` is the lane where the one before it is bound and not over; while that is
        bound nowhere, or is `ordered` and its fate open, none comes. Classes below `lowest` are not
        looked at. Left out, so that they block nobody: messages that ask for a lane not in `lanes`,
        and messages whose route (none asked for reads "default") is not in `routes`. `last_sim` is
        looked up for the first `sims` alone, `segments` (CLAIM_SEGMENTS at most) for the first
        `begins`. Not `newest`: what was there at the commit that was told of last will do.
        """
        ...

    async def next_due(self, now: Instant, reach: Reach = None) -> Instant | None:
        """When the next not_before, retry, expiry, grace, report deadline or partial is due.

        What waits for a group that cannot be reached is not.
        """
        ...

    def bind(self, bindings: Sequence[Binding], *, begins: bool = False) -> Future[int]:
        """Bind messages that are still unbound and queued; how many were.

        What is asked for after this call finds them bound. `begins`: something of them will be
        asked to begin in this or the next turn of the loop, and this may go along with it.
        It does not wait for the disk: what is lost with the power is unbound, and bound anew. What
        is prepared or begun after it has waited, for both.
        """
        ...

    async def claim(self, lane: Lane, now: Instant, n: int) -> list[Claimed]:
        """The next `n` due queued segments of messages bound to `lane`; they stay queued."""
        ...

    def air(self, settle: Settlement | None, intent: Intent | None) -> Future[AirResult]:
        """Settle one attempt and begin the next in one commit, before any intake request.

        A settlement that its guard refuses raises nothing and changes nothing but is logged; an
        intent that its guard refuses (cancelled or expired meanwhile) gives attempt_id None.
        An unmatched report for the same SIM, reference and number is applied at once.
        """
        ...

    def follow(
        self, facts: Sequence[Settlement | Begun], intents: Sequence[Intent]
    ) -> Future[list[Prepared]]:
        """Write what has happened on the air, in order, and prepare what a lane may begin next.

        Nobody waits for it on the air, so many share a commit. What is prepared begins in its
        order: when one has begun, those before it are withdrawn. An intent whose segment may not be
        sent by its lane now is left out; all are where there is no journal to begin them with.
        """
        ...

    def stands(self, prepared: Prepared) -> bool:
        """True while it may begin: its segment was not cancelled, expired or bound elsewhere."""
        ...

    def begin(self, prepared: Prepared) -> Begun | None:
        """Put it on the air now; None when it may not begin any more.

        Returns at once and survives the end of the process, though not that of the machine: then
        everything prepared is taken for begun. `follow()` writes it.
        """
        ...

    def ended(self, settlement: Settlement, lane: Lane) -> bool:
        """Keep a result (TAKEN) past the end of the process, at once; False when it is not kept."""
        ...

    async def refuse(self, segment_id: int, outcome: Outcome, now: Instant) -> None:
        """A queued segment that can never be sent: failed, the rest of its message cancelled."""
        ...

    async def release(
        self, lane: Lane, now: Instant, resume_s: float, why: str = CANNOT_SEND, *,
        begun_only: bool = False,
    ) -> int:  # fmt: skip
        """Give a lane's messages back to the backlog; how many were. `why` stands in the history.

        What has no part out (all segments queued, tried before or not) is unbound as it is. What
        has a part out (sent, delivered, uncertain) and a part queued, and whose newest attempt is
        older than `resume_s`, starts again whole, as a new transmission with a new reference,
        counted as a possible duplicate; younger ones stay bound. `begun_only`: none but such.
        """
        ...

    async def release_strays(self, lanes: Collection[Lane], now: Instant, resume_s: float) -> int:
        """As `release`, of every lane that is none of `lanes`: nobody would ever claim that."""
        ...

    async def cancel(self, message_id: MessageId, owner: str | None, actor: str) -> CancelResult:
        """Cancel what has not begun; KeyError when the owner has no such message."""
        ...

    async def sweep(self, now: Instant, reach: Reach = None) -> Swept:
        """Everything that time does: expiry, resends after grace, deadlines, partial inbound.

        While no group after its own can be reached a message without a report stays as it is.
        """
        ...

    # -- inbound ---------------------------------------------------------------------------------
    async def record_part(self, part: RawPart) -> PartStored:
        """Keep one received part; a set that is complete becomes an Inbound in the same commit."""
        ...

    def record_report(self, report: RawReport, within_s: float = 0.0) -> Future[ReportStored]:
        """Keep one delivery report and apply it to the attempt it belongs to.

        It may wait `within_s` for others that share its commit. StoreUnavailable at once too.
        """
        ...

    async def quarantine(
        self,
        sim_id: SimId,
        lane: Lane,
        raw: bytes,
        field: str,
        offset: int,
        reason: str,
        now: Instant,
    ) -> None:
        """Keep what could not be read, with the field and octet at which reading stopped."""
        ...

    # -- lanes and events ------------------------------------------------------------------------
    async def bind_lane(self, binding: LaneBinding) -> None:
        """Remember which modem and SIM a lane is now; an event row when it changed."""
        ...

    async def lane_bindings(self) -> list[LaneBinding]:
        """The newest binding of every lane."""
        ...

    async def note(
        self,
        subject: str,
        from_: str | None,
        to: str | None,
        reason: str,
        now: Instant,
        severity: Severity = Severity.INFO,
    ) -> None:
        """An event about a modem or the service itself."""
        ...

    async def recall(self, key: str) -> str | None:
        """What was remembered under `key`: what must be known again after a restart."""
        ...

    async def remember(self, key: str, value: str) -> None:
        """Keep `value` under `key`, in place of what was there."""
        ...

    # -- reading ---------------------------------------------------------------------------------
    async def message(self, message_id: MessageId, owner: str | None) -> Message | None:
        """One message, or None when the owner (None: anybody) has no such."""
        ...

    async def messages(self, where: MessageFilter, after: int, limit: int) -> Page[Message]:
        """Messages with seq > `after`, oldest first."""
        ...

    async def message_events(self, message_id: MessageId) -> list[Event]:
        """The history of one message, oldest first."""
        ...

    async def events(self, after: int, limit: int) -> Page[Event]:
        """All events with seq > `after`."""
        ...

    async def inbound(self, owner: str | None, after: int, limit: int) -> Page[Inbound]:
        """Received messages with seq > `after`; an owner sees replies to its own messages."""
        ...

    async def queue(self, lane: Lane | None, limit: int, routes: Served = None) -> QueueView:
        """What waits for a lane that serves these routes; None: for any, the shared backlog."""
        ...

    async def counts(self) -> dict[str, int]:
        """Messages by state, segments by state (`segment.sent`), unmatched reports, quarantined."""
        ...

    # -- keys ------------------------------------------------------------------------------------
    async def add_key(self, key: ApiKey, secret_hash: bytes) -> None:
        """Store a key by the SHA-256 of its secret."""
        ...

    async def find_key(self, secret_hash: bytes) -> ApiKey | None:
        """The key with that hash, revoked ones too."""
        ...

    async def keys(self) -> list[ApiKey]:
        """All keys, oldest first."""
        ...

    async def rotate_key(self, key_id: str, secret_hash: bytes, until: Instant) -> ApiKey | None:
        """Another secret for a key; the one before counts until `until`. None: no such key."""
        ...

    async def revoke_key(self, key_id: str, now: Instant) -> bool:
        """True when there was such a key, not yet revoked."""
        ...

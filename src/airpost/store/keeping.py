"""The Keeping protocol: statistics, retention, erasure, backup and checks of the store.

May import L0. Every method may raise StoreUnavailable. None of them holds up what is on the air: a
long one works in short stretches, or reads in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from airpost.clock import Instant
from airpost.histogram import Histogram
from airpost.model import MessageClass, MessageId, SimId

RESTORED = "restored"  # the reason of what a restore has frozen


class By(Enum):
    """What the funnel is told by."""

    OPERATOR = "operator"
    MODEM = "modem"
    SIM = "sim"
    CLASS = "class"
    KEY = "key"
    HOUR = "hour"
    PARTS = "parts"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelRow:
    """A stage of the funnel in one part of it; with a `reason`, so many of them for that reason.

    Of the previous stage and of what was requested in percent, None of nothing. Dwell is the time
    from the stage before in milliseconds, None where none is measured.
    """

    part: str
    stage: str
    reason: str
    count: int
    of_previous_pct: float | None
    of_requested_pct: float | None
    p50_ms: int | None
    p95_ms: int | None
    p98_7_ms: int | None
    p99_ms: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that was not accepted; '' where it did not say."""

    class_: str
    key_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How many days content (texts, data, PDUs) and records are kept; None: for ever.

    Content never outlives its record.
    """

    bodies_d: float | None = 90
    records_d: float | None = 155


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is kept how long. A class that is not named in `classes` is kept as `messages` says."""

    messages: Keep = Keep()
    classes: Mapping[MessageClass, Keep] = field(default_factory=dict)
    inbound: Keep = Keep()
    events_d: float | None = 155  # of modems and the service; those of a message go with it
    statistics_d: float | None = 1830
    audit_d: float | None = 1830

    def of(self, class_: MessageClass) -> Keep:
        """What holds for a class."""
        return self.classes.get(class_, self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What went: contents of so many, and records of so many; `freed_octets` of the file."""

    contents: int = 0
    messages: int = 0
    inbound: int = 0
    events: int = 0
    audit: int = 0
    freed_octets: int = 0

    def __add__(self, other: Pruned) -> Pruned:
        return Pruned(
            contents=self.contents + other.contents,
            messages=self.messages + other.messages,
            inbound=self.inbound + other.inbound,
            events=self.events + other.events,
            audit=self.audit + other.audit,
            freed_octets=self.freed_octets + other.freed_octets,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was erased of a number, and how many of its messages are under way and stay for now."""

    messages: int
    inbound: int
    under_way: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What is wrong with the store, in words; none where all is well."""

    faults: tuple[str, ...]
    octets: int
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """A backup that is complete and on disk."""

    path: Path
    octets: int
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Reports of delivery of one shape of text over one network, in an hour since 1970."""

    operator: str
    shape: str
    hour: int
    asked: int
    delivered: int
    sample: MessageId


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How many messages of a class wait, and since when the first of them may go.

    Those that are bound to `modem`, what it has on the air included; or, with `route` or `modem`
    and not `bound`, those that wait for anything that serves that. Both '': a limit holds them.
    """

    bound: bool
    modem: str
    route: str
    class_: str
    count: int
    since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is in the store at one moment: `scheduled` and `doubtful` messages by class.

    Octets of the file, of its log, and of what is free on their disk.
    """

    waits: tuple[Waits, ...]
    scheduled: Mapping[str, int]
    doubtful: Mapping[str, int]
    octets: int
    log_octets: int
    free_octets: int


class Figures(Protocol):
    """What a monitor is told of the store; counted since it was opened, its recovery included.

    `happened` counts by class, modem ('' for none) and what happened: `accepted`; a message became
    `sent`, `delivered`, `failed`, `expired`, `cancelled` or `uncertain`; a part was `resent`, a
    message has `begun_again` whole, either made it a possible `duplicate`; with no class, one was
    `received`, or handed over `partial`. `reports` are, by modem,
    seconds from the network's taking a part to the report that decides it. Both as of the last
    look. `commits`: seconds each took.
    """

    @property
    def happened(self) -> Mapping[tuple[str, str, str], int]:
        """By class, modem and what."""
        ...

    @property
    def reports(self) -> Mapping[str, Histogram]:
        """By modem."""
        ...

    @property
    def commits(self) -> Histogram:
        """Of the writer."""
        ...

    def queues(self) -> Mapping[str, int]:
        """Requests that wait for a thread of the store now, by queue."""
        ...

    async def look(self) -> Standing:
        """What is there now; brings what has happened up to date. StoreUnavailable.

        After a long time without a look, the next ones count a bounded stretch each.
        """
        ...


class Keeping(Protocol):
    """What is asked of the store beside sending and receiving."""

    @property
    def figures(self) -> Figures:
        """What a monitor is told."""
        ...

    async def funnel(self, by: By | None, since: Instant, until: Instant) -> list[FunnelRow]:
        """The funnel of what was asked for from `since` to before `until`, both whole hours."""
        ...

    async def count_refused(self, refused: Mapping[Refused, int], now: Instant) -> None:
        """Add refused requests to the counts of this hour."""
        ...

    async def note_operator(self, sim_id: SimId, operator: str, now: Instant) -> None:
        """A SIM is on this network from now on."""
        ...

    async def collect_rates(self, now: Instant) -> None:
        """Count what was sent and is old enough to have its report, by network and shape."""
        ...

    async def rates(self, since_hour: int) -> Sequence[Rate]:
        """What was counted from that hour on, oldest first."""
        ...

    async def told_filters(self) -> str:
        """What was kept last by `keep_filters`; empty at first."""
        ...

    async def keep_filters(self, told: str) -> None:
        """Keep what was told of filters and has not ended, over restarts."""
        ...

    async def prune(self, retention: Retention, now: Instant) -> Pruned:
        """Remove everything that is past its time, contents first."""
        ...

    async def forget(self, number: str, actor: str) -> Forgotten:
        """Erase a number and everything said to and by it; counts stay."""
        ...

    async def check(self) -> Checked:
        """Look through all of the store."""
        ...

    async def backup(self, to: Path) -> BackedUp:
        """A copy of this moment in a new file; ValueError where that cannot be made."""
        ...

    async def release_restored(self, ids: Sequence[MessageId], actor: str) -> int:
        """Let what a restore has frozen go on, all of it where no `ids` are given; how many."""
        ...

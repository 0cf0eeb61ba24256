"""All that the file may hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from airpost.daemon.config.audit import AuditSection
from airpost.daemon.config.hooks import HookSection
from airpost.daemon.config.limits import ClassSection, KeySection, LimitSection
from airpost.daemon.config.modem import ModemSection
from airpost.daemon.config.queue import QueueSection
from airpost.daemon.config.retention import RetentionSection, StatisticsSection
from airpost.daemon.config.route import Carriers, RouteSection
from airpost.daemon.config.section import Hours, Name, Section
from airpost.daemon.config.settings import DEFAULT_STORE
from airpost.daemon.config.tls import TlsSection
from airpost.daemon.config.webhooks import ExecSection, StreamSection, WebhooksSection
from airpost.pool.clockguard import DEFAULT_WAIT_S
from airpost.pool.facade import OWN
from airpost.services.http.settings import (
    DEFAULT_BATCH,
    DEFAULT_BATCH_MB,
    DEFAULT_BATCHES,
    DEFAULT_BLOCKED,
    DEFAULT_BODY_KB,
    DEFAULT_BODY_S,
    DEFAULT_CONNECTIONS,
    DEFAULT_IDEMPOTENCY_S,
    DEFAULT_IDLE_S,
    DEFAULT_LISTEN,
    DEFAULT_PARTS,
    DEFAULT_ROOM_S,
    DEFAULT_SCHEDULES,
    MAX_PARTS,
)
from airpost.store.people import PeopleLimits

_TARGET = rf"^({OWN}|\+[0-9]{{3,20}})$"
Patience = Annotated[float, Field(ge=1, le=3600, allow_inf_nan=False)]  # seconds for a caller


class StoreSection(Section):
    """`[store]`."""

    url: str = DEFAULT_STORE


class HttpSection(Section):
    """`[http]`."""

    listen: Annotated[list[str], Field(min_length=1)] = list(DEFAULT_LISTEN)
    auth: Literal["keys", "none"] = "keys"
    max_connections: Annotated[int, Field(ge=1, le=65_536)] = DEFAULT_CONNECTIONS
    idle_s: Patience = DEFAULT_IDLE_S
    body_s: Patience = DEFAULT_BODY_S
    room_s: Patience = DEFAULT_ROOM_S
    max_batch: Annotated[int, Field(ge=1, le=1_000_000)] = DEFAULT_BATCH
    batch_mb: Annotated[int, Field(ge=1, le=64)] = DEFAULT_BATCH_MB
    batches_at_once: Annotated[int, Field(ge=1, le=64)] = DEFAULT_BATCHES
    body_kb: Annotated[int, Field(ge=4, le=16_384)] = DEFAULT_BODY_KB
    max_schedules: Annotated[int, Field(ge=1, le=1_000_000)] = DEFAULT_SCHEDULES
    max_blocked: Annotated[int, Field(ge=1, le=1_000_000)] = DEFAULT_BLOCKED
    idempotency_s: Annotated[int, Field(ge=60, le=259_200)] = DEFAULT_IDEMPOTENCY_S


class SmsSection(Section):
    """`[sms]`."""

    home_region: str | None = None
    concat_bits: Literal[8, 16] = 8
    max_parts: Annotated[int, Field(ge=1, le=MAX_PARTS)] = DEFAULT_PARTS
    allowed: list[str] = []
    premium: list[str] = []


class PeopleSection(Section):
    """`[people]`."""

    max_contacts: Annotated[int, Field(ge=1, le=10_000_000)] = PeopleLimits().max_contacts
    max_groups: Annotated[int, Field(ge=1, le=100_000)] = PeopleLimits().max_groups
    max_members: Annotated[int, Field(ge=1, le=100_000)] = PeopleLimits().max_members


class ClockSection(Section):
    """`[clock]`."""

    wait_s: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = DEFAULT_WAIT_S


class ModemsSection(Section):
    """`[modems]`."""

    discover: bool = True
    profiles: str | None = None
    roaming: bool = False
    hubs: list[str] = []
    limits: str | None = None


class SelfTestSection(Section):
    """`[selftest]`."""

    to: Annotated[str, Field(pattern=_TARGET)]
    every_h: Hours = 24.0
    per_month: Annotated[int, Field(ge=1, le=1000)] = 30


class File(Section):
    """The whole file, one line for each section."""

    store: StoreSection = StoreSection()
    http: HttpSection = HttpSection()
    tls: TlsSection | None = None
    sms: SmsSection = SmsSection()
    people: PeopleSection = PeopleSection()
    modems: ModemsSection = ModemsSection()
    clock: ClockSection = ClockSection()
    selftest: SelfTestSection | None = None
    queue: QueueSection = QueueSection()
    limits: dict[Name, LimitSection] = {}
    classes: dict[str, ClassSection] = {}
    keys: dict[str, KeySection] = {}
    retention: RetentionSection = RetentionSection()
    audit: AuditSection = AuditSection()
    statistics: StatisticsSection = StatisticsSection()
    webhooks: WebhooksSection = WebhooksSection()
    stream: StreamSection = StreamSection()
    exec: list[ExecSection] = []
    hook: list[HookSection] = []
    modem: list[ModemSection] = []
    route: list[RouteSection] = []
    carriers: Carriers = {}

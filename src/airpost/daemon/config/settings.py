"""What the configuration becomes: frozen dataclasses, the only part the rest of the program sees.

No pydantic here. What belongs to another package, such as `CreditSettings`, stands there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from airpost.model import Lane
from airpost.policy import QueuePolicy
from airpost.pool.clockguard import DEFAULT_WAIT_S
from airpost.pool.credit import CreditSettings
from airpost.pool.limits import LimitSettings
from airpost.pool.selftest import SelfTestSettings
from airpost.routes import DEFAULT_ROUTE, Guards, RouteTable
from airpost.services.anchors import Syslog
from airpost.services.hooks_in import HookSettings
from airpost.services.http.settings import DEFAULT_PARTS, HttpSettings
from airpost.services.webhooks.settings import EventSettings

STATE_FOLDER = Path("/var/lib/airpost")  # StateDirectory= of airpost.service
DEFAULT_STORE = f"sqlite:///{STATE_FOLDER}/airpost.db"
DEFAULT_BAUD = 115_200


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where the store is."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSettings:
    """What holds for every message. `home_region` is ISO 3166, None: dialled as given."""

    home_region: str | None = None
    concat_bits: int = 8
    max_parts: int = DEFAULT_PARTS


@dataclass(frozen=True, slots=True, kw_only=True)
class ModemSettings:
    """One modem. `pin` is what `pin_file` holds, never shown; `pin_mark` tells its versions.

    Exactly one of `port`, `imei`, `iccid` and `usb_path` says which modem it is.
    """

    name: Lane
    port: str | None = None
    imei: str | None = None
    iccid: str | None = None
    usb_path: str | None = None
    pin: str | None = field(default=None, repr=False)
    pin_mark: str = ""
    smsc: str | None = None
    routes: frozenset[str] = frozenset({"default"})
    number: str | None = None
    baud: int = DEFAULT_BAUD
    hang_up: bool = False
    credit: CreditSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole configuration. `discover`: modems that no section names are used too.

    `profiles` is the operator's own folder of modem profiles. `hubs` are the places of USB hubs
    whose port power may be switched.
    """

    store: StoreSettings
    http: HttpSettings
    sms: SmsSettings
    modems: tuple[ModemSettings, ...]
    discover: bool = False
    profiles: Path | None = None
    hubs: frozenset[str] = frozenset()
    selftest: SelfTestSettings | None = None
    clock_wait_s: float = DEFAULT_WAIT_S  # so long a clock that nobody has set may be doubted
    limits: LimitSettings = field(default_factory=LimitSettings)
    queue: QueuePolicy = field(default_factory=QueuePolicy)
    routes: RouteTable = field(default_factory=RouteTable)
    guards: Guards = field(default_factory=Guards)
    syslog: Syslog | None = None  # told the anchors of the audit log
    digest: str = ""  # SHA-256 of the file
    events: EventSettings = field(default_factory=EventSettings)
    hooks: tuple[HookSettings, ...] = ()
    silent_filter: bool = True  # look for networks that take messages and deliver none

    @property
    def labels(self) -> frozenset[str]:
        """Routes that modems name; one that no section names serves `default`."""
        return frozenset({DEFAULT_ROUTE}).union(*(modem.routes for modem in self.modems))

"""What the configuration says about one modem.

Values only. May import modem.port and L0.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from airpost.model import Lane
from airpost.modem.port import PortSettings
from airpost.policy import CLASS_POLICY, Policies


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitSettings:
    """Of one modem. `pin_mark` changes when the PIN does."""

    lane: Lane
    port: str
    line: PortSettings = field(default_factory=PortSettings)
    pin: str | None = field(default=None, repr=False)
    pin_mark: str = ""
    smsc: str | None = None
    number: str | None = None
    hang_up: bool = False
    routes: frozenset[str] = frozenset({"default"})
    classes: Policies = field(default_factory=lambda: CLASS_POLICY)

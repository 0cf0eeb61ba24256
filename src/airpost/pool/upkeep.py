"""What is looked after beside messages: proofs that a modem works, and the credit of its SIM.

May import store.api, L0. One task; it looks now and then, and when a modem has become ready. What
it finds stands in the modem's view, beside what the modem itself tells.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Protocol

from airpost.clock import Clock
from airpost.errors import StoreUnavailable
from airpost.model import Lane, ModemView
from airpost.outage import Outage
from airpost.pool import credit, selftest
from airpost.pool.credit import CreditSettings, CreditWatch
from airpost.pool.selftest import SelfTests, SelfTestSettings
from airpost.store.api import Store
from airpost.tasks import set_within

log = logging.getLogger("airpost.upkeep")

LOOK_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepSettings:
    """What the configuration asks for."""

    selftest: SelfTestSettings | None = None
    credit: Mapping[Lane, CreditSettings] = field(default_factory=dict)


class Ward(credit.Ward, selftest.Ward, Protocol):
    """The pool."""


class Upkeep:
    """`run()` for ever; `dressed()` adds what is known to a view."""

    def __init__(
        self, store: Store, ward: Ward, clock: Clock, rng: Random, settings: UpkeepSettings
    ) -> None:
        self.selftests = SelfTests(store, ward, clock, rng, settings.selftest)
        self._credit = CreditWatch(store, ward, clock, settings.credit)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """A modem has become ready."""
        self._wake.set()

    def dressed(self, view: ModemView) -> ModemView:
        """A unit's view, with what the unit does not know."""
        at, kind = view.last_proof_at, view.last_proof
        kept = self.selftests.proof(view)
        if at is None and kept is not None:
            at, kind = kept
        return replace(
            view,
            last_proof_at=at,
            last_proof=kind,
            credit=self._credit.known(view.sim_id),
            selftest=self.selftests.known(view.sim_id),
        )

    async def run(self) -> None:
        """For ever."""
        outage = Outage(log, "upkeep.store_unavailable", "upkeep.goes_on")
        while True:
            try:
                await self._credit.look()
                await self.selftests.look()
                outage.over()
            except StoreUnavailable as error:
                outage.failed(error.reason)
            await set_within(self._wake, LOOK_S)
            self._wake.clear()

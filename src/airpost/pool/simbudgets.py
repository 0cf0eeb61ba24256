"""What each SIM has had and may have: loaded once from its attempts, kept in memory after that.

May import store.api, L0. A budget belongs to the SIM, the profile to the modem it is in: a SIM that
moves to another stick takes its counts along. Until they are read nothing is sent by it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from airpost.clock import SECOND_US, Clock, Instant
from airpost.errors import StoreUnavailable
from airpost.model import Lane, MessageClass, SimId
from airpost.outage import Outage
from airpost.pool.budget import Block, Budget, first_needed
from airpost.pool.facade import BudgetView
from airpost.pool.limits import LimitProfile, LimitSettings, OnLimit
from airpost.tasks import spawn

log = logging.getLogger("airpost.limits")

URGENT = frozenset({MessageClass.OTP, MessageClass.ALARM})
LIMIT = "limit"  # what an event of a modem leads to when a budget nears its end
TAIL_DIGITS = 8  # numbers are the same when these are: networks drop and add prefixes
READ_AGAIN_S = 1.0
_READING = "what its SIM has sent so far is being read"


class SpentStore(Protocol):
    """The store as budgets know it."""

    async def spent(self, sim_id: SimId, since: Instant) -> list[tuple[Instant, str]]:
        """(when, the recipient's last digits) of what a SIM has begun since, oldest first."""
        ...


@dataclass(slots=True)
class _Kept:
    profile: LimitProfile
    budget: Budget | None  # None while it is read


class SimBudgets:
    """Budgets by SIM. `note` writes an event of a lane, `read` tells that one can be asked now."""

    def __init__(
        self,
        store: SpentStore,
        clock: Clock,
        settings: LimitSettings,
        *,
        note: Callable[[Lane, str], Coroutine[Any, Any, None]],
        read: Callable[[Lane], None],
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._note = note
        self._read = read
        self._kept: dict[SimId, _Kept] = {}
        profiles = [settings.default_sim, *settings.sims.values()]
        self.rejects = any(
            each is not None and each.on_limit is OnLimit.REJECT for each in profiles
        )
        self.none = settings.default_sim is None and not settings.sims  # no SIM is limited

    def profile(self, lane: Lane) -> LimitProfile | None:
        """What limits whatever SIM is in this lane's modem."""
        return self._settings.sims.get(lane, self._settings.default_sim)

    def seen(self, lane: Lane, sim_id: SimId) -> None:
        """A SIM is in a lane's modem: read what it has spent, where that is limited."""
        self._budget(lane, sim_id)

    def read_anew(self) -> None:
        """The clock was wrong: so are the times in memory."""
        self._kept.clear()

    def block(
        self, lane: Lane, sim_id: SimId, class_: MessageClass, number: str | None
    ) -> Block | None:
        """What stands against one more of that class to `number` (None: one it knows) now."""
        if self.profile(lane) is None:
            return None
        now = self._clock.now()
        budget = self._budget(lane, sim_id)
        if budget is None:
            return Block(until=Instant(now + SECOND_US), words=_READING)
        whom = None if number is None else tail_of(number)
        return budget.block(now, whom, urgent=class_ in URGENT)

    def spend(self, lane: Lane, sim_id: SimId, number: str) -> None:
        """A segment begins."""
        if self.profile(lane) is None:
            return
        budget = self._budget(lane, sim_id)
        if budget is None:
            return  # its attempt is on disk and will be read
        for words in budget.spend(self._clock.now(), tail_of(number)):
            log.warning("limits.%s modem=%s %s", LIMIT, lane, words)
            spawn(self._note(lane, words), name=f"limit {lane}")

    def view(self, lane: Lane, sim_id: SimId | None) -> BudgetView | None:
        """For people; None where nothing limits the lane."""
        profile = self.profile(lane)
        if profile is None:
            return None
        budget = None if sim_id is None else self._budget(lane, sim_id)
        if budget is None:
            return BudgetView(profile=profile.name, uses=(), blocked=None)
        now = self._clock.now()
        return BudgetView(
            profile=profile.name,
            uses=tuple(budget.uses(now)),
            blocked=budget.block(now, None, urgent=False),
        )

    def _budget(self, lane: Lane, sim_id: SimId) -> Budget | None:
        profile = self.profile(lane)
        if profile is None:
            return None
        kept = self._kept.get(sim_id)
        if kept is None or kept.profile != profile:
            kept = self._kept[sim_id] = _Kept(profile, None)
            spawn(self._load(lane, sim_id, kept), name=f"budget {sim_id}")
        return kept.budget

    async def _load(self, lane: Lane, sim_id: SimId, kept: _Kept) -> None:
        outage = Outage(log, "limits.not_read", "limits.read_again", f"modem={lane}")
        while self._kept.get(sim_id) is kept:
            now = self._clock.now()
            try:
                past = await self._store.spent(sim_id, first_needed(kept.profile, now))
            except StoreUnavailable as error:
                outage.failed(error.reason)
                await self._clock.sleep(READ_AGAIN_S)
                continue
            outage.over()
            kept.budget = Budget(kept.profile, now, past)
            log.info("limits.read modem=%s profile=%s begun=%d", lane, kept.profile.name, len(past))
            self._read(lane)
            return


def tail_of(number: str) -> str:
    """A number's last eight digits, as attempts keep it."""
    return "".join(char for char in number if "0" <= char <= "9")[-TAIL_DIGITS:]

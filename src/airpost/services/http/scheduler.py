"""Fires recurring schedules: one message for each instant, over restarts too.

May import codec, L0, the store's protocols. A firing is a request that its owner made before: read,
admitted and composed like one that comes in now, which is why it stands here. What was due while
the service was down, or its clock not to be trusted, is made up for by the newest instant alone,
and by none that is older than the schedule's `late_s`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from airpost.clock import SECOND_US
from airpost.errors import InvalidRequest, StoreUnavailable
from airpost.model import NewMessage
from airpost.outage import Outage
from airpost.schedule import Schedule, missed, zone_of
from airpost.services.http.compose import check_limits, compose
from airpost.services.http.credentials import LOCAL, Caller, caller_of, why_void
from airpost.services.http.deps import HttpDeps
from airpost.services.http.people import dialled
from airpost.services.http.problems import Refusal, refusal
from airpost.services.http.schemas import SendIn
from airpost.store.keeping import Refused
from airpost.tasks import set_within

log = logging.getLogger("airpost.schedules")

LONGEST_SLEEP_S = 300.0
STORE_WAIT_S = 1.0


class Scheduler:
    """`run()` for ever. `trusted()` is false while the clock is none to go by."""

    def __init__(self, deps: HttpDeps, trusted: Callable[[], bool]) -> None:
        self._deps = deps
        self._trusted = trusted
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """A schedule was made or deleted, or the clock was set."""
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        outage = Outage(log, "schedules.store_unavailable", "schedules.store_available")
        while True:
            try:
                pause_s = await self._round()
                outage.over()
            except StoreUnavailable as error:
                outage.failed(error.reason)
                pause_s = STORE_WAIT_S
            await set_within(self._wake, pause_s)
            self._wake.clear()

    async def _round(self) -> float:
        """Fire what is due; seconds until the next look."""
        if not self._trusted():
            return STORE_WAIT_S
        clock, schedules = self._deps.clock, self._deps.schedules
        while due := await schedules.due(clock.now()):
            for schedule in due:
                await self._fire(schedule)
        following = await schedules.next_at()
        if following is None:
            return LONGEST_SLEEP_S
        return min(LONGEST_SLEEP_S, max(0.0, (following - clock.now()) / SECOND_US))

    async def _fire(self, schedule: Schedule) -> None:
        now = self._deps.clock.now()
        at, skipped, following = missed(
            schedule.cron, zone_of(schedule.zone), schedule.next_at, now
        )
        message: NewMessage | None = None
        refused: Refusal | None = None
        given = SendIn.model_validate_json(schedule.request)
        if now - at > schedule.late_s * SECOND_US:
            skipped += 1
        else:
            try:
                message = await self._message(schedule, given)
            except (InvalidRequest, Refusal) as error:
                refused = refusal(error)
        fire = partial(
            self._deps.schedules.fire, schedule, at=at, next_at=following, skipped=skipped, now=now
        )
        try:
            done = await fire(message=message, problem=None if refused is None else refused.detail)
        except InvalidRequest as error:  # its number is on the blocklist
            message, refused = None, refusal(error)
            done = await fire(message=None, problem=refused.detail)
        if done and refused is not None:
            each = Refused(given.class_.value, schedule.key_id or "", refused.kind.name)
            await self._deps.store.keeping.count_refused({each: 1}, now)
        if done:
            what = "nothing" if message is None else f"msg={message.id}"
            log.info("schedule.fired id=%s %s skipped=%d", schedule.id, what, skipped)

    async def _message(self, schedule: Schedule, named: SendIn) -> NewMessage:
        """The message of a firing; InvalidRequest or Refusal, as whoever asks by hand would get."""
        caller = await self._caller(schedule)
        given = await dialled(named, caller, self._deps)
        new = compose(given, caller, self._deps)
        await check_limits(new, self._deps)
        return replace(new, tags=(*new.tags, f"schedule:{schedule.id}"))

    async def _caller(self, schedule: Schedule) -> Caller:
        """Whoever made it, as they are now: a key that was revoked sends nothing more."""
        if schedule.key_id is None:
            return replace(LOCAL, owner=schedule.owner)
        for key in await self._deps.store.keys():
            if key.id == schedule.key_id:
                why = why_void(key, self._deps.clock.now())
                if why is not None:
                    raise InvalidRequest("key", f"the key it was made with {why}")
                return replace(caller_of(key), owner=schedule.owner)
        raise InvalidRequest("key", "the key it was made with is not there")

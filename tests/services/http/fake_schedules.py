"""Schedules in a dict."""

from __future__ import annotations

from dataclasses import replace

from airpost.clock import Instant
from airpost.model import NewMessage
from airpost.schedule import Schedule
from airpost.store.api import Page
from airpost.store.people import TooMany


class FakeSchedules:
    """What `airpost.store.schedules` does, without a disk."""

    def __init__(self) -> None:
        self.kept: dict[str, Schedule] = {}
        self.made: list[NewMessage] = []
        self.full = False

    async def add(self, schedule: Schedule, most: int) -> None:
        if self.full:
            raise TooMany(most)
        self.kept[schedule.id] = replace(schedule, seq=len(self.kept) + 1)

    async def find(self, schedule_id: str, owner: str | None) -> Schedule | None:
        found = self.kept.get(schedule_id)
        return found if found is not None and owner in (None, found.owner) else None

    async def page(self, owner: str | None, after: int, limit: int) -> Page[Schedule]:
        found = [each for each in self.kept.values()
                 if each.seq > after and owner in (None, each.owner)]  # fmt: skip
        more = found[limit - 1].seq if len(found) > limit else None
        return Page(items=tuple(found[:limit]), next=more)

    async def delete(self, schedule_id: str, owner: str | None, actor: str, now: Instant) -> bool:
        if await self.find(schedule_id, owner) is None:
            return False
        del self.kept[schedule_id]
        return True

    async def due(self, now: Instant) -> list[Schedule]:
        return [each for each in self.kept.values() if each.next_at <= now]

    async def next_at(self) -> Instant | None:
        return min((each.next_at for each in self.kept.values()), default=None)

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
        kept = self.kept.get(schedule.id)
        if kept is None or kept.next_at != schedule.next_at:
            return False
        fired = message is not None
        self.kept[schedule.id] = replace(
            kept, next_at=next_at, skipped=kept.skipped + skipped, problem=problem,
            fired=kept.fired + fired, last_at=at if fired else kept.last_at,
            last_message=kept.last_message if message is None else message.id,
        )  # fmt: skip
        if message is not None:
            self.made.append(message)
        return True

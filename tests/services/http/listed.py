"""A blocklist and reasons of choices in memory, beside the fake store."""

from __future__ import annotations

from collections.abc import Sequence

from airpost.clock import Instant
from airpost.model import MessageId, Waiting
from airpost.store.routing import Blocked, Routed, Turn


class FakeBlocklist:
    def __init__(self) -> None:
        self.entries: dict[str, Blocked] = {}
        self.failed = 0  # messages that wait for whatever is added

    async def block(
        self, numbers: Sequence[str], note: str | None, actor: str, now: Instant
    ) -> int:
        for number in numbers:
            self.entries[number] = Blocked(number=number, note=note, actor=actor, since=now)
        return self.failed

    async def unblock(self, number: str) -> bool:
        return self.entries.pop(number, None) is not None

    async def blocked(self, number: str) -> Blocked | None:
        return self.entries.get(number)

    async def page(self, after: str, limit: int) -> list[Blocked]:
        return [self.entries[each] for each in sorted(self.entries) if each > after][:limit]


class FakeChoices:
    def __init__(self) -> None:
        self.kept: dict[MessageId, Routed] = {}
        self.waiting: dict[MessageId, Waiting] = {}
        self.turns: dict[MessageId, Turn] = {}

    async def routed(self, message_id: MessageId) -> Routed | None:
        return self.kept.get(message_id)

    async def unbound(self, message_id: MessageId) -> Waiting | None:
        return self.waiting.get(message_id)

    async def turn(self, message_id: MessageId) -> Turn:
        return self.turns.get(message_id, Turn())

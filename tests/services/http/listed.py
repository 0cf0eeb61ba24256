"""A blocklist, people and reasons of choices in memory, beside the fake store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from airpost.clock import Instant
from airpost.model import MessageId, Waiting
from airpost.store.people import Contact, Group, Strangers, TooMany
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


class FakePeople:
    """What `airpost.store.contacts` does, without a disk."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Contact] = {}
        self.gathered: dict[tuple[str, str], Group] = {}

    async def put_contacts(self, contacts: Sequence[Contact], most: int) -> int:
        before = len(self.known)
        if before + len(contacts) > most:
            raise TooMany(most)
        self.known |= {(each.owner, each.name.casefold()): each for each in contacts}
        return len(self.known) - before

    async def remove_contact(self, owner: str, name: str) -> bool:
        key = name.casefold()
        for at, group in self.gathered.items():
            if group.owner == owner:
                stay = [m for m in group.members if (m.contact or "").casefold() != key]
                self.gathered[at] = replace(group, members=tuple(stay))
        return self.known.pop((owner, key), None) is not None

    async def contact(self, owner: str, name: str) -> Contact | None:
        return self.known.get((owner, name.casefold()))

    async def contacts(
        self, owner: str | None, after: tuple[str, str], limit: int
    ) -> list[Contact]:
        return [self.known[at] for at in _behind(self.known, owner, after)][:limit]

    async def put_group(self, group: Group, most: int) -> bool:
        if len(self.gathered) == most:
            raise TooMany(most)
        strangers = [at for at, each in enumerate(group.members) if each.contact is not None
                     and await self.contact(group.owner, each.contact) is None]  # fmt: skip
        if strangers:
            raise Strangers(strangers)
        at = (group.owner, group.name.casefold())
        new = at not in self.gathered
        self.gathered[at] = group
        return new

    async def remove_group(self, owner: str, name: str) -> bool:
        return self.gathered.pop((owner, name.casefold()), None) is not None

    async def group(self, owner: str, name: str) -> Group | None:
        return self.gathered.get((owner, name.casefold()))

    async def groups(self, owner: str | None, after: tuple[str, str], limit: int) -> list[Group]:
        return [self.gathered[at] for at in _behind(self.gathered, owner, after)][:limit]

    async def called(self, owner: str, names: Sequence[str]) -> dict[str, Contact]:
        found = {name: await self.contact(owner, name) for name in names}
        return {name: each for name, each in found.items() if each is not None}

    async def reached(self, owner: str, name: str) -> list[Contact | str] | None:
        group = await self.group(owner, name)
        if group is None:
            return None
        return [each.number or self.known[owner, str(each.contact).casefold()]
                for each in group.members]  # fmt: skip


def _behind(
    known: Iterable[tuple[str, str]], owner: str | None, after: tuple[str, str]
) -> list[tuple[str, str]]:
    behind = (owner if owner is not None else after[0], after[1].casefold())
    return [at for at in sorted(known) if owner in (None, at[0]) and at > behind]

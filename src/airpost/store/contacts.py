"""Contacts and groups on disk.

May import L0 and its neighbours. A contact that goes leaves its groups by a foreign key, so that no
group ever names somebody who is not there.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from airpost.store.people import Contact, Group, Member, Strangers, TooMany
from airpost.store.statements import load
from airpost.store.writer import Tx

_SQL = load("people")


class Contacts:
    """See `people.People`; `write` and `read` run a function in the store's threads."""

    def __init__(
        self, write: Callable[..., Awaitable[Any]], read: Callable[..., Awaitable[Any]]
    ) -> None:
        self._write = write
        self._read = read

    async def put_contacts(self, contacts: Sequence[Contact], most: int) -> int:
        """Add or replace contacts of one owner; how many are new."""
        return int(await self._write(put_contacts, contacts, most, urgent=False))

    async def remove_contact(self, owner: str, name: str) -> bool:
        """True when there was such a contact."""
        return bool(await self._write(_remove, "remove_contact", owner, name, urgent=False))

    async def contact(self, owner: str, name: str) -> Contact | None:
        """One of an owner's."""
        return (await self.called(owner, [name])).get(name)

    async def contacts(
        self, owner: str | None, after: tuple[str, str], limit: int
    ) -> list[Contact]:
        """Contacts behind a place."""
        found: list[Contact] = await self._read(contacts, owner, after, limit, urgent=False)
        return found

    async def put_group(self, group: Group, most: int) -> bool:
        """Add or replace a group; True when it is new."""
        return bool(await self._write(put_group, group, most, urgent=False))

    async def remove_group(self, owner: str, name: str) -> bool:
        """True when there was such a group."""
        return bool(await self._write(_remove, "remove_group", owner, name, urgent=False))

    async def group(self, owner: str, name: str) -> Group | None:
        """One of an owner's."""
        found: Group | None = await self._read(group, owner, name, urgent=False)
        return found

    async def groups(self, owner: str | None, after: tuple[str, str], limit: int) -> list[Group]:
        """Groups behind a place."""
        found: list[Group] = await self._read(groups, owner, after, limit, urgent=False)
        return found

    async def called(self, owner: str, names: Sequence[str]) -> dict[str, Contact]:
        """Contacts by the names that were asked for."""
        found: dict[str, Contact] = await self._read(called, owner, names, urgent=False)
        return found

    async def reached(self, owner: str, name: str) -> list[Contact | str] | None:
        """Whom a group stands for now."""
        found: list[Contact | str] | None = await self._read(reached, owner, name, urgent=False)
        return found


def key_of(name: str) -> str:
    """What tells names apart."""
    return name.casefold()


# -- in the writer's thread ----------------------------------------------------------------------
def put_contacts(tx: Tx, contacts: Sequence[Contact], most: int) -> int:
    """See `People.put_contacts`."""
    if not contacts:
        return 0
    owner = contacts[0].owner
    before = _count(tx, "count_contacts", owner)
    tx.db.executemany(
        _SQL["put_contact"],
        [(each.owner, key_of(each.name), each.name, each.number, each.note,
          json.dumps(dict(each.values), ensure_ascii=False), each.updated_at)
         for each in contacts],
    )  # fmt: skip
    after = _count(tx, "count_contacts", owner)
    if after > max(most, before):  # fewer may be allowed than there are: those stay, and change
        raise TooMany(most)
    return after - before


def put_group(tx: Tx, group: Group, most: int) -> bool:
    """See `People.put_group`."""
    owner, key = group.owner, key_of(group.name)
    strangers = [
        place
        for place, each in enumerate(group.members)
        if each.contact is not None
        and tx.db.execute(_SQL["contact"], (owner, key_of(each.contact))).fetchone() is None
    ]
    if strangers:
        raise Strangers(strangers)
    before = _count(tx, "count_groups", owner)
    tx.db.execute(_SQL["put_group"], (owner, key, group.name, group.note, group.updated_at))
    after = _count(tx, "count_groups", owner)
    if after > max(most, before):
        raise TooMany(most)
    tx.db.execute(_SQL["drop_members"], (owner, key))
    tx.db.executemany(
        _SQL["put_member"],
        [(owner, key, place, None if each.contact is None else key_of(each.contact), each.number)
         for place, each in enumerate(group.members)],
    )  # fmt: skip
    return after > before


def forget(tx: Tx, number: str) -> None:
    """Erase the contacts that have a number, and the number from all groups."""
    tx.db.execute(_SQL["forget_contacts"], (number,))
    tx.db.execute(_SQL["forget_members"], (number,))


def _remove(tx: Tx, statement: str, owner: str, name: str) -> bool:
    return tx.db.execute(_SQL[statement], (owner, key_of(name))).rowcount == 1


def _count(tx: Tx, statement: str, owner: str) -> int:
    return int(tx.db.execute(_SQL[statement], (owner,)).fetchone()[0])


# -- in the reader's thread ----------------------------------------------------------------------
def called(db: sqlite3.Connection, owner: str, names: Sequence[str]) -> dict[str, Contact]:
    """See `People.called`."""
    found = {}
    for name in names:
        row = db.execute(_SQL["contact"], (owner, key_of(name))).fetchone()
        if row is not None:
            found[name] = _contact(row)
    return found


def contacts(
    db: sqlite3.Connection, owner: str | None, after: tuple[str, str], limit: int
) -> list[Contact]:
    """See `People.contacts`."""
    return [_contact(row) for row in _page(db, "contacts", owner, after, limit)]


def group(db: sqlite3.Connection, owner: str, name: str) -> Group | None:
    """See `People.group`."""
    row = db.execute(_SQL["group"], (owner, key_of(name))).fetchone()
    return None if row is None else _group(db, row)


def groups(
    db: sqlite3.Connection, owner: str | None, after: tuple[str, str], limit: int
) -> list[Group]:
    """See `People.groups`."""
    return [_group(db, row) for row in _page(db, "groups", owner, after, limit)]


def reached(db: sqlite3.Connection, owner: str, name: str) -> list[Contact | str] | None:
    """See `People.reached`."""
    key = key_of(name)
    if db.execute(_SQL["group"], (owner, key)).fetchone() is None:
        return None
    return [row[0] if row[0] is not None else _contact(row[1:])
            for row in db.execute(_SQL["reached"], (owner, key))]  # fmt: skip


def _page(
    db: sqlite3.Connection, what: str, owner: str | None, after: tuple[str, str], limit: int
) -> list[tuple[Any, ...]]:
    behind, name = after
    if owner is None:
        return db.execute(_SQL[f"all_{what}"], (behind, key_of(name), limit)).fetchall()
    return db.execute(_SQL[what], (owner, key_of(name), limit)).fetchall()


def _contact(row: tuple[Any, ...]) -> Contact:
    return Contact(
        owner=row[0],
        name=row[1],
        number=row[2],
        note=row[3],
        values=json.loads(row[4]),
        updated_at=row[5],
    )


def _group(db: sqlite3.Connection, row: tuple[Any, ...]) -> Group:
    members = db.execute(_SQL["members"], row[:2]).fetchall()
    return Group(
        owner=row[0],
        name=row[2],
        note=row[3],
        members=tuple(Member(contact=contact, number=number) for contact, number in members),
        updated_at=row[4],
    )

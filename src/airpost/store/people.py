"""What the services may ask of a store about people, and nothing about how.

Protocol and values; may import L0. Names are told apart without case. Each method that writes
raises StoreUnavailable where the store cannot, and returns after its commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from airpost.clock import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleLimits:
    """How many there may be: `[people]` of the configuration."""

    max_contacts: int = 100_000  # of an owner
    max_groups: int = 1_000  # of an owner
    max_members: int = 10_000  # of a group


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A number with a name. `values` are the owner's own, for templates."""

    owner: str
    name: str
    number: str
    note: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    updated_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of a group: a contact by its name, or a number."""

    contact: str | None = None
    number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Members under one name, in their order."""

    owner: str
    name: str
    note: str | None = None
    members: tuple[Member, ...]
    updated_at: Instant


class Strangers(Exception):
    """A group names contacts that its owner has not; `members` are their places in it."""

    def __init__(self, members: Sequence[int]) -> None:
        super().__init__("a group names unknown contacts")
        self.members = tuple(members)


class TooMany(Exception):
    """The owner has as many as one may."""

    def __init__(self, most: int) -> None:
        super().__init__(f"there may be {most}")
        self.most = most


class People(Protocol):
    """Contacts and groups, each of one owner. What was sent to them is not touched by a change."""

    async def put_contacts(self, contacts: Sequence[Contact], most: int) -> int:
        """Add contacts of one owner, or take the place of those of the same names.

        How many are new. TooMany, and nothing is kept, where the owner would have more than `most`.
        """
        ...

    async def remove_contact(self, owner: str, name: str) -> bool:
        """True when there was such a contact; it leaves its groups."""
        ...

    async def contact(self, owner: str, name: str) -> Contact | None:
        """One of an owner's."""
        ...

    async def contacts(
        self, owner: str | None, after: tuple[str, str], limit: int
    ) -> list[Contact]:
        """An owner's (None: everybody's) behind a place (owner, name), by both."""
        ...

    async def put_group(self, group: Group, most: int) -> bool:
        """Add a group, or take the place of the one of the same name; True when it is new.

        Strangers, or TooMany where the owner would have more groups than `most`: nothing is kept.
        """
        ...

    async def remove_group(self, owner: str, name: str) -> bool:
        """True when there was such a group; its contacts stay."""
        ...

    async def group(self, owner: str, name: str) -> Group | None:
        """One of an owner's."""
        ...

    async def groups(self, owner: str | None, after: tuple[str, str], limit: int) -> list[Group]:
        """An owner's (None: everybody's) behind a place (owner, name), by both."""
        ...

    async def called(self, owner: str, names: Sequence[str]) -> dict[str, Contact]:
        """Those contacts of an owner's that there are, by the name that was asked for."""
        ...

    async def reached(self, owner: str, name: str) -> list[Contact | str] | None:
        """Whom a group stands for now: contacts and numbers in order; None for no such group."""
        ...

"""Names where a number is meant: `contact:NAME`, and `group:NAME` where many may be.

May import aiohttp, L0 and the store's protocols. A name is looked up when it is used: what was
accepted has the number of that moment.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from aiohttp import web

from airpost.clock import Clock
from airpost.errors import InvalidRequest
from airpost.services.http.credentials import Caller, Scope
from airpost.services.http.deps import HttpDeps
from airpost.services.http.known import MOST, there
from airpost.services.http.people_schemas import PeopleQuery
from airpost.services.http.places import read_place, write_place
from airpost.services.http.problems import Refusal
from airpost.services.http.schemas import SendIn
from airpost.store.people import Contact, Group, People

NAMING = ("unknown-contact", "group-for-batch")  # problems of a name that stands for a number
CONTACT = "contact:"
GROUP = "group:"
STRETCH_S = 0.0005  # between two pauses
PAUSE_S = 0.001  # a turn of the loop is not enough: the store's threads want the lock as well

E = TypeVar("E", Contact, Group)
# Entries of an owner (None: everybody) behind a place (owner, name), so many at most.
Find = Callable[[str | None, tuple[str, str], int], Awaitable[list[E]]]


@dataclass(slots=True, kw_only=True)
class Named:
    """A recipient; `to` is a number, as it was given or as the contact has it.

    `at` is its place among those that were given. `values` are the contact's, for templates, with
    its `name` and `number`.
    """

    at: int
    to: str
    contact: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


async def number_of(deps: HttpDeps, caller: Caller, name: str, given: str) -> str:
    """The number that is meant by one; InvalidRequest naming the field where there is none."""
    if given.startswith(CONTACT):
        called = given.removeprefix(CONTACT).strip()
        found = await deps.store.people.contact(caller.owner, called)
        if found is None:
            raise _no_contact(name)
        return found.number
    if given.startswith(GROUP):
        words = "a group is for POST /v1/batches; here one number is meant"
        raise InvalidRequest(name, words, "group-for-batch")
    return given


async def dials(deps: HttpDeps, caller: Caller, name: str, given: str) -> str:
    """The number as it is dialled, of one that is given as such or by a contact."""
    return deps.admission.number(name, await number_of(deps, caller, name, given))


class Breath:
    """Awaited before each number of a long list: with a home region one takes 0.1 ms to read."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s = clock.mono()

    async def __call__(self) -> None:
        """Pause, once half a millisecond has been worked."""
        if self._clock.mono() - self._since_s > STRETCH_S:
            await self._clock.sleep(PAUSE_S)
            self._since_s = self._clock.mono()


async def dialled(given: SendIn, caller: Caller, deps: HttpDeps) -> SendIn:
    """The same request with a number where it names a contact."""
    number = await number_of(deps, caller, "to", given.to)
    return given if number is given.to else given.model_copy(update={"to": number})


async def recipients(
    people: People, owner: str, given: Sequence[str], name: str = "to"
) -> tuple[list[Named], dict[int, InvalidRequest]]:
    """Whom a list of numbers, contacts and groups stands for, and what is wrong with which of it.

    In the order given. Of a contact or a group nobody comes whose number is there already: each
    gets one message. A number that is given twice by itself is meant twice.
    """
    asked = [each.removeprefix(CONTACT).strip() for each in given if each.startswith(CONTACT)]
    contacts = await people.called(owner, asked) if asked else {}
    found: list[Named] = []
    faults: dict[int, InvalidRequest] = {}
    seen: set[str] = set()
    for at, each in enumerate(given):
        some: Sequence[Contact | str]
        if each.startswith(CONTACT):
            contact = contacts.get(each.removeprefix(CONTACT).strip())
            if contact is None:
                faults[at] = _no_contact(f"{name}.{at}")
                continue
            some = [contact]
        elif each.startswith(GROUP):
            members = await people.reached(owner, each.removeprefix(GROUP).strip())
            if members is None:
                words = f"there is no such group: {await groups_of(people, owner)}"
                faults[at] = InvalidRequest(f"{name}.{at}", words, "unknown-group")
                continue
            some = members
        else:
            found.append(Named(at=at, to=each))
            seen.add(each)
            continue
        for one in some:
            who = _named(at, one)
            if who.to not in seen:
                seen.add(who.to)
                found.append(who)
    return found, faults


def _named(at: int, one: Contact | str) -> Named:
    """A contact or a bare number as a recipient."""
    if isinstance(one, str):
        return Named(at=at, to=one)
    values = {**one.values, "name": one.name, "number": one.number}
    return Named(at=at, to=one.number, contact=one.name, values=values)


async def groups_of(people: People, owner: str) -> str:
    """The first groups of an owner, in words."""
    found = await people.groups(owner, ("", ""), MOST + 1)
    return there([each.name for each in found[:MOST]], whole=len(found) <= MOST)


def _no_contact(name: str) -> InvalidRequest:
    return InvalidRequest(name, "there is no such contact", "unknown-contact")


# -- whose, and which -----------------------------------------------------------------------------
def owner_of(caller: Caller, asked: str | None) -> str:
    """Whose entry is read."""
    if asked is not None and asked != caller.owner and not caller.may(Scope.READ_ALL):
        raise Refusal("forbidden", "only who sees all reads what others have")
    return asked or caller.owner


def sees(caller: Caller, asked: str | None) -> str | None:
    """Whose entries are listed; None: everybody's."""
    return caller.sees if asked is None else owner_of(caller, asked)


def writes(caller: Caller, asked: str | None) -> str:
    """Whose entry is changed."""
    if asked is not None and asked != caller.owner and not caller.may(Scope.ADMIN):
        raise Refusal("forbidden", "only an admin changes what others have")
    return asked or caller.owner


def name_of(request: web.Request) -> str:
    """The name in the path; InvalidRequest for one that cannot be."""
    return named(request.match_info["name"])


def named(name: str) -> str:
    """A name as it is kept: without spaces around it."""
    name = name.strip()
    if not name:
        raise InvalidRequest("name", "is empty")
    if len(name) > 64 or not name.isprintable():
        raise InvalidRequest("name", "has at most 64 characters, all printable")
    return name


# -- lists ----------------------------------------------------------------------------------------
async def page(
    deps: HttpDeps, asked: PeopleQuery, owner: str | None, kind: str, find: Find[E]
) -> tuple[list[E], str | None]:
    """A page of what is asked for, and the cursor of the next one; `kind` keeps cursors apart."""
    limit = min(asked.limit or deps.settings.page_limit, deps.settings.max_page)
    behind, name = read_place(kind, asked.cursor, 2)
    found = await find(owner, (behind, name), limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    following = None if last is None else write_place(kind, last.owner, last.name)
    return found[:limit], following


async def everything(deps: HttpDeps, owner: str | None, find: Find[E]) -> AsyncIterator[E]:
    """All of them, read page by page."""
    place = ("", "")
    while found := await find(owner, place, deps.settings.max_page):
        for each in found:
            yield each
        place = (found[-1].owner, found[-1].name)

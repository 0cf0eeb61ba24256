"""Groups: list, read, keep, remove, and many at once as JSON or CSV.

May import L0 and the store's protocols. A member is a number or a contact, never another group.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping

from aiohttp import web

from airpost.clock import rfc3339
from airpost.errors import InvalidRequest
from airpost.services.http.body import answer, read_json
from airpost.services.http.contacts import download, rejected_json, rows_in, too_many
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS, HttpDeps
from airpost.services.http.operations import Example, operation
from airpost.services.http.people import (
    CONTACT,
    GROUP,
    Breath,
    everything,
    groups_of,
    name_of,
    named,
    owner_of,
    page,
    sees,
    writes,
)
from airpost.services.http.people_schemas import (
    GroupIn,
    GroupsIn,
    NamedGroupIn,
    OwnerQuery,
    PeopleQuery,
)
from airpost.services.http.problems import Refusal
from airpost.services.http.render import Json, list_json
from airpost.services.http.schemas import read_body, read_query
from airpost.services.http.shapes import people as shapes
from airpost.services.http.sheets import CSV, CSV_WORDS, read_sheet, write_sheet
from airpost.store.people import Group, Member, Strangers, TooMany

log = logging.getLogger("airpost.http")
CURSOR_KIND = "g"
COLUMNS = ("group", "member", "note")
MOST_ROWS = 10_000  # of a CSV file, or as many as one group may have members
LARGEST = "people.max_members"  # what makes room for larger bodies


@operation(
    "listGroups",
    "List groups, by name",
    words="`format=csv` is all of them in one file, a row a member.",
    query=PeopleQuery,
    answers={200: shapes.Groups},
    answers_also={CSV: "`group,member,note`, a row a member"},
    example=Example(query={"limit": 10}),
)
async def listing(request: web.Request, caller: Caller) -> web.StreamResponse:
    """`GET /v1/groups`: a page, or CSV."""
    deps = request.app[DEPS]
    asked = read_query(PeopleQuery, request.query.items())
    owner = sees(caller, asked.owner)
    if asked.format == "csv":
        rows = [
            row
            async for each in everything(deps, owner, deps.store.people.groups)
            for row in _rows(each)
        ]
        return download(write_sheet(rows, COLUMNS), "groups.csv")
    found, following = await page(deps, asked, owner, CURSOR_KIND, deps.store.people.groups)
    return answer(list_json(map(group_json, found), following))


@operation(
    "putGroups",
    "Keep many groups; one that cannot be never loses the others",
    query=OwnerQuery,
    body=GroupsIn,
    body_also={CSV: f"{CSV_WORDS} `group,member,note`, a row a member"},
    answers={200: shapes.GroupsKept},
    example=Example(
        body={"groups": [{"name": "night", "members": ["+491701234567", "+491701234568"]}]}
    ),
)
async def put_many(request: web.Request, caller: Caller) -> web.Response:
    """`PUT /v1/groups`: `{groups, new, rejected}`; each is kept or not by itself."""
    deps = request.app[DEPS]
    owner = writes(caller, read_query(OwnerQuery, request.query.items()).owner)
    octets = await read_json(
        request, limit=deps.settings.groups_limit, setting=LARGEST, also=(CSV,)
    )
    rejected: list[Json] = []
    if request.content_type == CSV:
        most = max(MOST_ROWS, deps.settings.people.max_members)
        given = list(_from_sheet(octets, most, rejected))
    else:
        given = list(rows_in(NamedGroupIn, read_body(GroupsIn, octets).groups, rejected))
    kept = new = 0
    for row, each in given:
        try:
            new += await _keep(deps, await _group(deps, owner, each.name, each))
            kept += 1
        except InvalidRequest as error:
            rejected.append(rejected_json(row, error))
        except Refusal as error:  # there are too many; others may change all the same
            rejected.append({"row": row, "field": "name", "message": error.detail})
    log.info("groups.put count=%d new=%d by=%s", kept, new, caller.actor)
    return answer({"groups": kept, "new": new, "rejected": rejected})


@operation(
    "getGroup",
    "Read a group",
    query=OwnerQuery,
    answers={200: shapes.Group},
    example=Example(path={"name": "night"}, after=("putGroup", {"name": "/name"})),
)
async def one(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/groups/{name}`."""
    owner = owner_of(caller, read_query(OwnerQuery, request.query.items()).owner)
    found = await request.app[DEPS].store.people.group(owner, name_of(request))
    if found is None:
        raise await _unknown(request, owner)
    return answer(group_json(found))


@operation(
    "putGroup",
    "Keep a group under a name",
    query=OwnerQuery,
    body=GroupIn,
    answers={200: shapes.Group, 201: shapes.Group},
    problems=("number-not-dialable", "unknown-contact", "too-many-people"),
    example=Example(
        path={"name": "night"},
        body={"members": ["+491701234567", "+491701234568"], "note": "22:00 to 06:00"},
    ),
)
async def put(request: web.Request, caller: Caller) -> web.Response:
    """`PUT /v1/groups/{name}`: 201 where it is new."""
    deps = request.app[DEPS]
    owner = writes(caller, read_query(OwnerQuery, request.query.items()).owner)
    given = read_body(
        GroupIn, await read_json(request, limit=deps.settings.groups_limit, setting=LARGEST)
    )
    group = await _group(deps, owner, name_of(request), given)
    new = await _keep(deps, group)
    return answer(group_json(group), 201 if new else 200)


@operation(
    "deleteGroup",
    "Remove a group; its contacts stay",
    query=OwnerQuery,
    answers={204: None},
    example=Example(path={"name": "night"}, after=("putGroup", {"name": "/name"})),
)
async def remove(request: web.Request, caller: Caller) -> web.Response:
    """`DELETE /v1/groups/{name}`: 204."""
    owner = writes(caller, read_query(OwnerQuery, request.query.items()).owner)
    if not await request.app[DEPS].store.people.remove_group(owner, name_of(request)):
        raise await _unknown(request, owner)
    return web.Response(status=204)


async def _group(deps: HttpDeps, owner: str, name: str, given: GroupIn) -> Group:
    """The group that is asked for, each number and each contact in it once."""
    most = deps.settings.people.max_members
    if len(given.members) > most:
        words = f"has more than {most} entries; max_members of [people] allows no more"
        raise InvalidRequest("members", words, setting="people.max_members")
    members: dict[str, Member] = {}
    breath = Breath(deps.clock)
    for at, each in enumerate(given.members):
        await breath()
        if each.startswith(GROUP):
            raise InvalidRequest(f"members.{at}", "a group has no groups in it")
        if each.startswith(CONTACT):
            called = each.removeprefix(CONTACT).strip()
            members.setdefault(f"{CONTACT}{called.casefold()}", Member(contact=called))
        else:
            number = deps.admission.number(f"members.{at}", each)
            members.setdefault(number, Member(number=number))
    return Group(
        owner=owner,
        name=named(name),
        note=given.note,
        members=tuple(members.values()),
        updated_at=deps.clock.now(),
    )


async def _keep(deps: HttpDeps, group: Group) -> bool:
    try:
        return await deps.store.people.put_group(group, deps.settings.people.max_groups)
    except Strangers as error:
        names = ", ".join(repr(group.members[at].contact) for at in error.members[:5])
        words = f"there is no contact {names}"
        raise InvalidRequest(f"members.{error.members[0]}", words, "unknown-contact") from None
    except TooMany as error:
        raise too_many("groups", error) from None


async def _unknown(request: web.Request, owner: str) -> Refusal:
    there = await groups_of(request.app[DEPS].store.people, owner)
    words = f"there is no such group, or it belongs to somebody else: {there}"
    return Refusal("not-found", words)


def group_json(group: Group) -> Json:
    """A group; a contact in it as `contact:NAME`."""
    return {
        "owner": group.owner,
        "name": group.name,
        "note": group.note,
        "members": [_shown(each) for each in group.members],
        "updated_at": rfc3339(group.updated_at),
    }


def _shown(member: Member) -> str:
    return member.number or f"{CONTACT}{member.contact}"


def _from_sheet(
    octets: bytes, most: int, rejected: list[Json]
) -> Iterator[tuple[int, NamedGroupIn]]:
    """A row a member; one without a member makes a group all the same."""
    members: dict[str, list[str]] = {}
    notes: dict[str, str] = {}
    for cells in read_sheet(octets, COLUMNS, ("group", "member"), most):
        name = cells.get("group", "")
        some = members.setdefault(name, [])
        if member := cells.get("member"):
            some.append(member)
        if note := cells.get("note"):
            notes.setdefault(name, note)
    given = ({"name": name, "members": some, "note": notes.get(name)}
             for name, some in members.items())  # fmt: skip
    return rows_in(NamedGroupIn, given, rejected)


def _rows(group: Group) -> Iterator[Mapping[str, str]]:
    known = {"group": group.name, "note": group.note or ""}
    for member in map(_shown, group.members):
        yield {**known, "member": member}
    if not group.members:
        yield {**known, "member": ""}

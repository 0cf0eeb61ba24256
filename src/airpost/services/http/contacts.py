"""Contacts: list, read, keep, remove, and many at once as JSON or CSV.

May import L0 and the store's protocols. Every owner has its own; an admin may name another.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiohttp import web

from airpost.clock import Instant, rfc3339
from airpost.errors import InvalidRequest
from airpost.services.http.body import answer, read_json
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS, HttpDeps
from airpost.services.http.operations import Example, operation
from airpost.services.http.people import (
    Breath,
    everything,
    name_of,
    named,
    owner_of,
    page,
    sees,
    writes,
)
from airpost.services.http.people_schemas import (
    MAX_TOGETHER,
    ContactIn,
    ContactsIn,
    NamedContactIn,
    OwnerQuery,
    PeopleQuery,
)
from airpost.services.http.problems import Refusal
from airpost.services.http.render import Json, list_json
from airpost.services.http.schemas import M, read_body, read_query
from airpost.services.http.shapes import people as shapes
from airpost.services.http.sheets import CSV, CSV_WORDS, read_sheet, write_sheet
from airpost.store.people import Contact, TooMany

log = logging.getLogger("airpost.http")
CURSOR_KIND = "c"
COLUMNS = ("name", "number", "note")


@operation(
    "listContacts",
    "List contacts, by name",
    words="`format=csv` is all of them in one file. Who sees all sees those of all owners.",
    query=PeopleQuery,
    answers={200: shapes.Contacts},
    answers_also={CSV: "`name,number,note` and a column for each of `values`"},
    example=Example(query={"limit": 10}),
)
async def listing(request: web.Request, caller: Caller) -> web.StreamResponse:
    """`GET /v1/contacts`: a page, or CSV."""
    deps = request.app[DEPS]
    asked = read_query(PeopleQuery, request.query.items())
    owner = sees(caller, asked.owner)
    if asked.format == "csv":
        everybody = [each async for each in everything(deps, owner, deps.store.people.contacts)]
        return download(write_sheet(map(_row, everybody), COLUMNS), "contacts.csv")
    found, following = await page(deps, asked, owner, CURSOR_KIND, deps.store.people.contacts)
    return answer(list_json(map(contact_json, found), following))


@operation(
    "putContacts",
    "Keep many contacts; one bad row never loses the others",
    query=OwnerQuery,
    body=ContactsIn,
    body_also={CSV: f"{CSV_WORDS} `name,number,note`; further columns become `values`"},
    answers={200: shapes.ContactsKept},
    problems=("too-many-people",),
    example=Example(
        body={
            "contacts": [
                {"name": "Ann", "number": "+491701234567", "values": {"shift": "night"}},
                {"name": "Bob", "number": "+491701234568", "note": "only by day"},
            ]
        },
    ),
)
async def put_many(request: web.Request, caller: Caller) -> web.Response:
    """`PUT /v1/contacts`: `{contacts, new, rejected}`."""
    deps = request.app[DEPS]
    owner = writes(caller, read_query(OwnerQuery, request.query.items()).owner)
    octets = await read_json(request, also=(CSV,))
    rejected: list[Json] = []
    given: Iterable[tuple[int, NamedContactIn]]
    if request.content_type == CSV:
        given = _from_sheet(octets, rejected)
    else:
        given = rows_in(NamedContactIn, read_body(ContactsIn, octets).contacts, rejected)
    good: dict[str, Contact] = {}
    breath = Breath(deps.clock)
    for row, each in given:
        await breath()
        try:
            contact = _contact(deps, owner, each.name, each, deps.clock.now())
        except InvalidRequest as error:
            rejected.append(rejected_json(row, error))
        else:
            good[contact.name.casefold()] = contact
    new = await _keep(deps, list(good.values()))
    log.info("contacts.put count=%d new=%d by=%s", len(good), new, caller.actor)
    return answer({"contacts": len(good), "new": new, "rejected": rejected})


@operation(
    "getContact",
    "Read a contact",
    query=OwnerQuery,
    answers={200: shapes.Contact},
    example=Example(path={"name": "Ann"}, after=("putContact", {"name": "/name"})),
)
async def one(request: web.Request, caller: Caller) -> web.Response:
    """`GET /v1/contacts/{name}`."""
    owner = owner_of(caller, read_query(OwnerQuery, request.query.items()).owner)
    found = await request.app[DEPS].store.people.contact(owner, name_of(request))
    if found is None:
        raise _unknown()
    return answer(contact_json(found))


@operation(
    "putContact",
    "Keep a contact under a name",
    words="What was sent to its earlier number is not touched.",
    query=OwnerQuery,
    body=ContactIn,
    answers={200: shapes.Contact, 201: shapes.Contact},
    problems=("number-not-dialable", "too-many-people"),
    example=Example(
        path={"name": "Ann"},
        body={"number": "+491701234567", "values": {"shift": "night"}},
    ),
)
async def put(request: web.Request, caller: Caller) -> web.Response:
    """`PUT /v1/contacts/{name}`: 201 where it is new."""
    deps = request.app[DEPS]
    owner = writes(caller, read_query(OwnerQuery, request.query.items()).owner)
    given = read_body(ContactIn, await read_json(request))
    contact = _contact(deps, owner, name_of(request), given, deps.clock.now())
    new = await _keep(deps, [contact])
    return answer(contact_json(contact), 201 if new else 200)


@operation(
    "deleteContact",
    "Remove a contact, from its groups too",
    words="What was accepted for it goes out all the same.",
    query=OwnerQuery,
    answers={204: None},
    example=Example(path={"name": "Ann"}, after=("putContact", {"name": "/name"})),
)
async def remove(request: web.Request, caller: Caller) -> web.Response:
    """`DELETE /v1/contacts/{name}`: 204."""
    owner = writes(caller, read_query(OwnerQuery, request.query.items()).owner)
    if not await request.app[DEPS].store.people.remove_contact(owner, name_of(request)):
        raise _unknown()
    return web.Response(status=204)


def _contact(deps: HttpDeps, owner: str, name: str, given: ContactIn, now: Instant) -> Contact:
    return Contact(
        owner=owner,
        name=named(name),
        number=deps.admission.number("number", given.number),
        note=given.note,
        values=given.values,
        updated_at=now,
    )


async def _keep(deps: HttpDeps, contacts: Sequence[Contact]) -> int:
    try:
        return await deps.store.people.put_contacts(contacts, deps.settings.people.max_contacts)
    except TooMany as error:
        raise too_many("contacts", error) from None


def download(sheet: str, name: str) -> web.Response:
    """A CSV file to keep."""
    return web.Response(
        text=sheet,
        content_type=CSV,
        charset="utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def too_many(what: str, error: TooMany) -> Refusal:
    """What an owner with too many of something is told."""
    words = f"an owner has at most {error.most} {what}; max_{what} of [people] allows no more"
    return Refusal("too-many-people", words, extra={"setting": f"people.max_{what}"})


def _unknown() -> Refusal:
    return Refusal("not-found", "there is no such contact, or it belongs to somebody else")


def contact_json(contact: Contact) -> Json:
    """A contact."""
    return {
        "owner": contact.owner,
        "name": contact.name,
        "number": contact.number,
        "note": contact.note,
        "values": dict(contact.values),
        "updated_at": rfc3339(contact.updated_at),
    }


def rejected_json(row: int, error: InvalidRequest) -> Json:
    """A row that was not kept."""
    return {"row": row, "field": error.field, "message": error.message}


def rows_in(
    model: type[M], given: Iterable[M | Any], rejected: list[Json]
) -> Iterator[tuple[int, M]]:
    """Rows that were read, with their places; what is none is told in `rejected`."""
    for row, each in enumerate(given):
        if isinstance(each, model):
            yield row, each
            continue
        try:
            yield row, read_body(model, json.dumps(each).encode())
        except Refusal as error:
            name, words = error.errors[0]
            rejected.append({"row": row, "field": name, "message": words})


def _from_sheet(octets: bytes, rejected: list[Json]) -> Iterator[tuple[int, NamedContactIn]]:
    sheet = read_sheet(octets, COLUMNS, ("name", "number"), MAX_TOGETHER)
    return rows_in(NamedContactIn, map(_from_cells, sheet), rejected)


def _from_cells(cells: Mapping[str, str]) -> Json:
    given = {name: cells[name] for name in COLUMNS if cells.get(name)}
    return {**given, "values": {k: cell for k, cell in cells.items() if k not in COLUMNS and cell}}


def _row(contact: Contact) -> Mapping[str, str]:
    values = {name: value for name, value in contact.values.items() if name not in COLUMNS}
    known = {"name": contact.name, "number": contact.number, "note": contact.note or ""}
    return {**known, **values}

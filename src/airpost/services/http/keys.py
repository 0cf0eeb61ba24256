"""API keys: make, list, rotate, revoke. The token is shown once, in the answer that makes it.

May import L0 and the store's protocol.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection

from aiohttp import web

from airpost.apikey import ApiKey
from airpost.audit import Value
from airpost.clock import SECOND_US, Instant, rfc3339
from airpost.errors import InvalidRequest
from airpost.regions import place_fault
from airpost.services.http.audited import changed
from airpost.services.http.body import answer, read_json
from airpost.services.http.credentials import (
    ID_OCTETS,
    SECRET_OCTETS,
    Caller,
    Scope,
    make_token,
    token_hash,
)
from airpost.services.http.deps import DEPS
from airpost.services.http.key_schemas import KeyIn, RotateKeyIn, UseQuery
from airpost.services.http.keyrules import read_network, read_rate
from airpost.services.http.known import there
from airpost.services.http.operations import Example, operation
from airpost.services.http.problems import Refusal
from airpost.services.http.render import key_json, list_json
from airpost.services.http.schemas import read_body, read_query
from airpost.services.http.shapes import keeping as shapes
from airpost.services.http.surplus import WholeQuery

DAY_US = 86_400 * SECOND_US


def new_key(given: KeyIn, now: Instant, routes: Collection[str]) -> ApiKey:
    """A key as it is asked for, with an id of its own; InvalidRequest naming what cannot be.

    `routes` are all there are: a key for another one could send nothing.
    """
    known = {scope.value for scope in Scope}
    if not known.issuperset(given.scopes):
        raise InvalidRequest("scopes", f"are of {', '.join(sorted(known))}")
    for at, place in enumerate(given.countries or ()):
        if (fault := place_fault(place)) is not None:
            raise InvalidRequest(f"countries.{at}", fault)
    for at, network in enumerate(given.networks or ()):
        _checked(f"networks.{at}", read_network, network)
    for at, route in enumerate(given.routes or ()):
        if route not in routes:
            words = f"is no route: {there(routes)}"
            raise InvalidRequest(f"routes.{at}", words, "unknown-route")
    if given.rate is not None:
        _checked("rate", read_rate, given.rate)
    if given.expires_at is not None and given.expires_at <= now:
        raise InvalidRequest("expires_at", "is in the past", "time-in-past")
    return ApiKey(
        id=secrets.token_hex(ID_OCTETS),
        name=given.name,
        owner=given.owner or given.name,
        scopes=frozenset(given.scopes),
        created_at=now,
        revoked_at=None,
        countries=given.countries,
        classes=None if given.classes is None else tuple(each.value for each in given.classes),
        routes=given.routes,
        networks=given.networks,
        rate=given.rate,
        expires_at=None if given.expires_at is None else Instant(given.expires_at),
    )


def _checked(field: str, read: Callable[[str], object], text: str) -> None:
    try:
        read(text)
    except ValueError as error:
        raise InvalidRequest(field, str(error)) from None


def new_token(key_id: str) -> str:
    """A token with a secret that was never there before."""
    return make_token(key_id, secrets.token_urlsafe(SECRET_OCTETS))


def told_of(key: ApiKey) -> dict[str, Value]:
    """What the audit log says of a key: all but its secret."""
    shown = key_json(key)
    left_out = ("id", "created_at", "revoked_at", "old_until")
    return {
        name: " ".join(value) if isinstance(value, list | tuple) else value
        for name, value in shown.items()
        if name not in left_out and value is not None
    }


@operation(
    "createKey",
    "Make a key; its token is shown once",
    body=KeyIn,
    problems=("time-in-past", "unknown-route"),
    answers={201: shapes.NewKey},
    example=Example(body={"name": "plant", "owner": "plant", "scopes": ["send", "read"]}),
)
async def create(request: web.Request, _caller: Caller) -> web.Response:
    """`POST /v1/keys`: 201 with the key and its token."""
    deps = request.app[DEPS]
    given = read_body(KeyIn, await read_json(request))
    key = new_key(given, deps.clock.now(), deps.admission.routes | deps.pool.routes())
    token = new_token(key.id)
    changed(request, f"key {key.id}", **told_of(key))
    await deps.store.add_key(key, token_hash(token))
    return answer({**key_json(key), "token": token}, status=201)


@operation(
    "rotateKey",
    "Give a key another secret; the one before counts for a while, too",
    body=RotateKeyIn,
    body_optional=True,
    answers={200: shapes.NewKey},
    example=Example(
        path={"id": "a1b2c3d4e5"}, body={"overlap_s": 3600}, after=("createKey", {"id": "/id"})
    ),
)
async def rotate(request: web.Request, _caller: Caller) -> web.Response:
    """`POST /v1/keys/{id}/rotate`: the key and its new token, shown once."""
    deps, key_id = request.app[DEPS], request.match_info["id"]
    body = await read_json(request) if request.can_read_body else b"{}"
    overlap_s = read_body(RotateKeyIn, body).overlap_s
    token = new_token(key_id)
    until = Instant(deps.clock.now() + overlap_s * SECOND_US)
    changed(request, f"key {key_id}", overlap_s=overlap_s)
    key = await deps.store.rotate_key(key_id, token_hash(token), until)
    if key is None:
        raise Refusal("not-found", "there is no such key, or it was revoked")
    return answer({**key_json(key), "token": token})


@operation(
    "useOfKey",
    "How many messages of a key were accepted, by the minute",
    query=UseQuery,
    answers={200: shapes.KeyUse},
    example=Example(path={"id": "a1b2c3d4e5"}, after=("createKey", {"id": "/id"})),
)
async def use(request: web.Request, _caller: Caller) -> web.Response:
    """`GET /v1/keys/{id}/use`: minutes without any are left out."""
    deps, key_id = request.app[DEPS], request.match_info["id"]
    asked = read_query(UseQuery, request.query.items())
    since = Instant(deps.clock.now() - DAY_US) if asked.since is None else Instant(asked.since)
    if all(key.id != key_id for key in await deps.store.keys()):
        raise Refusal("not-found", "there is no such key")
    found = await deps.store.audit.uses(key_id, since)
    items = [{"at": rfc3339(each.at), "count": each.count} for each in found]
    return answer({"id": key_id, "items": items})


@operation(
    "listKeys",
    "List all keys, revoked ones too",
    query=WholeQuery,
    answers={200: shapes.Keys},
    example=Example(query={"limit": 500}),
)
async def listing(request: web.Request, _caller: Caller) -> web.Response:
    """`GET /v1/keys`: all of them, revoked ones too."""
    return answer(list_json(map(key_json, await request.app[DEPS].store.keys())))


@operation(
    "revokeKey",
    "Revoke a key",
    answers={204: None},
    example=Example(path={"id": "a1b2c3d4e5"}, after=("createKey", {"id": "/id"})),
)
async def revoke(request: web.Request, _caller: Caller) -> web.Response:
    """`DELETE /v1/keys/{id}`: 204; 404 when there is none that still counts."""
    deps = request.app[DEPS]
    changed(request, f"key {request.match_info['id']}")
    if not await deps.store.revoke_key(request.match_info["id"], deps.clock.now()):
        raise Refusal("not-found", "there is no such key, or it was revoked before")
    return web.Response(status=204)

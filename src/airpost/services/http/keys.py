"""API keys: make, list, revoke. The token is shown once, in the answer that makes it.

May import L0 and the store's protocol.
"""

from __future__ import annotations

import secrets

from aiohttp import web

from airpost.errors import InvalidRequest
from airpost.model import ApiKey
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
from airpost.services.http.operations import Example, operation
from airpost.services.http.problems import Refusal
from airpost.services.http.render import key_json, list_json
from airpost.services.http.schemas import KeyIn, read_body
from airpost.services.http.shapes import keeping as shapes


@operation(
    "createKey",
    "Make a key; its token is shown once",
    body=KeyIn,
    answers={201: shapes.NewKey},
    example=Example(body={"name": "plant", "owner": "plant", "scopes": ["send", "read"]}),
)
async def create(request: web.Request, _caller: Caller) -> web.Response:
    """`POST /v1/keys`: 201 with the key and its token."""
    deps = request.app[DEPS]
    given = read_body(KeyIn, await read_json(request))
    known = {scope.value for scope in Scope}
    if not known.issuperset(given.scopes):
        raise InvalidRequest("scopes", f"are of {', '.join(sorted(known))}")
    for at, place in enumerate(given.countries or ()):
        if (fault := place_fault(place)) is not None:
            raise InvalidRequest(f"countries.{at}", fault)
    key = ApiKey(
        id=secrets.token_hex(ID_OCTETS),
        name=given.name,
        owner=given.owner,
        scopes=frozenset(given.scopes),
        created_at=deps.clock.now(),
        revoked_at=None,
        countries=given.countries,
    )
    token = make_token(key.id, secrets.token_urlsafe(SECRET_OCTETS))
    await deps.store.add_key(key, token_hash(token))
    changed(
        request,
        f"key {key.id}",
        name=key.name,
        owner=key.owner,
        scopes=" ".join(sorted(key.scopes)),
    )
    return answer({**key_json(key), "token": token}, status=201)


@operation("listKeys", "List all keys, revoked ones too", answers={200: shapes.Keys})
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
    if not await deps.store.revoke_key(request.match_info["id"], deps.clock.now()):
        raise Refusal("not-found", "there is no such key, or it was revoked before")
    changed(request, f"key {request.match_info['id']}")
    return web.Response(status=204)

"""What goes into the audit log of what is asked by HTTP: each change, and each refusal.

May import aiohttp, L0 and the services. A call that changes something for others than its caller
stands in the table of calls as `audited("what.was_done", handler)`. Before it writes, the handler
says on what by `changed()`; the row is in the same commit. What is of more than one commit, or not
of the store, says `begins()` first. Messages are no such calls: their history is their own.
"""

from __future__ import annotations

import functools
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from aiohttp import web

from airpost.audit import Value
from airpost.errors import AirpostError
from airpost.model import masked
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS
from airpost.services.http.handler import CallerHandler
from airpost.services.http.problems import refusal
from airpost.services.http.surplus import exact
from airpost.store.auditing import Riding

_UCRED = struct.Struct("3i")  # pid, uid, gid: unix(7)
REFUSALS = frozenset({401, 403, 429})
ALSO = frozenset({"credentials-in-query"})
NOBODY = "nobody"
AUDITED: set[CallerHandler] = set()
"""Handlers whose changes are in the log."""


_RIDE = web.RequestKey("audited", Riding)
_CLAIMED = web.RequestKey("claimed", str)


def changed(request: web.Request, subject: str, **detail: Value) -> None:
    """Say on what a change is and what to know of it, before it is written.

    Nothing secret, no number in full.
    """
    ride = request.get(_RIDE)
    if ride is not None:
        ride.entry = replace(ride.entry, subject=subject, detail={**ride.entry.detail, **detail})


def counted(request: web.Request, name: str) -> None:
    """What the write returns is a count; the row tells it under this name."""
    ride = request.get(_RIDE)
    if ride is not None:
        ride.counted = name


async def begins(request: web.Request, subject: str, **detail: Value) -> None:
    """As `changed()`, of what cannot be in one commit: a row now, and one when it has ended.

    StoreUnavailable where that cannot be written: then it is not to be done.
    """
    changed(request, subject, **detail)
    ride = request.get(_RIDE)
    if ride is not None:
        await request.app[DEPS].audit.begins(ride)


def audited(action: str, handler: CallerHandler) -> CallerHandler:
    """`handler`, whose change is a row of the audit log in the same commit.

    What it refuses counts as a refusal. Without `changed()` the subject is what its address names.
    """
    handler = exact(handler)

    @functools.wraps(handler)
    async def wrapped(request: web.Request, caller: Caller) -> web.StreamResponse:
        async with changing(request, caller, action, _named(request)) as ride:
            request[_RIDE] = ride
            try:
                return await handler(request, caller)
            except AirpostError as error:
                ride.entry = replace(ride.entry, result=refusal(error).kind.name)
                raise

    AUDITED.add(wrapped)
    return wrapped


def of_others(action: str, handler: CallerHandler) -> CallerHandler:
    """`handler`, with a row where it has changed what another owner has: `?owner=`.

    What people have of their own is theirs, and no name of it stands in the log.
    """

    @functools.wraps(handler)
    async def wrapped(request: web.Request, caller: Caller) -> web.StreamResponse:
        owner = request.query.get("owner", caller.owner)
        async with _unless_own(request, caller, owner, action, f"of {owner}"):
            return await handler(request, caller)

    AUDITED.add(wrapped)
    return wrapped


def _named(request: web.Request) -> str:
    named = request.match_info.items()
    return " ".join(masked(value) if name == "number" else value for name, value in named)


def changing(
    request: web.Request,
    caller: Caller,
    action: str,
    subject: str,
    detail: Mapping[str, Value] = MappingProxyType({}),
) -> AbstractAsyncContextManager[Riding]:
    """What a caller changes inside has its row; see `Auditor.changing`."""
    return request.app[DEPS].audit.changing(
        action, caller.actor, origin=origin_of(request), subject=subject, detail=detail
    )


def of_owner(
    request: web.Request, caller: Caller, owner: str, action: str, subject: str
) -> AbstractAsyncContextManager[None]:
    """What is changed inside has a row where it is of another owner than the caller."""
    return _unless_own(request, caller, owner, action, subject, {"owner": owner})


@asynccontextmanager
async def _unless_own(
    request: web.Request,
    caller: Caller,
    owner: str,
    action: str,
    subject: str,
    detail: Mapping[str, Value] = MappingProxyType({}),
) -> AsyncIterator[None]:
    if owner == caller.owner:
        yield
        return
    async with changing(request, caller, action, subject, detail):
        yield


def claims(request: web.Request, actor: str) -> None:
    """Whose key it is that does not count."""
    request[_CLAIMED] = actor


def note_refusal(request: web.Request, caller: Caller | None, error: AirpostError) -> None:
    """Count what is refused for who asks, and whatever of a change is not done."""
    kind = refusal(error).kind
    ride = request.get(_RIDE)
    if ride is not None and ride.begun:
        return  # its end is a row of its own
    if kind.status not in REFUSALS and kind.name not in ALSO and ride is None:
        return
    actor = request.get(_CLAIMED, NOBODY) if caller is None else caller.actor
    resource = request.match_info.route.resource
    path = "" if resource is None else resource.canonical
    request.app[DEPS].audit.refused(
        f"{request.method} {path}", actor, origin=origin_of(request), result=kind.name
    )


def origin_of(request: web.Request) -> str:
    """From where: an address, with the name in a client's certificate, or a user of this machine.

    What a proxy says about whom it speaks for is not believed.
    """
    transport = request.transport
    found: Any = None if transport is None else transport.get_extra_info("socket")
    if transport is None or found is None:
        return ""
    if found.family == socket.AF_UNIX:
        raw = found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        return f"unix uid={_UCRED.unpack(raw)[1]}"
    name = _certified(transport.get_extra_info("peercert"))
    return (request.remote or "") + (f" cert={name}" if name else "")


def _certified(certificate: Any) -> str:
    for part in (certificate or {}).get("subject", ()):
        for name, value in part:
            if name == "commonName":
                return str(value)
    return ""

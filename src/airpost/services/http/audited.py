"""What goes into the audit log of what is asked by HTTP: each change, and each refusal.

May import aiohttp, L0 and the services. A call that changes something for others than its caller
stands in the table of calls as `audited("what.was_done", handler)`; the handler says on what by
`changed()`. Messages are no such calls: their history is their own.
"""

from __future__ import annotations

import functools
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from airpost.audit import Value
from airpost.errors import AirpostError
from airpost.model import masked
from airpost.services.http.credentials import Caller
from airpost.services.http.deps import DEPS
from airpost.services.http.handler import CallerHandler
from airpost.services.http.problems import refusal

_UCRED = struct.Struct("3i")  # pid, uid, gid: unix(7)
REFUSALS = frozenset({401, 403, 429})
ALSO = frozenset({"credentials-in-query"})
NOBODY = "nobody"
AUDITED: set[CallerHandler] = set()
"""Handlers whose changes are in the log."""


@dataclass(slots=True)
class _About:
    """What a handler has told of its change."""

    subject: str = ""
    detail: dict[str, Value] = field(default_factory=dict)


_ABOUT = web.RequestKey("audited", _About)
_CLAIMED = web.RequestKey("claimed", str)


def changed(request: web.Request, subject: str, **detail: Value) -> None:
    """Say on what a change is and what to know of it: nothing secret, no number in full."""
    told = request.get(_ABOUT)
    if told is not None:
        told.subject = subject
        told.detail.update(detail)


def audited(action: str, handler: CallerHandler) -> CallerHandler:
    """`handler`, whose success is a row of the audit log before it is answered.

    What it refuses counts as a refusal. Without `changed()` the subject is what its address names.
    """

    @functools.wraps(handler)
    async def wrapped(request: web.Request, caller: Caller) -> web.StreamResponse:
        told = request[_ABOUT] = _About(_named(request))
        response = await handler(request, caller)
        await record(request, caller, action, told.subject, **told.detail)
        return response

    AUDITED.add(wrapped)
    return wrapped


def of_others(action: str, handler: CallerHandler) -> CallerHandler:
    """`handler`, with a row where it has changed what another owner has: `?owner=`.

    What people have of their own is theirs, and no name of it stands in the log.
    """

    @functools.wraps(handler)
    async def wrapped(request: web.Request, caller: Caller) -> web.StreamResponse:
        response = await handler(request, caller)
        owner = request.query.get("owner", caller.owner)
        if owner != caller.owner:
            await record(request, caller, action, f"of {owner}")
        return response

    AUDITED.add(wrapped)
    return wrapped


def _named(request: web.Request) -> str:
    named = request.match_info.items()
    return " ".join(masked(value) if name == "number" else value for name, value in named)


async def record(
    request: web.Request, caller: Caller, action: str, subject: str = "", **detail: Value
) -> None:
    """A row about what a caller has just done."""
    await request.app[DEPS].audit.record(
        action, caller.actor, origin=origin_of(request), subject=subject, detail=detail
    )


def claims(request: web.Request, actor: str) -> None:
    """Whose key it is that does not count."""
    request[_CLAIMED] = actor


def note_refusal(request: web.Request, caller: Caller | None, error: AirpostError) -> None:
    """Count what is refused for who asks, and whatever of a change is not done."""
    kind = refusal(error).kind
    if kind.status not in REFUSALS and kind.name not in ALSO and _ABOUT not in request:
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

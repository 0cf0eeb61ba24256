"""Who calls: a key over TCP, the kernel's word on a Unix socket, or anybody on a loopback.

May import aiohttp, L0 and the store's protocol.
"""

from __future__ import annotations

import asyncio
import grp
import ipaddress
import logging
import os
import pwd
import socket
import struct
from asyncio.trsock import TransportSocket
from functools import wraps
from weakref import WeakKeyDictionary

from aiohttp import web

from airpost.errors import AirpostError
from airpost.services.http.audited import claims, note_refusal
from airpost.services.http.credentials import (
    LOCAL,
    Caller,
    Scope,
    caller_of,
    token_hash,
    token_id,
    why_void,
)
from airpost.services.http.deps import DEPS, METERS
from airpost.services.http.handler import CallerHandler, Handler
from airpost.services.http.keyrules import comes_from, read_rate
from airpost.services.http.problems import Refusal
from airpost.services.http.settings import AuthMode
from airpost.store.api import Store

log = logging.getLogger("airpost.http")
GROUP = "airpost"
_UCRED = struct.Struct("3i")  # pid, uid, gid: unix(7)
_peers: WeakKeyDictionary[asyncio.BaseTransport, bool | None] = WeakKeyDictionary()


def guarded(scope: Scope, handler: CallerHandler) -> Handler:
    """`handler` with its caller, once they are known and may do `scope`.

    Whoever is refused is counted for the audit log.
    """

    @wraps(handler)
    async def guard(request: web.Request) -> web.StreamResponse:
        caller = None
        try:
            caller = await identify(request)
            if not caller.may(scope):
                raise Refusal("forbidden", f"this needs the scope {scope.value!r}")
            charge(request, caller, 1)
            return await handler(request, caller)
        except AirpostError as error:
            note_refusal(request, caller, error)
            raise

    return guard


async def identify(request: web.Request) -> Caller:
    """The caller of a request; Refusal when it is nobody we know.

    A key counts wherever it is given, also on a Unix socket: it then says whose work this is.
    """
    deps = request.app[DEPS]
    header = request.headers.get("Authorization")
    if header is not None:
        return await _by_key(request, deps.store, header)
    match local_peer(request):
        case True:
            return LOCAL
        case False:
            raise _unauthorized(f"this user is not in group {GROUP}; give a key")
    if deps.settings.auth is AuthMode.NONE:
        _refuse_foreign_host(request)
        return LOCAL
    raise _unauthorized("give a key: Authorization: Bearer ap_…")


def _unauthorized(detail: str) -> Refusal:
    return Refusal("unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="airpost"'})


async def _by_key(request: web.Request, store: Store, header: str) -> Caller:
    scheme, _, token = header.partition(" ")
    key_id = token_id(token.strip()) if scheme.lower() == "bearer" else None
    if key_id is None:
        raise _unauthorized("the Authorization header is no Bearer ap_<id>_<secret>")
    key = await store.find_key(token_hash(token.strip()))
    if key is None or key.id != key_id:
        log.debug("http.key_unknown key=%s", key_id)
        raise _unauthorized("this key is not known")
    caller = caller_of(key)
    claims(request, caller.actor)
    why = why_void(key, request.app[DEPS].clock.now())
    if why is not None:
        log.debug("http.key_void key=%s %s", key_id, why)
        raise _unauthorized(f"this key {why}")
    if key.networks is not None and not comes_from(key.networks, _address(request)):
        raise Refusal("address-not-allowed", "this key does not count from this address")
    return caller


def _address(request: web.Request) -> str | None:
    """Where a request comes from; None: by a Unix socket."""
    return None if local_peer(request) is not None else request.remote or ""


def charge(request: web.Request, caller: Caller, count: int) -> None:
    """Refuse what is beyond the rate of the caller's key, all of it; else it is counted.

    A count below zero is given back.
    """
    if caller.rate is None or caller.key_id is None:
        return
    now_s = request.app[DEPS].clock.mono()
    wait_s = request.app[METERS].take(caller.key_id, read_rate(caller.rate), now_s, count)
    if wait_s:
        words = f"this key has {caller.rate}; try again in {wait_s} s"
        raise Refusal("rate-limited-key", words, headers={"Retry-After": str(wait_s)})


def local_peer(request: web.Request) -> bool | None:
    """Is whoever opened this Unix connection trusted? None: it is no such connection.

    Asked once for each: the kernel tells who it was then, and the group is looked up in files.
    """
    transport = request.transport
    if transport is None:
        return None
    if transport not in _peers:
        found: TransportSocket | None = transport.get_extra_info("socket")
        if found is None or found.family != socket.AF_UNIX:
            _peers[transport] = None
        else:
            _peers[transport] = trusted_peer(found)
    return _peers[transport]


def trusted_peer(unix: socket.socket | TransportSocket) -> bool:
    """True for root, our own user and members of group `airpost`, by SO_PEERCRED."""
    raw = unix.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, gid = _UCRED.unpack(raw)
    return trusted_user(uid, gid)


def trusted_user(uid: int, gid: int) -> bool:
    """As `trusted_peer`, of a user and its main group."""
    if uid in (0, os.geteuid()):
        return True
    try:
        group = grp.getgrnam(GROUP)
    except KeyError:
        return False
    if gid == group.gr_gid:
        return True
    try:
        return pwd.getpwuid(uid).pw_name in group.gr_mem
    except KeyError:
        return False


def _refuse_foreign_host(request: web.Request) -> None:
    # Without keys, a page in a browser on this machine could reach us under a name of its own that
    # resolves to a loopback address; its requests carry that name.
    try:
        host = request.url.host or ""
    except ValueError:  # a Host header that is none
        host = ""
    try:
        known = ipaddress.ip_address(host).is_loopback
    except ValueError:
        known = host == "localhost"
    if not known:
        raise Refusal("forbidden", "without keys, only requests to localhost are taken")

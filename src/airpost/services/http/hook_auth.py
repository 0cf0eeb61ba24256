"""Who may use a hook: its own token or signature, and from where.

May import aiohttp and L0. A token is compared in constant time and stands in no log.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re

from aiohttp import web

from airpost.clock import SECOND_US, Instant
from airpost.services.hooks_in import HookSettings
from airpost.services.http.auth import local_peer
from airpost.services.http.deps import DEPS
from airpost.services.http.problems import Refusal
from airpost.services.webhooks.targets import unmapped

TOLERANCE_S = 300  # between a sender's clock and ours
_HEX = re.compile(r"(?:sha256=)?([0-9a-fA-F]{64})")


def admit(request: web.Request, settings: HookSettings, raw: bytes) -> None:
    """Refusal unless everything the hook asks for holds."""
    if settings.networks and not _from_there(request, settings):
        raise Refusal(
            "forbidden", "this address may not use the hook; `from` of its section says who"
        )
    if settings.token is not None and not _has_token(request, settings.token):
        raise _unauthorized("give the hook's token: Authorization: Bearer …")
    if settings.hmac is not None:
        _check_signature(request, settings, settings.hmac, raw)


def _unauthorized(detail: str) -> Refusal:
    return Refusal("unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="hook"'})


def _from_there(request: web.Request, settings: HookSettings) -> bool:
    """Whoever stands at this machine's own socket may, and who is in one of the networks."""
    if (trusted := local_peer(request)) is not None:
        return trusted
    try:
        address = unmapped(ipaddress.ip_address((request.remote or "").partition("%")[0]))
    except ValueError:
        return False
    return any(address in network for network in settings.networks)


def _has_token(request: web.Request, token: str) -> bool:
    given = [request.match_info.get("token", "")]
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            given.append(rest.strip())
        case "basic":
            given.append(_password(rest.strip()))
    return any(
        hmac.compare_digest(each.encode(errors="surrogateescape"), token.encode()) for each in given
    )


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _check_signature(request: web.Request, settings: HookSettings, secret: str, raw: bytes) -> None:
    found = _HEX.fullmatch(request.headers.get(settings.hmac_header, "").strip())
    if found is None:
        raise _unauthorized(f"sign the body: HMAC-SHA256 in hex, in {settings.hmac_header}")
    signed = raw
    if settings.hmac_timestamp is not None:
        stamp = request.headers.get(settings.hmac_timestamp, "").strip()
        if not _fresh(stamp, request.app[DEPS].clock.now()):
            raise _unauthorized(f"{settings.hmac_timestamp} is not the time in seconds")
        signed = stamp.encode() + b":" + raw
    made = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(made, found[1].lower()):
        raise _unauthorized("the signature does not fit the body")


def _fresh(stamp: str, now: Instant) -> bool:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12):
        return False
    return abs(int(stamp) - now // SECOND_US) <= TOLERANCE_S

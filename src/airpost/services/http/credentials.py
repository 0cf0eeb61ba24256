"""API keys as text: how one is made, hashed and read, and what its scopes mean.

Stdlib and L0 only; the secret itself is never stored and never logged.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from airpost.apikey import ApiKey
from airpost.clock import Instant

_TOKEN = re.compile(r"ap_(?P<id>[A-Za-z0-9]{4,32})_(?P<secret>[A-Za-z0-9_\-]{16,128})")
_ANY_TOKEN = re.compile(r"ap_([A-Za-z0-9]{4,32})_[A-Za-z0-9_\-]{16,}")
_SCHEMES = re.compile(r"\b(bearer|basic)(\s+)(?!ap_)[A-Za-z0-9+/=_.~\-]{8,}", re.IGNORECASE)
ID_OCTETS = 5
SECRET_OCTETS = 32


class Scope(Enum):
    """What a key may do."""

    SEND = "send"
    READ = "read"
    INBOUND = "inbound"
    ADMIN = "admin"
    READ_ALL = "read:all"
    AUDIT = "audit"
    METRICS = "metrics"


# What a scope brings with it; every scope brings itself.
_IMPLIED = {
    Scope.ADMIN: frozenset(Scope),
    Scope.READ_ALL: frozenset({Scope.READ_ALL, Scope.READ, Scope.METRICS}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks: `owner` of what they make, `actor` for the history, what they may do.

    `countries` are those to whose numbers the key may send; None: to all that the settings allow.
    `classes`, `routes` and `rate` are what it may send, None: no restriction.
    """

    owner: str
    actor: str
    scopes: frozenset[Scope]
    key_id: str | None = None
    key_name: str | None = None
    countries: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    routes: tuple[str, ...] | None = None
    rate: str | None = None

    def may(self, scope: Scope) -> bool:
        """True when one of the scopes brings `scope` with it."""
        return any(scope in _IMPLIED.get(held, (held,)) for held in self.scopes)

    @property
    def sees(self) -> str | None:
        """The owner a list is limited to; None sees all."""
        return None if self.may(Scope.READ_ALL) else self.owner

    @property
    def cancels(self) -> str | None:
        """The owner whose messages may be cancelled; None: anybody's."""
        return None if self.may(Scope.ADMIN) else self.owner


LOCAL = Caller(owner="local", actor="local", scopes=frozenset({Scope.ADMIN}))
"""Whoever stands at this machine: the Unix socket, or TCP without keys."""


@lru_cache(maxsize=1024)  # the same key calls again and again
def caller_of(key: ApiKey) -> Caller:
    """Whoever holds a key."""
    return Caller(
        owner=key.owner,
        actor=f"key {key.id}",
        scopes=read_scopes(key.scopes),
        key_id=key.id,
        key_name=key.name,
        countries=key.countries,
        classes=key.classes,
        routes=key.routes,
        rate=key.rate,
    )


def why_void(key: ApiKey, now: Instant) -> str | None:
    """Why a key, or the secret it was found by, counts no longer; None while it does."""
    if key.revoked_at is not None:
        return "was revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "has expired"
    if key.by_old and (key.old_until is None or key.old_until <= now):
        return "has a newer secret"
    return None


def make_token(key_id: str, secret: str) -> str:
    """`ap_<id>_<secret>`."""
    return f"ap_{key_id}_{secret}"


def holds_token(text: str) -> bool:
    """True when something in a text looks like a token of ours."""
    return _ANY_TOKEN.search(text) is not None


def without_secrets(text: str) -> str:
    """A text for a log: of a token its id is left, of an Authorization header its scheme."""
    lower = text.lower()
    if "ap_" not in text and "basic" not in lower and "bearer" not in lower:
        return text  # nearly every line
    text = _ANY_TOKEN.sub(r"ap_\1_…", text)
    return _SCHEMES.sub(r"\1\2…", text)


def token_id(token: str) -> str | None:
    """The id in a token, or None when the text has not the shape of one."""
    found = _TOKEN.fullmatch(token)
    return None if found is None else found["id"]


def token_hash(token: str) -> bytes:
    """What the store keeps and finds a key by: the SHA-256 of the whole token."""
    return hashlib.sha256(token.encode()).digest()


def read_scopes(names: frozenset[str]) -> frozenset[Scope]:
    """The scopes of these names; a name of a later version gives nothing."""
    known = {scope.value: scope for scope in Scope}
    return frozenset(known[name] for name in names if name in known)

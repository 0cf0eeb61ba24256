"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07): reading it, and what still runs.

Stdlib and L0 only. The answer itself is kept by the store in the commit that accepts the message.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from airpost.errors import DuplicateRequest, InvalidRequest
from airpost.services.http.problems import Refusal

HEADER = "Idempotency-Key"
MAX_KEY = 255
# A structured-field String (RFC 8941 3.3.3); the bare form is what most callers send.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-~]+")


def read_key(values: Sequence[str]) -> str | None:
    """The key in the header's values, None without one; InvalidRequest on anything else."""
    if not values:
        return None
    if len(values) > 1:
        raise InvalidRequest(HEADER, "is given more than once")
    value = values[0].strip()
    quoted = _QUOTED.fullmatch(value)
    if quoted is not None:
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    elif _BARE.fullmatch(value):
        key = value
    else:
        raise InvalidRequest(HEADER, 'is no string such as "8e03978e-40d5"')
    if not 1 <= len(key) <= MAX_KEY:
        raise InvalidRequest(HEADER, f"has between 1 and {MAX_KEY} characters")
    return key


def fingerprint(call: str, canonical: str) -> str:
    """SHA-256, in hexadecimal, of the call and the request's canonical JSON."""
    return hashlib.sha256(f"{call}\n{canonical}".encode()).hexdigest()


def duplicate(kind: str) -> Refusal:
    """What a repeat is told that gets no answer: `running` or `mismatch`."""
    if kind == "mismatch":
        return Refusal(
            "idempotency-mismatch",
            "this Idempotency-Key was used for a request with another body",
            errors=[(HEADER, "was used for another request")],
        )
    return Refusal(
        "idempotency-running",
        "the first request with this Idempotency-Key has no answer yet",
        errors=[(HEADER, "is in use by a request that still runs")],
        headers={"Retry-After": "1"},
    )


class Running:
    """Which keys have a request under way in this process."""

    def __init__(self) -> None:
        self._keys: set[tuple[str, str]] = set()

    def hold(self, owner: str, key: str | None) -> AbstractContextManager[None]:
        """Hold the key meanwhile; DuplicateRequest `running` when somebody else does."""
        return _NOTHING if key is None else _Held(self._keys, (owner, key))


class _Held(AbstractContextManager[None]):
    """Every message with a key has one; a generator takes twice as long."""

    __slots__ = ("_key", "_keys")

    def __init__(self, keys: set[tuple[str, str]], key: tuple[str, str]) -> None:
        self._keys = keys
        self._key = key

    def __enter__(self) -> None:
        if self._key in self._keys:
            raise DuplicateRequest("running")
        self._keys.add(self._key)

    def __exit__(self, *_error: object) -> None:
        self._keys.discard(self._key)


_NOTHING = nullcontext()

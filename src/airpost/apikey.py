"""A key of the API, as it is kept and passed around: without its secret.

L0: stdlib and clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from airpost.clock import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key without its secret."""

    id: str
    name: str
    owner: str
    scopes: frozenset[str]
    created_at: Instant
    revoked_at: Instant | None
    countries: tuple[str, ...] | None = None  # ISO 3166, prefixes or "*"; None: as set for all
    classes: tuple[str, ...] | None = None  # None: every one, as below
    routes: tuple[str, ...] | None = None
    networks: tuple[str, ...] | None = None
    rate: str | None = None
    expires_at: Instant | None = None
    old_until: Instant | None = None  # till then the secret before the last rotation counts, too
    by_old: bool = False  # it was found by that one

"""API keys, found by the SHA-256 of their secret.

May import L0 and sqlite3. Reading runs in the reader's thread, writing in the writer's. What was
found is kept in memory until a key is made or revoked: no other process writes to this store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from airpost.clock import Instant
from airpost.model import ApiKey
from airpost.store.writer import Tx
from airpost.tasks import shielded

_COLUMNS = "SELECT id, name, owner, scopes, created_at, revoked_at, countries FROM api_key"


class KeyRing:
    """The keys of a store; `write` and `read` run a function in the store's threads."""

    def __init__(
        self, write: Callable[..., Awaitable[Any]], read: Callable[..., Awaitable[Any]]
    ) -> None:
        self._write = write
        self._read = read
        self._found: dict[bytes, ApiKey] = {}

    async def add(self, key: ApiKey, secret_hash: bytes) -> None:
        """Store a key; ValueError when its id or its hash is there already."""
        await self._change(add, key, secret_hash)

    async def find(self, secret_hash: bytes) -> ApiKey | None:
        """The key of a secret, revoked ones too."""
        found = self._found  # what is read before a change goes into the dict of before
        key: ApiKey | None = found.get(secret_hash)
        if key is None:
            key = await self._read(find, secret_hash)
            if key is not None:
                found[secret_hash] = key
        return key

    async def all(self) -> list[ApiKey]:
        """All keys, oldest first."""
        keys: list[ApiKey] = await self._read(all_keys)
        return keys

    async def revoke(self, key_id: str, now: Instant) -> bool:
        """True when there was such a key, not yet revoked; from then on nobody comes in by it."""
        return bool(await self._change(revoke, key_id, now))

    async def _change(self, function: Callable[..., Any], *given: Any) -> Any:
        """Forget what was found once it is done, also when whoever asked no longer waits."""

        async def change() -> Any:
            try:
                return await self._write(function, *given)
            finally:
                self._found = {}

        return await shielded(change(), name="keys")


def add(tx: Tx, key: ApiKey, secret_hash: bytes) -> None:
    """Store a key; ValueError when its id or its hash is there already."""
    try:
        tx.db.execute(
            "INSERT INTO api_key (id, name, owner, scopes, secret_hash, created_at, revoked_at, "
            "countries) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (key.id, key.name, key.owner, " ".join(sorted(key.scopes)), secret_hash,
             key.created_at, key.revoked_at,
             None if key.countries is None else " ".join(key.countries)),
        )  # fmt: skip
    except sqlite3.IntegrityError as error:
        raise ValueError(f"there is a key {key.id} already, or one of the same secret") from error


def _key(row: tuple[Any, ...]) -> ApiKey:
    return ApiKey(
        id=row[0],
        name=row[1],
        owner=row[2],
        scopes=frozenset(row[3].split()),
        created_at=row[4],
        revoked_at=row[5],
        countries=None if row[6] is None else tuple(row[6].split()),
    )


def find(db: sqlite3.Connection, secret_hash: bytes) -> ApiKey | None:
    """The key of a secret, revoked ones too."""
    found = db.execute(f"{_COLUMNS} WHERE secret_hash = ?", (secret_hash,)).fetchone()
    return None if found is None else _key(found)


def all_keys(db: sqlite3.Connection) -> list[ApiKey]:
    """All keys, oldest first."""
    return [_key(row) for row in db.execute(f"{_COLUMNS} ORDER BY n")]


def revoke(tx: Tx, key_id: str, now: Instant) -> bool:
    """True when there was such a key, not yet revoked."""
    done = tx.db.execute(
        "UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, key_id)
    )
    return done.rowcount == 1

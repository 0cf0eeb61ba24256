"""API keys, found by the SHA-256 of their secret.

May import L0 and sqlite3. Reading runs in the reader's thread, writing in the writer's. What was
found is kept in memory until a key is made or revoked: no other process writes to this store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from airpost.apikey import ApiKey
from airpost.clock import Instant
from airpost.store.writer import Tx
from airpost.tasks import shielded

_COLUMNS = (
    "SELECT id, name, owner, scopes, created_at, revoked_at, countries, classes, routes, networks, "
    "rate, expires_at, old_until FROM api_key"
)


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

    async def rotate(self, key_id: str, secret_hash: bytes, until: Instant) -> ApiKey | None:
        """Another secret; the one before counts until `until`, one before that no longer.

        None when there is no such key that counts; ValueError when the hash is there already.
        """
        found: ApiKey | None = await self._change(rotate, key_id, secret_hash, until)
        return found

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
            "countries, classes, routes, networks, rate, expires_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (key.id, key.name, key.owner, " ".join(sorted(key.scopes)), secret_hash,
             key.created_at, key.revoked_at, _joined(key.countries), _joined(key.classes),
             _joined(key.routes), _joined(key.networks), key.rate, key.expires_at),
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
        countries=_split(row[6]),
        classes=_split(row[7]),
        routes=_split(row[8]),
        networks=_split(row[9]),
        rate=row[10],
        expires_at=row[11],
        old_until=row[12],
    )


def _joined(some: tuple[str, ...] | None) -> str | None:
    return None if some is None else " ".join(some)


def _split(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(text.split())


def find(db: sqlite3.Connection, secret_hash: bytes) -> ApiKey | None:
    """The key of a secret, revoked ones too."""
    for column in ("secret_hash", "old_hash"):
        found = db.execute(f"{_COLUMNS} WHERE {column} = ?", (secret_hash,)).fetchone()
        if found is not None:
            return replace(_key(found), by_old=column == "old_hash")
    return None


def all_keys(db: sqlite3.Connection) -> list[ApiKey]:
    """All keys, oldest first."""
    return [_key(row) for row in db.execute(f"{_COLUMNS} ORDER BY n")]


def revoke(tx: Tx, key_id: str, now: Instant) -> bool:
    """True when there was such a key, not yet revoked."""
    done = tx.db.execute(
        "UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, key_id)
    )
    return done.rowcount == 1


def rotate(tx: Tx, key_id: str, secret_hash: bytes, until: Instant) -> ApiKey | None:
    """See `KeyRing.rotate`."""
    if find(tx.db, secret_hash) is not None:
        raise ValueError("there is a key of the same secret already")
    tx.db.execute(
        "UPDATE api_key SET old_hash = secret_hash, old_until = ?, secret_hash = ? "
        "WHERE id = ? AND revoked_at IS NULL",
        (until, secret_hash, key_id),
    )
    return find(tx.db, secret_hash)

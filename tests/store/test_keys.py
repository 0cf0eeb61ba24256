"""API keys: for every store."""

from __future__ import annotations

import pytest

from airpost.model import ApiKey
from airpost.store.api import Store
from tests.store.values import NOW, after


def key(id_: str, *scopes: str) -> ApiKey:
    return ApiKey(
        id=id_, name=f"name of {id_}", owner="shop", scopes=frozenset(scopes), created_at=NOW,
        revoked_at=None,
    )  # fmt: skip


async def test_a_key_is_found_by_the_hash_of_its_secret(store: Store) -> None:
    made = key("k1", "send", "read:all")
    await store.add_key(made, b"h" * 32)
    assert await store.find_key(b"h" * 32) == made
    assert await store.find_key(b"i" * 32) is None


async def test_keys_are_listed_oldest_first(store: Store) -> None:
    for n, id_ in enumerate(("z", "a", "m")):
        await store.add_key(key(id_), bytes((n,)) * 32)
    assert [each.id for each in await store.keys()] == ["z", "a", "m"]


async def test_a_revoked_key_is_found_as_revoked(store: Store) -> None:
    await store.add_key(key("k1"), b"h" * 32)
    assert await store.revoke_key("k1", after(5))
    assert not await store.revoke_key("k1", after(6))
    assert not await store.revoke_key("none", after(6))
    found = await store.find_key(b"h" * 32)
    assert found is not None
    assert found.revoked_at == after(5)


async def test_no_id_and_no_secret_twice(store: Store) -> None:
    await store.add_key(key("k1"), b"h" * 32)
    for again, mark in ((key("k1"), b"i" * 32), (key("k2"), b"h" * 32)):
        with pytest.raises(ValueError, match="already"):
            await store.add_key(again, mark)
    assert len(await store.keys()) == 1

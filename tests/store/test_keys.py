"""API keys: for every store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from airpost.apikey import ApiKey
from airpost.store.api import Store
from airpost.store.keys import KeyRing
from airpost.tasks import spawn
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


async def test_restrictions_are_kept(store: Store) -> None:
    made = replace(
        key("k1", "send"), classes=("alarm", "otp"), routes=("a",), networks=("::1", "unix"),
        rate="60/min, burst 2", expires_at=after(9), countries=("DE",),
    )  # fmt: skip
    await store.add_key(made, b"h" * 32)
    assert await store.find_key(b"h" * 32) == made
    assert await store.keys() == [made]


async def test_a_secret_is_replaced_and_the_one_before_is_known_for_what_it_is(
    store: Store,
) -> None:
    await store.add_key(key("k1"), b"a" * 32)
    assert await store.find_key(b"a" * 32)  # it is remembered until there is a change
    made = await store.rotate_key("k1", b"b" * 32, after(60))
    assert made is not None
    assert (made.by_old, made.old_until) == (False, after(60))
    assert await store.find_key(b"a" * 32) == replace(made, by_old=True)
    await store.rotate_key("k1", b"c" * 32, after(90))
    assert await store.find_key(b"a" * 32) is None
    assert await store.find_key(b"b" * 32) == replace(made, by_old=True, old_until=after(90))
    for mark in (b"b" * 32, b"c" * 32):
        with pytest.raises(ValueError, match="already"):
            await store.rotate_key("k1", mark, after(99))
    assert await store.rotate_key("none", b"d" * 32, after(99)) is None
    assert await store.revoke_key("k1", after(5))
    assert await store.rotate_key("k1", b"e" * 32, after(99)) is None


class _Threads:
    """The store's two threads, with a row of their own; an answer waits while `gate` is closed."""

    def __init__(self) -> None:
        self.row = key("k1", "send")
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def read(self, *_given: Any) -> ApiKey:
        found, self.reads = self.row, self.reads + 1
        await self.gate.wait()
        return found

    async def write(self, *_given: Any) -> bool:
        await asyncio.sleep(0)
        self.row = replace(self.row, revoked_at=NOW)
        return True


async def test_a_key_is_read_once() -> None:
    threads = _Threads()
    ring = KeyRing(threads.write, threads.read)
    assert [await ring.find(b"h") for _ in range(3)] == 3 * [threads.row]
    assert threads.reads == 1


async def test_what_was_read_before_a_change_is_not_kept() -> None:
    threads = _Threads()
    ring = KeyRing(threads.write, threads.read)
    threads.gate.clear()
    early = spawn(ring.find(b"h"), name="early")
    await asyncio.sleep(0)
    assert await ring.revoke("k1", NOW)
    threads.gate.set()
    await early
    found = await ring.find(b"h")
    assert found is not None
    assert found.revoked_at == NOW


async def test_a_change_counts_though_nobody_waits_for_it() -> None:
    threads = _Threads()
    ring = KeyRing(threads.write, threads.read)
    await ring.find(b"h")
    revoking = spawn(ring.revoke("k1", NOW), name="revoking")
    await asyncio.sleep(0)
    revoking.cancel()
    await asyncio.wait([revoking])
    found = await ring.find(b"h")
    assert found is not None
    assert found.revoked_at == NOW

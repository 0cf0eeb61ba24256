"""Accepted messages by key and minute: counted in memory, written together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from airpost.clock import Instant
from airpost.errors import StoreUnavailable
from airpost.store.api import Store
from airpost.store.auditing import KeyUse
from airpost.store.keyuse import MINUTE_US, KeyUses
from tests.store.values import NOW, FakeClock, after, new

MINUTE = Instant(NOW // MINUTE_US * MINUTE_US)


async def test_what_is_accepted_is_counted_by_key(store: Store, make: Callable[[], Store]) -> None:
    await store.accept([new("a", key_id="k1"), new("b", key_id="k2"), new("c")])
    await store.hand_in(new("d", key_id="k1"))
    await store.hand_in(new("e", key_id="k1", at=after(60)))
    expected = [KeyUse(key_id="k1", at=MINUTE, count=2),
                KeyUse(key_id="k1", at=Instant(MINUTE + MINUTE_US), count=1)]  # fmt: skip
    assert await store.audit.uses("k1", NOW) == expected  # nothing of it is written yet
    await store.close()
    again = make()
    await again.open(NOW)
    assert await again.audit.uses("k1", NOW) == expected
    assert await again.audit.uses("k1", after(60)) == expected[1:]
    await again.close()


async def test_what_cannot_be_written_waits() -> None:
    written: Counter[tuple[str, int]] = Counter()
    full = True

    async def write(_function: Any, counts: Counter[tuple[str, int]], **_: Any) -> None:
        if full:
            raise StoreUnavailable("the disk is full")
        written.update(counts)

    async def read(*_: Any, **__: Any) -> list[tuple[int, int]]:
        return []

    uses = KeyUses(FakeClock(), write, read)
    uses.accepted(new("m", key_id="k1"))
    await uses.flush()
    assert not written
    uses.accepted(new("m", key_id="k1"))
    full = False
    await uses.close()
    assert list(written.values()) == [2]

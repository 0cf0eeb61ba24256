"""What waits is counted exactly, whatever is undone, and one too many is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from airpost.errors import QueueFull
from airpost.model import MessageClass, MessageId
from airpost.policy import CLASS_POLICY, QueuePolicy
from airpost.store import room
from airpost.store.api import Accepted
from airpost.store.sqlite import SqliteStore
from airpost.store.writer import Tx
from tests.store.values import NOW, FakeClock, after, bound, claim, new, report, sent

BULK = replace(CLASS_POLICY[MessageClass.BULK], max_waiting=5)
POLICY = QueuePolicy(classes={**CLASS_POLICY, MessageClass.BULK: BULK}, max_waiting_key=3)


def store_at(place: Path, clock: FakeClock) -> SqliteStore:
    return SqliteStore(place / "airpost.db", clock, Random(1), POLICY)


async def waits(store: SqliteStore) -> Counter[tuple[str, str]]:
    """As counted, and as a count of all rows has it."""
    counted: Counter[tuple[str, str]] = await store._write(lambda tx: room.waiting(tx.db))
    true = await store._write(
        lambda tx: Counter(
            {
                (class_, key): n
                for class_, key, n in tx.db.execute(
                    "SELECT class, ifnull(key_id, ''), count(*) FROM message WHERE open = 1"
                    " GROUP BY 1, 2"
                )
            }
        )
    )
    assert +counted == true
    return true


async def test_each_way_in_and_out_is_counted(place: Path, clock: FakeClock) -> None:
    store = store_at(place, clock)
    await store.open(NOW)
    await store.accept([new("later", not_before=after(60)), new("k", key_id="k1")])
    await bound(store, new("a"), new("two", 2))
    assert await waits(store) == {("normal", ""): 3, ("normal", "k1"): 1}
    first, *_ = await claim(store)
    await sent(store, first, 7)
    await store.record_report(report(7))
    await store.cancel(MessageId("two"), None, "me")
    assert await waits(store) == {("normal", ""): 1, ("normal", "k1"): 1}

    def fails(tx: Tx) -> None:
        tx.db.execute("UPDATE message SET open = 0")
        raise ValueError("undone")

    with pytest.raises(ValueError, match="undone"):
        await store._write(fails)
    await waits(store)
    await store.sweep(after(2 * 86_400))
    assert await waits(store) == {}
    await store.accept([new("b", key_id="k1"), new("c", not_before=after(60))])
    await store.close()
    again = store_at(place, clock)
    await again.open(NOW)  # it is counted anew
    assert await waits(again) == {("normal", ""): 1, ("normal", "k1"): 1}
    await again.close()


async def test_one_too_many_is_refused_and_costs_no_other(place: Path, clock: FakeClock) -> None:
    store = store_at(place, clock)
    await store.open(NOW)
    done = await store.accept(
        [new(f"k{n}", key_id="k1") for n in range(4)]
        + [new(f"b{n}", class_=MessageClass.BULK) for n in range(6)]
        + [new("other", key_id="k2")]
    )
    full = {at: each for at, each in enumerate(done) if isinstance(each, QueueFull)}
    assert {at: (each.of, each.name, each.most) for at, each in full.items()} == {
        3: ("key", "k1", 3),
        9: ("class", "bulk", 5),
    }
    with pytest.raises(QueueFull, match=r"classes\.bulk\.max_waiting"):
        await store.hand_in(new("x", class_=MessageClass.BULK))
    await store.cancel(MessageId("b0"), None, "me")
    assert isinstance(await store.hand_in(new("y", class_=MessageClass.BULK)), Accepted)
    assert sum((await waits(store)).values()) == 9
    await store.close()

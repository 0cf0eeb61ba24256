"""Reports of delivery are counted by network and shape, each hour once, alike."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from airpost.store.api import Store
from airpost.store.funnel import HOUR_US
from airpost.store.rates import shape_of
from airpost.store.sqlite import SqliteStore
from tests.store.values import HOUR, NOW, SIM1, FakeClock, after, bound, claim, new, report, sent


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Your code is 123456", "your  code is 98", True),
        ("Your code is 123456", "Your parcel is here", False),
        ("Order 7 for Anna is on its way to her", "Order 8123 for Anna is on its way to him", True),
    ],
)
def test_a_shape_is_what_a_template_leaves(one: str, other: str, same: bool) -> None:
    assert (shape_of(one, []) == shape_of(other, [])) is same


def test_a_tag_names_the_template() -> None:
    assert shape_of("one", ["x", "template:hi"]) == shape_of("other", ["template:hi"])
    assert "hi" not in shape_of("one", ["template:hi"])


async def test_an_hour_is_counted_once_when_all_had_their_time(
    place: Path, clock: FakeClock
) -> None:
    store = SqliteStore(place / "airpost.db", clock, Random(1))
    await store.open(NOW)
    await store.keeping.note_operator(SIM1, "East", NOW)
    await bound(store, *(new(f"m{n}", text=f"code {n}") for n in range(4)), new("o", text="other"),
                new("n", text="no report", want_report=False))  # fmt: skip
    for n, segment in enumerate(await claim(store)):
        await sent(store, segment, n)
    for n in range(3):
        late = after(30) if n else after(2 * HOUR)
        await store.record_report(report(n, received_at=late, done_at=late))
    await store.keeping.collect_rates(after(HOUR))
    assert await store.keeping.rates(0) == []
    for _ in range(2):
        await store.keeping.collect_rates(after(2 * HOUR))
        found = {each.shape: each for each in await store.keeping.rates(0)}
        assert set(found) == {shape_of("code 1", []), shape_of("other", [])}
        code = found[shape_of("code 1", [])]
        assert (code.operator, code.hour, code.asked, code.delivered) == (
            "East", NOW // HOUR_US, 4, 2,
        )  # fmt: skip
        assert code.sample in ("m0", "m3")
    assert await store.keeping.rates(NOW // HOUR_US + 1) == []
    await store.close()


async def test_what_was_told_is_kept(store: Store) -> None:
    assert await store.keeping.told_filters() == ""
    await store.keeping.keep_filters("[1]")
    await store.keeping.keep_filters("[2]")
    assert await store.keeping.told_filters() == "[2]"

"""Allowances: what is read, what is remembered, which of several limits is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from airpost.apikey import ApiKey
from airpost.clock import SECOND_US, Instant
from airpost.model import MessageClass, MessageId, Waiting
from airpost.pool import allowance
from airpost.pool.allowance import Allowances, together
from airpost.pool.limits import ClassLimits, LimitProfile, LimitSettings, OnLimit
from airpost.pool.sendwindow import send_window
from airpost.tasks import spawn
from tests.store.values import NOW, FakeClock, after

NORMAL = MessageClass.NORMAL
MESSAGE = Waiting(seq=1, id=MessageId("m"), to="+49170", class_=NORMAL, parts=1, lane=None,
                  route=None, key_id="k")  # fmt: skip
ANSWER = [ApiKey(id="k", name="shop", owner="o", scopes=frozenset(), created_at=NOW,
                 revoked_at=None)]  # fmt: skip


class Kept:
    """A store that has counted `past`."""

    def __init__(self, past: list[tuple[str, Instant, MessageClass]] | None = None) -> None:
        self.past = past or []
        self.asked: list[tuple[list[str], list[str]]] = []
        self.slow: asyncio.Event | None = None  # the next answer waits for it

    async def charges(
        self, numbers: Sequence[str], key_ids: Sequence[str], since: Instant
    ) -> list[tuple[str, Instant, MessageClass]]:
        self.asked.append((list(numbers), list(key_ids)))
        wanted = {*numbers, *key_ids}
        found = [each for each in self.past if each[0] in wanted and each[1] >= since]
        slow, self.slow = self.slow, None
        if slow is not None:
            await slow.wait()
        return found

    async def keys(self) -> list[ApiKey]:
        return ANSWER


def made(store: Kept, settings: LimitSettings) -> Allowances:
    return Allowances(store, store, FakeClock(), settings, lambda _: [ZoneInfo("UTC")])


def recipient(**given: object) -> ClassLimits:
    return ClassLimits(per_recipient=LimitProfile(name="p", **given))  # type: ignore[arg-type]


async def test_what_is_known_is_not_read_again() -> None:
    store = Kept()
    settings = LimitSettings(classes={NORMAL: recipient(per_hour=2)},
                             keys={"shop": LimitProfile(name="p", per_day=9)})  # fmt: skip
    allowances = made(store, settings)
    other = replace(MESSAGE, to="+49171", key_id="unlimited")
    for _ in range(2):
        await allowances.know([MESSAGE, MESSAGE, other])
    assert store.asked == [(["+49170", "+49171"], ["k"])]
    allowances.read_anew()
    await allowances.know([MESSAGE, replace(other, charged=True)])
    assert store.asked[1:] == [(["+49170"], ["k"])]


async def test_a_message_counts_where_it_is_counted_and_once() -> None:
    store = Kept([("+49170", after(-60), NORMAL)])
    allowances = made(store, LimitSettings(classes={NORMAL: recipient(per_hour=2)}))
    await allowances.know([MESSAGE])
    assert allowances.verdict(MESSAGE, NOW) is None
    assert allowances.count(MESSAGE, NOW) == NOW
    found = allowances.verdict(MESSAGE, NOW)
    assert found is not None
    assert (found.waits.until, found.reject) == (after(3540), False)
    charged = replace(MESSAGE, charged=True)
    assert allowances.verdict(charged, NOW) is None
    assert allowances.count(charged, NOW) is None


async def test_of_several_the_last_to_end_is_told_and_a_refusal_before_all() -> None:
    day = ClassLimits(per_recipient=LimitProfile(name="p", per_hour=1),
                      window=send_window(["12:00-13:00"]))  # fmt: skip
    store = Kept([("+49170", NOW, NORMAL), ("k", NOW, NORMAL)])
    settings = LimitSettings(classes={NORMAL: day})
    allowances = made(store, settings)
    await allowances.know([MESSAGE])
    found = allowances.verdict(MESSAGE, NOW)  # 03:04 UTC
    assert found is not None
    assert found.waits.reason == "quiet_hours"
    hours = "the hours of class normal in UTC"
    assert found.waits.words == f"{hours}; 1 an hour of class normal to this number"
    alone = allowances.hours(NORMAL, MESSAGE.to, NOW)
    assert alone is not None
    assert alone.waits == replace(found.waits, words=hours)
    assert together([alone.waits, found.waits]) == replace(found.waits)  # each is named once
    refusing = LimitProfile(name="p", per_day=1, on_limit=OnLimit.REJECT)
    allowances = made(store, replace(settings, keys={"shop": refusing}))
    await allowances.know([MESSAGE])
    found = allowances.verdict(MESSAGE, NOW)
    assert found is not None
    assert (found.waits.reason, found.reject) == ("quota_exhausted", True)


async def test_what_two_read_at_once_keeps_what_was_counted_between() -> None:
    """The second, whose rows are older than the count, changes nothing."""
    store = Kept()
    allowances = made(store, LimitSettings(classes={NORMAL: recipient(per_hour=1)}))
    released = store.slow = asyncio.Event()
    second = spawn(allowances.know([MESSAGE]), name="second")
    await asyncio.sleep(0)
    await allowances.know([MESSAGE])
    allowances.count(MESSAGE, NOW)
    released.set()
    await second
    assert allowances.verdict(MESSAGE, NOW) is not None


async def test_the_hours_alone_need_nothing_of_the_store() -> None:
    store = Kept()
    window = ClassLimits(window=send_window(["12:00-13:00"]), zone="Asia/Shanghai")
    allowances = made(store, LimitSettings(classes={NORMAL: window}))
    await allowances.know([MESSAGE])
    assert store.asked == []
    assert not allowances.counts
    assert allowances.count(MESSAGE, NOW) is None
    found = allowances.verdict(MESSAGE, NOW)
    assert found is not None
    assert found.waits.until == NOW - NOW % (3600 * SECOND_US) + 3600 * SECOND_US


async def test_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "KNOWN", 2)
    store = Kept()
    allowances = made(store, LimitSettings(classes={NORMAL: recipient(per_hour=2)}))
    many = [replace(MESSAGE, to=f"+4917{n}", key_id=None) for n in range(3)]
    await allowances.know(many[:2])
    await allowances.know(many[:1])
    await allowances.know(many[2:])
    await allowances.know(many)  # the one not asked for since was forgotten, and is read again
    assert [numbers for numbers, _ in store.asked] == [["+49170", "+49171"], ["+49172"], ["+49171"]]
    await allowances.know(many)  # more than that in one round are remembered for it
    assert len(store.asked) == 3

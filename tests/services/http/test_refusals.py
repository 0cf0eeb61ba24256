"""Refused requests are counted once, together, and are not lost while the store cannot write."""

from __future__ import annotations

import pytest

from airpost.errors import StoreUnavailable
from airpost.services.http import refusals
from airpost.services.http.refusals import REFUSALS, Refusals
from airpost.store.keeping import Refused
from airpost.tasks import until_first
from tests.services.http.conftest import Api
from tests.services.http.fakes import FakeClock, FakeStore


async def test_each_refusal_counts_by_class_key_and_problem(keyed: Api) -> None:
    headers = keyed.store.new_key("shop", "send", key_id="till1")
    await keyed.send(status=400, text="", headers=headers)
    await keyed.send(status=400, to="nobody", **{"class": "otp"}, headers=headers)
    await keyed.send(status=400, **{"class": "none"}, headers=headers)
    await keyed.call("POST", "/v1/messages", 400, data="{", headers=headers | {
        "Content-Type": "application/json"})  # fmt: skip
    await keyed.send(headers=headers)
    await keyed.send(status=401)
    assert keyed.store.keeping.asked == []  # not yet: they are written together
    await keyed.app[REFUSALS].write()
    assert keyed.store.keeping.refused == {
        Refused("normal", "till1", "empty-text"): 1,
        Refused("otp", "till1", "number-not-dialable"): 1,
        Refused("", "till1", "invalid-request"): 1,
        Refused("", "till1", "malformed-json"): 1,
    }
    assert len(keyed.store.keeping.asked) == 1


async def test_what_could_not_be_written_is_written_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "TOGETHER_S", 0)
    monkeypatch.setattr(refusals, "AGAIN_S", 0)
    store = FakeStore()
    counter = Refusals(store, FakeClock())
    store.keeping.raises = StoreUnavailable("full")
    counter.count("otp", None, "blocked", 2)
    assert not await counter.write()
    counter.count("otp", None, "blocked")
    store.keeping.raises = None

    async def written() -> None:
        while not store.keeping.refused:
            await FakeClock().sleep(0.001)

    await until_first(written(), name="written")
    assert store.keeping.refused == {Refused("otp", "", "blocked"): 3}


async def test_the_last_ones_are_written_at_the_end(api: Api) -> None:
    await api.send(status=400, text="")
    await api.close()
    assert sum(api.store.keeping.refused.values()) == 1

"""From somebody's event to messages that are on disk when it is answered."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from yarl import URL

from airpost.services.hooks_in import HookSettings
from airpost.services.http.hooks import short
from airpost.services.http.shapes import events as shapes
from airpost.store.api import MessageFilter
from airpost.store.sqlite import SqliteStore
from airpost.tasks import spawn
from tests.conftest import ROOT
from tests.services.http.conftest import Api, open_api, settings
from tests.services.http.fakes import NOW, FakeClock

ADA, BOB = "+491701234567", "+491701234568"
TOKEN = "a-token-of-a-hook"


@asynccontextmanager
async def hooked(folder: Path, **changes: Any) -> AsyncIterator[Api]:
    given = {"name": "pump", "to": (ADA,), "text": "{{ name }} {{ value }}", "owner": "plant",
             "token": TOKEN} | changes  # fmt: skip
    store = SqliteStore(folder / "t.db", FakeClock(), Random(1))
    await store.open(NOW)
    api = await open_api(settings(), store=store, hooks=[HookSettings(**given)])
    try:
        yield api
    finally:
        await api.close()
        await store.close()


async def post(api: Api, body: Any, status: int = 200) -> shapes.Hooked:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = await api.call("POST", f"/hooks/generic/pump/{TOKEN}", status, data=data)
    return shapes.Hooked.model_validate(found)


async def texts(api: Api) -> list[tuple[str, str | None]]:
    page = await api.store.messages(MessageFilter(), 0, 50)
    return [(each.to, each.text) for each in page.items]


async def test_an_event_becomes_messages_with_all_that_is_said_of_them(tmp_path: Path) -> None:
    async with hooked(tmp_path, to=(ADA, "{{ who }}"), class_="{{ how }}") as api:
        found = await post(api, {"name": "P1", "value": 9.7, "who": BOB, "how": "otp"})
        assert (len(found.messages), found.raw, found.problem) == (2, False, None)
        page = await api.store.messages(MessageFilter(), 0, 50)
        for message, to in zip(page.items, (ADA, BOB), strict=True):
            assert (message.to, message.text) == (to, "P1 9.7")
            assert (message.class_.value, message.owner) == ("otp", "plant")
            assert message.tags == ("hook:pump",)
        with closing(sqlite3.connect(tmp_path / "t.db")) as db:
            kept = db.execute("SELECT b.bytes, h.outcome FROM hook_event h "
                              "JOIN body b ON b.id = h.raw_body").fetchall()  # fmt: skip
        assert json.loads(kept[0][0])["name"] == "P1"
        assert kept[0][1] == "sent"


async def test_what_fails_sends_the_event_rather_than_nothing(tmp_path: Path) -> None:
    async with hooked(tmp_path, to=("{{ who }}",), fallback=(BOB,)) as api:
        found = await post(api, {"value": 1})
        assert found.raw
        assert "'name' is not there" in (found.problem or "")
        assert await texts(api) == [(BOB, 'pump: {"value": 1}')]
        found = await post(api, {"name": "P", "value": 2, "who": "nobody"})
        assert [each.to for each in found.refused] == ["nobody"]
        found = await post(api, b"Pump 3 has stopped\n")
        assert found.raw
        assert await texts(api) == [
            (BOB, 'pump: {"value": 1}'), (BOB, "P 2"), (BOB, "pump: Pump 3 has stopped"),
        ]  # fmt: skip


async def test_half_a_character_in_the_key_costs_no_event(tmp_path: Path) -> None:
    async with hooked(tmp_path, dedup="{{ name }}", to=(ADA, "{{ name }}")) as api:
        found = await post(api, b'{"name": "\\ud800", "value": 1}')
        assert [each.to for each in found.refused] == ["?"]
        again = await post(api, b'{"name": "\\ud800", "value": 2}')
        assert again.repeats == found.id
        assert await texts(api) == [(ADA, "? 1")]


async def test_the_same_key_within_the_window_is_sent_once(tmp_path: Path) -> None:
    async with hooked(tmp_path, dedup="{{ name }}", window_s=60) as api:
        first = await post(api, {"name": "P", "value": 1})
        api.clock.advance(59)
        again = await post(api, {"name": "P", "value": 2})
        assert (again.repeats, again.messages) == (first.id, [])
        await post(api, {"name": "Q", "value": 3})
        api.clock.advance(2)
        await post(api, {"name": "P", "value": 4})
        assert [text for _, text in await texts(api)] == ["P 1", "Q 3", "P 4"]


async def test_contacts_and_groups_and_numbers_that_are_not_texted(tmp_path: Path) -> None:
    given = (ADA, "contact:Ada", "group:none", "contact:nobody", BOB)
    async with hooked(tmp_path, to=given, text="x") as api:
        await api.store.blocklist.block([BOB], None, "me", NOW)
        found = await post(api, {})
        assert [text for text, _ in await texts(api)] == [ADA]
        assert {each.to for each in found.refused} == {"contact:Ada", "group:none",
                                                       "contact:nobody", BOB}  # fmt: skip


async def test_a_long_text_is_cut(tmp_path: Path) -> None:
    async with hooked(tmp_path, text="{{ payload }}", max_parts=2) as api:
        told = await post(api, "ü" * 5000)
        assert told.problem == ("text: was cut to 303 of 5000 characters; "
                                "max_parts of [[hook]] allows 2 parts")  # fmt: skip
        with closing(sqlite3.connect(tmp_path / "t.db")) as db:
            assert "was cut" in str(db.execute("SELECT reason FROM event").fetchall())
        await post(api, "收" * 5000)
        await post(api, "[" * 5000)
        found = await api.store.messages(MessageFilter(), 0, 50)
        assert [len(each.parts) for each in found.items] == [2, 2, 2]
        for message in found.items:
            assert message.text is not None
            assert message.text.endswith("...")
            assert len(message.text) > 100


@pytest.mark.parametrize("text", ["", "x", "x" * 160, "x" * 306, "€" * 150])
def test_what_fits_is_left_as_it_is(text: str) -> None:
    class Deps:
        settings = settings()

    assert short(text or "-", 2, Deps()) == (text or "-")  # type: ignore[arg-type]


async def test_by_get_with_parameters(tmp_path: Path) -> None:
    async with hooked(tmp_path, get=True) as api:
        await api.call("GET", f"/hooks/get/pump/{TOKEN}?name=P%201&value=2")
        await api.call("GET", f"/hooks/get/pump/{TOKEN}?name=P")
        assert await texts(api) == [(ADA, "P 1 2"), (ADA, "pump: name=P")]
        address = URL(f"/hooks/get/pump/{TOKEN}?name=50%25ab&value=%20%c3%a9", encoded=True)
        async with api.http.get(address) as answer:
            assert answer.status == 200
        assert (await texts(api))[2:] == [(ADA, "50%ab  é")]
    (tmp_path / "t.db").unlink()
    async with hooked(tmp_path) as api:
        await api.call("GET", f"/hooks/get/pump/{TOKEN}?name=P", 404)


async def test_what_cannot_be_stored_is_not_said_to_be(tmp_path: Path) -> None:
    async with hooked(tmp_path) as api:
        api.store._can.reason = "the disk is full"
        try:
            found = await api.call("POST", f"/hooks/generic/pump/{TOKEN}", 503, data=b"{}")
        finally:
            api.store._can.reason = None
        assert found["type"].endswith("store-unavailable")
        await api.call("POST", f"/hooks/generic/pump/{TOKEN}", 413, data=b"x" * 300_000)


async def _until_killed(folder: Path, after_s: float, first: int) -> dict[int, list[str]]:
    """Ids of the messages by the number of each event that was answered."""
    command = [sys.executable, "-m", "tests.services.http.hook_worker", str(folder)]
    answered: dict[int, list[str]] = {}
    numbers = itertools.count(first)
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert child.stdout is not None
        assert await child.stdout.readline() == b"ready\n"
        connector = aiohttp.UnixConnector(str(folder / "http.sock"))
        async with aiohttp.ClientSession("http://localhost", connector=connector) as http:

            async def send() -> None:
                while True:
                    n = next(numbers)
                    body = {"n": n, "other": f"+4917{n:07d}"}
                    path = "/hooks/generic/pump/a-token-of-a-hook"
                    async with http.post(path, json=body) as response:
                        assert response.status == 200
                        answered[n] = (await response.json())["messages"]

            senders = [spawn(send(), name=f"sender {n}") for n in range(8)]
            await asyncio.sleep(after_s)
            child.kill()
            await asyncio.wait(senders)
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
    return answered


async def test_killed_at_any_moment_every_event_has_its_messages(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answered: dict[int, list[str]] = {}
    for run in range(3):
        (tmp_path / "http.sock").unlink(missing_ok=True)
        answered |= await _until_killed(tmp_path, 0.3 + 0.1 * run, 1_000_000 * run)
    caplog.clear()  # what the senders met when it went
    assert len(answered) > 30
    with closing(sqlite3.connect(tmp_path / "airpost.db")) as db:
        stored = {row[0] for row in db.execute("SELECT id FROM message")}
        events = db.execute("SELECT dedup, messages FROM hook_event").fetchall()
    kept = {int(dedup): json.loads(messages) for dedup, messages in events}
    assert len(kept) == len(events)
    assert {n: kept.get(n) for n in answered} == answered
    assert sorted(each for ids in kept.values() for each in ids) == sorted(stored)
    assert all(len(ids) == 2 for ids in kept.values())

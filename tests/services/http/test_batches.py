"""Batches over the store itself: rows apart, one answer for one key, whatever ends in between."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from airpost.apikey import ApiKey
from airpost.clock import SECOND_US
from airpost.errors import StoreUnavailable
from airpost.services.http import taking
from airpost.services.http.credentials import make_token, token_hash
from airpost.services.http.deps import BATCHES
from airpost.store.sqlite import SqliteStore
from airpost.tasks import spawn, stop
from tests.services.http.conftest import Api, open_api, settings
from tests.services.http.fakes import FakeClock
from tests.store.values import folder

KEY = {"Idempotency-Key": "b-1"}
Json = dict[str, Any]


def to(count: int, first: int = 0) -> list[str]:
    return [f"+4917{n:08d}" for n in range(first, first + count)]


@pytest.fixture
async def api(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Api]:
    """The application over a store on disk, in pieces of three rows."""
    monkeypatch.setattr(taking, "PIECE", 3)
    clock = FakeClock()
    store = SqliteStore(tmp_path / "airpost.db", clock, Random(1))
    await store.open(clock.now())
    opened = await open_api(settings(**getattr(request, "param", {})), store=store)
    yield opened
    await opened.close()
    await store.close()


async def post(api: Api, status: int = 202, headers: Any = None, **body: Any) -> Json:
    return await api.call("POST", "/v1/batches", status, json=body, headers=headers)


async def messages(api: Api, batch: str) -> list[Json]:
    items: list[Json] = (await api.call("GET", f"/v1/messages?batch={batch}&limit=500"))["items"]
    return items


# -- what is taken -------------------------------------------------------------------------------
async def test_null_in_a_row_is_as_if_it_said_nothing(api: Api) -> None:
    row = {"to": "+4930000001", "text": None, "class": None, "report": None, "tags": None}
    done = await post(api, messages=[row], text="x", report=False, preview=None, tags=["t"],
                      **{"class": "alarm"})  # fmt: skip
    assert (done["accepted"], done["rejected"]) == (1, [])
    (kept,) = await messages(api, done["id"])
    assert (kept["text"], kept["class"], kept["report"], kept["tags"]) == (
        "x", "alarm", False, ["t"],
    )  # fmt: skip


async def test_one_text_to_many(api: Api) -> None:
    done = await post(api, to=to(7), text="hi", **{"class": "bulk"}, tags=["t"], sender_ref="r")
    assert (done["accepted"], done["rejected"]) == (7, [])
    found = await messages(api, done["id"])
    assert [m["to"] for m in found] == to(7)
    assert {(m["text"], m["class"], m["sender_ref"], *m["tags"], m["batch"]) for m in found} == {
        ("hi", "bulk", "r", "t", done["id"])
    }
    shown = await api.call("GET", f"/v1/batches/{done['id']}")
    assert shown["counts"] == {"queued": 7}
    assert (shown["state"], shown["size"], shown["final"]) == ("taken", 7, False)
    assert (shown["sender_ref"], shown["tags"], shown["rejected"]) == ("r", ["t"], [])
    (listed,) = (await api.call("GET", "/v1/batches"))["items"]
    assert listed.items() <= shown.items()


async def test_rows_of_their_own_and_a_template(api: Api) -> None:
    done = await post(
        api,
        messages=[
            {"to": "+4930000001", "values": {"name": "Ada"}, "class": "otp", "tags": ["x"]},
            {"to": "+4930000002", "text": "plain {{ name }}"},
            {"to": "+4930000003", "data": "AAE=", "port": 9},
            {"to": "+4930000004"},
        ],
        template="{{ greeting }} {{ name }}",
        values={"greeting": "Hi", "name": "you"},
        transliterate="never",
        tags=["t"],
    )
    assert done["rejected"] == []
    found = await messages(api, done["id"])
    assert [m.get("text") for m in found] == ["Hi Ada", "plain {{ name }}", None, "Hi you"]
    assert [(m["class"], m["tags"]) for m in found[:2]] == [("otp", ["x"]), ("normal", ["t"])]
    assert found[2]["data"] == "AAE="


async def test_a_bad_row_costs_no_other(api: Api) -> None:
    await api.call("PUT", "/v1/blocklist/+4930000009", json={})
    done = await post(
        api,
        messages=[
            {"to": "+4930000001"},
            {"to": "nobody"},
            {"text": "to whom?"},
            {"to": "+4930000009"},
            {"to": "+4930000002", "txt": "x"},
            {"to": "+4930000003", "text": "a\0"},
            5,
            {"to": "+4930000005"},
            {"to": "+4930000006", "values": {}},
            {"to": "+4930000007"},
        ],
        text="hi",
    )
    told = [(r["index"], r["to"], r["problem"]["type"].rsplit(":", 1)[1], r["problem"].get("field"))
            for r in done["rejected"]]  # fmt: skip
    assert told == [
        (1, "nobody", "number-not-dialable", "to"),
        (2, None, "missing-field", "to"),
        (3, "+4930000009", "blocked", "to"),
        (4, "+4930000002", "unknown-field", "txt"),
        (5, "+4930000003", "control-character", "text"),
        (6, None, "invalid-request", "body"),
        (8, "+4930000006", "invalid-request", "values"),
    ]
    assert done["accepted"] == 3
    shown = await api.call("GET", f"/v1/batches/{done['id']}")
    assert (shown["rejected"], shown["rejected_count"]) == (done["rejected"], 7)
    assert [m["to"][-1] for m in await messages(api, done["id"])] == ["1", "5", "7"]


async def test_a_name_given_twice_in_a_row_is_that_rows_fault(api: Api) -> None:
    body = b'{"text":"x","messages":[{"to":"+4930000001","to":"+4930000002"},{"to":"+4930000003"}]}'
    headers = {"Content-Type": "application/json"}
    done = await api.call("POST", "/v1/batches", 202, data=body, headers=headers)
    assert [(r["index"], r["problem"]["field"]) for r in done["rejected"]] == [(0, "to")]
    assert done["accepted"] == 1


@pytest.mark.parametrize(
    ("problem", "field", "body"),
    [
        ("missing-field", "to", {"text": "x"}),
        ("missing-field", "text", {"to": ["+491701234567"]}),
        ("invalid-request", "to", {"to": [], "text": "x"}),
        ("invalid-request", "to", {"to": "+4930000001", "text": "x"}),
        ("invalid-request", "messages", {"to": ["1"], "messages": [{}], "text": "x"}),
        ("unknown-field", "txt", {"to": ["+4930000001"], "txt": "x"}),
        ("invalid-request", "class", {"to": ["+4930000001"], "text": "x", "class": "urgent"}),
        ("invalid-request", "template", {"to": ["1"], "text": "x", "template": "y"}),
        ("invalid-request", "values", {"to": ["1"], "text": "x", "values": {}}),
        ("invalid-template", "template", {"to": ["1"], "template": "{% if %}"}),
        ("unknown-modem", "modem", {"to": ["+4930000001"], "text": "x", "modem": "gate-9"}),
        ("too-many-parts", "text", {"to": ["+4930000001"], "text": "x" * 5000}),
        ("time-in-past", "expires_at", {"to": ["1"], "text": "x",
                                        "expires_at": "2020-01-01T00:00:00Z"}),
    ],
)  # fmt: skip
async def test_what_holds_for_no_row_is_no_batch(
    api: Api, problem: str, field: str, body: Json
) -> None:
    told = await post(api, 400, **body)
    assert (told["type"].rsplit(":", 1)[1], told["field"]) == (problem, field)
    assert (await api.call("GET", "/v1/batches"))["items"] == []


@pytest.mark.parametrize(
    "api",
    [{"max_batch": 2, "batches_at_once": 1, "batch_limit": 20_000, "body_limit": 200}],
    indirect=True,
)
async def test_limits(api: Api) -> None:
    told = await post(api, 400, to=to(3), text="x")
    assert (told["type"][20:], told["setting"]) == ("too-many-rows", "http.max_batch")
    await post(api, 413, to=["x" * 20_000], text="x")
    done = await post(api, messages=[{"to": "+4930000001", "text": "x" * 300}])  # over body_limit
    assert done["accepted"] == 1
    with api.app[BATCHES].place(1):
        told = await post(api, 503, to=to(1), text="x")
    assert told["setting"] == "http.batches_at_once"


# -- a preview -----------------------------------------------------------------------------------
async def test_a_preview_stores_nothing(api: Api) -> None:
    asked = {"messages": [{"to": "+4930000001", "values": {"n": "x" * 200}}, {"to": "1"}],
             "template": "{{ n }}"}  # fmt: skip
    told = await post(api, 200, preview=True, headers=KEY, **asked)
    assert (told["accepted"], told["parts"]) == (1, 2)
    assert told["messages"] == [
        {"index": 0, "to": "+4930000001", "text": "x" * 200, "sent_text": None,
         "encoding": "gsm7", "parts": 2},
    ]  # fmt: skip
    assert [r["problem"]["field"] for r in told["rejected"]] == ["template"]
    assert (await api.call("GET", "/v1/batches"))["items"] == []
    await post(api, headers=KEY, **asked)  # the key is not used up


# -- one answer for one key ----------------------------------------------------------------------
async def test_a_repeat_gets_the_first_answer(api: Api) -> None:
    first = await post(api, to=[*to(4), "x"], text="hi", headers=KEY)
    # In another order and another writing, the same request.
    body = json.dumps({"text": "hi", "to": [*to(4), "x"]}, indent=2)
    headers = {"Content-Type": "application/json", **KEY}
    async with api.http.post("/v1/batches", data=body, headers=headers) as response:
        assert response.headers["Idempotency-Replayed"] == "true"
        assert response.headers["Location"] == f"/v1/batches/{first['id']}"
        assert await response.json() == first
    assert len(await messages(api, first["id"])) == 4
    told = await post(api, 422, to=to(5), text="hi", headers=KEY)
    assert told["type"].endswith(":idempotency-mismatch")
    told = await api.send(422, headers=KEY)  # nor may a message have it
    assert told["type"].endswith(":idempotency-mismatch")


async def test_a_repeat_goes_on_where_the_first_ended(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls = api.store.accept, 0

    async def half(new: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise StoreUnavailable("the disk is full")
        return await whole(new)

    monkeypatch.setattr(api.store, "accept", half)
    asked = {"to": [*to(5), "nobody", *to(5, 5)], "text": "hi"}
    told = await post(api, 503, headers=KEY, **asked)
    assert told["accepted"] == 6
    assert "same Idempotency-Key" in told["detail"]
    shown = await api.call("GET", f"/v1/batches/{told['batch']}")
    assert (shown["state"], shown["accepted"], shown["size"]) == ("interrupted", 6, 11)
    api.clock.at += 3_600_000_000
    done = await post(api, headers=KEY, **asked)
    assert (done["id"], done["accepted"]) == (told["batch"], 10)
    assert [r["index"] for r in done["rejected"]] == [5]
    found = await messages(api, done["id"])
    assert [m["to"] for m in found] == to(10)
    assert len({m["created_at"] for m in found}) == 1  # its time is that of the first request
    assert await post(api, headers=KEY, **asked) == done


async def test_while_it_runs(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeat is told so, and who cancels it stops it."""
    whole, gate, waits = api.store.accept, asyncio.Event(), asyncio.Event()

    async def slow(new: Any) -> Any:
        waits.set()
        await gate.wait()
        return await whole(new)

    monkeypatch.setattr(api.store, "accept", slow)
    running = spawn(post(api, to=to(9), text="hi", headers=KEY), name="post")
    await waits.wait()
    told = await post(api, 409, to=to(9), text="hi", headers=KEY)
    assert told["type"].endswith(":idempotency-running")
    (batch,) = (await api.call("GET", "/v1/batches"))["items"]
    assert batch["state"] == "taking"
    cancelling = spawn(api.call("DELETE", f"/v1/batches/{batch['id']}"), name="delete")
    async with asyncio.timeout(30):
        await api.app[BATCHES].ending.wait()
    gate.set()
    done, shown = await running, await cancelling
    assert done["accepted"] + len(done["rejected"]) == 9
    assert 3 <= done["accepted"] <= 6
    assert {r["problem"]["type"][20:] for r in done["rejected"]} == {"batch-cancelled"}
    assert (shown["state"], shown["counts"]) == ("cancelled", {"cancelled": done["accepted"]})
    assert (shown["cancelled_count"], shown["final"]) == (done["accepted"], True)


# -- cancel, and whose it is ---------------------------------------------------------------------
async def test_cancelling_what_has_not_begun(api: Api) -> None:
    done = await post(api, to=to(50), text="hi")
    shown = await api.call("DELETE", f"/v1/batches/{done['id']}")
    assert (shown["counts"], shown["final"]) == ({"cancelled": 50}, True)
    assert (shown["cancelled_count"], shown["not_cancelled_count"]) == (50, 0)
    again = await api.call("DELETE", f"/v1/batches/{done['id']}")
    assert again == {**shown, "cancelled_count": 0}
    await api.call("DELETE", "/v1/batches/none", 404)


async def test_a_batch_is_its_owners(api: Api) -> None:
    keys = {}
    for owner in ("shop", "ward"):
        token = make_token(owner + "1", "s" * 20)
        key = ApiKey(
            id=owner + "1", name=owner, owner=owner, scopes=frozenset({"send", "read"}),
            created_at=api.clock.now(), revoked_at=None,
        )  # fmt: skip
        await api.store.add_key(key, token_hash(token))
        keys[owner] = {"Authorization": f"Bearer {token}"}
    mine = await post(api, to=to(2), text="hi", headers=keys["shop"] | KEY)
    other = await post(api, to=to(2), text="hi", headers=keys["ward"] | KEY)
    assert mine["id"] != other["id"]
    path = f"/v1/batches/{mine['id']}"
    for method in ("GET", "DELETE"):
        await api.call(method, path, 404, headers=keys["ward"])
    (listed,) = (await api.call("GET", "/v1/batches", headers=keys["ward"]))["items"]
    assert (listed["id"], listed["key"]) == (other["id"], "ward1")
    found = await api.call("GET", f"/v1/messages?batch={mine['id']}", headers=keys["ward"])
    assert found["items"] == []
    await api.call("DELETE", path, headers=keys["shop"])


# -- kill -9 -------------------------------------------------------------------------------------
CONFIG = """
[store]
url = "sqlite:///airpost.db"
[http]
listen = ["unix:{0}/http.sock"]
[modems]
discover = false
"""


async def daemon(place: Path) -> asyncio.subprocess.Process:
    """The service itself, without a modem, once it answers."""
    config = place / "airpost.toml"
    config.write_text(CONFIG.format(place))
    (place / "http.sock").unlink(missing_ok=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "airpost.daemon.cli.main", "serve", "--config", str(config),
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(60), at(place) as http:
        while True:
            try:
                await http.get("/health/live")
                return process
            except aiohttp.ClientError:
                await asyncio.sleep(0.02)


def at(place: Path) -> aiohttp.ClientSession:
    socket = aiohttp.UnixConnector(str(place / "http.sock"))
    return aiohttp.ClientSession("http://localhost", connector=socket)


def numbers(place: Path) -> list[str]:
    """Of the messages that are on disk."""
    with closing(sqlite3.connect(place / "airpost.db")) as db:
        return [row[0] for row in db.execute("SELECT number FROM message ORDER BY seq")]


async def reached(place: Path, count: int) -> None:
    """Return once so many messages are on disk."""
    while len(numbers(place)) < count:  # noqa: ASYNC110 another process writes them
        await asyncio.sleep(0.002)


async def test_killed_in_between_a_repeat_doubles_and_loses_nothing() -> None:
    asked = {"to": [*to(1000), "nobody", *to(999, 1000)], "text": "hi", "class": "bulk"}
    with folder() as place:
        for until in (1, 700, 9_999):
            process = await daemon(place)
            async with at(place) as http:
                posting = spawn(_posted(http, asked), name="post")
                killing = spawn(reached(place, until), name="reached")
                await asyncio.wait([posting, killing], return_when=asyncio.FIRST_COMPLETED)
                process.kill()
                await process.wait()
                answer = await posting
                await stop(killing)
            held = numbers(place)
            assert held == to(len(held)), "doubled, lost, or not in order"
            assert until == 9_999 or until <= len(held) < 1999, "not killed in the middle"
    assert answer is not None
    assert (answer["accepted"], [r["index"] for r in answer["rejected"]]) == (1999, [1000])
    assert len(held) == 1999


async def _posted(http: aiohttp.ClientSession, asked: Json) -> Json | None:
    try:
        async with http.post("/v1/batches", json=asked, headers=KEY) as response:
            assert response.status == 202
            body: Json = await response.json()
            return body
    except aiohttp.ClientError:
        return None


# -- people --------------------------------------------------------------------------------------
async def test_contacts_and_groups_each_number_once(api: Api) -> None:
    for name, number in (("Ada", "+4930000001"), ("Grace", "+4930000002")):
        person = {"number": number, "values": {"at": name[0]}}
        await api.call("PUT", f"/v1/contacts/{name}", 201, json=person)
    members = ["contact:Ada", "contact:Grace", "+4930000003"]
    await api.call("PUT", "/v1/groups/night", 201, json={"members": members})
    template = "{{ name | default('?') }} {{ at | default('-') }}"
    asked = {"to": ["group:night", "contact:Ada", "+4930000004", "group:day"], "template": template}
    done = await post(api, headers=KEY, **asked)
    assert [(r["index"], r["to"], r["problem"]["type"][20:]) for r in done["rejected"]] == [
        (3, "group:day", "unknown-group")
    ]
    found = await messages(api, done["id"])
    assert [(m["to"][-1], m["text"]) for m in found] == [
        ("1", "Ada A"), ("2", "Grace G"), ("3", "? -"), ("4", "? -"),
    ]  # fmt: skip
    rows = [{"to": "group:night", "values": {"at": "!"}}, {"to": "contact:Eve"}]
    done = await post(api, messages=rows, template=template)
    assert done["accepted"] == 3
    assert done["rejected"][0]["problem"]["type"][20:] == "unknown-contact"
    texts = [m["text"] for m in await messages(api, done["id"])]
    assert texts == ["Ada !", "Grace !", "? !"]


# -- the rate of a key ---------------------------------------------------------------------------
async def test_a_batch_counts_whole_against_the_rate_of_its_key(api: Api) -> None:
    rated = await make_key(api, rate="60/min, burst 10")
    repeat = {**rated, "Idempotency-Key": "k"}
    first = await post(api, headers=repeat, to=to(7), text="hi")
    body = {"to": to(4), "text": "hi"}
    async with api.http.post("/v1/batches", json=body, headers=rated) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
        assert (await answer.json())["type"].endswith(":rate-limited-key")
    api.clock.advance(1)
    await post(api, headers=rated, **body)
    api.clock.advance(1)
    assert (await post(api, headers=repeat, to=to(7), text="hi"))["id"] == first["id"]
    assert len(await every(api)) == 7 + 4
    api.clock.advance(3600)
    told = await post(api, 400, headers=rated, to=to(11), text="hi")
    assert (told["type"][20:], told["field"]) == ("too-many-rows", "to")
    assert "11 messages" in told["detail"]
    assert "burst 10: 10 at once" in told["detail"]
    await post(api, headers=rated, to=to(9), text="hi")
    assert len(await every(api)) == 7 + 4 + 9


async def test_whom_a_group_stands_for_counts_too(api: Api) -> None:
    headers = await make_key(api, rate="60/min, burst 10")
    await api.call("PUT", "/v1/groups/six?owner=shop", 201, json={"members": to(6)})
    told = await post(api, 400, headers=headers, to=["group:six", *to(5, 50)], text="hi")
    assert "11 messages" in told["detail"]
    api.clock.advance(3600)
    rows = [{"to": "group:six"}, {"to": to(1, 50)[0]}, {"to": "group:six"}]
    done = await post(api, headers=headers, messages=rows, text="hi")
    assert done["accepted"] == 7
    ((row, why),) = [(each["index"], each["problem"]["type"]) for each in done["rejected"]]
    assert (row, why[20:]) == (2, "rate-limited-key")


async def make_key(api: Api, **rules: Any) -> dict[str, str]:
    given = {"name": "till", "owner": "shop", "scopes": ["send"], **rules}
    made = await api.call("POST", "/v1/keys", 201, json=given)
    api.clock._loop_time = lambda: api.clock.at / SECOND_US  # only `advance` makes it later
    return {"Authorization": f"Bearer {made['token']}"}


async def every(api: Api) -> list[Json]:
    found: list[Json] = (await api.call("GET", "/v1/messages?limit=500"))["items"]
    return found


# -- as it was asked -----------------------------------------------------------------------------
async def test_what_was_asked_for_is_shown_as_it_was(api: Api) -> None:
    asked = [
        {"text": "č", "transliterate": "always", "flash": True},
        {"text": "hi", "replace": 3, "route": "default"},
        {"data": "AAEC", "port": 200, "port_bits": 8, "source_port": 9},
        {"text": "hi"},
    ]
    rows = [{"to": number, **given} for number, given in zip(to(4), asked, strict=True)]
    told = await api.call("POST", "/v1/messages", 202, json=rows[0])
    assert told.items() >= asked[0].items()
    done = await post(api, messages=rows[1:])
    kept = await every(api)
    assert [each["batch"] for each in kept] == [None, *[done["id"]] * 3]
    fields = {"port", "source_port", "port_bits", "flash", "replace", "route", "transliterate"}
    for shown, given in zip(kept, asked, strict=True):
        wanted = {name: value for name, value in given.items() if name in fields}
        assert {name: shown[name] for name in fields if name in shown} == wanted

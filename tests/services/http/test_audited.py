"""What goes into the audit log of what is asked by HTTP."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from random import Random

import aiohttp
import pytest

from airpost.audit import Row, verify
from airpost.clock import SystemClock
from airpost.errors import ModemError
from airpost.model import Lane
from airpost.pool.pauses import Pauses
from airpost.services.http.app import CALLS, build_app
from airpost.services.http.audited import AUDITED
from airpost.services.http.deps import DEPS
from airpost.services.http.server import HttpServer
from airpost.services.http.settings import AuthMode, UnixListen
from airpost.store.audit import file_rows
from airpost.store.sqlite import SqliteStore
from airpost.store.writer import Writer
from tests.services.http.conftest import Api, open_api, settings

NUMBER = "+491701234567"


async def test_each_change_is_a_row_before_it_is_answered(api: Api, tmp_path: Path) -> None:
    rows = api.store.audit.kept
    made = await api.call(
        "POST", "/v1/keys", 201, json={"name": "till", "owner": "shop", "scopes": ["send"]}
    )
    await api.call("DELETE", f"/v1/keys/{made['id']}", 204)
    await api.call("POST", "/v1/modems/gate-1/pause")
    await api.call("POST", "/v1/modems/gate-1/drain")
    await api.call("POST", "/v1/modems/gate-1/resume")
    api.pool.answers["AT+CSQ"] = ("+CSQ: 1,99",)
    await api.call("POST", "/v1/modems/gate-1/at", json={"command": "AT+CSQ"})
    await api.call("POST", "/v1/modems/gate-1/reset", json={"how": "reopen"})
    await api.call("POST", "/v1/queue/move", json={"from": "gate-1", "to": None})
    await api.call("POST", "/v1/queue/release", json={"restored": True})
    await api.call("POST", "/v1/queue/release", json={"ids": ["none"], "as": "sent"})
    await api.call("POST", "/v1/db/prune")
    await api.call("POST", "/v1/db/backup", json={"path": str(tmp_path / "b")})
    await api.call("POST", "/v1/db/forget", json={"number": NUMBER})
    await api.call("PUT", f"/v1/blocklist/{NUMBER}")
    await api.call("PUT", "/v1/blocklist", json={"numbers": [NUMBER, "+4915112345678"]})
    await api.call("DELETE", f"/v1/blocklist/{NUMBER}", 204)
    ahead = ["modem.at", "modem.reset", "queue.move", "queue.release", "queue.release", "db.prune",
             "db.backup", "db.forget"]  # fmt: skip
    assert [row.action for row in rows if row.result == "done"] == [
        "key.create", "key.revoke", "modem.pause", "modem.drain", "modem.resume", *ahead,
        "blocklist.add", "blocklist.add", "blocklist.remove",
    ]  # fmt: skip
    assert [row.action for row in rows if row.result == "begun"] == ahead
    ends = {json.loads(row.detail).get("begun"): row.action for row in rows}
    assert all(ends[row.n] == row.action for row in rows if row.result == "begun")
    assert {(row.actor, row.origin) for row in rows} == {("local", "127.0.0.1")}
    by_action = {row.action: row for row in rows}
    assert by_action["key.revoke"].subject == f"key {made['id']}"
    assert by_action["modem.pause"].subject == "gate-1"
    assert json.loads(by_action["modem.at"].detail)["command"] == "+CSQ"
    assert verify(rows).faults == ()
    assert NUMBER not in str(rows)
    assert made["token"] not in str(rows)


async def test_what_only_reads_and_messages_are_no_rows(api: Api) -> None:
    sent = await api.send()
    await api.call("GET", f"/v1/messages/{sent['id']}")
    await api.call("GET", "/v1/keys")
    await api.call("DELETE", f"/v1/messages/{sent['id']}")
    await api.send(400, text="")
    await api.app[DEPS].audit.close()
    assert api.store.audit.kept == []


async def test_a_cancel_by_another_is_a_row(keyed: Api) -> None:
    sent = await keyed.send(headers=keyed.store.new_key("shop", "send", key_id="shop1"))
    admin = keyed.store.new_key("boss", "admin", key_id="boss1")
    # The owner rule: another owner's key does not even learn that it is there.
    other = keyed.store.new_key("other", "send", "read", key_id="other1")
    await keyed.call("DELETE", f"/v1/messages/{sent['id']}", 404, headers=other)
    await keyed.call("GET", f"/v1/messages/{sent['id']}/events", 404, headers=other)
    await keyed.call("DELETE", f"/v1/messages/{sent['id']}", headers=admin)
    assert keyed.store.audit.told() == [("message.cancel", "key boss1", sent["id"], "done")]
    assert json.loads(keyed.store.audit.kept[0].detail) == {"owner": "shop"}


async def test_each_refusal_is_counted_with_who_what_and_where(keyed: Api) -> None:
    reader = keyed.store.new_key("shop", "read", key_id="read1")
    await keyed.send(401)
    for _ in range(3):
        await keyed.send(403, headers=reader)
    for path in ("/v1/messages/a", "/v1/messages/b"):
        await keyed.call("DELETE", path, 403, headers=reader)
    await keyed.store.revoke_key("read1", keyed.clock.now())
    await keyed.call("GET", "/v1/messages", 401, headers=reader)
    admin = keyed.store.new_key("boss", "admin", key_id="boss1")
    await keyed.call("DELETE", "/v1/keys/none", 404, headers=admin)  # a change that was not
    await keyed.app[DEPS].audit.close()
    assert [(row.action, row.actor, row.result, row.count) for row in keyed.store.audit.kept] == [
        ("POST /v1/messages", "nobody", "unauthorized", 1),
        ("POST /v1/messages", "key read1", "forbidden", 3),
        ("DELETE /v1/messages/{id}", "key read1", "forbidden", 2),
        ("GET /v1/messages", "key read1", "unauthorized", 1),
        ("DELETE /v1/keys/{id}", "key boss1", "not-found", 1),
    ]
    assert {row.origin for row in keyed.store.audit.kept} == {"127.0.0.1"}


async def test_on_a_unix_socket_the_user_is_told(keyed: Api, tmp_path: Path) -> None:
    server = HttpServer(build_app(keyed.app[DEPS]), [UnixListen(path=tmp_path / "s")])
    await server.start()
    connector = aiohttp.UnixConnector(str(tmp_path / "s"))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post("http://x/v1/modems/gate-1/pause") as answer,
    ):
        assert answer.status == 200
    await server.stop()
    (row,) = keyed.store.audit.kept
    assert row.origin.startswith("unix uid=")


def test_no_call_changes_anything_without_a_trace() -> None:
    """A new call is audited, or stands here with why it is not."""
    own_history = {
        "POST /v1/messages", "DELETE /v1/messages/{id}", "POST /v1/batches",
        "DELETE /v1/batches/{id}", "POST /v1/schedules", "DELETE /v1/schedules/{id}",
    }  # fmt: skip
    changes_nothing = {"POST /v1/preview", "POST /v1/db/check", "POST /v1/webhooks/{id}/test"}
    silent = {f"{method} {path}" for method, path, _, handler in CALLS
              if method != "GET" and handler not in AUDITED}  # fmt: skip
    assert silent == own_history | changes_nothing


async def test_what_another_owner_has_is_changed_with_a_row(keyed: Api) -> None:
    admin = keyed.store.new_key("boss", "admin", key_id="boss1")
    person = {"number": "+4915112345678"}
    await keyed.call("PUT", "/v1/contacts/ann", 201, headers=admin, json=person)
    path = "/v1/contacts/ann?owner=shop"
    await keyed.call("PUT", path, 201, headers=admin, json=person)
    await keyed.call("DELETE", path, 204, headers=admin)
    assert keyed.store.audit.told() == [
        ("contact.put", "key boss1", "of shop", "done"),
        ("contact.remove", "key boss1", "of shop", "done"),
    ]


class Commits:
    """Looks at the file after each commit, as whoever starts anew after a kill there would.

    `bare` are changes that were on disk when no row since `expect()` was.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bare: list[str] = []
        self.seen = 0
        self._about: str | None = None
        self._rows = 0
        self._before: dict[str, int] = {}

    def expect(self, about: str | None) -> None:
        self._before, self._rows = self._read()
        self._about = about

    def look(self) -> None:
        now, rows = self._read()
        changed = [table for table, was in self._before.items() if now[table] != was]
        if changed and self._about is not None:
            self.seen += 1
            if rows == self._rows:
                self.bare.append(f"{self._about}: {changed}")
        self._before = now

    def _read(self) -> tuple[dict[str, int], int]:
        with closing(sqlite3.connect(self.path)) as db:
            tables = [name for (name,) in db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' "
                "AND name NOT IN ('audit', 'audit_base', 'key_use')")]  # fmt: skip
            found = {name: hash(tuple(db.execute(f'SELECT * FROM "{name}"'))) for name in tables}
            return found, db.execute("SELECT count(*) FROM audit").fetchone()[0]


@pytest.fixture
async def real(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Api, Commits]]:
    """Over a store on disk, with keys; pausing is that of production."""
    clock = SystemClock()
    store = SqliteStore(tmp_path / "airpost.db", clock, Random(1))
    await store.open(clock.now())
    commits = Commits(tmp_path / "airpost.db")
    serve = Writer.serve

    def served(writer: Writer) -> None:
        serve(writer)
        commits.look()

    monkeypatch.setattr(Writer, "serve", served)
    api = await open_api(settings(auth=AuthMode.KEYS), store=store)
    pauses = Pauses(store, clock, lambda _: None)

    async def pause(lane: Lane, actor: str, *, drain: bool = False) -> None:
        await pauses.pause(lane, actor, drain=drain)

    monkeypatch.setattr(api.pool, "pause", pause)
    yield api, commits
    await api.close()
    await store.close()


def newest(path: Path) -> Row:
    """The last row, but for that of a refusal: it is written within a second of it."""
    return [row for row in file_rows(path, 2) if row.result in ("begun", "done")][-1]


async def test_no_change_is_ever_on_disk_without_its_row(
    real: tuple[Api, Commits], tmp_path: Path
) -> None:
    api, commits = real
    deps = api.app[DEPS]
    assert (await api.http.get("/v1/keys")).status == 401
    server = HttpServer(build_app(deps), [UnixListen(path=tmp_path / "s")])
    await server.start()
    connector = aiohttp.UnixConnector(str(tmp_path / "s"))
    async with aiohttp.ClientSession("http://x", connector=connector) as local:
        api.http, tcp = local, api.http
        actions: list[str] = []

        async def change(method: str, path: str, status: int = 200, **given: object) -> object:
            commits.expect(f"{method} {path}")
            try:
                return await api.call(method, path, status, **given)
            finally:
                actions.append(newest(commits.path).action)
                commits.expect(None)

        shop = await change(
            "POST", "/v1/keys", 201, json={"name": "till", "owner": "shop", "scopes": ["send"]}
        )
        key = shop["id"]
        auth = {"Authorization": f"Bearer {shop['token']}"}
        await change("POST", f"/v1/keys/{key}/rotate", json={"overlap_s": 3600})
        for path in ("/v1/contacts/ann?owner=shop", "/v1/contacts/bob?owner=shop"):
            await change("PUT", path, 201, json={"number": NUMBER})
        many = [{"name": "cy", "number": NUMBER}, {"name": "di", "number": NUMBER}]
        await change("PUT", "/v1/contacts?owner=shop", json={"contacts": many})
        await change("PUT", "/v1/groups/g?owner=shop", 201, json={"members": ["contact:ann"]})
        groups = [{"name": name, "members": ["contact:ann"]} for name in "hij"]
        await change("PUT", "/v1/groups?owner=shop", json={"groups": groups})
        await change("DELETE", "/v1/groups/g?owner=shop", 204)
        await change("DELETE", "/v1/contacts/bob?owner=shop", 204)
        url = {"url": "http://192.168.1.20/x"}
        hook = (await change("POST", "/v1/webhooks", 201, json=url))["id"]
        for what in ("pause", "resume", "rotate"):
            await change("POST", f"/v1/webhooks/{hook}/{what}")
        await change("POST", f"/v1/webhooks/{hook}/replay", 202, json={"dead": True})
        await change("DELETE", f"/v1/webhooks/{hook}", 204)

        async def sent() -> str:
            async with tcp.post("/v1/messages", json={"to": NUMBER, "text": "x"},
                                headers=auth) as response:  # fmt: skip
                return str((await response.json())["id"])

        await change("DELETE", f"/v1/messages/{await sent()}")
        await sent()
        batch = {"to": [NUMBER, "+4915112345678"], "text": "x"}
        async with tcp.post("/v1/batches", json=batch, headers=auth) as response:
            batch_id = (await response.json())["id"]
        await change("DELETE", f"/v1/batches/{batch_id}")
        await change("PUT", f"/v1/blocklist/{NUMBER}")  # fails the message that waits
        assert json.loads(newest(commits.path).detail) == {"failed": 1}
        await change("PUT", "/v1/blocklist", json={"numbers": [NUMBER, "+4915112345678"]})
        await change("DELETE", f"/v1/blocklist/{NUMBER}", 204)
        await sent()
        await change("POST", "/v1/queue/move", json={"from": "gate-1", "to": None})
        await change("POST", "/v1/queue/release", json={"restored": True})
        await change("POST", "/v1/modems/gate-1/pause")
        await change("POST", "/v1/modems/gate-1/drain")
        await change("POST", "/v1/db/forget", json={"number": NUMBER})
        await change("POST", "/v1/db/prune")
        await change("DELETE", f"/v1/keys/{key}", 204)
        rows = list(file_rows(commits.path, None))
        before = len(rows)
        for method, path in (("DELETE", f"/v1/keys/{key}"), ("POST", f"/v1/keys/{key}/rotate")):
            await api.call(method, path, 404)  # what is not done has no row as if it were
        assert len(list(file_rows(commits.path, None))) == before
        api.http = tcp
    await server.stop()
    assert commits.bare == []
    assert commits.seen >= 26  # what was looked at were changes
    assert actions == [
        "key.create", "key.rotate", "contact.put", "contact.put", "contact.put", "group.put",
        "group.put", "group.remove", "contact.remove", "webhook.create", "webhook.pause",
        "webhook.resume", "webhook.rotate", "webhook.replay", "webhook.delete", "message.cancel",
        "batch.cancel", "blocklist.add", "blocklist.add", "blocklist.remove", "queue.move",
        "queue.release", "modem.pause", "modem.drain", "db.forget", "db.prune", "key.revoke",
    ]  # fmt: skip
    assert verify(rows).faults == ()
    assert [row.action for row in rows if row.result == "done"] == actions


async def test_what_begins_has_one_end_also_where_it_fails(api: Api) -> None:
    api.pool.answers["AT+CSQ"] = ModemError("it is not there")
    await api.call("POST", "/v1/modems/gate-1/at", 409, json={"command": "AT+CSQ"})
    await api.app[DEPS].audit.close()
    first, last = api.store.audit.kept
    assert (first.result, last.result) == ("begun", "modem-not-reachable")
    assert json.loads(last.detail)["begun"] == first.n


async def test_what_no_row_can_tell_of_is_not_done(api: Api) -> None:
    api.store.audit.unavailable = "the disk is full"
    await api.call("POST", "/v1/modems/gate-1/at", 503, json={"command": "AT+CSQ"})
    assert api.pool.asked == []

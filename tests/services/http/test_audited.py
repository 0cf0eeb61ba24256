"""What goes into the audit log of what is asked by HTTP."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp

from airpost.audit import verify
from airpost.services.http.app import CALLS, build_app
from airpost.services.http.audited import AUDITED
from airpost.services.http.deps import DEPS
from airpost.services.http.server import HttpServer
from airpost.services.http.settings import UnixListen
from tests.services.http.conftest import Api

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
    await api.call("POST", "/v1/queue/move", json={"from": "gone", "to": "gate-1"})
    await api.call("POST", "/v1/queue/release", json={"restored": True})
    await api.call("POST", "/v1/queue/release", json={"ids": ["none"], "as": "sent"})
    await api.call("POST", "/v1/db/prune")
    await api.call("POST", "/v1/db/backup", json={"path": str(tmp_path / "b")})
    await api.call("POST", "/v1/db/forget", json={"number": NUMBER})
    await api.call("PUT", f"/v1/blocklist/{NUMBER}")
    await api.call("PUT", "/v1/blocklist", json={"numbers": [NUMBER, "+4915112345678"]})
    await api.call("DELETE", f"/v1/blocklist/{NUMBER}", 204)
    assert [row.action for row in rows] == [
        "key.create", "key.revoke", "modem.pause", "modem.drain", "modem.resume", "modem.at",
        "modem.reset", "queue.move", "queue.release", "queue.release", "db.prune", "db.backup",
        "db.forget", "blocklist.add", "blocklist.add", "blocklist.remove",
    ]  # fmt: skip
    assert {(row.actor, row.origin, row.result) for row in rows} == {("local", "127.0.0.1", "done")}
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

"""`airpost webhooks`."""

from __future__ import annotations

from airpost.store.publishing import Delivery
from tests.daemon.cli.conftest import Service
from tests.services.http.fakes import NOW

URL = "http://192.168.1.20/hook"


def test_from_making_to_deleting(service: Service) -> None:
    made = service.run("webhooks", "create", URL, "--type", "message.*", "--description", "erp")
    id_, secret = (line.split(": ")[1] for line in made.stdout.splitlines())
    assert secret.startswith("whsec_")
    (listed,) = service.json("webhooks", "list")
    assert (listed["url"], listed["types"], listed["description"]) == (URL, ["message.*"], "erp")
    assert f"{id_}  active" in service.run("webhooks", "list").stdout
    assert "paused" in service.run("webhooks", "pause", id_).stdout
    assert service.json("webhooks", "list")[0]["state"] == "paused"
    assert "resumed" in service.run("webhooks", "resume", id_).stdout
    assert service.json("webhooks", "pause", id_)[0]["state"] == "paused"
    assert service.json("webhooks", "resume", id_)[0]["state"] == "active"
    assert service.run("webhooks", "rotate", id_, "--overlap", "2h").stdout.splitlines()[0] == (
        f"id: {id_}"
    )
    assert "with status 200" in service.run("webhooks", "test", id_).stdout
    service.store.outbox.failed = [
        Delivery(seq=7, dead=True, tries=3, first_at=NOW, last_at=NOW, next_at=NOW, status=500,
                 error="HTTP 500")
    ]  # fmt: skip
    assert "HTTP 500" in service.run("webhooks", "deliveries", id_, "--dead").stdout
    assert service.json("webhooks", "deliveries", id_)[0]["event"] == 7
    for given in ((), ("--event", "7", "--event", "8"), ("--since", "2026-01-02T03:04:05Z")):
        assert "on their way" in service.run("webhooks", "replay", id_, *given).stdout
    did = [each for each in service.store.outbox.did if each[0] != "progress"]
    assert [each[2] for each in did] == [None, (7, 8), 0]
    assert "deleted" in service.run("webhooks", "delete", id_).stdout
    assert service.json("webhooks", "list") == []


def test_what_cannot_be_is_said(service: Service) -> None:
    refused = service.run("webhooks", "create", "http://10.0.0.1/", code=1)
    assert "add it to allow" in refused.output
    given = ("x", "--event", "1", "--since", "2026-01-02T03:04:05Z")
    assert "do not go together" in service.run("webhooks", "replay", *given, code=2).output

"""`airpost inbound`."""

from __future__ import annotations

import json

import httpcore
import pytest

from tests.daemon.cli.conftest import Service
from tests.services.http.fakes import inbound


def test_the_list(service: Service) -> None:
    service.store.received = [inbound(n) for n in range(1, 5)]
    assert [i["id"] for i in service.json("inbound", "--last", "2")] == ["in-3", "in-4"]
    service.store.received = [inbound(1, text="\x1b[2Jred", partial=True)]
    text = service.run("inbound").stdout
    assert "\ufffd[2Jred" in text
    assert "1 partial" in text


@pytest.mark.parametrize("as_json", [True, False])
def test_following(service: Service, monkeypatch: pytest.MonkeyPatch, as_json: bool) -> None:
    service.store.received = [inbound(1)]
    asked = httpcore.ConnectionPool.handle_request

    def handle(self: httpcore.ConnectionPool, request: httpcore.Request) -> httpcore.Response:
        if b"wait_s=30" in request.url.target:
            if len(service.store.received) == 2:
                raise KeyboardInterrupt
            service.store.received.append(inbound(2))
        return asked(self, request)

    monkeypatch.setattr(httpcore.ConnectionPool, "handle_request", handle)
    args = ["--json"] if as_json else []
    lines = service.run("inbound", "--follow", *args).stdout.splitlines()[:2]
    if as_json:
        assert [json.loads(line)["id"] for line in lines] == ["in-1", "in-2"]
    else:
        assert [line.split("  ")[-1] for line in lines] == ["text 1", "text 2"]

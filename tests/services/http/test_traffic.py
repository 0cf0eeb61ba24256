"""Requests are counted by the template of their call: no number of theirs becomes a label."""

from __future__ import annotations

from airpost.services.http.traffic import OTHER, TRAFFIC
from tests.services.http.conftest import Api


async def test_requests_are_counted_by_template_status_and_problem(api: Api) -> None:
    await api.send()
    await api.send(400, text="")
    await api.call("GET", "/v1/modems/gate-1")
    await api.call("GET", "/v1/modems/nobody", 404)
    await api.call("GET", "/v1/blocklist/+4915112345678", 404)
    await api.call("GET", "/odd/+4915112345678", 404)
    await api.call("DELETE", "/v1/modems", 405)
    await api.call("PROPFIND", "/v1/modems", 405)
    traffic = api.app[TRAFFIC]
    assert traffic.requests == {
        ("POST", "/v1/messages", 202): 1,
        ("POST", "/v1/messages", 400): 1,
        ("GET", "/v1/modems/{name}", 200): 1,
        ("GET", "/v1/modems/{name}", 404): 1,
        ("GET", "/v1/blocklist/{number}", 404): 1,
        ("GET", "", 404): 1,
        ("DELETE", "", 405): 1,
        (OTHER, "", 405): 1,
    }
    assert traffic.problems == {"empty-text": 1, "not-found": 3, "method-not-allowed": 2}
    took = traffic.took["POST", "/v1/messages"]
    assert sum(took.counts) == 2
    assert 0 < took.total < 60
